package okchat

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// reply describes how the server answers one try.
type reply func(*http.Request) (*http.Response, error)

func status(code int, header ...string) reply {
	return func(*http.Request) (*http.Response, error) {
		return answer(code, "text/plain", "no", header...), nil
	}
}

func fails(err error) reply {
	return func(*http.Request) (*http.Response, error) { return nil, err }
}

func succeeds(*http.Request) (*http.Response, error) {
	return answer(200, mediaType, pageJSON(1, 1)), nil
}

func hangs(req *http.Request) (*http.Response, error) {
	<-req.Context().Done()
	return nil, req.Context().Err()
}

func breaksOff(*http.Request) (*http.Response, error) {
	resp := answer(200, mediaType, "")
	resp.Body, resp.ContentLength = io.NopCloser(io.MultiReader(strings.NewReader(`{"data":[`), brokenReader{})), -1
	return resp, nil
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func body(contentType, text string) reply {
	return func(*http.Request) (*http.Response, error) { return answer(200, contentType, text), nil }
}

// step is one try: what the server does, how long the client then waits, and how many retries are left to it.
type step struct {
	server reply
	wait   time.Duration
	left   int
}

// The jitter is 0.5, so the waits without Retry-After are half of 500 ms, 1 s, 2 s, 4 s, 8 s, 10 s.
func TestRetriesStepByStep(t *testing.T) {
	refused := &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}
	reset := &net.OpError{Op: "read", Err: syscall.ECONNRESET}
	start := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC) // where a bubble's clock starts
	date := func(d time.Duration) string { return start.Add(d).Format(http.TimeFormat) }
	const ms = time.Millisecond

	tests := []struct {
		name   string
		policy RetryPolicy
		budget int
		within time.Duration // the caller's patience
		cancel time.Duration // when the caller gives up
		steps  []step
		is     error // what the error is, nil for success
		as     any
		tries  int
	}{
		{name: "a success is not repeated", steps: []step{{succeeds, 0, 5}}, tries: 1},
		{name: "500 is repeated", steps: []step{{status(500), 250 * ms, 4}, {succeeds, 0, 4}}, tries: 2},
		{name: "502 is repeated", steps: []step{{status(502), 250 * ms, 4}, {succeeds, 0, 4}}, tries: 2},
		{name: "503 is repeated", steps: []step{{status(503), 250 * ms, 4}, {succeeds, 0, 4}}, tries: 2},
		{name: "504 is repeated", steps: []step{{status(504), 250 * ms, 4}, {succeeds, 0, 4}}, tries: 2},
		{name: "408 is repeated", steps: []step{{status(408), 250 * ms, 4}, {succeeds, 0, 4}}, tries: 2},
		{name: "425 is repeated", steps: []step{{status(425), 250 * ms, 4}, {succeeds, 0, 4}}, tries: 2},
		{name: "429 is repeated", steps: []step{{status(429), 250 * ms, 4}, {succeeds, 0, 4}}, tries: 2},
		{name: "400 is final", steps: []step{{status(400), 0, 5}}, as: new(*APIError), tries: 1},
		{name: "401 is final", steps: []step{{status(401), 0, 5}}, is: ErrUnauthorized, tries: 1},
		{name: "403 is final", steps: []step{{status(403), 0, 5}}, is: ErrUnauthorized, tries: 1},
		{name: "404 is final", steps: []step{{status(404), 0, 5}}, is: ErrNotFound, tries: 1},
		{name: "501 is final", steps: []step{{status(501), 0, 5}}, as: new(*APIError), tries: 1},
		{name: "a refused connection is repeated", steps: []step{{fails(refused), 250 * ms, 4}, {succeeds, 0, 4}}, tries: 2},
		{name: "a dropped connection is repeated", steps: []step{{fails(reset), 250 * ms, 4}, {succeeds, 0, 4}}, tries: 2},
		{name: "a connection closed early is repeated", steps: []step{{fails(io.EOF), 250 * ms, 4}, {succeeds, 0, 4}}, tries: 2},
		{name: "a body that breaks off is repeated", steps: []step{{breaksOff, 250 * ms, 4}, {succeeds, 0, 4}}, tries: 2},
		{name: "JSON that ends early is repeated", steps: []step{{body(mediaType, `{"data":[`), 250 * ms, 4}, {succeeds, 0, 4}}, tries: 2},
		{name: "an empty body is repeated", steps: []step{{body(mediaType, ``), 250 * ms, 4}, {succeeds, 0, 4}}, tries: 2},
		{name: "JSON broken in its middle is final", steps: []step{{body(mediaType, `{"data":[}]}`), 0, 5}}, as: new(*ContractError), tries: 1},
		{name: "HTML under 200 is final", steps: []step{{body("text/html", `<html>`), 0, 5}}, as: new(*ContractError), tries: 1},
		{name: "204 is final", steps: []step{{status(204), 0, 5}}, as: new(*ContractError), tries: 1},
		{name: "an unknown certificate is final", steps: []step{{fails(&tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}), 0, 5}}, as: new(x509.UnknownAuthorityError), tries: 1},
		{name: "a host that does not exist is final", steps: []step{{fails(&net.DNSError{IsNotFound: true}), 0, 5}}, as: new(*net.DNSError), tries: 1},
		{name: "a try that runs out is repeated", steps: []step{{hangs, 250 * ms, 4}, {succeeds, 0, 4}}, tries: 2},
		{name: "the waits double up to the longest, then the tries end", policy: RetryPolicy{MaxTries: 7},
			steps: []step{{status(503), 250 * ms, 4}, {status(503), 500 * ms, 3}, {status(503), 1000 * ms, 2}, {status(503), 2000 * ms, 1}, {status(503), 4000 * ms, 0}, {status(503), 0, 0}},
			is:    ErrBudget, tries: 6},
		{name: "the longest wait is bounded", policy: RetryPolicy{MaxTries: 4, MaxDelay: 600 * ms},
			steps: []step{{status(503), 250 * ms, 4}, {status(503), 300 * ms, 3}, {status(503), 300 * ms, 2}, {status(503), 0, 2}},
			as:    new(*APIError), tries: 4},
		{name: "doubling past all numbers stops at the longest wait", policy: RetryPolicy{BaseDelay: 1 << 61},
			steps: []step{{status(503), 5000 * ms, 4}, {status(503), 5000 * ms, 3}, {status(503), 5000 * ms, 2}, {succeeds, 0, 2}}, tries: 4},
		{name: "four tries by default", steps: []step{{status(503), 250 * ms, 4}, {status(503), 500 * ms, 3}, {status(503), 1000 * ms, 2}, {status(503), 0, 2}},
			as: new(*APIError), tries: 4},
		{name: "one try at the most turns retries off", policy: RetryPolicy{MaxTries: 1}, steps: []step{{status(503), 0, 5}}, as: new(*APIError), tries: 1},
		{name: "an empty budget ends the tries", budget: 1, steps: []step{{status(503), 250 * ms, 0}, {status(503), 0, 0}}, is: ErrBudget, tries: 2},
		{name: "Retry-After in seconds is waited for", steps: []step{{status(429, "Retry-After", "7"), 7 * time.Second, 5}, {succeeds, 0, 5}}, tries: 2},
		{name: "Retry-After as a date is waited for", steps: []step{{status(503, "Retry-After", date(9*time.Second)), 9 * time.Second, 5}, {succeeds, 0, 5}}, tries: 2},
		{name: "Retry-After as a date is measured from the answer's own date", tries: 2,
			steps: []step{{status(429, "Date", date(-2*time.Hour), "Retry-After", date(-2*time.Hour+3*time.Second)), 3 * time.Second, 5}, {succeeds, 0, 5}}},
		{name: "a server whose clock is ahead is not waited for longer", tries: 2,
			steps: []step{{status(429, "Date", date(2*time.Minute), "Retry-After", date(2*time.Minute+3*time.Second)), 3 * time.Second, 5}, {succeeds, 0, 5}}},
		{name: "an answer whose own date means nothing is measured from now", tries: 2,
			steps: []step{{status(429, "Date", "today", "Retry-After", date(4*time.Second)), 4 * time.Second, 5}, {succeeds, 0, 5}}},
		{name: "waits that the server asks for are no failed tries", tries: 9,
			steps: []step{{status(429, "Retry-After", "5"), 5 * time.Second, 5}, {status(429, "Retry-After", "5"), 5 * time.Second, 5}, {status(503, "Retry-After", "5"), 5 * time.Second, 5},
				{status(429, "Retry-After", "5"), 5 * time.Second, 5}, {status(429, "Retry-After", "5"), 5 * time.Second, 5}, {status(503), 250 * ms, 4}, {status(429, "Retry-After", "1"), time.Second, 4}, {status(503), 500 * ms, 3}, {succeeds, 0, 3}}},
		{name: "the waits that the server asks for are bounded together", tries: 3, policy: RetryPolicy{MaxRetryAfter: 10 * time.Second}, is: ErrWaitTooLong,
			steps: []step{{status(429, "Retry-After", "6"), 6 * time.Second, 5}, {status(429, "Retry-After", "4"), 4 * time.Second, 5}, {status(429, "Retry-After", "1"), 0, 5}}},
		{name: "one try at the most waits for no Retry-After", policy: RetryPolicy{MaxTries: 1}, is: ErrRateLimited, tries: 1, steps: []step{{status(429, "Retry-After", "1"), 0, 5}}},
		{name: "a challenge is final", as: new(*APIError), tries: 1, steps: []step{{status(503, "Cf-Mitigated", "challenge", "Retry-After", "1"), 0, 5}}},
		{name: "Retry-After of 0 leaves it to the jitter", steps: []step{{status(503, "Retry-After", "0"), 250 * ms, 4}, {succeeds, 0, 4}}, tries: 2},
		{name: "Retry-After in the past leaves it to the jitter", steps: []step{{status(503, "Retry-After", date(-time.Hour)), 250 * ms, 4}, {succeeds, 0, 4}}, tries: 2},
		{name: "Retry-After that means nothing leaves it to the jitter", steps: []step{{status(503, "Retry-After", "soon"), 250 * ms, 4}, {succeeds, 0, 4}}, tries: 2},
		{name: "Retry-After just at the cap is waited for", steps: []step{{status(429, "Retry-After", "60"), time.Minute, 5}, {succeeds, 0, 5}}, tries: 2},
		{name: "Retry-After over the cap fails at once", steps: []step{{status(429, "Retry-After", "61"), 0, 5}}, is: ErrWaitTooLong, tries: 1},
		{name: "Retry-After beyond all numbers fails at once", steps: []step{{status(429, "Retry-After", strings.Repeat("9", 40)), 0, 5}}, is: ErrRateLimited, tries: 1},
		{name: "Retry-After over the caller's time fails at once", within: 5 * time.Second, steps: []step{{status(429, "Retry-After", "6"), 0, 5}}, is: context.DeadlineExceeded, tries: 1},
		{name: "Retry-After to the end of the caller's time fails at once", within: 6 * time.Second, steps: []step{{status(429, "Retry-After", "6"), 0, 5}}, is: context.DeadlineExceeded, tries: 1},
		{name: "a wait over the caller's time fails at once", within: 100 * ms, steps: []step{{status(503), 0, 5}}, is: context.DeadlineExceeded, tries: 1},
		{name: "a cancel ends the wait", cancel: 100 * ms, steps: []step{{status(503), 100 * ms, 4}}, is: context.Canceled, tries: 1},
		{name: "a cancel ends the try", cancel: 100 * ms, steps: []step{{hangs, 0, 5}}, is: context.Canceled, tries: 1},
		{name: "the caller's deadline is no try's", within: 100 * ms, steps: []step{{hangs, 0, 5}}, is: context.DeadlineExceeded, tries: 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var client *Client
				n, last := 0, time.Now()
				transport := roundTrip(func(req *http.Request) (*http.Response, error) {
					if n > 0 {
						if got, want := time.Since(last), tt.steps[n-1].wait; got != want {
							t.Errorf("the wait after try %d was %v, expected %v", n, got, want)
						}
					}
					if n >= len(tt.steps) {
						t.Fatalf("try %d was not expected", n+1)
					}
					n++
					resp, err := tt.steps[n-1].server(req)
					last = time.Now()
					return resp, err
				})
				policy := tt.policy
				policy.Budget = or(tt.budget, 5)
				client = newTestClient(t, transport, WithRetry(policy), WithTryTimeout(3*time.Second), withJitter(0.5), WithHooks(Hooks{
					Try: func(_ context.Context, info TryInfo) {
						if got, want := client.budget.tenths/10, tt.steps[info.Try-1].left; got != want {
							t.Errorf("after try %d the budget is %d, expected %d", info.Try, got, want)
						}
					},
				}))
				ctx := t.Context()
				if tt.within > 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, tt.within)
					defer cancel()
				}
				if tt.cancel > 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithCancel(ctx)
					defer time.AfterFunc(tt.cancel, cancel).Stop()
				}
				page, err := client.Page(ctx, testBot, PageOptions{})
				if n != tt.tries {
					t.Errorf("%d requests, expected %d", n, tt.tries)
				}
				if tt.is == nil && tt.as == nil {
					if err != nil {
						t.Fatalf("error %v, expected none", err)
					}
					if page.Tries != tt.tries {
						t.Errorf("Tries is %d, expected %d", page.Tries, tt.tries)
					}
					return
				}
				if tt.is != nil && !errors.Is(err, tt.is) || tt.as != nil && !errors.As(err, tt.as) {
					t.Errorf("error %v, expected %v %T", err, tt.is, tt.as)
				}
				if kinds := kindsOf(err); len(kinds) != 1 {
					t.Errorf("the error is of %d kinds %v, expected one", len(kinds), kinds)
				}
				if got := triesOf(err); got != tt.tries {
					t.Errorf("the error counts %d tries, expected %d", got, tt.tries)
				}
			})
		})
	}
}

func withJitter(v float64) Option {
	return func(c *config) error {
		c.jitter = func() float64 { return v }
		return nil
	}
}

func kindsOf(err error) (kinds []string) {
	if e := (*APIError)(nil); errors.As(err, &e) {
		kinds = append(kinds, "APIError")
	}
	if e := (*ContractError)(nil); errors.As(err, &e) {
		kinds = append(kinds, "ContractError")
	}
	if e := (*TransportError)(nil); errors.As(err, &e) {
		kinds = append(kinds, "TransportError")
	}
	return kinds
}

func triesOf(err error) int {
	switch e := err.(type) { //nolint:errorlint // the outermost is meant
	case *APIError:
		return e.Tries
	case *ContractError:
		return e.Tries
	case *TransportError:
		return e.Tries
	}
	return 0
}

func TestCancelDuringRetryAfterKeepsBothErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := newTestClient(t, roundTrip(status(503, "Retry-After", "30")))
		ctx, cancel := context.WithCancel(t.Context())
		defer time.AfterFunc(time.Second, cancel).Stop()
		start := time.Now()
		_, err := client.Page(ctx, testBot, PageOptions{})
		if waited := time.Since(start); waited != time.Second {
			t.Errorf("the call ended after %v, expected 1s, when it was cancelled", waited)
		}
		var api *APIError
		if !errors.As(err, &api) || api.StatusCode != 503 || !errors.Is(err, context.Canceled) {
			t.Errorf("error %v, expected the 503 and context.Canceled", err)
		}
	})
}

func TestADeadServerSeesNoMoreThanTheCallsAndTheBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const calls, budget = 100, 20
		sent := 0
		client := newTestClient(t, roundTrip(func(req *http.Request) (*http.Response, error) {
			sent++
			return nil, &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}
		}), WithRetry(RetryPolicy{Budget: budget}))
		for range calls {
			_, _ = client.Page(t.Context(), testBot, PageOptions{})
		}
		if sent != calls+budget {
			t.Errorf("%d requests, expected %d calls and %d retries", sent, calls, budget)
		}
	})
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2025, 3, 7, 12, 0, 0, 300_000_000, time.UTC)
	for value, want := range map[string]time.Duration{
		"":                              0,
		"0":                             0,
		"5":                             5 * time.Second,
		" 5 ":                           5 * time.Second,
		"-5":                            0,
		"1.5":                           2 * time.Second,
		"0.01":                          time.Second,
		"0.0":                           0,
		".":                             0,
		"1.2.3":                         0,
		"1e3":                           0,
		"Fri, 07 Mar 2025 12:00:10 GMT": 10 * time.Second, // 9.7 s, rounded up
		"Fri, 07 Mar 2025 12:00:00 GMT": 0,
		"Fri, 07 Mar 2025":              0,
		strings.Repeat("9", 30):         365 * 24 * time.Hour,
		"Sat, 07 Mar 2026 12:00:01 GMT": 365 * 24 * time.Hour,
	} {
		if got := parseRetryAfter(value, now); got != want {
			t.Errorf("Retry-After %q is %v, expected %v", value, got, want)
		}
	}
}

func FuzzRetryAfter(f *testing.F) {
	for _, seed := range []string{"", "5", "-1", "99999999999999999999", "Fri, 07 Mar 2025 12:00:10 GMT", "Friday, 07-Mar-25 12:00:10 GMT"} {
		f.Add(seed)
	}
	now := time.Date(2025, 3, 7, 12, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, value string) {
		if got := parseRetryAfter(value, now); got < 0 || got%time.Second != 0 || got > maxRetryAfterSeconds*time.Second {
			t.Errorf("Retry-After %q is %v", value, got)
		}
	})
}

func TestHooksThatAreOffCostNothing(t *testing.T) {
	client := newTestClient(t, roundTrip(succeeds))
	info := TryInfo{Page: 1, Try: 1, Err: io.EOF, Reason: "transport"}
	if n := testing.AllocsPerRun(100, func() { client.tried(t.Context(), info) }); n != 0 {
		t.Errorf("%v allocations a try, expected none", n)
	}
}
