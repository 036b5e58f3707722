package exchange

import (
	"bufio"
	"cmp"
	"io"
	"net"
	"net/http"
	"time"
)

// Handler returns a handler that answers as next does and captures each exchange once it is answered. An answer that a panic
// of next breaks off has the reason [Cut], or [NoAnswer] where nothing was sent; the panic goes on.
func (c *Capture) Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		ex := c.begin(req, cmp.Or(req.RequestURI, req.URL.RequestURI()))
		ex.Time = time.Now()
		sent := kept{limit: limitOf(c.MaxBody)}
		if req.Body != nil && req.Body != http.NoBody {
			req.Body = struct {
				io.Reader
				io.Closer
			}{io.TeeReader(req.Body, &sent), req.Body}
		}
		tee := &teeWriter{ResponseWriter: w, kept: c.keep(req), head: ex.Method == http.MethodHead}
		whole := false
		defer func() {
			tee.finish(ex, whole)
			if sent.buffer.Len() > 0 {
				ex.RequestBody = sent.buffer.Bytes()
			}
			c.Take(ex)
		}()
		next.ServeHTTP(tee, req)
		whole = true
	})
}

// teeWriter keeps what is answered.
type teeWriter struct {
	http.ResponseWriter
	kept     kept
	head     bool // the request is HEAD: net/http sends no body
	status   int
	header   http.Header // as it was sent
	start    []byte      // of the body
	found    string      // the content type that net/http finds in it
	hijacked bool
}

// WriteHeader implements [http.ResponseWriter].
func (t *teeWriter) WriteHeader(status int) {
	if t.status == 0 && (status >= 200 || status == http.StatusSwitchingProtocols) {
		t.status, t.header = status, t.Header().Clone()
	}
	t.ResponseWriter.WriteHeader(status)
}

// Write implements [http.ResponseWriter].
func (t *teeWriter) Write(p []byte) (int, error) {
	t.begin()
	n, err := t.ResponseWriter.Write(p)
	t.keep(p[:n])
	return n, err
}

// ReadFrom implements [io.ReaderFrom], which net/http uses to send files without copying them.
func (t *teeWriter) ReadFrom(r io.Reader) (int64, error) {
	t.begin()
	if t.kept.unread == "" {
		r = io.TeeReader(r, writerFunc(t.keep))
	}
	return io.Copy(t.ResponseWriter, r)
}

type writerFunc func([]byte)

func (f writerFunc) Write(p []byte) (int, error) {
	f(p)
	return len(p), nil
}

// begin notes the headers that the first write sends. It leaves that to net/http, which adds headers of its own.
func (t *teeWriter) begin() {
	if t.status == 0 {
		t.status, t.header = http.StatusOK, t.Header().Clone()
	}
}

// sniffed is how many bytes of an answer net/http looks at to find a content type.
const sniffed = 512

func (t *teeWriter) keep(p []byte) {
	if !t.head {
		t.kept.Write(p)
		t.start = append(t.start, p[:min(len(p), sniffed-len(t.start))]...)
	}
}

// sniff finds the content type as net/http does where the handler says nothing.
func (t *teeWriter) sniff() {
	if t.found == "" && len(t.start) > 0 {
		t.found = http.DetectContentType(t.start)
	}
}

// Unwrap lets http.ResponseController through.
func (t *teeWriter) Unwrap() http.ResponseWriter { return t.ResponseWriter }

// Flush implements [http.Flusher].
func (t *teeWriter) Flush() {
	t.begin()
	t.sniff()
	_ = http.NewResponseController(t.ResponseWriter).Flush()
}

// Hijack implements [http.Hijacker]. It fails where the server's writer does not.
func (t *teeWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(t.ResponseWriter).Hijack()
	t.hijacked = t.hijacked || err == nil
	return conn, rw, err
}

// finish notes the answer in the exchange.
func (t *teeWriter) finish(ex *Exchange, whole bool) {
	switch {
	case t.hijacked:
		ex.Status, ex.Unread = http.StatusSwitchingProtocols, Upgraded
		return
	case !whole && t.status == 0:
		ex.Unread = NoAnswer
		return
	}
	t.begin()
	t.sniff()
	if _, ok := t.header["Content-Type"]; !ok && t.header.Get("Content-Encoding") == "" && t.found != "" {
		t.header.Set("Content-Type", t.found)
	}
	ex.Status, ex.ResponseHeader, ex.ResponseBody, ex.Unread = t.status, t.header, t.kept.buffer.Bytes(), t.kept.unread
	if ex.Unread == "" && !whole {
		ex.Unread = Cut
	}
}
