package exchange

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Exchange reads the exchange of an entry. The exchange is never nil: with an error, which tells on one line what was
// expected and what came, it has what could be read, so that the caller can leave out what is not its business.
func (p *Part) Exchange() (*Exchange, error) {
	e := newEntry(p)
	err := p.err
	if err == nil {
		err = e.read()
	}
	if syntax, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		return e.ex, fmt.Errorf("%s: byte %d: expected JSON, got something else: record it again as HAR 1.2", p.Source.File, p.Source.Offset+syntax.ByteOffset)
	}
	if err == nil {
		err = e.finish()
	}
	if err != nil {
		return e.ex, fmt.Errorf("%s:%d: %s: %w", p.Source.File, p.Source.Line, p.Source.EntryName(), err)
	}
	return e.ex, nil
}

// entry is a HAR entry while an exchange is made of it.
type entry struct {
	part *Part
	har  harEntry
	ex   *Exchange
}

func newEntry(p *Part) *entry {
	return &entry{
		part: p,
		har:  harEntry{Response: harResponse{Content: harContent{Size: -1}}},
		ex:   &Exchange{Source: p.Source, Part: p, Decoded: true, maxBody: p.maxBody},
	}
}

// read decodes the entry, and copies what stands in it to the exchange.
func (e *entry) read() error {
	err := json.UnmarshalDecode(jsontext.NewDecoder(bytes.NewBuffer(e.part.Text), lenient), &e.har, lenient)
	ex, h := e.ex, &e.har
	ex.Synthetic = h.Synthetic || e.part.synthetic
	ex.Shareable = ex.Synthetic || h.Published || h.Redacted || e.part.shareable
	ex.Comment, ex.Time = h.Comment, parseTime(h.Started)
	ex.Method, ex.URL = strings.ToUpper(h.Request.Method), h.Request.URL
	ex.RequestHeader, ex.ResponseHeader = h.Request.Headers.header(), h.Response.Headers.header()
	if h.Request.Post != nil {
		ex.RequestBody = []byte(h.Request.Post.Text)
	}
	if e.part.sent != nil {
		ex.RequestBody = e.part.sent
	}
	if text := &h.Response.Content.Text; text.given {
		ex.ResponseBody, ex.Garbled, ex.BodyOffset = text.content, text.garbled, text.at
		ex.literal = e.part.Text[text.at:text.end]
		ex.Source = e.part.At(text.at)
	}
	return err
}

// attach reads the files that the entry names in the place of its bodies, as Playwright writes them.
func (p *Part) attach(files fs.FS, limit int) {
	if files == nil || !bytes.Contains(p.Text, []byte(`"_file"`)) {
		return
	}
	e := newEntry(p)
	if e.read() != nil {
		return
	}
	if post := e.har.Request.Post; post != nil {
		p.sent, _, _ = readAttached(files, post.File, limit)
	}
	p.attached, p.file, p.large = readAttached(files, e.har.Response.Content.File, limit)
}

// readAttached reads a file, and reports whether it is there and whether it is too large. Such a one is not kept, and is not even read
// where its size is known: many entries may name the same.
func readAttached(files fs.FS, name string, limit int) (body []byte, there, large bool) {
	if name == "" {
		return nil, false, false
	}
	file, err := files.Open(name)
	if err != nil {
		return nil, false, false
	}
	defer file.Close()
	if info, err := file.Stat(); err == nil && info.Size() > int64(limit) {
		return nil, true, true
	}
	body, err = io.ReadAll(io.LimitReader(file, int64(limit)+1))
	switch {
	case err != nil:
		return nil, false, false
	case len(body) > limit:
		return nil, true, true
	}
	return body, true, false
}

// header returns the fields without the pseudo-fields of HTTP/2 that browsers list among them.
func (h harFields) header() http.Header {
	out := make(http.Header)
	for _, f := range h {
		if name := strings.TrimSpace(f.Name); name != "" && name[0] != ':' {
			out.Add(name, f.Value)
		}
	}
	return out
}

// finish puts together what the entry tells.
func (e *entry) finish() error {
	ex, status := e.ex, e.har.Response.Status
	if ex.Method == "" || ex.URL == "" {
		return errors.New("expected a request with method and url, got none: record the call again or remove the entry")
	}
	if !strings.Contains(ex.URL, "?") {
		e.addQuery()
	}
	if status == nil || status.Kind() == 'n' {
		ex.Unread = NoAnswer
		return nil
	}
	number, err := strconv.ParseFloat(string(status), 64)
	if err != nil || number != math.Trunc(number) || math.Abs(number) > math.MaxInt32 {
		return fmt.Errorf("response.status is a JSON %s, expected a whole number: record the call again", status.Kind())
	}
	if ex.Status = int(number); ex.Status <= 0 {
		ex.Status, ex.Unread = 0, NoAnswer
		return nil
	}
	ex.headless = len(e.har.Response.Headers) == 0 // no server sends none
	if mime := e.har.Response.Content.MIMEType; ex.headless && mime != "" && mime != "x-unknown" {
		ex.ResponseHeader.Set("Content-Type", mime)
	}
	if err := e.decode(); err != nil {
		return err
	}
	if ex.Unread = e.unread(); ex.ResponseHeader.Get("Non-Authoritative-Reason") != "" { // Chrome's own answer, to go on by https
		ex.Unread = NoAnswer
	}
	return nil
}

// addQuery appends the query to a URL that was recorded without it.
func (e *entry) addQuery() {
	target, fragment, _ := strings.Cut(e.ex.URL, "#")
	separator := "?"
	for _, f := range e.har.Request.Query {
		target += separator + url.QueryEscape(f.Name) + "=" + url.QueryEscape(f.Value)
		separator = "&"
	}
	if fragment != "" {
		target += "#" + fragment
	}
	e.ex.URL = target
}

// decode undoes how the recording encoded the body's bytes.
func (e *entry) decode() error {
	ex, content := e.ex, &e.har.Response.Content
	switch strings.ToLower(content.Encoding) {
	case "base64":
		body, err := decodeBase64(ex.ResponseBody)
		if err != nil {
			return errors.New("expected base64 in response.content.text, got other text: record the call again")
		}
		e.setBody(body)
		ex.Decoded = !content.Raw
	case "", "utf-8", "utf8", "none", "identity", "text", "plain", "7bit", "8bit", "binary":
		if content.Size == len(ex.ResponseBody) || !content.Text.given || strings.Contains(content.MIMEType, "text/plain") {
			break // the text was sent like this
		}
		// Some recorders forget to mark base64.
		if body, err := decodeBase64(ex.ResponseBody); err == nil && len(body) > 1 && (isJSON(body) || bytes.HasPrefix(body, gzipMagic)) {
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
	e.ex.ResponseBody, e.ex.literal, e.ex.Garbled = body, nil, false
	e.ex.Source = e.part.Source
}

// unread returns why there is no body, or not all of it.
func (e *entry) unread() Reason {
	ex, response, content := e.ex, &e.har.Response, &e.har.Response.Content
	length, err := strconv.Atoi(ex.ResponseHeader.Get("Content-Length"))
	if err != nil || ex.ResponseHeader.Get("Content-Encoding") != "" {
		length = -1
	}
	size := max(content.Size, length)
	broken := response.Error != "" || response.FailureText != "" || content.Truncated || content.OtherTruncated || size > len(ex.ResponseBody)
	switch {
	case ex.Status == http.StatusSwitchingProtocols:
		return Upgraded
	case ex.Status == http.StatusNotModified:
		return NotModified
	case ex.Unread != "":
		return ex.Unread
	case e.part.large, content.Text.given && slices.Contains(e.part.cuts, content.Text.at), len(ex.ResponseBody) > limitOf(ex.maxBody):
		return TooLarge
	case ex.Method == http.MethodHead, ex.Status == http.StatusNoContent, ex.Status < 200:
		return ""
	case !content.Text.given && !e.part.file && (content.File != "" || content.Comment != "" || size > 0 || content.Size < 0):
		return NotRecorded
	case len(ex.ResponseBody) == 0 && (size > 0 || content.Comment != ""):
		return NotRecorded
	case broken && !ex.encoded() && !isJSON(ex.ResponseBody):
		return Cut
	}
	return ""
}

func isJSON(text []byte) bool { return jsontext.Value(text).IsValid(lenient) }

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
