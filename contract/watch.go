package contract

import (
	"net/http"
	"strings"

	"github.com/okchat/okchat-go/contract/finding"
	"github.com/okchat/okchat-go/exchange"
)

// Watch returns a transport that sends through next (http.DefaultTransport where it is nil), changes nothing of what
// passes, and checks each exchange: report gets the result, once, when the response's body was read to
// its end or closed. A body that the client closes early is not checked. A try that got no response is not reported. The
// value of each header that carries a key is replaced in the exchange.
//
// The transport is safe for concurrent use if next and report are. It keeps bodies for the contract's paths alone, and of
// those no more than the client reads. Where a gateway adds a path before the contract's, see [Contract.At].
func (c *Contract) Watch(next http.RoundTripper, report func(*Result)) http.RoundTripper {
	return c.Capture(func(ex *exchange.Exchange) { report(c.Check(ex)) }).Transport(next)
}

// Handler returns a handler that answers as next does, for whoever implements the API, and checks each exchange once it is
// answered: report gets the result, on the goroutine of the request. What passes is not changed. The
// values of headers that carry a key are replaced in the exchange.
//
// The handler is safe for concurrent use if next and report are. It keeps each answer for the contract's
// paths until it is checked.
func (c *Contract) Handler(next http.Handler, report func(*Result)) http.Handler {
	return c.Capture(func(ex *exchange.Exchange) { report(c.Check(ex)) }).Handler(next)
}

// Capture returns what captures exchanges for this contract and hands them to take without a check, to check them
// another time or against the pages before them.
func (c *Contract) Capture(take func(*exchange.Exchange)) *exchange.Capture {
	return &exchange.Capture{Take: take, KeyHeaders: c.spec.Keys, KeepBody: c.Concerns}
}

// TB is the part of testing.TB that [Contract.Transport] needs.
type TB interface {
	Helper()
	Errorf(format string, args ...any)
}

// Transport is [Contract.Watch] for a test: each violation fails it, on one line, and so does a call of none of the contract's
// operations. Drift passes.
//
//	client, err := okchat.New(key, okchat.WithTransport(rules.Transport(t, nil)))
func (c *Contract) Transport(t TB, next http.RoundTripper) http.RoundTripper {
	return c.Watch(next, func(r *Result) {
		t.Helper()
		if r.Outcome == Elsewhere && !r.Exchange.Preflight() {
			t.Errorf("%s: a call of none of the contract's operations, expected %s", r.Exchange, strings.Join(c.Operations(), " or "))
		}
		for _, f := range r.Findings {
			if f.Severity == finding.Violation {
				t.Errorf("%s", f)
			}
		}
	})
}

// NewBody returns the exchange of a response body that was kept without its request: a GET of that URL, with a key,
// answered with status 200 and JSON. Findings call it name. Only what the body says is worth a check.
func (c *Contract) NewBody(name, url string, body []byte) *exchange.Exchange {
	ex := &exchange.Exchange{
		Source: exchange.Source{File: name, Line: 1, Column: 1},
		Method: http.MethodGet, URL: url, RequestHeader: make(http.Header),
		Status: http.StatusOK, ResponseHeader: http.Header{"Content-Type": {"application/json"}}, ResponseBody: body,
	}
	for _, key := range c.spec.Keys {
		ex.RequestHeader.Set(key, exchange.Redacted)
	}
	return ex
}
