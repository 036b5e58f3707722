package exchange

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// lenient is how a recording is read: it tells what was seen, which need not be sound.
var lenient = []jsontext.Options{jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)}

// Exchange reads the exchange of an entry. The exchange is never nil: with an error, which tells on one line what was
// expected and what came, it has what could be read, so that the caller can leave out what is not its business.
func (p *Part) Exchange() (*Exchange, error) {
	e := newEntry(p)
	err := p.err
	if err == nil {
		err = e.read()
	}
	var syntax *jsontext.SyntacticError
	switch {
	case errors.As(err, &syntax):
		return e.ex, fmt.Errorf("%s: byte %d: expected JSON, got something else: record it again as HAR 1.2", p.Source.File, p.Source.Offset+syntax.ByteOffset)
	case err == nil:
		err = e.finish()
	}
	e.ex.Synthetic = e.marks.synthetic
	e.ex.Shareable = e.marks.synthetic || e.marks.published || e.marks.redacted
	if err != nil {
		return e.ex, fmt.Errorf("%s:%d: %s: %w", p.Source.File, p.Source.Line, p.Source.EntryName(), err)
	}
	return e.ex, nil
}

// entry is a HAR entry while it is read.
type entry struct {
	part  *Part
	dec   *jsontext.Decoder
	ex    *Exchange
	marks marks

	status    jsontext.Value // nil where there is none
	headers   bool           // whether the response has a list of headers
	query     url.Values
	order     []string // the names of query as they came
	failure   string
	content   bool // whether the response has a content
	text      bool // whether the content has a text
	cut       bool // whether that was dropped for its length
	raw       bool // whether it is as it was sent
	truncated bool
	encoding  string
	mime      string
	comment   string
	file      string
	size      int
}

func newEntry(p *Part) *entry {
	return &entry{
		part: p,
		dec:  jsontext.NewDecoder(bytes.NewBuffer(p.Text), lenient...),
		ex: &Exchange{
			Source: p.Source, entrySource: p.Source, Entry: p.Text, Decoded: true, maxBody: p.maxBody, squeezed: p.squeezed,
			RequestHeader: make(http.Header), ResponseHeader: make(http.Header),
		},
		marks: p.marks,
		size:  -1,
	}
}

func (e *entry) read() error {
	return e.object(func(name string) error {
		switch name {
		case "request":
			return e.object(e.request)
		case "response":
			return e.object(e.response)
		case "comment":
			return e.string(&e.ex.Comment)
		case "startedDateTime":
			var text string
			err := e.string(&text)
			e.ex.Time = parseTime(text)
			return err
		}
		if e.dec.PeekKind() == 't' {
			e.marks.set(name)
		}
		return e.dec.SkipValue()
	})
}

func (e *entry) request(name string) error {
	switch name {
	case "method":
		err := e.string(&e.ex.Method)
		e.ex.Method = strings.ToUpper(e.ex.Method)
		return err
	case "url":
		return e.string(&e.ex.URL)
	case "headers":
		return e.header(e.ex.RequestHeader)
	case "cookies":
		return e.cookies()
	case "queryString":
		e.query = make(url.Values)
		return e.fields(func(name, value string) {
			e.query.Add(name, value)
			e.order = append(e.order, name)
		})
	case "postData":
		var body string
		err := e.object(func(name string) error {
			if name == "text" {
				return e.string(&body)
			}
			return e.dec.SkipValue()
		})
		e.ex.RequestBody = []byte(body)
		return err
	}
	return e.dec.SkipValue()
}

func (e *entry) response(name string) (err error) {
	switch name {
	case "status":
		value, err := e.dec.ReadValue()
		e.status = value.Clone()
		return err
	case "headers":
		e.headers = e.dec.PeekKind() == '[' || e.dec.PeekKind() == '{'
		return e.header(e.ex.ResponseHeader)
	case "cookies":
		return e.cookies()
	case "content":
		e.content = true
		return e.object(e.body)
	case "_error", "_failureText":
		return e.string(&e.failure)
	}
	return e.dec.SkipValue()
}

func (e *entry) body(name string) error {
	switch name {
	case "text":
		if e.dec.PeekKind() != '"' {
			return e.dec.SkipValue()
		}
		quoted, err := e.dec.ReadValue()
		if err != nil {
			return err
		}
		body, err := jsontext.AppendUnquote(nil, quoted)
		e.text, e.ex.ResponseBody, e.ex.Garbled = true, body, err != nil || !utf8.Valid(quoted)
		end := int(e.dec.InputOffset())
		at := end - len(quoted)
		e.cut = slices.Contains(e.part.cuts, at)
		e.ex.body = literal{text: e.part.Text[at:end], quoted: true}
		e.ex.Source, e.ex.BodyOffset = e.ex.AtEntry(at), at
		return nil
	case "encoding":
		err := e.string(&e.encoding)
		e.encoding = strings.ToLower(e.encoding)
		return err
	case "mimeType":
		return e.string(&e.mime)
	case "comment":
		return e.string(&e.comment)
	case "size":
		return e.int(&e.size)
	case "_file":
		return e.string(&e.file)
	case "_encoded":
		e.raw = e.dec.PeekKind() == 't'
	case "truncated", "_truncated":
		e.truncated = e.dec.PeekKind() == 't'
	}
	return e.dec.SkipValue()
}

// finish puts together what the entry tells.
func (e *entry) finish() error {
	ex := e.ex
	if ex.Method == "" || ex.URL == "" {
		return errors.New("expected a request with method and url, got none: record the call again or remove the entry")
	}
	if len(e.order) > 0 && !strings.Contains(ex.URL, "?") {
		e.addQuery()
	}
	switch {
	case e.status == nil || e.status.Kind() == 'n':
		ex.Unread = NoAnswer
		return nil
	case e.status.Kind() != '0':
		return fmt.Errorf("response.status is a JSON %s, expected a whole number: record the call again", kindName(e.status))
	}
	status, err := strconv.ParseFloat(string(e.status), 64)
	if err != nil || status != math.Trunc(status) || math.Abs(status) > math.MaxInt32 {
		return errors.New("response.status is a JSON number, expected a whole one: record the call again")
	}
	if ex.Status = int(status); ex.Status <= 0 {
		ex.Status, ex.Unread = 0, NoAnswer
		return nil
	}
	ex.headless = !e.headers
	if !e.headers && e.mime != "" && e.mime != "x-unknown" {
		ex.ResponseHeader.Set("Content-Type", e.mime)
	}
	if err := e.decode(); err != nil {
		return err
	}
	ex.Unread = e.unread()
	return nil
}

// addQuery appends the query to a URL that was recorded without it.
func (e *entry) addQuery() {
	target, fragment, _ := strings.Cut(e.ex.URL, "#")
	separator := "?"
	for _, name := range e.order {
		target += separator + url.QueryEscape(name) + "=" + url.QueryEscape(e.query[name][0])
		e.query[name] = e.query[name][1:]
		separator = "&"
	}
	if fragment != "" {
		target += "#" + fragment
	}
	e.ex.URL = target
}

// decode undoes how the recording encoded the body's bytes.
func (e *entry) decode() error {
	ex := e.ex
	switch e.encoding {
	case "base64":
		body, err := decodeBase64(ex.ResponseBody)
		if err != nil {
			return errors.New("expected base64 in response.content.text, got other text: record the call again")
		}
		e.setBody(body)
		ex.Decoded = !e.raw
	case "", "utf-8", "utf8", "none", "identity", "text", "plain", "7bit", "8bit", "binary":
		if e.size == len(ex.ResponseBody) || !e.text || strings.Contains(e.mime, "text/plain") {
			break // the text was sent like this
		}
		// Some recorders forget to mark base64.
		if body, err := decodeBase64(ex.ResponseBody); err == nil && len(body) > 1 && (json.Valid(body) || bytes.HasPrefix(body, gzipMagic)) {
			e.setBody(body)
		}
	default:
		ex.Unread = UnknownEncoding
	}
	if e.part.file {
		e.setBody(e.part.attached)
	}
	return nil
}

// setBody replaces the body by one that does not stand in the entry as text.
func (e *entry) setBody(body []byte) {
	e.ex.ResponseBody, e.ex.body, e.ex.Garbled = body, literal{}, false
	e.ex.Source = e.ex.entrySource
}

// unread returns why there is no body, or not all of it.
func (e *entry) unread() Reason {
	ex := e.ex
	length, err := strconv.Atoi(ex.ResponseHeader.Get("Content-Length"))
	if err != nil || ex.ResponseHeader.Get("Content-Encoding") != "" {
		length = -1
	}
	size := max(e.size, length)
	switch {
	case ex.Status == http.StatusSwitchingProtocols:
		return Upgraded
	case ex.Status == http.StatusNotModified:
		return NotModified
	case ex.Unread != "":
		return ex.Unread
	case e.cut, len(ex.ResponseBody) > ex.limit():
		return TooLarge
	case ex.Method == http.MethodHead, ex.Status == http.StatusNoContent, ex.Status < 200:
		return ""
	case !e.text && !e.part.file && (e.file != "" || e.comment != "" || !e.content || size > 0 || e.size < 0):
		return NotRecorded
	case len(ex.ResponseBody) == 0 && size > 0, len(ex.ResponseBody) == 0 && e.comment != "":
		return NotRecorded
	case (e.failure != "" || e.truncated || size > len(ex.ResponseBody)) && !ex.encoded() && !json.Valid(ex.ResponseBody):
		return Cut
	}
	return ""
}

func decodeBase64(text []byte) ([]byte, error) {
	clean := bytes.TrimRight(bytes.Join(bytes.Fields(text), nil), "=")
	encoding := base64.RawStdEncoding
	if bytes.ContainsAny(clean, "-_") {
		encoding = base64.RawURLEncoding
	}
	return encoding.AppendDecode(nil, clean)
}

// zoneless are the forms of a time without its zone.
var zoneless = []string{"2006-01-02T15:04:05", "2006-01-02 15:04:05"}

// parseTime reads the time of an entry, zero where it is none. Recorders differ in how they write the zone; without one it
// is the last moment that it can be, so that nothing counts as in the future by mistake.
func parseTime(text string) time.Time {
	text = strings.TrimSpace(text)
	for _, form := range zoneless {
		for _, zone := range []string{"Z07:00", "Z0700", "Z07", " Z07:00", " Z0700"} {
			if t, err := time.Parse(form+zone, text); err == nil {
				return t
			}
		}
		if t, err := time.Parse(form+"Z07:00", text+"-12:00"); err == nil {
			return t
		}
	}
	return time.Time{}
}

// startedIn returns the time of an entry that has not been taken apart yet, zero where it tells none. A quotation mark in a
// body is escaped, so the first name that is found is one.
func startedIn(entry []byte) time.Time {
	_, after, ok := bytes.Cut(entry, []byte(`"startedDateTime"`))
	if !ok {
		return time.Time{}
	}
	after = bytes.TrimLeft(after[:min(len(after), 128)], ": \t\r\n\"")
	text, _, _ := bytes.Cut(after, []byte(`"`))
	return parseTime(string(text))
}

func kindName(v jsontext.Value) string {
	switch v.Kind() {
	case '"':
		return "string"
	case '{':
		return "object"
	case '[':
		return "array"
	}
	return "boolean"
}

// object reads an object, and calls member for each of its members to read the value. It skips what is no object.
func (e *entry) object(member func(name string) error) error {
	return e.each('{', func() error {
		name, err := e.dec.ReadToken()
		if err != nil {
			return err
		}
		return member(name.String())
	})
}

// each reads an object or an array, and calls item for each of its members or items to read it. It skips all else.
func (e *entry) each(begin jsontext.Kind, item func() error) error {
	if e.dec.PeekKind() != begin {
		return e.dec.SkipValue()
	}
	if _, err := e.dec.ReadToken(); err != nil {
		return err
	}
	for kind := e.dec.PeekKind(); kind != '}' && kind != ']'; kind = e.dec.PeekKind() {
		if err := item(); err != nil {
			return err
		}
	}
	_, err := e.dec.ReadToken()
	return err
}

// string reads a string into s, and skips what is none.
func (e *entry) string(s *string) error {
	if e.dec.PeekKind() != '"' {
		return e.dec.SkipValue()
	}
	token, err := e.dec.ReadToken()
	if err == nil {
		*s = token.String()
	}
	return err
}

// scalar reads a string or another value that holds no others into s.
func (e *entry) scalar(s *string) error {
	switch e.dec.PeekKind() {
	case '"', '{', '[', 'n':
		return e.string(s)
	}
	value, err := e.dec.ReadValue()
	*s = string(value)
	return err
}

// int reads a whole number into n, and skips what is none.
func (e *entry) int(n *int) error {
	if e.dec.PeekKind() != '0' {
		return e.dec.SkipValue()
	}
	value, err := e.dec.ReadValue()
	if f, bad := strconv.ParseFloat(string(value), 64); bad == nil && math.Abs(f) < math.MaxInt32 {
		*n = int(f)
	}
	return err
}

// fields reads a list of objects with name and value, or an object of values by their names.
func (e *entry) fields(take func(name, value string)) error {
	if e.dec.PeekKind() == '{' {
		return e.object(func(name string) error {
			if e.dec.PeekKind() == '[' {
				return e.each('[', func() error { return e.field(name, take) })
			}
			return e.field(name, take)
		})
	}
	return e.each('[', func() error {
		var name, value string
		err := e.object(func(member string) error {
			switch member {
			case "name":
				return e.string(&name)
			case "value":
				return e.scalar(&value)
			}
			return e.dec.SkipValue()
		})
		take(name, value)
		return err
	})
}

func (e *entry) field(name string, take func(name, value string)) error {
	var value string
	err := e.scalar(&value)
	take(name, value)
	return err
}

// header gathers fields, without the pseudo-fields of HTTP/2 that browsers list among them.
func (e *entry) header(h http.Header) error {
	return e.fields(func(name, value string) {
		if name = strings.TrimSpace(name); name != "" && name[0] != ':' {
			h.Add(name, value)
		}
	})
}

func (e *entry) cookies() error {
	return e.fields(func(string, string) { e.ex.Cookies = true })
}
