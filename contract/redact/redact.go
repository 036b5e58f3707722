// Package redact makes recordings safe to share, and finds what must not be shared in those that exist.
package redact

import (
	"errors"
	"fmt"
	"mime"
	"net/http"
	"slices"
	"strings"

	"github.com/okchat/okchat-go/contract"
	"github.com/okchat/okchat-go/contract/finding"
	"github.com/okchat/okchat-go/exchange"
)

// Redactor makes exchanges safe to share, by construction: it copies what the contract knows, and puts pseudonyms in the
// place of all else. [New] makes one. It is safe for concurrent use.
//
// Copied are the form of a JSON body, the names and values that the contract lists, its numbers and times, the status, and
// those headers that the protocol explains to the last byte. Keys and cookies are never copied. A text of an end user gets a
// pseudonym of the same length, character by character of the same kind; an unknown name gets another name. The same string
// gets the same pseudonym wherever it stands, so that a check finds in the copy what it finds in the original, but for
// leaks.
type Redactor struct {
	contract *contract.Contract
	pseudonyms
}

// New returns a Redactor whose pseudonyms depend on the salt: with the same one, the same string gets the same
// pseudonym in every run, so that recordings can be compared; who has it can test a guess of the string behind a
// pseudonym. It must have at least 16 bytes.
func New(c *contract.Contract, salt []byte) (*Redactor, error) {
	if len(salt) < 16 {
		return nil, errors.New("expected a salt of at least 16 bytes, got fewer: take random ones")
	}
	c, err := c.At("") // copies stand below no base
	if err != nil {
		return nil, err
	}
	return &Redactor{c, slices.Clone(salt)}, nil
}

// Exchange returns a redacted copy of an exchange that was checked, marked as shareable. It is looked through once more: an
// error tells, without the secret, that something in it must not be shared after all. Then there is no copy.
func (r *Redactor) Exchange(result *contract.Result) (*exchange.Exchange, error) {
	ex := result.Exchange
	if result.Operation == nil && result.Outcome == contract.Elsewhere {
		return nil, errors.New("expected a call of the API, got another")
	}
	out := &exchange.Exchange{
		Synthetic: ex.Synthetic, Shareable: true, Time: ex.Time, Decoded: true, Garbled: ex.Garbled, Unread: ex.Unread,
		Method: method(ex.Method), URL: r.url(result),
		RequestHeader: r.requestHeader(ex), RequestBody: r.requestBody(result),
		Status: ex.Status, ResponseHeader: r.responseHeader(result),
	}
	if ex.Unread == "" {
		r.setBody(out, result)
	}
	return out, r.prove(out, ex.Keys())
}

// prove looks for what must not be shared in an exchange that is to be.
func (r *Redactor) prove(ex *exchange.Exchange, keys []string) error {
	text, err := exchange.Marshal(ex)
	if err != nil {
		return err
	}
	for _, key := range keys {
		if Holds(string(text), key) {
			return errors.New("the copy would hold the request's key: report this")
		}
	}
	if leaks := Leaks(r.contract.Check(ex)); len(leaks) > 0 {
		return fmt.Errorf("the copy would hold what must not be shared (%s): report this", leaks[0].Code)
	}
	return nil
}

// method returns a method that HTTP defines, or else a word for all others.
func method(name string) string {
	switch name = strings.ToUpper(name); name {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions, http.MethodTrace:
		return name
	}
	return "OTHER"
}

func (r *Redactor) requestHeader(ex *exchange.Exchange) http.Header {
	out := make(http.Header)
	copyHeader(out, ex.RequestHeader, "Content-Type", contentType)
	for _, key := range r.contract.Compiled().Keys {
		for _, v := range ex.RequestHeader.Values(key) {
			if strings.TrimSpace(v) == "" {
				out.Add(key, "")
			} else {
				out.Add(key, exchange.Redacted)
			}
		}
	}
	return out
}

// responseHeader copies the headers by which an answer is read, and those that the contract describes.
func (r *Redactor) responseHeader(result *contract.Result) http.Header {
	out, from := make(http.Header), result.Exchange.ResponseHeader
	copyHeader(out, from, "Content-Type", contentType)
	copyHeader(out, from, "Content-Encoding", contentEncoding)
	copyHeader(out, from, "Date", date)
	copyHeader(out, from, "Retry-After", retryAfter)
	if result.Response == nil {
		return out
	}
	for _, p := range result.Response.Headers {
		if name := http.CanonicalHeaderKey(p.Name); out[name] == nil {
			copyHeader(out, from, name, func(v string) string { return r.parameter(p.Schema, v) })
		}
	}
	return out
}

func copyHeader(to, from http.Header, name string, safe func(string) string) {
	for _, v := range from.Values(name) {
		to.Add(name, safe(v))
	}
}

// The media types, charsets and encodings that are copied. There is nothing of anyone in them.
var (
	mediaTypes = []string{
		"application/json", "application/problem+json", "application/xml", "application/octet-stream", "application/x-www-form-urlencoded",
		"text/html", "text/plain", "text/xml", "text/json", "text/javascript", "text/event-stream",
	}
	charsets  = []string{"utf-8", "utf8", "us-ascii", "iso-8859-1", "windows-1252", "utf-16", "euc-kr", "ks_c_5601-1987", "shift_jis"}
	encodings = []string{"gzip", "x-gzip", "deflate", "br", "zstd", "compress", "identity"}
)

const (
	otherType     = "application/x-other"
	otherEncoding = "x-other"
)

func contentType(v string) string {
	name, parameters, err := mime.ParseMediaType(v)
	switch {
	case strings.TrimSpace(v) == "":
		return ""
	case err != nil && !errors.Is(err, mime.ErrInvalidMediaParameter):
		return "other" // which is no media type either
	case !slices.Contains(mediaTypes, name):
		name = otherType
	}
	charset, ok := parameters["charset"]
	if !ok {
		return name
	}
	if charset = strings.ToLower(charset); !slices.Contains(charsets, charset) {
		charset = otherEncoding
	}
	return name + "; charset=" + charset
}

func contentEncoding(v string) string {
	var list []string
	for name := range strings.SplitSeq(v, ",") {
		if name = strings.ToLower(strings.TrimSpace(name)); name != "" && !slices.Contains(encodings, name) {
			name = otherEncoding
		}
		list = append(list, name)
	}
	return strings.Join(list, ", ")
}

func date(v string) string {
	if t, err := http.ParseTime(v); err == nil {
		return t.UTC().Format(http.TimeFormat)
	}
	return ""
}

func retryAfter(v string) string {
	switch trimmed := strings.TrimSpace(v); {
	case trimmed == "":
		return ""
	case len(trimmed) <= 6 && strings.Trim(trimmed, "0123456789") == "":
		return trimmed
	case date(trimmed) != "":
		return date(trimmed)
	}
	return "other"
}

// requestBody copies what the contract describes. Where it describes nothing, the body that the vendor's page shows is copied
// alone.
func (r *Redactor) requestBody(result *contract.Result) []byte {
	body := result.Exchange.RequestBody
	if string(body) == `""` {
		return body
	}
	if len(body) == 0 || result.Operation == nil || result.Operation.Body == nil {
		return nil
	}
	valid, err := result.Read(finding.PartRequestBody, body)
	if err != nil {
		return r.broken(body)
	}
	return r.document(valid)
}

// setBody sets the body of an answer, and how it is encoded.
func (r *Redactor) setBody(out *exchange.Exchange, result *contract.Result) {
	body, err := result.Exchange.Body()
	switch reason, unread := errors.AsType[exchange.Reason](err); {
	case unread:
		out.Unread = reason
		return
	case err != nil:
		// It stays in no encoding, or in one that it does not name.
		for _, wrong := range []string{"x", "xxxxxxxx", "\x1f\x8bxxxx"} {
			out.ResponseBody, out.Decoded = []byte(wrong), false
			if _, err := out.Body(); err != nil {
				return
			}
		}
		return
	}
	valid, err := result.Read(finding.PartResponseBody, body)
	switch {
	case err == nil:
		out.ResponseBody = r.document(valid)
	case slices.ContainsFunc(result.Findings, func(f finding.Finding) bool {
		return f.Code == finding.CodeJSON && f.Part == finding.PartResponseBody
	}):
		out.ResponseBody = r.broken(body)
	default: // nobody reads it
		out.ResponseBody = nil
	}
}
