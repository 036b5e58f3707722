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

type (
	harField struct {
		Name  string `json:"name"`
		Value string `json:"value"`
	}
	harContent struct {
		Size     int     `json:"size"`
		MIMEType string  `json:"mimeType"`
		Text     *string `json:"text,omitempty"`
		Encoding string  `json:"encoding,omitempty"`
		Raw      bool    `json:"_encoded,omitempty"` // the text is the body as it was sent
		Comment  string  `json:"comment,omitempty"`
	}
	harPost struct {
		MIMEType string     `json:"mimeType"`
		Params   []harField `json:"params"`
		Text     string     `json:"text"`
	}
	harRequest struct {
		Method      string     `json:"method"`
		URL         string     `json:"url"`
		HTTPVersion string     `json:"httpVersion"`
		Cookies     []harField `json:"cookies"`
		Headers     []harField `json:"headers"`
		Query       []harField `json:"queryString"`
		Post        *harPost   `json:"postData,omitempty"`
		HeadersSize int        `json:"headersSize"`
		BodySize    int        `json:"bodySize"`
	}
	harResponse struct {
		Status      int        `json:"status"`
		StatusText  string     `json:"statusText"`
		HTTPVersion string     `json:"httpVersion"`
		Cookies     []harField `json:"cookies"`
		Headers     []harField `json:"headers"`
		Content     harContent `json:"content"`
		RedirectURL string     `json:"redirectURL"`
		HeadersSize int        `json:"headersSize"`
		BodySize    int        `json:"bodySize"`
	}
	harOut struct {
		Redacted  bool           `json:"_redacted,omitempty"`
		Synthetic bool           `json:"_synthetic,omitempty"`
		Started   string         `json:"startedDateTime"`
		Time      int            `json:"time"`
		Request   harRequest     `json:"request"`
		Response  harResponse    `json:"response"`
		Cache     map[string]any `json:"cache"`
		Timings   map[string]int `json:"timings"`
		Comment   string         `json:"comment,omitempty"`
	}
)

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
	return json.MarshalIndent(entryOf(ex), "      ", "  ")
}

func entryOf(ex *Exchange) *harOut {
	started := ex.Time
	if started.IsZero() {
		started = time.Now()
	}
	none, text := []harField{}, string(ex.ResponseBody)
	out := &harOut{
		Redacted:  ex.Shareable && !ex.Synthetic,
		Synthetic: ex.Synthetic,
		Started:   started.UTC().Format("2006-01-02T15:04:05.000Z07:00"),
		Comment:   ex.Comment,
		Cache:     map[string]any{},
		Timings:   map[string]int{"send": 0, "wait": 0, "receive": 0},
		Request: harRequest{
			Method: ex.Method, URL: ex.URL, HTTPVersion: "HTTP/1.1", Cookies: none,
			Headers: fieldsOf(ex.RequestHeader), Query: []harField{}, HeadersSize: -1, BodySize: len(ex.RequestBody),
		},
		Response: harResponse{
			Status: ex.Status, StatusText: http.StatusText(ex.Status), HTTPVersion: "HTTP/1.1", Cookies: none,
			Headers: fieldsOf(ex.ResponseHeader), HeadersSize: -1, BodySize: -1,
			Content: harContent{Size: len(ex.ResponseBody), MIMEType: ex.ResponseHeader.Get("Content-Type"), Text: &text},
		},
	}
	if target, err := url.Parse(ex.URL); err == nil {
		query := target.Query()
		for _, name := range slices.Sorted(maps.Keys(query)) {
			for _, v := range query[name] {
				out.Request.Query = append(out.Request.Query, harField{name, v})
			}
		}
	}
	if ex.RequestBody != nil {
		out.Request.Post = &harPost{ex.RequestHeader.Get("Content-Type"), none, string(ex.RequestBody)}
	}
	if ex.Unread != "" { // readers find the reason by the lack of a text
		out.Response.Content = harContent{Size: -1, MIMEType: ex.ResponseHeader.Get("Content-Type"), Comment: string(ex.Unread)}
		return out
	}
	raw := !ex.Decoded && (len(ex.encodings()) > 0 || bytes.HasPrefix(ex.ResponseBody, gzipMagic))
	if raw || !utf8.Valid(ex.ResponseBody) {
		text, out.Response.Content.Encoding = base64.StdEncoding.EncodeToString(ex.ResponseBody), "base64"
		out.Response.Content.Raw = raw
	}
	return out
}

func fieldsOf(h http.Header) []harField {
	fields := []harField{}
	for _, name := range slices.Sorted(maps.Keys(h)) {
		for _, v := range h[name] {
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
