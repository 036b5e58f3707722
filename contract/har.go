package contract

import (
	"bufio"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// ReadHAR reads the exchanges of a recording in the HAR 1.2 format, which browsers and proxies write, one at a time: it
// never holds more of the file than one entry. name is what errors and [Exchange.Source] call the file. A member
// "_published", "_redacted" or "_synthetic" that is true marks an entry, or all entries where it stands in the log before
// them.
//
// An error ends the sequence. It says on one line what was expected, what came, at which byte or entry, and what to do:
// the file is not JSON or breaks off, has no log or no entries, or an entry lacks its request or response. r is not
// closed.
func ReadHAR(r io.Reader, name string) iter.Seq2[*Exchange, error] {
	return func(yield func(*Exchange, error) bool) {
		for entry, err := range readEntries(r, name) {
			var ex *Exchange
			if err == nil {
				ex, err = entry.exchange()
			}
			if !yield(ex, err) || err != nil {
				return
			}
		}
	}
}

// harEntry is an entry of a HAR file as it stands there.
type harEntry struct {
	name         string
	index        int
	line, column int
	text         []byte
	marks        map[string]bool // of the log
}

// readEntries cuts a recording into its entries.
func readEntries(r io.Reader, name string) iter.Seq2[*harEntry, error] {
	return func(yield func(*harEntry, error) bool) {
		h := &harReader{name: name, marks: make(map[string]bool)}
		buffered := bufio.NewReaderSize(r, 64<<10)
		// HAR's specification has readers ignore a byte order mark.
		if mark, _ := buffered.Peek(3); string(mark) == "\xef\xbb\xbf" {
			buffered.Discard(3)
			h.skipped = 3
		}
		h.lines.r = buffered
		h.dec = jsontext.NewDecoder(&h.lines, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
		found := false
		err := h.object("log", func(key string) (bool, error) {
			if key != "log" {
				return false, nil
			}
			return true, h.object("entries", func(key string) (bool, error) {
				switch {
				case key == "entries":
					found = true
					return true, h.entries(yield)
				case h.dec.PeekKind() == 't':
					h.marks[key] = true
				}
				return false, nil
			})
		})
		switch {
		case errors.Is(err, errStop):
		case err != nil:
			yield(nil, err)
		case !found:
			yield(nil, h.errorf("expected the members log and entries of a HAR file, got other JSON: record it again as HAR 1.2"))
		case h.index == 0:
			yield(nil, h.errorf("expected at least one entry in log.entries, got none: record a request and its response"))
		}
	}
}

// errStop ends the reading early because the consumer has enough.
var errStop = errors.New("stop")

// harReader walks a file's tokens.
type harReader struct {
	name    string
	dec     *jsontext.Decoder
	lines   lines
	skipped int64 // bytes before the decoder's first
	index   int   // of the next entry
	marks   map[string]bool
}

func (h *harReader) errorf(format string, args ...any) error {
	return fmt.Errorf("%s: %s", h.name, fmt.Sprintf(format, args...))
}

// object reads an object and calls read for each member; where that does not take the value, it is skipped.
func (h *harReader) object(member string, read func(key string) (bool, error)) error {
	if err := h.open('{', "an object with the member "+member); err != nil {
		return err
	}
	for h.dec.PeekKind() != '}' {
		key, err := h.dec.ReadToken()
		if err != nil {
			return h.broken(err)
		}
		took, err := read(key.String())
		if err != nil {
			return err
		}
		if !took {
			if err := h.dec.SkipValue(); err != nil {
				return h.broken(err)
			}
		}
	}
	if _, err := h.dec.ReadToken(); err != nil {
		return h.broken(err)
	}
	return nil
}

func (h *harReader) open(want jsontext.Kind, what string) error {
	token, err := h.dec.ReadToken()
	if err != nil {
		return h.broken(err)
	}
	if token.Kind() != want {
		return h.errorf("byte %d: expected %s, got other JSON: record it again as HAR 1.2", h.skipped+h.dec.InputOffset(), what)
	}
	return nil
}

func (h *harReader) entries(yield func(*harEntry, error) bool) error {
	if err := h.open('[', "the array log.entries"); err != nil {
		return err
	}
	for ; h.dec.PeekKind() != ']'; h.index++ {
		text, err := h.dec.ReadValue()
		if err != nil {
			return h.broken(err)
		}
		entry := &harEntry{name: h.name, index: h.index, text: text.Clone(), marks: h.marks}
		entry.line, entry.column = h.lines.place(h.dec.InputOffset() - int64(len(text)))
		if !yield(entry, nil) {
			return errStop
		}
	}
	if _, err := h.dec.ReadToken(); err != nil {
		return h.broken(err)
	}
	return nil
}

// broken says at which byte the file stops to be the JSON that was expected.
func (h *harReader) broken(err error) error {
	at := h.skipped + h.dec.InputOffset()
	var syntax *jsontext.SyntacticError
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return h.errorf("byte %d: expected more JSON, got the end of the file: it was cut off, record it again", h.skipped+h.lines.read)
	case errors.As(err, &syntax):
		return h.errorf("byte %d: expected JSON, got something else: record it again as HAR 1.2", h.skipped+syntax.ByteOffset)
	default:
		return fmt.Errorf("%s: byte %d: expected to read on, got: %w: check the file and its permissions", h.name, at, err)
	}
}

// lines is a reader that knows where the lines begin of what is still to be taken from it.
type lines struct {
	r     io.Reader
	read  int64   // bytes so far
	ends  []int64 // offsets of line ends that place has not passed
	line  int     // line ends that it has
	start int64   // offset of that line's first byte
}

func (l *lines) Read(p []byte) (int, error) {
	n, err := l.r.Read(p)
	for i, c := range p[:n] {
		if c == '\n' {
			l.ends = append(l.ends, l.read+int64(i))
		}
	}
	l.read += int64(n)
	return n, err
}

// place returns the line and column of a byte, counted from 1. Offsets must not go back.
func (l *lines) place(offset int64) (line, column int) {
	passed := 0
	for passed < len(l.ends) && l.ends[passed] < offset {
		l.start = l.ends[passed] + 1
		passed++
	}
	l.ends = l.ends[passed:]
	l.line += passed
	return l.line + 1, int(offset-l.start) + 1
}

// exchange takes an entry apart.
func (e *harEntry) exchange() (*Exchange, error) {
	t, err := parse(e.text)
	if err != nil {
		return nil, e.errorf("%v: record the call again", err)
	}
	root := &t.nodes[0]
	request, response := root.member("request"), root.member("response")
	if response == nil {
		response = &node{}
	}
	method, target, status := request.string("method"), request.string("url"), response.int("status")
	switch {
	case method == "" || target == "":
		return nil, e.errorf("expected a request with method and url, got none: record the call again or remove the entry")
	case response.member("status") != nil && response.member("status").kind&integer == 0:
		return nil, e.errorf("response.status is a JSON %s, expected a whole number: record the call again", response.member("status").kind)
	case response.member("status") == nil:
		return nil, e.errorf("expected a response with a status, got none: record the call again or remove the entry")
	}
	marked := func(name string) bool {
		m := root.member(name)
		return e.marks[name] || m != nil && m.literal() == "true"
	}
	ex := &Exchange{
		Source:         fmt.Sprintf("%s entry %d", e.name, e.index),
		Synthetic:      marked("_synthetic"),
		Shareable:      marked("_synthetic") || marked("_published") || marked("_redacted"),
		Comment:        root.string("comment"),
		Method:         method,
		URL:            target,
		RequestHeader:  header(request.member("headers")),
		Status:         status,
		ResponseHeader: header(response.member("headers")),
	}
	if started, err := time.Parse(time.RFC3339Nano, root.string("startedDateTime")); err == nil {
		ex.Time = started
	}
	ex.cookies = request.member("cookies").full() || response.member("cookies").full()
	if post := request.member("postData"); post != nil {
		ex.RequestBody = []byte(post.string("text"))
	}
	ex.place.line, ex.place.column = e.line, e.column
	content := response.member("content")
	if body := content.member("text"); body != nil && body.kind == text {
		ex.ResponseBody = []byte(body.text)
		ex.garbled = t.broken && body.garbled()
		e.locate(ex, body)
	}
	switch encoding := content.string("encoding"); encoding {
	case "":
	case "base64":
		if ex.ResponseBody, err = base64.StdEncoding.DecodeString(content.string("text")); err != nil {
			return nil, e.errorf("expected base64 in response.content.text, got other text: record the call again")
		}
		ex.place.raw = nil
	default:
		return nil, e.errorf("expected the response.content.encoding base64 or none, got another: record the call again")
	}
	// Browsers keep the header of an encoding that they have undone; their sizes tell.
	size := response.int("bodySize")
	ex.Decoded = content.int("compression") != 0 || response.member("_transferSize") != nil || size > 0 && size != len(ex.ResponseBody)
	return ex, nil
}

// locate notes where the body's literal stands in the file.
func (e *harEntry) locate(ex *Exchange, body *node) {
	before := string(e.text[:body.start])
	if n := strings.Count(before, "\n"); n > 0 {
		ex.place.line += n
		ex.place.column = len(before) - strings.LastIndexByte(before, '\n')
	} else {
		ex.place.column += len(before)
	}
	ex.place.raw, ex.place.literal = e.text[body.start:body.end], true
}

func (e *harEntry) errorf(format string, args ...any) error {
	return fmt.Errorf("%s:%d: entry %d: %s", e.name, e.line, e.index, fmt.Sprintf(format, args...))
}

// string returns the text of a member that is a string, "" where there is none; so do these for other types.
func (n *node) string(name string) string {
	if m := n.member(name); m != nil && m.kind == text {
		return m.text
	}
	return ""
}

func (n *node) int(name string) int {
	if m := n.member(name); m != nil && m.kind&integer != 0 {
		i, _ := strconv.Atoi(m.text)
		return i
	}
	return 0
}

// full says whether a value is an array that holds something.
func (n *node) full() bool { return n != nil && n.kind == array && n.size > 0 }

// header gathers fields, without the pseudo-fields of HTTP/2 that browsers list among them.
func header(fields *node) http.Header {
	h := make(http.Header)
	if fields != nil && fields.kind == array {
		fields.kids(func(_ int, f *node) bool {
			if name := f.string("name"); name != "" && !strings.HasPrefix(name, ":") {
				h.Add(name, f.string("value"))
			}
			return true
		})
	}
	return h
}
