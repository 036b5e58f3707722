package okchattest

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"strconv"
)

// captured is an answer that was given but not sent.
type captured struct {
	head   http.Header
	status int
	body   bytes.Buffer
}

func capture(h http.Handler, r *http.Request) *captured {
	c := &captured{head: http.Header{}, status: http.StatusOK}
	h.ServeHTTP(c, r)
	return c
}

func (c *captured) Header() http.Header         { return c.head }
func (c *captured) WriteHeader(status int)      { c.status = status }
func (c *captured) Write(p []byte) (int, error) { return c.body.Write(p) }

// header sends the status and the headers, with the length of the body as it is now.
func (c *captured) header(w http.ResponseWriter) {
	for name, values := range c.head {
		w.Header()[name] = values
	}
	w.Header().Set("Content-Length", strconv.Itoa(c.body.Len()))
	w.WriteHeader(c.status)
}

// Huge answers 200 with a JSON object of n bytes or a little more, without a Content-Length and without holding it.
func Huge(n int64) Fault {
	return instead(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		pour(w, n)
	})
}

// GzipBomb is [Huge] under Content-Encoding gzip: about a thousandth of n on the wire. It is sent whatever the request
// accepts.
func GzipBomb(n int64) Fault {
	return instead(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		pour(z, n)
		_ = z.Close()
	})
}

// pour writes until it is done or nobody reads.
func pour(w io.Writer, n int64) {
	piece := bytes.Repeat([]byte("synthetic "), 3200)
	_, err := io.WriteString(w, `{"padding":"`)
	for err == nil && n > 0 {
		var m int
		m, err = w.Write(piece[:min(n, int64(len(piece)))])
		n -= int64(m)
	}
	_, _ = io.WriteString(w, `"}`)
}
