package contract_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/okchat/okchat-go/contract"
)

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

func TestAWatchedExchangeIsReportedOnce(t *testing.T) {
	t.Parallel()
	c, err := contract.New()
	if err != nil {
		t.Fatal(err)
	}
	sample := recorded(t, "page-1.har")
	for _, test := range []struct {
		name string
		use  func(io.ReadCloser)
		read int // bytes of the body in the report
		want int // findings
	}{
		{"read to its end and closed twice", func(b io.ReadCloser) { io.ReadAll(b); b.Close(); b.Close() }, len(sample.ResponseBody), 0},
		{"read to its end and never closed", func(b io.ReadCloser) { io.ReadAll(b) }, len(sample.ResponseBody), 0},
		{"closed early", func(b io.ReadCloser) { io.ReadFull(b, make([]byte, 100)); b.Close() }, 100, 0},
		{"closed unread", func(b io.ReadCloser) { b.Close() }, 0, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			sent := ""
			reports := 0
			watch := c.Watch(roundTripper(func(req *http.Request) (*http.Response, error) {
				sent = req.Header.Get("x-api-key")
				body, err := io.ReadAll(req.Body)
				if err != nil || string(body) != `""` {
					t.Errorf("expected the request's body to pass unchanged, got %d bytes and the error %v", len(body), err)
				}
				return &http.Response{StatusCode: 200, Header: sample.ResponseHeader, Body: io.NopCloser(bytes.NewReader(sample.ResponseBody))}, nil
			}), func(r *contract.Result) {
				ex, findings := r.Exchange, r.Findings
				reports++
				if string(ex.RequestBody) != `""` || ex.RequestHeader.Get("x-api-key") != "REDACTED" || len(ex.ResponseBody) != test.read || len(findings) != test.want {
					t.Errorf("expected %d bytes and %d findings, got %d and %v", test.read, test.want, len(ex.ResponseBody), findings)
				}
			})
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, sample.URL, strings.NewReader(`""`))
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("x-api-key", "fake-key-for-tests")
			resp, err := watch.RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			test.use(resp.Body)
			if reports != 1 || sent != "fake-key-for-tests" || req.Header.Get("x-api-key") != "fake-key-for-tests" {
				t.Errorf("expected one report and the key sent, got %d reports", reports)
			}
		})
	}
}

func TestATryWithoutAResponseIsNotReported(t *testing.T) {
	t.Parallel()
	c, err := contract.New()
	if err != nil {
		t.Fatal(err)
	}
	cause := errors.New("no route")
	watch := c.Watch(roundTripper(func(*http.Request) (*http.Response, error) { return nil, cause }), func(*contract.Result) {
		t.Error("expected no report")
	})
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://v2.okchat.ai/", nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := watch.RoundTrip(req); !errors.Is(err, cause) {
		t.Errorf("expected the cause unchanged, got %v", err)
	}
}
