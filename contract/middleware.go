package contract

import (
	"bytes"
	"io"
	"net/http"
	"time"
)

// TB is the part of testing.TB that [Contract.Transport] needs.
type TB interface {
	Helper()
	Errorf(format string, args ...any)
}

// Transport is [Contract.Watch] for a test: each violation of what passes fails it, on one line. Drift is let pass.
//
//	client, err := okchat.New(key, okchat.WithTransport(rules.Transport(t, nil)))
func (c *Contract) Transport(t TB, next http.RoundTripper) http.RoundTripper {
	return c.Watch(next, func(_ *Exchange, findings []Finding) {
		t.Helper()
		for _, f := range findings {
			if f.Severity == Violation {
				t.Errorf("%s", f)
			}
		}
	})
}

// maxWatched bounds what is kept of a request's body: no operation of the contract takes one.
const maxWatched = 1 << 20

// Handler returns a handler that answers as next does, for whoever implements the API, and holds each exchange against
// the contract once it is answered: report gets it together with its findings, on the goroutine of the request. What
// passes is not changed, and flushed when next flushes it. The values of headers that carry a key are replaced in the
// exchange.
//
// The handler is safe for concurrent use if next and report are. It keeps the whole of each answer until it is checked.
func (c *Contract) Handler(next http.Handler, report func(*Exchange, []Finding)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		ex := &Exchange{
			Source: "live", Method: req.Method, URL: req.URL.RequestURI(), RequestHeader: req.Header.Clone(), Time: time.Now(),
		}
		c.redact(ex.RequestHeader)
		var sent bytes.Buffer
		if req.Body != nil {
			req.Body = struct {
				io.Reader
				io.Closer
			}{io.TeeReader(req.Body, limited{&sent}), req.Body}
		}
		tee := &teeWriter{ResponseWriter: w}
		next.ServeHTTP(tee, req)
		if tee.status == 0 {
			tee.WriteHeader(http.StatusOK)
		}
		ex.Status, ex.ResponseHeader, ex.ResponseBody = tee.status, tee.header, tee.body.Bytes()
		if sent.Len() > 0 {
			ex.RequestBody = sent.Bytes()
		}
		report(ex, c.Check(ex))
	})
}

// teeWriter keeps what is answered.
type teeWriter struct {
	http.ResponseWriter
	status int
	header http.Header // as it was sent
	body   bytes.Buffer
}

func (t *teeWriter) WriteHeader(status int) {
	if t.status == 0 && (status >= 200 || status == http.StatusSwitchingProtocols) {
		t.status, t.header = status, t.Header().Clone()
	}
	t.ResponseWriter.WriteHeader(status)
}

func (t *teeWriter) Write(p []byte) (int, error) {
	if t.status == 0 {
		if t.Header().Get("Content-Type") == "" { // as net/http does
			t.Header().Set("Content-Type", http.DetectContentType(p))
		}
		t.WriteHeader(http.StatusOK)
	}
	n, err := t.ResponseWriter.Write(p)
	t.body.Write(p[:n])
	return n, err
}

// Unwrap lets http.ResponseController through.
func (t *teeWriter) Unwrap() http.ResponseWriter { return t.ResponseWriter }

// Flush is for handlers that ask for http.Flusher.
func (t *teeWriter) Flush() { _ = http.NewResponseController(t.ResponseWriter).Flush() }

// limited takes all that is written and keeps the beginning.
type limited struct{ *bytes.Buffer }

func (l limited) Write(p []byte) (int, error) {
	l.Buffer.Write(p[:min(len(p), max(0, maxWatched-l.Len()))])
	return len(p), nil
}
