package contract_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"slices"
	"strings"

	"github.com/okchat/okchat-go/exchange"
)

func (c *corpus) schema() {
	const class = "schema"
	sample := decode(c.t, c.pages[0].ResponseBody).(map[string]any)
	members := slices.Sorted(func(yield func(string) bool) {
		for name := range item(sample, 0) {
			if !yield(name) {
				return
			}
		}
	})
	for _, name := range members {
		pointer := "/data/3/" + name
		c.body(class, "dropped "+name, "violation missing "+pointer, func(p map[string]any) { delete(item(p, 3), name) })
		wrong := "violation type " + pointer
		if name == "last_message" {
			wrong = "violation union " + pointer
		}
		c.body(class, "a number for "+name, wrong, put(3, name, 7))
		c.body(class, "upper case "+name, "violation spelling "+pointer, func(p map[string]any) {
			item(p, 3)[strings.ToUpper(name)] = item(p, 3)[name]
			delete(item(p, 3), name)
		})
		if name != "last_message" && item(sample, 3)[name] != nil && name != "sns_user_id" {
			c.body(class, "null for "+name, "violation type "+pointer, put(3, name, nil))
		}
	}
	for _, name := range []string{"currentPage", "pageSize", "totalCount", "totalPages"} {
		c.body(class, "no "+name, "violation missing /metadata/"+name, func(p map[string]any) { delete(metadata(p), name) })
		c.body(class, "text for "+name, "violation type /metadata/"+name, func(p map[string]any) { metadata(p)[name] = fmt.Sprint(metadata(p)[name]) })
		c.body(class, "a fraction for "+name, "violation type /metadata/"+name, func(p map[string]any) { metadata(p)[name] = 1.5 })
		c.body(class, "-1 for "+name, "violation range /metadata/"+name, func(p map[string]any) { metadata(p)[name] = -1 })
	}
	c.body(class, "snake case in the page's metadata", "violation spelling /metadata/totalCount", func(p map[string]any) {
		metadata(p)["total_count"] = metadata(p)["totalCount"]
		delete(metadata(p), "totalCount")
	})
	c.body(class, "no data", "violation missing /data", func(p map[string]any) { delete(p, "data") })
	c.body(class, "no metadata", "violation missing /metadata", func(p map[string]any) { delete(p, "metadata") })
	c.body(class, "null for data", "violation type /data", func(p map[string]any) { p["data"] = nil })
	c.body(class, "an object for data", "violation type /data", func(p map[string]any) { p["data"] = map[string]any{} })
	c.body(class, "null for an item", "violation type /data/2", func(p map[string]any) { p["data"].([]any)[2] = nil })
	c.exchange(class, "an array for the page", "violation type ", func(ex *exchange.Exchange) { ex.ResponseBody = []byte("[]") })
	for name, member := range map[string]func(map[string]any) map[string]any{
		"":                     func(p map[string]any) map[string]any { return p },
		"/metadata":            metadata,
		"/data/1":              func(p map[string]any) map[string]any { return item(p, 1) },
		"/data/1/metadata":     func(p map[string]any) map[string]any { return item(p, 1)["metadata"].(map[string]any) },
		"/data/0/last_message": func(p map[string]any) map[string]any { return item(p, 0)["last_message"].(map[string]any) },
	} {
		c.body(class, "an undocumented member in "+name, "drift undocumented-member "+name+"/archived", func(p map[string]any) { member(p)["archived"] = true })
	}
	c.body(class, "an unknown platform", "drift unknown-value /data/3/platform", put(3, "platform", "carrier-pigeon"))
	c.body(class, "a platform in another case", "drift unknown-value /data/3/platform", put(3, "platform", "WhatsApp"))
	c.body(class, "an unknown state", "drift unknown-value /data/3/state", put(3, "state", "resolved"))
	c.body(class, "an empty state", "drift unknown-value /data/3/state", put(3, "state", ""))
	c.body(class, "an unknown type", "drift unknown-value /data/5/metadata/type", func(p map[string]any) {
		item(p, 5)["platform"], item(p, 5)["voice_path"] = "web", nil
		item(p, 5)["metadata"] = map[string]any{"type": "video_chat"}
	})
}

func (c *corpus) formats() {
	const class = "formats"
	for i, bad := range []string{
		"", "{" + bot + "}", bot[:35], strings.ReplaceAll(bot, "-", ""), bot + "0", "urn:uuid:" + bot, strings.Replace(bot, "5", "g", 1),
		" " + bot, strings.ReplaceAll(bot, "-", "_"), "not-a-uuid",
	} {
		c.body(class, fmt.Sprint("uuid ", i), "violation format /data/2/id", put(2, "id", bad))
	}
	for i, bad := range []string{
		"", "2025-02-30T04:56:09+00:00", "2025-03-07T24:00:00+00:00", "2025-03-07T04:56:09+0000", "2025-03-07T04:56:09", "2025-03-07",
		"2025-03-07 04:56:09+00:00", "2025-3-7T4:56:09Z", "2025-03-07T04:56:09,5Z", "2025-03-07T04:56:09+24:00", "2025-13-01T00:00:00Z",
		"2025-03-07T04:60:00Z", "1741323369", "2025-03-07T04:56:60Z", "2025-02-29T00:00:00Z", "yesterday", "2025-03-07T04:56:09.Z",
	} {
		c.body(class, fmt.Sprint("date-time ", i), "violation format /data/2/created_at", put(2, "created_at", bad))
	}
}

func (c *corpus) union() {
	const class = "union"
	message := func(change func(m map[string]any)) func(map[string]any) {
		return func(p map[string]any) { change(item(p, 0)["last_message"].(map[string]any)) }
	}
	c.body(class, "a number", "violation union /data/0/last_message", put(0, "last_message", 42))
	c.body(class, "a boolean", "violation union /data/0/last_message", put(0, "last_message", false))
	c.body(class, "an array", "violation union /data/0/last_message", put(0, "last_message", []any{"a", "b"}))
	c.body(class, "an object without content", "violation missing /data/0/last_message/content", message(func(m map[string]any) { delete(m, "content") }))
	c.body(class, "an object without id", "violation missing /data/0/last_message/id", message(func(m map[string]any) { delete(m, "id") }))
	c.body(class, "an object without sender_type", "violation missing /data/0/last_message/sender_type", message(func(m map[string]any) { delete(m, "sender_type") }))
	c.body(class, "null content", "violation type /data/0/last_message/content", message(func(m map[string]any) { m["content"] = nil }))
	c.body(class, "null id", "violation type /data/0/last_message/id", message(func(m map[string]any) { m["id"] = nil }))
	c.body(class, "an id that is none", "violation format /data/0/last_message/id", message(func(m map[string]any) { m["id"] = "7" }))
	c.body(class, "a number for content", "violation type /data/0/last_message/content", message(func(m map[string]any) { m["content"] = 7 }))
	c.body(class, "camel case", "violation spelling /data/0/last_message/sender_type", message(func(m map[string]any) {
		m["senderType"] = m["sender_type"]
		delete(m, "sender_type")
	}))
	c.body(class, "an unknown sender", "drift unknown-value /data/0/last_message/sender_type", message(func(m map[string]any) { m["sender_type"] = "agent" }))
}

func (c *corpus) bytes() {
	const class = "HTTP and bytes"
	contentType := func(v string) func(*exchange.Exchange) {
		return func(ex *exchange.Exchange) { ex.ResponseHeader.Set("Content-Type", v) }
	}
	c.exchange(class, "HTML", "violation content-type Content-Type", contentType("text/html"))
	c.exchange(class, "text", "violation content-type Content-Type", contentType("text/plain; charset=utf-8"))
	c.exchange(class, "another JSON", "violation content-type Content-Type", contentType("application/problem+json"))
	c.exchange(class, "another charset", "violation content-type Content-Type", contentType("application/json; charset=iso-8859-1"))
	c.exchange(class, "no content type", "violation content-type Content-Type", func(ex *exchange.Exchange) { ex.ResponseHeader.Del("Content-Type") })
	for _, status := range []int{201, 202, 204, 206, 301, 302} {
		c.exchange(class, fmt.Sprint("status ", status), "drift undocumented-status ", func(ex *exchange.Exchange) { ex.Status = status })
	}
	c.exchange(class, "status 304", "not checked", func(ex *exchange.Exchange) { ex.Status = 304 })
	c.exchange(class, "status 0", "not checked", func(ex *exchange.Exchange) { ex.Status = 0 })
	c.exchange(class, "status 999", "violation undocumented-status ", func(ex *exchange.Exchange) { ex.Status = 999 })
	raw := func(name string, change func(body []byte) []byte) {
		c.exchange(class, name, "violation json ", func(ex *exchange.Exchange) { ex.ResponseBody = change(ex.ResponseBody) })
	}
	raw("empty", func([]byte) []byte { return nil })
	raw("blank", func([]byte) []byte { return []byte(" \n") })
	raw("truncated", func(b []byte) []byte { return b[:len(b)/2] })
	raw("truncated by a byte", func(b []byte) []byte { return bytes.TrimSpace(b)[:len(bytes.TrimSpace(b))-1] })
	raw("two documents", func(b []byte) []byte { return append(b, b...) })
	raw("a document and a word", func(b []byte) []byte { return append(b, "null"...) })
	raw("a byte order mark", func(b []byte) []byte { return append([]byte("\xef\xbb\xbf"), b...) })
	raw("HTML under JSON", func([]byte) []byte { return []byte("<html>down for maintenance</html>") })
	raw("a comma too many", func(b []byte) []byte {
		return bytes.Replace(b, []byte(`"totalPages": 2`), []byte(`"totalPages": 2,`), 1)
	})
	raw("a comment", func(b []byte) []byte { return append([]byte("// page 1\n"), b...) })
	raw("single quotes", func(b []byte) []byte { return bytes.ReplaceAll(b, []byte(`"`), []byte(`'`)) })
	raw("UTF-16", func(b []byte) []byte { return append([]byte{0xff, 0xfe}, b...) })
	for _, word := range []string{"NaN", "Infinity", "-Infinity", "undefined", "+2", "02", "0x2", "2."} {
		raw(word, func(b []byte) []byte {
			return bytes.Replace(b, []byte(`"totalPages": 2`), []byte(`"totalPages": `+word), 1)
		})
	}
	c.text(class, "an item's member twice", "violation duplicate-member /data/0/active", `"active": true`, `"active": true, "active": true`)
	c.text(class, "the metadata twice", "violation duplicate-member /metadata", `"metadata": {
    "currentPage"`, `"metadata": {"currentPage": 1, "pageSize": 10, "totalCount": 20, "totalPages": 2}, "metadata": {
    "currentPage"`)
	c.text(class, "an escaped member twice", "violation duplicate-member /data/0/state", `"state": "in_progress"`, `"state": "in_progress", "\u0073tate": "in_progress"`)
	c.text(class, "a message's member twice", "violation duplicate-member /data/0/last_message/sender_type", `"sender_type": "bot"`, `"sender_type": "user", "sender_type": "bot"`)
	c.text(class, "Latin-1", "violation not-unicode /data/4/last_message", "Best places to visit in Bangkok", "Caf\xe9")
	c.text(class, "half a surrogate pair", "violation not-unicode /data/4/last_message", "Best places to visit in Bangkok", `\ud83d`)
	zip := func(b []byte) []byte {
		var z bytes.Buffer
		w := gzip.NewWriter(&z)
		w.Write(b)
		w.Close()
		return z.Bytes()
	}
	c.exchange(class, "gzip that is none", "violation content-encoding Content-Encoding", func(ex *exchange.Exchange) {
		ex.ResponseHeader.Set("Content-Encoding", "gzip")
		ex.Decoded = false // as it was sent
	})
	c.exchange(class, "gzip that is not said", "violation content-encoding Content-Encoding", func(ex *exchange.Exchange) { ex.ResponseBody = zip(ex.ResponseBody) })
	c.exchange(class, "gzip cut off", "violation content-encoding Content-Encoding", func(ex *exchange.Exchange) {
		ex.ResponseHeader.Set("Content-Encoding", "gzip")
		ex.ResponseBody = zip(ex.ResponseBody)[:500]
	})
	c.exchange(class, "an encoding that nobody knows", "not checked", func(ex *exchange.Exchange) {
		ex.ResponseHeader.Set("Content-Encoding", "rot13")
		ex.Decoded = false // as it was sent
	})
	c.exchange(class, "an empty Retry-After", "violation range Retry-After", func(ex *exchange.Exchange) {
		ex.Status = 429
		ex.ResponseHeader.Set("Retry-After", "")
	})

	c.exchange("good", "gzip", "", func(ex *exchange.Exchange) {
		ex.ResponseHeader.Set("Content-Encoding", "gzip")
		ex.ResponseBody = zip(ex.ResponseBody)
	})
	c.exchange("good", "gzip that a browser has undone", "", func(ex *exchange.Exchange) {
		ex.ResponseHeader.Set("Content-Encoding", "gzip")
		ex.Decoded = true
	})
}
