package contract

import (
	"bytes"
	"io"
	"net/http"
	"sync"
	"time"
)

// redacted stands for the key in an exchange that was watched.
const redacted = "REDACTED"

// Watch returns a transport that sends through next (http.DefaultTransport where it is nil), changes nothing of what
// passes, and holds each exchange against the contract: report gets it together with its findings, once, when the
// response's body was read to its end or closed. A body that the client closes early is reported as far as it was read.
// A try that got no response is not reported. The value of each header that carries a key is replaced in the exchange.
//
// The transport is safe for concurrent use if next and report are. It keeps no more of a body than the client reads.
func (c *Contract) Watch(next http.RoundTripper, report func(*Exchange, []Finding)) http.RoundTripper {
	return c.Capture(next, func(ex *Exchange) { report(ex, c.Check(ex)) })
}

// Capture is [Contract.Watch] without the check: take gets the exchange alone, to check it another time or against the
// pages before it.
func (c *Contract) Capture(next http.RoundTripper, take func(*Exchange)) http.RoundTripper {
	if next == nil {
		next = http.DefaultTransport
	}
	return &watcher{c, next, take}
}

type watcher struct {
	contract *Contract
	next     http.RoundTripper
	take     func(*Exchange)
}

func (w *watcher) RoundTrip(req *http.Request) (*http.Response, error) {
	ex := &Exchange{
		Source:        "live",
		Method:        req.Method,
		URL:           req.URL.String(),
		RequestHeader: req.Header.Clone(),
		Time:          time.Now(),
	}
	if ex.Method == "" {
		ex.Method = http.MethodGet
	}
	w.contract.redact(ex.RequestHeader)
	if req.GetBody != nil { // a body that can be read only once belongs to the transport
		if body, err := req.GetBody(); err == nil {
			ex.RequestBody, _ = io.ReadAll(body)
			body.Close()
		}
	}
	resp, err := w.next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	ex.Status, ex.ResponseHeader = resp.StatusCode, resp.Header.Clone()
	resp.Body = &watchedBody{body: resp.Body, done: func(body []byte) {
		ex.ResponseBody = body
		w.take(ex)
	}}
	return resp, nil
}

// redact hides the values of the headers that carry a key, as the contract's security schemes name them.
func (c *Contract) redact(h http.Header) {
	for _, name := range c.keys {
		if h.Get(name) != "" {
			h.Set(name, redacted)
		}
	}
}

// watchedBody copies what is read of a body and calls done once.
type watchedBody struct {
	body io.ReadCloser
	copy bytes.Buffer
	once sync.Once
	done func([]byte)
}

func (b *watchedBody) Read(p []byte) (int, error) {
	n, err := b.body.Read(p)
	b.copy.Write(p[:n])
	if err == io.EOF {
		b.once.Do(func() { b.done(b.copy.Bytes()) })
	}
	return n, err
}

func (b *watchedBody) Close() error {
	b.once.Do(func() { b.done(b.copy.Bytes()) })
	return b.body.Close()
}
