package exchange

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"
)

// HARWriter writes exchanges as a recording in the HAR 1.2 format, one by one. [NewHARWriter] and [NewHARFile] make one. It
// is not safe for concurrent use.
type HARWriter struct {
	stream io.Writer // nil where file is written
	file   Document
	size   int64 // of the document without its end; 0 before the first exchange
}

// Document is a file in which [NewHARFile] writes.
type Document interface {
	io.WriterAt
	Truncate(size int64) error
}

// NewHARWriter returns a writer that writes to a stream. Close ends the document.
func NewHARWriter(w io.Writer) *HARWriter { return &HARWriter{stream: w} }

// NewHARFile returns a writer that writes in an empty file. After each exchange the file is a whole document, whatever happens
// to the process or to the disk then.
func NewHARFile(file Document) *HARWriter { return &HARWriter{file: file} }

// The text of a recording before, between and after its entries.
const (
	harHead = `{
  "log": {
    "version": "1.2",
    "creator": {
      "name": "okchat-go",
      "version": "1"
    },
    "entries": [
      `
	harBetween = ",\n      "
	harTail    = "\n    ]\n  }\n}\n"
)

// Write writes one exchange as it is: make it safe to share before. After an error the exchange is not in a file, those before it
// are, and the next one may be written; a stream is broken.
func (h *HARWriter) Write(ex *Exchange) error {
	entry, err := Marshal(ex)
	if err != nil {
		return err
	}
	begin, undone := harBetween, harTail
	if h.size == 0 {
		begin, undone = harHead, ""
	}
	text := append([]byte(begin), entry...)
	size := h.size + int64(len(text))
	if h.file == nil {
		_, err = h.stream.Write(text)
	} else if _, err = h.file.WriteAt(append(text, harTail...), h.size); err != nil {
		// The end that was there gave way to the entry. On a full disk it is put back, for which there was room.
		_, failed := h.file.WriteAt([]byte(undone), h.size)
		err = errors.Join(err, failed, h.file.Truncate(h.size+int64(len(undone))))
	}
	if err == nil {
		h.size = size
	}
	return err
}

// Close ends the recording. It does not close what the recording is written to. A recording without exchanges is an
// error, as no reader takes one.
func (h *HARWriter) Close() error {
	switch {
	case h.size == 0:
		return errors.New("expected an exchange to record, got none")
	case h.file != nil:
		return nil
	}
	_, err := io.WriteString(h.stream, harTail)
	return err
}

// Marshal returns an exchange as an entry of a recording.
func Marshal(ex *Exchange) ([]byte, error) {
	started := ex.Time
	if started.IsZero() {
		started = time.Now()
	}
	none := harFields{}
	out := harEntry{
		Redacted:  ex.Shareable && !ex.Synthetic,
		Synthetic: ex.Synthetic,
		Started:   started.UTC().Format("2006-01-02T15:04:05.000Z07:00"),
		Comment:   ex.Comment,
		Request: harRequest{
			Method: ex.Method, URL: ex.URL, HTTPVersion: "HTTP/1.1", Cookies: none,
			Headers: fieldsOf(ex.RequestHeader), Query: none, HeadersSize: -1, BodySize: len(ex.RequestBody),
		},
		Response: harResponse{
			Status: []byte(strconv.Itoa(ex.Status)), StatusText: http.StatusText(ex.Status), HTTPVersion: "HTTP/1.1", Cookies: none,
			Headers: fieldsOf(ex.ResponseHeader), HeadersSize: -1, BodySize: -1,
			Content: harContent{Size: -1, MIMEType: ex.ResponseHeader.Get("Content-Type"), Comment: string(ex.Unread)},
		},
	}
	if target, err := url.Parse(ex.URL); err == nil {
		out.Request.Query = fieldsOf(target.Query())
	}
	if ex.RequestBody != nil {
		out.Request.Post = &harPost{MIMEType: ex.RequestHeader.Get("Content-Type"), Params: none, Text: string(ex.RequestBody)}
	}
	if content := &out.Response.Content; ex.Unread == "" { // readers find the reason by the lack of a text
		content.Size, content.Text = len(ex.ResponseBody), harText{given: true, content: ex.ResponseBody}
		content.Raw = !ex.Decoded && (len(ex.encodings()) > 0 || bytes.HasPrefix(ex.ResponseBody, gzipMagic))
		if content.Raw || !utf8.Valid(ex.ResponseBody) {
			content.Encoding, content.Text.content = "base64", base64.StdEncoding.AppendEncode(nil, ex.ResponseBody)
		}
	}
	return json.MarshalIndent(out, "      ", "  ")
}

func fieldsOf(values map[string][]string) harFields {
	fields := harFields{}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		for _, v := range values[name] {
			fields = append(fields, harField{name, v})
		}
	}
	return fields
}
