package exchange

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"sync"
	"time"
)

// Transport returns a transport that sends through next (http.DefaultTransport where it is nil) and captures each exchange
// when the response's body was read to its end or closed. A body that was closed early has the reason [Cut], one
// that the server broke off [Broken]. A try that got
// no response is not captured. The transport is safe for concurrent use if next is.
func (c *Capture) Transport(next http.RoundTripper) http.RoundTripper {
	if next == nil {
		next = http.DefaultTransport
	}
	return &transport{c, next}
}

type transport struct {
	capture *Capture
	next    http.RoundTripper
}

// RoundTrip implements [http.RoundTripper].
func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	ex := t.capture.begin(req, req.URL.String())
	ex.Time = time.Now()
	if req.GetBody != nil { // a body that can be read only once belongs to the transport
		if body, err := req.GetBody(); err == nil {
			ex.RequestBody, _ = io.ReadAll(io.LimitReader(body, int64(t.capture.limit())))
			body.Close()
		}
	}
	resp, err := t.next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	ex.Status, ex.ResponseHeader = resp.StatusCode, resp.Header.Clone()
	if resp.StatusCode == http.StatusSwitchingProtocols {
		ex.Unread = Upgraded
		t.capture.Take(ex)
		return resp, nil // whose body can be written to
	}
	body := &watchedBody{body: resp.Body, exchange: ex, request: req.Context(), take: t.capture.Take, length: resp.ContentLength}
	body.kept.limit = t.capture.limit()
	if resp.Body == http.NoBody {
		body.length = 0
	}
	if t.capture.KeepBody != nil && !t.capture.KeepBody(req) {
		body.kept.unread = NotRecorded
	}
	resp.Body = body
	return resp, nil
}

// watchedBody keeps what is read of a body, and hands the exchange on once.
type watchedBody struct {
	body     io.ReadCloser
	kept     kept
	exchange *Exchange
	request  context.Context
	take     func(*Exchange)
	length   int64 // of the body, -1 where it is unknown
	read     int64
	once     sync.Once
}

func (b *watchedBody) Read(p []byte) (int, error) {
	n, err := b.body.Read(p)
	b.read += int64(n)
	b.kept.Write(p[:n])
	switch {
	case err == io.EOF:
		b.end("")
	case err != nil && b.request.Err() == nil:
		b.end(Broken)
	case err != nil:
		b.end(Cut)
	}
	return n, err
}

func (b *watchedBody) Close() error {
	err := b.body.Close()
	b.end(Cut)
	return err
}

// end hands the exchange on. Many readers of JSON stop where the document ends, before they see the end of the body, so a
// whole document counts as a whole body.
func (b *watchedBody) end(reason Reason) {
	b.once.Do(func() {
		ex := b.exchange
		ex.ResponseBody, ex.Unread = b.kept.buffer.Bytes(), b.kept.unread
		if ex.Unread == "" && reason != "" && b.read != b.length && !json.Valid(bytes.TrimSpace(ex.ResponseBody)) {
			ex.Unread = reason
		}
		b.take(ex)
	})
}
