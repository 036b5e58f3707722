package exchange

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// Exchange reads the exchange of an entry. The exchange is never nil: with an error, which tells on one line what was
// expected and what came, it has what could be read, so that the caller can leave out what is not its business.
func (p *Part) Exchange() (*Exchange, error) {
	e := &entry{
		text: p.Text,
		dec:  jsontext.NewDecoder(bytes.NewBuffer(p.Text), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)),
		ex: &Exchange{
			Source: p.Source, entrySource: p.Source, Entry: p.Text, maxBody: p.recording.MaxBody,
			RequestHeader: make(http.Header), ResponseHeader: make(http.Header),
		},
		marks: make(map[string]bool),
	}
	for name := range p.marks {
		e.marks[name] = true
	}
	err := e.read()
	e.ex.Synthetic = e.marks["_synthetic"]
	e.ex.Shareable = e.marks["_synthetic"] || e.marks["_published"] || e.marks["_redacted"]
	if err == nil {
		err = e.finish()
	}
	if err != nil {
		return e.ex, fmt.Errorf("%s:%d: %s: %w", p.Source.File, p.Source.Line, p.Source.EntryName(), err)
	}
	return e.ex, nil
}

// entry is a HAR entry while it is read.
type entry struct {
	text  []byte
	dec   *jsontext.Decoder
	ex    *Exchange
	marks map[string]bool

	status            jsontext.Value // nil where there is none
	encoding          string
	size, compression int
	transferred       bool
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
			if started, bad := time.Parse(time.RFC3339Nano, text); bad == nil {
				e.ex.Time = started
			}
			return err
		}
		if e.dec.PeekKind() == 't' {
			e.marks[name] = true
		}
		return e.dec.SkipValue()
	})
}

func (e *entry) request(name string) error {
	switch name {
	case "method":
		return e.string(&e.ex.Method)
	case "url":
		return e.string(&e.ex.URL)
	case "headers":
		return e.header(e.ex.RequestHeader)
	case "cookies":
		return e.cookies()
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
		return e.header(e.ex.ResponseHeader)
	case "cookies":
		return e.cookies()
	case "content":
		return e.object(e.content)
	case "bodySize":
		return e.int(&e.size)
	case "_transferSize":
		e.transferred = true
	}
	return e.dec.SkipValue()
}

func (e *entry) content(name string) error {
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
		e.ex.ResponseBody, e.ex.Garbled = body, err != nil || !utf8.Valid(quoted)
		end := int(e.dec.InputOffset())
		e.ex.body = literal{text: e.text[end-len(quoted) : end], quoted: true}
		e.ex.Source = e.ex.entrySource.after(e.text[:end-len(quoted)])
		return nil
	case "encoding":
		return e.string(&e.encoding)
	case "compression":
		return e.int(&e.compression)
	}
	return e.dec.SkipValue()
}

// finish puts together what the entry says.
func (e *entry) finish() error {
	ex := e.ex
	switch {
	case ex.Method == "" || ex.URL == "":
		return errors.New("expected a request with method and url, got none: record the call again or remove the entry")
	case e.status == nil:
		return errors.New("expected a response with a status, got none: record the call again or remove the entry")
	}
	var err error
	if ex.Status, err = strconv.Atoi(string(e.status)); err != nil {
		return fmt.Errorf("response.status is a JSON %s, expected a whole number: record the call again", kindName(e.status))
	}
	switch e.encoding {
	case "":
	case "base64":
		if ex.ResponseBody, err = base64.StdEncoding.DecodeString(string(ex.ResponseBody)); err != nil {
			return errors.New("expected base64 in response.content.text, got other text: record the call again")
		}
		ex.body, ex.Garbled = literal{}, false
	default:
		return errors.New("expected the response.content.encoding base64 or none, got another: record the call again")
	}
	// Browsers keep the header of an encoding that they have undone; their sizes tell.
	ex.Decoded = e.compression != 0 || e.transferred || e.size > 0 && e.size != len(ex.ResponseBody)
	return nil
}

func kindName(v jsontext.Value) string {
	switch v.Kind() {
	case '"':
		return "string"
	case '{':
		return "object"
	case '[':
		return "array"
	case '0':
		return "number"
	case 'n':
		return "null"
	}
	return "boolean"
}

// object reads an object, and calls member for each of its members to read the value. It skips what is no object.
func (e *entry) object(member func(name string) error) error {
	if e.dec.PeekKind() != '{' {
		return e.dec.SkipValue()
	}
	if _, err := e.dec.ReadToken(); err != nil {
		return err
	}
	for e.dec.PeekKind() != '}' {
		name, err := e.dec.ReadToken()
		if err != nil {
			return err
		}
		if err := member(name.String()); err != nil {
			return err
		}
	}
	_, err := e.dec.ReadToken()
	return err
}

// array reads an array, and calls item for each of its items to read it. It skips what is no array.
func (e *entry) array(item func() error) error {
	if e.dec.PeekKind() != '[' {
		return e.dec.SkipValue()
	}
	if _, err := e.dec.ReadToken(); err != nil {
		return err
	}
	for e.dec.PeekKind() != ']' {
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

// int reads a whole number into n, and skips what is none.
func (e *entry) int(n *int) error {
	if e.dec.PeekKind() != '0' {
		return e.dec.SkipValue()
	}
	value, err := e.dec.ReadValue()
	if err == nil {
		*n, _ = strconv.Atoi(string(value))
	}
	return err
}

// header gathers fields, without the pseudo-fields of HTTP/2 that browsers list among them.
func (e *entry) header(h http.Header) error {
	return e.array(func() error {
		var field, value string
		err := e.object(func(name string) error {
			switch name {
			case "name":
				return e.string(&field)
			case "value":
				return e.string(&value)
			}
			return e.dec.SkipValue()
		})
		if field != "" && !strings.HasPrefix(field, ":") {
			h.Add(field, value)
		}
		return err
	})
}

func (e *entry) cookies() error {
	return e.array(func() error {
		e.ex.Cookies = true
		return e.dec.SkipValue()
	})
}
