package okchat_test

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	okchat "github.com/okchat/okchat-go"
	"github.com/okchat/okchat-go/okchattest"
)

func TestTheStatusDecidesBeforeTheBody(t *testing.T) {
	inMemory(t, synthetic(3), []okchat.Option{okchat.WithRetry(okchat.RetryPolicy{MaxTries: 1})}, func(t *testing.T, srv *okchattest.Server, client *okchat.Client) {
		srv.Next(okchattest.HTML(502), okchattest.HTML(200), okchattest.Status(401, `{"message":"no  such\nkey"}`, "X-Request-Id", "r-1"),
			okchattest.Status(429, `{"error":{"message":"slow down"}}`, "Retry-After", "9"), okchattest.Status(500, `{"error":7}`), okchattest.Status(503, "try\tlater", "Content-Type", "text/plain"))
		call := func() error {
			_, err := client.Page(t.Context(), srv.ChatbotID, okchat.PageOptions{})
			return err
		}
		var api *okchat.APIError
		if err := call(); !errors.As(err, &api) || api.StatusCode != 502 || api.Message != "502 Bad Gateway" || strings.Contains(err.Error(), "(") || !strings.Contains(api.Snippet, "<html>") {
			t.Errorf("HTML under 502 is %v", err)
		}
		var broken *okchat.ContractError
		if err := call(); !errors.As(err, &broken) || broken.Where != "Content-Type header" || broken.Got != "text/html" {
			t.Errorf("HTML under 200 is %v", err)
		}
		if err := call(); !errors.As(err, &api) || !errors.Is(err, okchat.ErrUnauthorized) || api.Message != "no such key" || api.RequestID != "r-1" {
			t.Errorf("401 is %v", err)
		}
		if err := call(); !errors.As(err, &api) || !errors.Is(err, okchat.ErrRateLimited) || api.Message != "slow down" || api.RetryAfter != 9*time.Second {
			t.Errorf("429 is %v", err)
		}
		if err := call(); !errors.As(err, &api) || api.StatusCode != 500 || api.Message != "" {
			t.Errorf("500 is %v", err)
		}
		if err := call(); !errors.As(err, &api) || api.Message != "try later" || strings.Contains(err.Error(), "\t") {
			t.Errorf("503 is %v", err)
		}
	})
}

func TestWhatBreaksOnTheWireIsRetried(t *testing.T) {
	for name, fault := range map[string]okchattest.Fault{
		"dropped": okchattest.Drop(), "reset": okchattest.Reset(), "garbage": okchattest.Garbage("SMTP ready\r\n"),
		"truncated": okchattest.Truncate(100), "late": okchattest.Delay(time.Minute), "slow": okchattest.Slow(10, time.Second),
	} {
		t.Run(name, func(t *testing.T) {
			inMemory(t, synthetic(10), nil, func(t *testing.T, srv *okchattest.Server, client *okchat.Client) {
				srv.Transport.DisableKeepAlives = true // net/http repeats by itself on a connection that it reuses
				srv.Next(fault)
				page, err := client.Page(t.Context(), srv.ChatbotID, okchat.PageOptions{})
				if err != nil || page.Tries != 2 {
					t.Errorf("error %v", err)
				}
				srv.Next(fault)
				_, err = client.Page(t.Context(), srv.ChatbotID, okchat.PageOptions{CallOptions: okchat.CallOptions{MaxTries: 1, TryTimeout: 2 * time.Second}})
				var transport *okchat.TransportError
				if !errors.As(err, &transport) || transport.Tries != 1 {
					t.Errorf("without retries: %v", err)
				}
			})
		})
	}
}

func TestBodiesAreBounded(t *testing.T) {
	const limit = 8 << 20
	for name, fault := range map[string]okchattest.Fault{"200 MiB": okchattest.Huge(200 << 20), "a gzip bomb": okchattest.GzipBomb(200 << 20)} {
		t.Run(name, func(t *testing.T) {
			srv := okchattest.NewServer(t)
			client, err := okchat.New(srv.Key, okchat.WithBaseURL(srv.URL), okchat.WithMaxBody(limit))
			if err != nil {
				t.Fatal(err)
			}
			srv.Next(fault)
			runtime.GC()
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err = client.Page(t.Context(), srv.ChatbotID, okchat.PageOptions{})
			runtime.ReadMemStats(&after)
			var broken *okchat.ContractError
			if !errors.As(err, &broken) || broken.Where != "body" || !strings.Contains(broken.Expected, fmt.Sprint(limit)) {
				t.Errorf("error %v", err)
			}
			// All that was ever allocated bounds what was held at once. Under the race detector, for which -short stands here, a buffer
			// that grows is allocated twice.
			most := uint64(3 * limit)
			if testing.Short() {
				most *= 2
			}
			if grown := after.TotalAlloc - before.TotalAlloc; grown >= most {
				t.Errorf("%d bytes were allocated for a limit of %d", grown, limit)
			}
		})
	}
}

func TestHeadersAreBounded(t *testing.T) {
	srv := okchattest.NewServer(t)
	client, err := okchat.New(srv.Key, okchat.WithBaseURL(srv.URL), okchat.WithRetry(okchat.RetryPolicy{MaxTries: 1}))
	if err != nil {
		t.Fatal(err)
	}
	srv.Next(okchattest.Status(200, "{}", "X-Padding", strings.Repeat("x", 1<<20)))
	_, err = client.Page(t.Context(), srv.ChatbotID, okchat.PageOptions{})
	if _, ok := errors.AsType[*okchat.TransportError](err); !ok {
		t.Errorf("error %v", err)
	}
}
