package okchat

import (
	"context"
	"errors"
	"math"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/okchat/okchat-go/okchattest"
)

func TestAWaitThatTheServerAsksForPausesAllRequests(t *testing.T) {
	const ms = time.Millisecond
	tests := []struct {
		name  string
		start time.Duration // of the second call; the first starts at 0
		reply reply         // to the second request; the first is told to wait for 10 s
		sent  []time.Duration
	}{
		{"a call that starts during the wait", 4000 * ms, succeeds, []time.Duration{0, 10001 * ms, 10001 * ms}},
		{"a call that starts behind it", 11000 * ms, succeeds, []time.Duration{0, 10001 * ms, 11000 * ms}},
		{"a call whose own wait ends during it", 0, status(503), []time.Duration{0, 0, 10001 * ms, 10001 * ms}},
		{"a call that is told to wait longer", 0, status(429, "Retry-After", "15"), []time.Duration{0, 0, 15001 * ms, 15001 * ms}},
		{"a call that is told to wait less", 0, status(429, "Retry-After", "1"), []time.Duration{0, 0, 10001 * ms, 10001 * ms}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var mu sync.Mutex
				var sent []time.Duration
				begin := time.Now()
				client := newTestClient(t, roundTrip(func(req *http.Request) (*http.Response, error) {
					mu.Lock()
					sent = append(sent, time.Since(begin))
					n := len(sent)
					mu.Unlock()
					time.Sleep(ms)
					switch n {
					case 1:
						return status(429, "Retry-After", "10")(req)
					case 2:
						return tt.reply(req)
					}
					return succeeds(req)
				}), withJitter(0.5))
				var calls sync.WaitGroup
				for _, start := range []time.Duration{0, tt.start} {
					calls.Go(func() {
						time.Sleep(start)
						if _, err := client.Page(t.Context(), testBot, PageOptions{}); err != nil {
							t.Error(err)
						}
					})
				}
				calls.Wait()
				if !slices.Equal(sent, tt.sent) {
					t.Errorf("requests were sent at %v, expected %v", sent, tt.sent)
				}
			})
		})
	}
}

func TestAPauseThatOutlastsACallEndsItUnsent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sent := 0
		client := newTestClient(t, roundTrip(func(req *http.Request) (*http.Response, error) { sent++; return succeeds(req) }))
		client.pace.pause(10 * time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		start := time.Now()
		_, err := client.Page(ctx, testBot, PageOptions{})
		var transport *TransportError
		if !errors.As(err, &transport) || transport.Tries != 0 || !errors.Is(err, context.DeadlineExceeded) || sent != 0 || time.Since(start) != 0 {
			t.Errorf("error %v after %v and %d requests, expected one at once", err, time.Since(start), sent)
		}
		canceled, stop := context.WithCancel(t.Context())
		defer time.AfterFunc(time.Second, stop).Stop()
		if _, err := client.Page(canceled, testBot, PageOptions{}); !errors.Is(err, context.Canceled) || time.Since(start) != time.Second || sent != 0 {
			t.Errorf("error %v after %v, expected one when the call was cancelled", err, time.Since(start))
		}
	})
}

func TestTheRateIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var sent []time.Duration
		begin := time.Now()
		client := newTestClient(t, roundTrip(func(req *http.Request) (*http.Response, error) {
			mu.Lock()
			defer mu.Unlock()
			if sent = append(sent, time.Since(begin)); len(sent) == 3 {
				return status(429, "Retry-After", "2")(req)
			}
			return succeeds(req)
		}), WithRate(4))
		var calls sync.WaitGroup
		for range 4 {
			calls.Go(func() {
				if _, err := client.Page(t.Context(), testBot, PageOptions{}); err != nil {
					t.Error(err)
				}
			})
		}
		calls.Wait()
		const ms = time.Millisecond
		if want := []time.Duration{0, 250 * ms, 500 * ms, 2500 * ms, 2750 * ms}; !slices.Equal(sent, want) {
			t.Errorf("requests were sent at %v, expected %v", sent, want)
		}
	})
	for _, rate := range []float64{0, -1, 1e-6, math.NaN(), math.Inf(-1)} {
		if _, err := New(testKey, WithRate(rate)); err == nil {
			t.Errorf("a rate of %v was accepted", rate)
		}
	}
	for _, rate := range []float64{1.0 / 86400, 0.5, 1e12, math.Inf(1)} {
		if _, err := New(testKey, WithRate(rate)); err != nil {
			t.Error(err)
		}
	}
}

func TestAServerThatLimitsTheRateIsReadCompletely(t *testing.T) {
	for _, readAhead := range []int{1, 8, MaxReadAhead} {
		for _, clock := range []time.Duration{0, -2 * time.Hour} {
			synctest.Test(t, func(t *testing.T) {
				fake := okchattest.New(okchattest.Synthetic(1, 2000))
				fake.Every(okchattest.Chain(okchattest.Clock(clock), okchattest.Rate(2)))
				var asked atomic.Int64 // requests that are read ahead call the hook at the same time
				client, err := New(fake.Key, WithTransport(direct(fake, func() time.Duration { return time.Millisecond })), WithHooks(Hooks{
					Try: func(_ context.Context, i TryInfo) {
						if i.Asked {
							asked.Add(1)
						}
					},
				}))
				if err != nil {
					t.Fatal(err)
				}
				all, err := collect(t, client, fake.ChatbotID, ListOptions{Limit: 20, ReadAhead: readAhead})
				if err != nil || len(all) != 2000 || asked.Load() == 0 || client.budget.tenths != 200 {
					t.Errorf("read-ahead %d, clock %v: %d conversations, %d waits, %v", readAhead, clock, len(all), asked.Load(), err)
				}
			})
		}
	}
}

func TestAWaitOfNothingIsAWait(t *testing.T) {
	replies := []reply{status(503), succeeds}
	client := newTestClient(t, roundTrip(func(req *http.Request) (*http.Response, error) {
		next := replies[0]
		replies = replies[1:]
		return next(req)
	}), withJitter(0))
	if page, err := client.Page(t.Context(), testBot, PageOptions{}); err != nil || page.Tries != 2 {
		t.Errorf("error %v, expected a success at the second try", err)
	}
}
