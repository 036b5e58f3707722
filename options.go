package okchat

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const version = "0.1.0"

// Option sets one property of a client that [New] makes. The With functions return options; [New] fails with the error of
// one whose arguments are wrong.
type Option func(*config) error

type config struct {
	baseURL    *url.URL
	client     *http.Client
	transport  http.RoundTripper
	userAgent  string
	tryTimeout time.Duration
	interval   time.Duration // between two requests
	maxBody    int64
	retry      RetryPolicy
	jitter     func() float64 // in [0, 1)
	maxStalled int
	hooks      Hooks
	log        func(context.Context, TryInfo)
}

func defaultConfig() config {
	return config{
		userAgent:  "okchat-go/" + version,
		tryTimeout: 30 * time.Second,
		maxBody:    16 << 20,
		retry:      RetryPolicy{}.withDefaults(),
		jitter:     rand.Float64,
		maxStalled: maxStalled,
	}
}

// WithBaseURL sends requests to another server than the contract's, such as a gateway or a fake. It takes an https URL, or an
// http URL of this machine (localhost, 127.0.0.0/8, ::1). A path is kept as a prefix.
func WithBaseURL(rawURL string) Option {
	return func(c *config) (err error) {
		c.baseURL, err = parseBaseURL(rawURL)
		return err
	}
}

// WithHTTPClient sends requests with a copy of client. Its transport, cookie jar and redirect policy apply, and its
// timeout bounds each try.
func WithHTTPClient(client *http.Client) Option {
	return func(c *config) error {
		if client == nil {
			return errors.New("okchat: the HTTP client is nil")
		}
		c.client = client
		return nil
	}
}

// WithTransport sends requests through rt, for instance to trace them. It replaces the transport of [WithHTTPClient]. The
// requests that rt sees hold the key.
func WithTransport(rt http.RoundTripper) Option {
	return func(c *config) error {
		if rt == nil {
			return errors.New("okchat: the transport is nil")
		}
		c.transport = rt
		return nil
	}
}

// WithUserAgent appends suffix, such as "my-archiver/2.1", to the User-Agent header.
func WithUserAgent(suffix string) Option {
	return func(c *config) error {
		if strings.TrimSpace(suffix) == "" || !isHeaderText(suffix) {
			return errors.New("okchat: the user agent suffix must be printable ASCII on one line")
		}
		c.userAgent += " " + suffix
		return nil
	}
}

// WithTryTimeout bounds one try, from connecting until its answer is decoded (30 s by default). A try that takes longer is
// repeated like one whose connection broke; the last one's error matches [ErrTryTimeout]. The caller's context bounds the
// whole call.
func WithTryTimeout(d time.Duration) Option {
	return func(c *config) error {
		if d <= 0 {
			return fmt.Errorf("okchat: the try timeout is %v, expected more than 0", d)
		}
		c.tryTimeout = d
		return nil
	}
}

// WithMaxBody bounds the body of an answer, in bytes after decompression (16 MiB by default). A longer one ends the call with
// a [ContractError] that matches [ErrTooLarge]. An answer takes at most eight times its size in memory.
func WithMaxBody(n int64) Option {
	return func(c *config) error {
		if n <= 0 {
			return fmt.Errorf("okchat: the body limit is %d bytes, expected more than 0", n)
		}
		c.maxBody = min(n, math.MaxInt64-1) // one more is read to tell a longer body
		return nil
	}
}

// WithRate sends at most so many requests a second, evenly spaced and all calls of the client together: 0.5 is one each
// two seconds, and the least is one a day. Without it the client sends as fast as the server answers, and as it is told
// to wait (see [RetryPolicy]).
func WithRate(perSecond float64) Option {
	return func(c *config) error {
		const day = 24 * 60 * 60
		if !(perSecond*day >= 1) { // NaN, too
			return fmt.Errorf("okchat: the rate is %v requests a second, expected one a day or more", perSecond)
		}
		c.interval = time.Duration(float64(time.Second) / perSecond)
		return nil
	}
}

// WithRetry replaces the retry policy. It fails if a field is negative.
func WithRetry(p RetryPolicy) Option {
	return func(c *config) error {
		if err := p.validate(); err != nil {
			return err
		}
		c.retry = p.withDefaults()
		return nil
	}
}

// WithHooks has h called after each request, page and call.
func WithHooks(h Hooks) Option {
	return func(c *config) error {
		c.hooks = h
		return nil
	}
}

func (c *config) newHTTPClient() *http.Client {
	hc := &http.Client{}
	if c.client != nil {
		*hc = *c.client
	}
	switch {
	case c.transport != nil:
		hc.Transport = c.transport
	case hc.Transport == nil:
		hc.Transport = newTransport()
	}
	return hc
}

func newTransport() *http.Transport {
	t, ok := http.DefaultTransport.(*http.Transport)
	if !ok {
		t = &http.Transport{Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true}
	}
	t = t.Clone()
	t.MaxResponseHeaderBytes = 256 << 10
	t.Proxy = onlyHTTPS(t.Proxy)
	t.MaxIdleConnsPerHost = MaxReadAhead + 1 // the pages of a batch and a fence, so that the next batch reuses them
	return t
}

type proxyFunc = func(*http.Request) (*url.URL, error)

// onlyHTTPS returns proxy for requests that a proxy cannot read. Plain http goes to this machine alone, see parseBaseURL,
// and a proxy would see the key.
func onlyHTTPS(proxy proxyFunc) proxyFunc {
	return func(req *http.Request) (*url.URL, error) {
		if proxy == nil || req.URL.Scheme != "https" {
			return nil, nil //nolint:nilnil // which means no proxy
		}
		return proxy(req)
	}
}
