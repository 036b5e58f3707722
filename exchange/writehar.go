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

// HARWriter writes exchanges as a recording in the HAR 1.2 format, one by one. [NewHARWriter] makes one. It is not safe for
// concurrent use.
type HARWriter struct {
	w   io.Writer
	n   int
	err error
}

// NewHARWriter returns a writer that writes to w. An exchange is written as it is: make it safe to
// share before.
func NewHARWriter(w io.Writer) *HARWriter { return &HARWriter{w: w} }

// Write writes one exchange. After an error it writes nothing more and returns that error again.
func (h *HARWriter) Write(ex *Exchange) error {
	entry, err := Marshal(ex)
	if err != nil && h.err == nil {
		h.err = err
	}
	if h.n++; h.n == 1 {
		h.print([]byte(harHead))
	} else {
		h.print([]byte(harBetween))
	}
	h.print(entry)
	return h.err
}

// creator is the name by which recordings of this package are signed.
const creator = "okchat-go"

// The text of a recording before, between and after its entries.
const (
	harHead = `{
  "log": {
    "version": "1.2",
    "creator": {
      "name": "` + creator + `",
      "version": "1"
    },
    "entries": [
      `
	harBetween = ",\n      "
	harTail    = "\n    ]\n  }\n}\n"
)

// Close ends the recording. It does not close what the recording is written to. A recording without exchanges is an
// error, as no reader takes one.
func (h *HARWriter) Close() error {
	if h.n == 0 && h.err == nil {
		return errors.New("expected an exchange to record, got none")
	}
	h.print([]byte(harTail))
	return h.err
}

func (h *HARWriter) print(text []byte) {
	if h.err == nil {
		_, h.err = h.w.Write(text)
	}
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
		out.Request.Post = &harPost{ex.RequestHeader.Get("Content-Type"), none, string(ex.RequestBody)}
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

// HARFile is a recording under way in a file. After each exchange the file is a whole document, whatever happens to the
// process or to the disk then. [NewHARFile] makes one. It is not safe for concurrent use.
type HARFile struct {
	file Document
	size int64 // of the document without its end; 0 before the first exchange
}

// Document is a file as [HARFile] writes it.
type Document interface {
	io.WriterAt
	Truncate(size int64) error
}

// NewHARFile returns a recording in an empty file. It has no end to write, and does not close the file.
func NewHARFile(file Document) *HARFile { return &HARFile{file: file} }

// Write records one exchange. An exchange is written as it is: make it safe to share before. After an error the exchange is
// not in the file, those before it are, and the next one may be written.
func (h *HARFile) Write(ex *Exchange) error {
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
	// The end that is there gives way to the entry and a new end. On a full disk it is put back, for which there was room.
	if _, err := h.file.WriteAt(append(text, harTail...), h.size); err != nil {
		_, failed := h.file.WriteAt([]byte(undone), h.size)
		return errors.Join(err, failed, h.file.Truncate(h.size+int64(len(undone))))
	}
	h.size = size
	return nil
}
