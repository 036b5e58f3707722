// Package shapes has the forms in which browsers, proxies and test tools record an exchange.
package shapes

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"encoding/base64"
	"encoding/json"
	"io"
	"strings"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"

	"github.com/okchat/okchat-go/exchange"
)

// Object is a JSON object of a recording.
type Object = map[string]any

// Shape is a way to record an exchange.
type Shape struct {
	Name string
	// Change turns an entry as most recorders write it into one of the shape.
	Change func(entry, request, response, content Object)
	// Unread is the reason why a reader has no body, empty where it has.
	Unread exchange.Reason
}

// Entry returns the entry of a GET of target?page=1 that was answered with a page, as most recorders write it, with its parts.
func Entry(target, page string) (entry, request, response, content Object) {
	content = Object{"size": len(page), "mimeType": "application/json", "text": page}
	request = Object{
		"method": "GET", "url": target + "?page=1", "httpVersion": "HTTP/1.1", "queryString": []any{Object{"name": "page", "value": "1"}},
		"headers": []any{Object{"name": "x-api-key", "value": "REDACTED"}}, "cookies": []any{}, "headersSize": -1, "bodySize": 0,
	}
	response = Object{
		"status": 200, "statusText": "OK", "httpVersion": "HTTP/1.1", "headers": []any{Object{"name": "Content-Type", "value": "application/json"}},
		"cookies": []any{}, "content": content, "redirectURL": "", "headersSize": -1, "bodySize": -1,
	}
	return Object{"startedDateTime": "2025-03-29T05:30:01.000Z", "time": 1, "request": request, "response": response}, request, response, content
}

// HAR returns the recording of entries.
func HAR(entries ...Object) []byte {
	b, err := json.Marshal(Object{"log": Object{"version": "1.2", "creator": Object{"name": "someone", "version": "1"}, "entries": entries}})
	if err != nil {
		panic(err) // an entry that is none
	}
	return b
}

// Compressed returns a body in a content encoding: gzip, deflate, "raw deflate", br or zstd.
func Compressed(name, body string) []byte {
	var out bytes.Buffer
	var w io.WriteCloser
	switch name {
	case "gzip":
		w = gzip.NewWriter(&out)
	case "deflate":
		w = zlib.NewWriter(&out)
	case "raw deflate":
		w, _ = flate.NewWriter(&out, flate.BestCompression)
	case "br":
		w = brotli.NewWriter(&out)
	case "zstd":
		w, _ = zstd.NewWriter(&out)
	}
	_, _ = io.WriteString(w, body)
	_ = w.Close()
	return out.Bytes()
}

func encoded(names ...string) []any {
	return []any{Object{"name": "Content-Type", "value": "application/json"}, Object{"name": "content-encoding", "value": strings.Join(names, ", ")}}
}

// All returns the shapes for an exchange as Entry makes it.
func All(target, page string) []Shape {
	base64Of := base64.StdEncoding.EncodeToString
	return []Shape{
		{"as HAR 1.2 says", func(_, _, _, _ Object) {}, ""},
		{"a method in lower case", func(_, q, _, _ Object) { q["method"] = "get" }, ""},
		{"a status with a fraction of zero", func(_, _, r, _ Object) { r["status"] = json.Number("200.0") }, ""},
		{"a status with an exponent", func(_, _, r, _ Object) { r["status"] = json.Number("2e2") }, ""},
		{"the query in queryString alone", func(_, q, _, _ Object) { q["url"] = target }, ""},
		{"the query as an object", func(_, q, _, _ Object) {
			q["url"], q["queryString"] = target, Object{"page": "1"}
		}, ""},
		{"the query as an object of lists", func(_, q, _, _ Object) {
			q["url"], q["queryString"] = target, Object{"page": []any{"1"}}
		}, ""},
		{"a query of numbers", func(_, q, _, _ Object) {
			q["url"], q["queryString"] = target, []any{Object{"name": "page", "value": 1}}
		}, ""},
		{"headers as an object", func(_, q, r, _ Object) {
			q["headers"], r["headers"] = Object{"x-api-key": "REDACTED"}, Object{"content-type": "application/json"}
		}, ""},
		{"headers as an object of lists", func(_, q, r, _ Object) {
			q["headers"], r["headers"] = Object{"x-api-key": []any{"REDACTED"}}, Object{"content-type": []any{"application/json"}}
		}, ""},
		{"no response headers", func(_, _, r, _ Object) { delete(r, "headers") }, ""},
		{"pseudo headers of HTTP/2", func(_, q, r, _ Object) {
			q["headers"] = append(q["headers"].([]any), Object{"name": ":authority", "value": "host.example"})
			r["headers"] = append(r["headers"].([]any), Object{"name": ":status", "value": "200"})
		}, ""},
		{"a header without a name", func(_, q, _, _ Object) { q["headers"] = append(q["headers"].([]any), Object{"value": "x"}, nil, 7) }, ""},
		{"null in the place of lists", func(_, q, r, _ Object) { q["cookies"], r["cookies"], q["postData"] = nil, nil, nil }, ""},
		{"members that nobody knows", func(e, q, r, c Object) { e["_x"], q["_x"], r["_x"], c["_x"] = Object{}, []any{}, 1, nil }, ""},
		{"base64", func(_, _, _, c Object) { c["text"], c["encoding"] = base64Of([]byte(page)), "base64" }, ""},
		{"base64 in another case", func(_, _, _, c Object) { c["text"], c["encoding"] = base64Of([]byte(page)), "Base64" }, ""},
		{"base64 in lines", func(_, _, _, c Object) {
			c["text"], c["encoding"] = base64Of([]byte(page))[:20]+"\r\n"+base64Of([]byte(page))[20:], "base64"
		}, ""},
		{"base64 without padding", func(_, _, _, c Object) {
			c["text"], c["encoding"] = base64.RawStdEncoding.EncodeToString([]byte(page)), "base64"
		}, ""},
		{"base64 that is not said", func(_, _, _, c Object) { c["text"] = base64Of([]byte(page)) }, ""},
		{"the encoding utf-8", func(_, _, _, c Object) { c["encoding"] = "utf-8" }, ""},
		{"the encoding UTF-8", func(_, _, _, c Object) { c["encoding"] = "UTF-8" }, ""},
		{"an empty encoding", func(_, _, _, c Object) { c["encoding"] = "" }, ""},
		{"the encoding null", func(_, _, _, c Object) { c["encoding"] = nil }, ""},
		{"an encoding that nobody knows", func(_, _, _, c Object) { c["encoding"] = "rot13" }, exchange.UnknownEncoding},
		{"no sizes", func(_, _, r, c Object) {
			delete(r, "bodySize")
			delete(c, "size")
		}, ""},
		{"a size in characters", func(_, _, _, c Object) { c["size"] = len(page) - 3 }, ""},
		{"a size that is too large", func(_, _, _, c Object) { c["size"] = 2 * len(page) }, ""},
		{"decoded text under gzip", func(_, _, r, _ Object) { r["headers"] = encoded("gzip") }, ""},
		{"decoded text under br", func(_, _, r, _ Object) { r["headers"] = encoded("br") }, ""},
		{"decoded text under two encodings", func(_, _, r, _ Object) { r["headers"] = encoded("gzip", "gzip") }, ""},
		{"decoded text under an encoding that nobody knows", func(_, _, r, _ Object) { r["headers"] = encoded("sdch") }, ""},
		{"decoded text and its transferred size", func(_, _, r, _ Object) { r["headers"], r["bodySize"] = encoded("gzip"), len(page) }, ""},
		{"bytes in gzip", func(_, _, r, c Object) {
			r["headers"], c["text"], c["encoding"] = encoded("gzip"), base64Of(Compressed("gzip", page)), "base64"
		}, ""},
		{"bytes in gzip without any header", func(_, _, r, c Object) {
			delete(r, "headers")
			c["text"], c["encoding"] = base64Of(Compressed("gzip", page)), "base64"
		}, ""},
		{"bytes in deflate", func(_, _, r, c Object) {
			r["headers"], c["text"], c["encoding"] = encoded("deflate"), base64Of(Compressed("deflate", page)), "base64"
		}, ""},
		{"bytes in raw deflate", func(_, _, r, c Object) {
			r["headers"], c["text"], c["encoding"] = encoded("deflate"), base64Of(Compressed("raw deflate", page)), "base64"
		}, ""},
		{"bytes in br", func(_, _, r, c Object) {
			r["headers"], c["text"], c["encoding"] = encoded("br"), base64Of(Compressed("br", page)), "base64"
		}, ""},
		{"bytes in zstd", func(_, _, r, c Object) {
			r["headers"], c["text"], c["encoding"] = encoded("zstd"), base64Of(Compressed("zstd", page)), "base64"
		}, ""},
		{"bytes in gzip and then br", func(_, _, r, c Object) {
			r["headers"], c["text"], c["encoding"] = encoded("gzip", "br"), base64Of(Compressed("br", string(Compressed("gzip", page)))), "base64"
		}, ""},

		{"a request that was blocked", func(_, _, r, c Object) {
			r["status"], r["_error"] = 0, "net::ERR_BLOCKED_BY_CLIENT"
			delete(c, "text")
		}, exchange.NoAnswer},
		{"a request that failed", func(_, _, r, _ Object) { r["status"], r["_failureText"] = -1, "net::ERR_ABORTED" }, exchange.NoAnswer},
		{"a status of null", func(_, _, r, _ Object) { r["status"] = nil }, exchange.NoAnswer},
		{"no response", func(e, _, _, _ Object) { delete(e, "response") }, exchange.NoAnswer},
		{"a response of null", func(e, _, _, _ Object) { e["response"] = nil }, exchange.NoAnswer},
		{"an empty response", func(e, _, _, _ Object) { e["response"] = Object{} }, exchange.NoAnswer},
		{"a socket", func(_, _, r, c Object) {
			r["status"] = 101
			delete(c, "text")
		}, exchange.Upgraded},
		{"an answer from the cache", func(_, _, r, c Object) {
			r["status"] = 304
			delete(c, "text")
		}, exchange.NotModified},
		{"an answer that the browser had, as Chromium writes it", func(e, _, r, c Object) {
			e["_fromCache"], r["_transferSize"], r["bodySize"] = "disk", 0, 0
			c["text"], c["encoding"] = base64.StdEncoding.EncodeToString([]byte(page)), "base64"
		}, ""},
		{"an answer that the browser had, as Playwright writes it", func(_, _, r, _ Object) {
			r["_transferSize"], r["bodySize"] = 0, -225 // less its header
		}, ""},
		{"a request that failed, as Playwright writes it", func(_, _, r, c Object) {
			r["status"], r["_failureText"], r["_transferSize"], r["headers"] = -1, "net::ERR_UNSAFE_PORT", -1, []any{}
			delete(c, "text")
			c["size"], c["mimeType"] = -1, "x-unknown"
		}, exchange.NoAnswer},
		{"an answer from the cache with its body", func(_, _, r, _ Object) { r["status"] = 304 }, exchange.NotModified},
		{"no text", func(_, _, _, c Object) { delete(c, "text") }, exchange.NotRecorded},
		{"a text of null", func(_, _, _, c Object) { c["text"] = nil }, exchange.NotRecorded},
		{"no text and no size", func(_, _, _, c Object) {
			delete(c, "text")
			delete(c, "size")
		}, exchange.NotRecorded},
		{"no text and the size -1", func(_, _, _, c Object) {
			delete(c, "text")
			c["size"] = -1
		}, exchange.NotRecorded},
		{"no content", func(_, _, r, _ Object) { delete(r, "content") }, exchange.NotRecorded},
		{"a content of null", func(_, _, r, _ Object) { r["content"] = nil }, exchange.NotRecorded},
		{"an empty text and a size", func(_, _, _, c Object) { c["text"] = "" }, exchange.NotRecorded},
		{"an empty text and a Content-Length", func(_, _, r, c Object) {
			c["text"], c["size"] = "", 0
			r["headers"] = []any{Object{"name": "Content-Type", "value": "application/json"}, Object{"name": "Content-Length", "value": len(page)}}
		}, exchange.NotRecorded},
		{"a comment that bodies are not included", func(_, _, _, c Object) {
			delete(c, "text")
			c["size"], c["comment"] = 0, "Response bodies are not included."
		}, exchange.NotRecorded},
		{"a file that is not there", func(_, _, _, c Object) {
			delete(c, "text")
			c["_file"] = "1b2c3d.json"
		}, exchange.NotRecorded},
		{"text that was cut", func(_, _, _, c Object) { c["text"] = page[:20] }, exchange.Cut},
		{"text that was cut, and said to be", func(_, _, _, c Object) { c["text"], c["size"], c["truncated"] = page[:20], 20, true }, exchange.Cut},
		{"text that was cut by a failure", func(_, _, r, c Object) { c["text"], c["size"], r["_error"] = page[:20], 20, "net::ERR_ABORTED" }, exchange.Cut},
		{"text that is shorter than its Content-Length", func(_, _, r, c Object) {
			c["text"], c["size"] = page[:20], 20
			r["headers"] = []any{Object{"name": "Content-Type", "value": "application/json"}, Object{"name": "Content-Length", "value": len(page)}}
		}, exchange.Cut},
	}
}
