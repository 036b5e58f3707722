package exchange

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"time"
)

// Capture makes exchanges of live traffic, which passes unchanged: [Capture.Transport] those of a client,
// [Capture.Handler] those of a server. It must not be changed while it is in use.
type Capture struct {
	// Take gets each exchange once, when its response has passed. It is called on the goroutine of the request, so it must
	// be safe for concurrent use if the traffic is.
	Take func(*Exchange)
	// KeyHeaders names the request headers that carry a key. In the exchange their values are replaced by [Redacted];
	// [Exchange.Keys] has them.
	KeyHeaders []string
	// KeepBody reports whether the body of the answer to a request is kept. Nil keeps all. The reason of an exchange without its
	// body is [NotRecorded].
	KeepBody func(*http.Request) bool
	// MaxBody is how many bytes of a body are kept. The reason of an exchange with a larger one is [TooLarge]. 0 stands for
	// DefaultMaxBody.
	MaxBody int
}

// Request returns the exchange of a request that was not answered yet, without its body.
func (c *Capture) Request(req *http.Request) *Exchange { return c.begin(req, req.URL.String()) }

func (c *Capture) begin(req *http.Request, url string) *Exchange {
	ex := &Exchange{
		Source: Source{File: "live"}, Method: strings.ToUpper(req.Method), URL: url, RequestHeader: make(http.Header, len(req.Header)), maxBody: c.MaxBody,
	}
	if ex.Method == "" {
		ex.Method = http.MethodGet
	}
	var keys []string
	for name, values := range req.Header {
		secret := slices.ContainsFunc(c.KeyHeaders, func(key string) bool { return strings.EqualFold(key, name) })
		// A client may have set a header without net/http's spelling of its name.
		name = http.CanonicalHeaderKey(name)
		for _, v := range values {
			if secret && v != "" {
				keys, v = append(keys, v), Redacted
			}
			ex.RequestHeader[name] = append(ex.RequestHeader[name], v)
		}
	}
	if keys != nil {
		ex.keys = func() []string { return keys } // a function, which no %+v prints
	}
	return ex
}

// kept is the beginning of a body as it passes, all of it while that is no more than a limit.
type kept struct {
	buffer bytes.Buffer
	limit  int
	unread Reason // why buffer is not what passed
}

// keep returns what keeps the body of the answer to a request.
func (c *Capture) keep(req *http.Request) kept {
	k := kept{limit: limitOf(c.MaxBody)}
	if c.KeepBody != nil && !c.KeepBody(req) {
		k.unread = NotRecorded
	}
	return k
}

// Write takes what passes. It never fails.
func (k *kept) Write(p []byte) (int, error) {
	switch {
	case k.unread != "":
	case k.buffer.Len()+len(p) > k.limit:
		k.unread = TooLarge
		k.buffer = bytes.Buffer{}
	default:
		k.buffer.Write(p)
	}
	return len(p), nil
}

type transport struct {
	capture *Capture
	next    http.RoundTripper
}

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

// RoundTrip implements [http.RoundTripper].
func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	ex := t.capture.begin(req, req.URL.String())
	ex.Time = time.Now()
	if req.GetBody != nil { // a body that can be read only once belongs to the transport
		if body, err := req.GetBody(); err == nil {
			ex.RequestBody, _ = io.ReadAll(io.LimitReader(body, int64(limitOf(t.capture.MaxBody))))
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
	body := &watchedBody{body: resp.Body, kept: t.capture.keep(req), exchange: ex, request: req.Context(), take: t.capture.Take, length: resp.ContentLength}
	if resp.Body == http.NoBody {
		body.length = 0
	}
	if body.kept.unread == "" { // as far as a length that is only promised may claim memory
		body.kept.buffer.Grow(int(min(max(body.length, 0), int64(body.kept.limit), 64<<10)))
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

// Cause returns why a request got no answer, safe to print: without the URL, and without anything that the server sent.
// net/http quotes lines that are no HTTP, and a server may have put the request's key there.
func Cause(err error) error {
	if call, ok := errors.AsType[*url.Error](err); ok {
		err = call.Err
	}
	if address, ok := errors.AsType[*net.OpError](err); ok {
		return address
	}
	if name, ok := errors.AsType[*net.DNSError](err); ok {
		return name
	}
	if certificate, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return certificate
	}
	if authority, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return authority
	}
	if host, ok := errors.AsType[x509.HostnameError](err); ok {
		return host
	}
	switch {
	case err == nil, errors.Is(err, context.Canceled):
		return err
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return errors.New("it did not answer in time")
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("it closed the connection")
	}
	if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
		return errors.New("it did not answer in time")
	}
	return errors.New("what it sent is not HTTP, or not of the URL's scheme")
}
