package contract

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"strings"
)

// harEntry is what a check needs of an entry of a HAR 1.2 file.
type harEntry struct {
	Comment   string `json:"comment"`
	Synthetic bool   `json:"_synthetic"`
	Request   *struct {
		Method   string      `json:"method"`
		URL      string      `json:"url"`
		Headers  []harHeader `json:"headers"`
		PostData *struct {
			Text string `json:"text"`
		} `json:"postData"`
	} `json:"request"`
	Response *struct {
		Status  int         `json:"status"`
		Headers []harHeader `json:"headers"`
		Content struct {
			Text     string `json:"text"`
			Encoding string `json:"encoding"`
		} `json:"content"`
	} `json:"response"`
}

type harHeader struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// ReadHAR reads the exchanges of a recording in the HAR 1.2 format, which browsers and proxies write, one at a time: it
// never holds more of the file than one entry. name is what errors and [Exchange.Source] call the file.
//
// An error ends the sequence. It says on one line what was expected, what came, at which byte or entry, and what to do:
// the file is not JSON or breaks off, has no log or no entries, or an entry lacks its request or response. r is not
// closed.
func ReadHAR(r io.Reader, name string) iter.Seq2[*Exchange, error] {
	return func(yield func(*Exchange, error) bool) {
		h := &harReader{name: name}
		buffered := bufio.NewReader(r)
		// HAR's specification has readers ignore a byte order mark.
		if mark, _ := buffered.Peek(3); string(mark) == "\xef\xbb\xbf" {
			buffered.Discard(3)
			h.skipped = 3
		}
		h.dec = json.NewDecoder(buffered)
		found, stopped := false, false
		err := h.member("log", func() error {
			return h.member("entries", func() error {
				found = true
				return h.entries(func(ex *Exchange) bool {
					stopped = !yield(ex, nil)
					return !stopped
				})
			})
		})
		switch {
		case stopped:
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
	dec     *json.Decoder
	skipped int64 // bytes before the decoder's first
	index   int   // of the next entry
}

func (h *harReader) errorf(format string, args ...any) error {
	return fmt.Errorf("%s: %s", h.name, fmt.Sprintf(format, args...))
}

// member reads an object, calls read at the value of the member of that name, and skips all others.
func (h *harReader) member(name string, read func() error) error {
	if err := h.open('{', "an object with the member "+name); err != nil {
		return err
	}
	for h.dec.More() {
		token, err := h.dec.Token()
		if err != nil {
			return h.broken(err)
		}
		if token == name {
			err = read()
		} else {
			var skipped json.RawMessage
			if err = h.dec.Decode(&skipped); err != nil {
				err = h.broken(err)
			}
		}
		if err != nil {
			return err
		}
	}
	if _, err := h.dec.Token(); err != nil {
		return h.broken(err)
	}
	return nil
}

func (h *harReader) open(want json.Delim, what string) error {
	token, err := h.dec.Token()
	if err != nil {
		return h.broken(err)
	}
	if token != want {
		return h.errorf("byte %d: expected %s, got other JSON: record it again as HAR 1.2", h.skipped+h.dec.InputOffset(), what)
	}
	return nil
}

func (h *harReader) entries(yield func(*Exchange) bool) error {
	if err := h.open('[', "the array log.entries"); err != nil {
		return err
	}
	for ; h.dec.More(); h.index++ {
		var entry harEntry
		if err := h.dec.Decode(&entry); err != nil {
			return h.broken(err)
		}
		ex, err := h.exchange(&entry)
		if err != nil {
			return err
		}
		if !yield(ex) {
			return errStop
		}
	}
	if _, err := h.dec.Token(); err != nil {
		return h.broken(err)
	}
	return nil
}

func (h *harReader) exchange(e *harEntry) (*Exchange, error) {
	missing := ""
	switch {
	case e.Request == nil || e.Request.Method == "" || e.Request.URL == "":
		missing = "a request with method and url"
	case e.Response == nil || e.Response.Status == 0:
		missing = "a response with a status"
	}
	if missing != "" {
		return nil, h.errorf("entry %d: expected %s, got none: record the call again or remove the entry", h.index, missing)
	}
	ex := &Exchange{
		Source:         fmt.Sprintf("%s entry %d", h.name, h.index),
		Synthetic:      e.Synthetic,
		Comment:        e.Comment,
		Method:         e.Request.Method,
		URL:            e.Request.URL,
		RequestHeader:  header(e.Request.Headers),
		Status:         e.Response.Status,
		ResponseHeader: header(e.Response.Headers),
		ResponseBody:   []byte(e.Response.Content.Text),
	}
	if e.Request.PostData != nil {
		ex.RequestBody = []byte(e.Request.PostData.Text)
	}
	switch encoding := e.Response.Content.Encoding; encoding {
	case "":
	case "base64":
		body, err := base64.StdEncoding.DecodeString(e.Response.Content.Text)
		if err != nil {
			return nil, h.errorf("entry %d: expected base64 in response.content.text, got other text: record the call again", h.index)
		}
		ex.ResponseBody = body
	default:
		return nil, h.errorf("entry %d: expected the response.content.encoding base64 or none, got another: record the call again", h.index)
	}
	return ex, nil
}

// header gathers fields, without the pseudo-fields of HTTP/2 that browsers list among them.
func header(fields []harHeader) http.Header {
	h := make(http.Header, len(fields))
	for _, f := range fields {
		if !strings.HasPrefix(f.Name, ":") {
			h.Add(f.Name, f.Value)
		}
	}
	return h
}

// broken says at which byte the file stops to be the JSON that was expected.
func (h *harReader) broken(err error) error {
	at := h.skipped + h.dec.InputOffset()
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) {
		return h.errorf("entry %d, which ends at byte %d: %s is a JSON %s, expected what HAR 1.2 has there: record it again",
			h.index, at, wrong.Field, wrong.Value)
	}
	var syntax *json.SyntaxError
	if !errors.As(err, &syntax) && err != io.EOF && err != io.ErrUnexpectedEOF {
		return fmt.Errorf("%s: byte %d: expected to read on, got: %w: check the file and its permissions", h.name, at, err)
	}
	rest, _ := io.ReadAll(h.dec.Buffered())
	if syntax == nil {
		return h.errorf("byte %d: expected more JSON, got the end of the file: it was cut off, record it again", at+int64(len(rest)))
	}
	// The decoder's own offset counts other things than bytes of the file, so what it did not consume is scanned again.
	trimmed := bytes.TrimLeft(rest, ", \t\r\n")
	at += int64(len(rest) - len(trimmed))
	var value json.RawMessage
	if errors.As(json.Unmarshal(trimmed, &value), &syntax) && syntax.Offset > 0 {
		at += syntax.Offset - 1
	}
	return h.errorf("byte %d: expected JSON, got something else: record it again as HAR 1.2", at)
}
