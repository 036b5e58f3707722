package okchat_test

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	okchat "github.com/okchat/okchat-go"
	"github.com/okchat/okchat-go/gen/okchatapi"
	"github.com/okchat/okchat-go/okchattest"
)

// inMemory runs test in virtual time with a fake server and a client of it.
func inMemory(t *testing.T, fake []okchattest.Option, opts []okchat.Option, test func(*testing.T, *okchattest.Server, *okchat.Client)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		srv := okchattest.NewMemoryServer(t, fake...)
		client, err := okchat.New(srv.Key, append([]okchat.Option{okchat.WithBaseURL(srv.URL), okchat.WithTransport(srv.Transport)}, opts...)...)
		if err != nil {
			t.Fatal(err)
		}
		test(t, srv, client)
	})
}

func synthetic(n int) []okchattest.Option { return []okchattest.Option{okchattest.Synthetic(1, n)} }

func ids(t *testing.T, client *okchat.Client, bot string, opts okchat.ListOptions) (list []string, err error) {
	t.Helper()
	for conv, err := range client.Conversations(t.Context(), bot, opts) {
		if err != nil {
			return list, err
		}
		list = append(list, conv.ID.String())
	}
	return list, nil
}

func TestOnePage(t *testing.T) {
	inMemory(t, synthetic(25), nil, func(t *testing.T, srv *okchattest.Server, client *okchat.Client) {
		page, err := client.Page(t.Context(), srv.ChatbotID, okchat.PageOptions{
			Page: 2, Limit: 7, State: okchattest.StateClosed,
			CallOptions: okchat.CallOptions{Header: http.Header{"X-Trace": {"42"}}},
		})
		if err != nil {
			t.Fatal(err)
		}
		req := srv.Requests()[0]
		if got := req.Query.Encode(); got != "limit=7&page=2&state="+string(okchattest.StateClosed) {
			t.Errorf("the query is %s", got)
		}
		if req.Key != "right" || req.Header.Get("X-Trace") != "42" || !strings.HasPrefix(req.Header.Get("User-Agent"), "okchat-go/") {
			t.Errorf("the key is %s, the header %v", req.Key, req.Header)
		}
		if page.Metadata.CurrentPage != 2 || page.StatusCode != 200 || page.Tries != 1 || page.Header.Get("Content-Type") == "" || len(page.Body) == 0 {
			t.Errorf("the page is %+v", page.Metadata)
		}
		for _, conv := range page.Items {
			if conv.State != okchattest.StateClosed || conv.State.Valid() {
				t.Errorf("state %s", conv.State)
			}
		}
	})
}

func TestWalksWithOptions(t *testing.T) {
	fake := okchattest.New(synthetic(95)...)
	at := func(i int) okchatapi.Conversation { conv, _ := fake.At(i); return conv }
	tests := []struct {
		name     string
		opts     okchat.ListOptions
		first    int // position of the first conversation
		count    int
		requests int
	}{
		{"all, with the server's page size", okchat.ListOptions{}, 0, 95, 10},
		{"all, in pages of 20", okchat.ListOptions{Limit: 20}, 0, 95, 5},
		{"from page 3 on", okchat.ListOptions{Page: 3, Limit: 20}, 40, 55, 3},
		{"from behind the last page", okchat.ListOptions{Page: 9, Limit: 20}, 0, 0, 1},
		{"at most 1", okchat.ListOptions{MaxItems: 1}, 0, 1, 1},
		{"at most a page", okchat.ListOptions{MaxItems: 10}, 0, 10, 1},
		{"at most a page and one", okchat.ListOptions{MaxItems: 11}, 0, 11, 2},
		{"at most more than there are", okchat.ListOptions{MaxItems: 1000}, 0, 95, 10},
		{"those after the 15th", okchat.ListOptions{CreatedAfter: at(15).CreatedAt}, 0, 15, 2},
		{"those after the newest", okchat.ListOptions{CreatedAfter: at(0).CreatedAt}, 0, 0, 1},
		{"those after long ago", okchat.ListOptions{CreatedAfter: time.Unix(0, 0)}, 0, 95, 10},
		{"read ahead, at most 11", okchat.ListOptions{MaxItems: 11, ReadAhead: 4}, 0, 11, 3},
		{"read ahead, at most 30", okchat.ListOptions{MaxItems: 30, ReadAhead: 4}, 0, 30, 3 + 1},
		{"read ahead, at most more than there are", okchat.ListOptions{MaxItems: 1000, ReadAhead: 4}, 0, 95, 10 + 3},
		{"read ahead, from page 3 on", okchat.ListOptions{Page: 3, ReadAhead: 4}, 20, 75, 8 + 1 + 2},
		{"read ahead, all", okchat.ListOptions{ReadAhead: 4}, 0, 95, 10 + 3},
		{"read ahead, as far as it goes", okchat.ListOptions{ReadAhead: okchat.MaxReadAhead}, 0, 95, 10 + 1},
		{"read ahead, one page", okchat.ListOptions{Limit: 100, ReadAhead: 4}, 0, 95, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			inMemory(t, synthetic(95), nil, func(t *testing.T, srv *okchattest.Server, client *okchat.Client) {
				list, err := ids(t, client, srv.ChatbotID, tt.opts)
				if err != nil {
					t.Fatal(err)
				}
				if len(list) != tt.count || srv.Count() != tt.requests {
					t.Errorf("%d conversations in %d requests, expected %d in %d", len(list), srv.Count(), tt.count, tt.requests)
				}
				for i, id := range list {
					if want := at(tt.first + i).ID.String(); id != want {
						t.Fatalf("conversation %d is not the one at position %d", i, tt.first+i)
					}
				}
			})
		})
	}
}

func TestArgumentsThatAreWrongAreNotSent(t *testing.T) {
	inMemory(t, nil, nil, func(t *testing.T, srv *okchattest.Server, client *okchat.Client) {
		for name, opts := range map[string]okchat.ListOptions{
			"page": {Page: -1}, "limit": {Limit: -1}, "timeout": {CallOptions: okchat.CallOptions{TryTimeout: -1}}, "tries": {CallOptions: okchat.CallOptions{MaxTries: -1}}, "items": {MaxItems: -1},
			"read-ahead": {ReadAhead: -1}, "too much read-ahead": {ReadAhead: okchat.MaxReadAhead + 1},
		} {
			if _, err := ids(t, client, srv.ChatbotID, opts); !errors.Is(err, okchat.ErrArgument) {
				t.Errorf("%s: error %v, expected ErrArgument", name, err)
			}
		}
		for name, opts := range map[string]okchat.PageOptions{
			"page": {Page: -1}, "limit": {Limit: -1}, "timeout": {CallOptions: okchat.CallOptions{TryTimeout: -1}}, "tries": {CallOptions: okchat.CallOptions{MaxTries: -1}},
		} {
			if _, err := client.Page(t.Context(), srv.ChatbotID, opts); !errors.Is(err, okchat.ErrArgument) {
				t.Errorf("%s for one page: error %v, expected ErrArgument", name, err)
			}
		}
		if srv.Count() != 0 {
			t.Errorf("%d requests were sent", srv.Count())
		}
	})
}

func TestEachRangeStartsAnew(t *testing.T) {
	inMemory(t, synthetic(30), nil, func(t *testing.T, srv *okchattest.Server, client *okchat.Client) {
		all := client.Conversations(t.Context(), srv.ChatbotID, okchat.ListOptions{})
		for range 2 {
			n := 0
			for _, err := range all {
				if err != nil {
					t.Fatal(err)
				}
				n++
			}
			if n != 30 {
				t.Errorf("%d conversations, expected 30", n)
			}
		}
	})
}

func TestBreakSendsNothingMore(t *testing.T) {
	for _, readAhead := range []int{1, 4} {
		inMemory(t, append(synthetic(200), okchattest.Latency(time.Second)), nil, func(t *testing.T, srv *okchattest.Server, client *okchat.Client) {
			for range client.Conversations(t.Context(), srv.ChatbotID, okchat.ListOptions{ReadAhead: readAhead}) {
				break
			}
			sent := srv.Count()
			time.Sleep(time.Hour) // a bubble ends only when no goroutine is left
			if readAhead == 1 && sent != 1 || srv.Count() != sent {
				t.Errorf("%d requests, and %d after the break", sent, srv.Count()-sent)
			}
		})
	}
}

func TestReadAheadKeepsToItsNumber(t *testing.T) {
	inMemory(t, append(synthetic(400), okchattest.Latency(20*time.Millisecond)), nil, func(t *testing.T, srv *okchattest.Server, client *okchat.Client) {
		start := time.Now()
		list, err := ids(t, client, srv.ChatbotID, okchat.ListOptions{ReadAhead: 8, Limit: 4})
		if err != nil || len(list) != 400 {
			t.Fatalf("%d conversations, %v", len(list), err)
		}
		// The first page, then 99 in batches of 8, then the last fence.
		if took, want := time.Since(start), (1+13+1)*20*time.Millisecond; took != want {
			t.Errorf("the walk took %v, expected %v", took, want)
		}
		if got := srv.MaxInFlight(); got != 8+1 {
			t.Errorf("%d requests at once, expected 8 and a fence", got)
		}
	})
}

func TestHooksAndLog(t *testing.T) {
	var mu sync.Mutex
	var tries []okchat.TryInfo
	var pages []okchat.PageInfo
	var calls []okchat.CallInfo
	var log strings.Builder
	hooks := okchat.Hooks{
		Try:  func(_ context.Context, i okchat.TryInfo) { mu.Lock(); defer mu.Unlock(); tries = append(tries, i) },
		Page: func(_ context.Context, i okchat.PageInfo) { mu.Lock(); defer mu.Unlock(); pages = append(pages, i) },
		Call: func(_ context.Context, i okchat.CallInfo) { calls = append(calls, i); panic("a hook that panics") },
	}
	opts := []okchat.Option{okchat.WithHooks(hooks), okchat.WithUserAgent("archiver/2"), okchat.WithLogger(slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})))}
	inMemory(t, append(synthetic(25), okchattest.Latency(time.Second)), opts, func(t *testing.T, srv *okchattest.Server, client *okchat.Client) {
		srv.OnPage(2, okchattest.Status(503, "busy", "Retry-After", "3"))
		list, err := ids(t, client, srv.ChatbotID, okchat.ListOptions{})
		if err != nil || len(list) != 25 {
			t.Fatalf("%d conversations, %v", len(list), err)
		}
		if len(tries) != 4 || tries[1].Page != 2 || tries[1].Reason != "status 503" || !tries[1].Retry || tries[1].Delay != 3*time.Second ||
			tries[1].StatusCode != 503 || tries[1].Bytes != 4 || tries[2].Try != 2 || tries[2].Err != nil || tries[2].Duration != time.Second {
			t.Errorf("tries %+v", tries)
		}
		if len(pages) != 3 || pages[1].Tries != 2 || pages[1].Duration != 5*time.Second || pages[2].Items != 5 {
			t.Errorf("pages %+v", pages)
		}
		if len(calls) != 1 || calls[0].Pages != 3 || calls[0].Items != 25 || calls[0].Duration != 7*time.Second || calls[0].Err != nil {
			t.Errorf("calls %+v", calls)
		}
		before := srv.Count()
		if _, err := client.Page(t.Context(), srv.ChatbotID, okchat.PageOptions{}); err != nil || srv.Count() != before+1 {
			t.Error(err)
		}
		if len(calls) != 2 || calls[1].Pages != 1 || calls[1].Items != 10 || calls[1].Duration != time.Second || len(pages) != 4 {
			t.Errorf("after one page, calls %+v", calls)
		}
		if got := strings.Count(log.String(), "\n"); got != 5 || !strings.Contains(log.String(), `level=WARN msg="okchat: request" operation=listConversations page=2 try=1 status=503`) || strings.Contains(log.String(), srv.ChatbotID) {
			t.Errorf("the log is\n%s", log.String())
		}
		if got := srv.Requests()[0].Header.Get("User-Agent"); !strings.HasSuffix(got, " archiver/2") {
			t.Errorf("the user agent is %s", got)
		}
	})
}

func TestOptionsThatCannotBe(t *testing.T) {
	for name, opt := range map[string]okchat.Option{
		"nil": nil, "client": okchat.WithHTTPClient(nil), "transport": okchat.WithTransport(nil), "logger": okchat.WithLogger(nil),
		"user agent": okchat.WithUserAgent("a\r\nb"), "blank user agent": okchat.WithUserAgent(" "), "timeout": okchat.WithTryTimeout(0),
		"body": okchat.WithMaxBody(-1), "retries": okchat.WithRetry(okchat.RetryPolicy{MaxTries: -1}), "URL": okchat.WithBaseURL("://"),
	} {
		if _, err := okchat.New("fake-key", opt); err == nil || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

func TestTheCallersHTTPClientIsUsedForEveryPage(t *testing.T) {
	inMemory(t, synthetic(30), nil, func(t *testing.T, srv *okchattest.Server, _ *okchat.Client) {
		used := 0
		own := &http.Client{Transport: countingTransport{&used, srv.Transport}, Timeout: time.Minute}
		client, err := okchat.New(srv.Key, okchat.WithBaseURL(srv.URL), okchat.WithHTTPClient(own))
		if err != nil {
			t.Fatal(err)
		}
		if list, err := ids(t, client, srv.ChatbotID, okchat.ListOptions{}); err != nil || len(list) != 30 || used != 3 {
			t.Errorf("%d conversations, %v, %d requests through the caller's client", len(list), err, used)
		}
	})
}

type countingTransport struct {
	n    *int
	next http.RoundTripper
}

func (c countingTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	*c.n++
	return c.next.RoundTrip(req)
}

func TestManyGoroutinesShareAClient(t *testing.T) {
	srv := okchattest.NewServer(t, synthetic(50)...)
	client, err := okchat.New(srv.Key, okchat.WithBaseURL(srv.URL))
	if err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			n := 0
			for conv, err := range client.Conversations(t.Context(), srv.ChatbotID, okchat.ListOptions{ReadAhead: 3}) {
				if err != nil {
					t.Error(err)
					return
				}
				if len(conv.Raw()) > 0 {
					n++
				}
			}
			if n != 50 {
				t.Errorf("%d conversations", n)
			}
		})
	}
	group.Wait()
}

func TestConnectionsAreUsedAgain(t *testing.T) {
	inMemory(t, synthetic(100), nil, func(t *testing.T, srv *okchattest.Server, client *okchat.Client) {
		dials, dial := 0, srv.Transport.DialContext
		srv.Transport.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
			dials++
			return dial(ctx, network, addr)
		}
		srv.OnPage(3, okchattest.Status(503, strings.Repeat("busy ", 1000)), okchattest.HTML(502))
		if list, err := ids(t, client, srv.ChatbotID, okchat.ListOptions{}); err != nil || len(list) != 100 || dials != 1 {
			t.Errorf("%d conversations, %v, over %d connections, expected 1", len(list), err, dials)
		}
	})
}
