package okchattest_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	okchat "github.com/okchat/okchat-go"
	"github.com/okchat/okchat-go/gen/okchatapi"
	"github.com/okchat/okchat-go/okchattest"
)

// get sends a GET with the right key and returns status, body and error.
func get(s *okchattest.Server, query string) (status int, body string, err error) {
	return send(context.Background(), s, s.ChatbotID, query, s.Key)
}

func send(ctx context.Context, s *okchattest.Server, chatbot, query, key string) (int, string, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL+"/api/external/chatbot/"+chatbot+"/conversations?"+query, nil)
	if err != nil {
		return 0, "", err
	}
	if key != "" {
		r.Header.Set("x-api-key", key)
	}
	resp, err := s.Client().Do(r)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(b), err
}

// page decodes an answer that must be one.
func page(t *testing.T, s *okchattest.Server, query string) *okchatapi.ConversationPage {
	t.Helper()
	r, err := http.NewRequest(http.MethodGet, s.URL+"/api/external/chatbot/"+s.ChatbotID+"/conversations?"+query, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("x-api-key", s.Key)
	resp, err := s.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := okchatapi.ParseListConversationsResponse(resp)
	if err != nil || parsed.JSON200 == nil {
		t.Fatalf("%s: expected a page, got %d %v: %s", query, resp.StatusCode, err, parsed.Body)
	}
	return parsed.JSON200
}

// Each consumer's test is the same over loopback and in memory.
func onBoth(t *testing.T, test func(t *testing.T, start func(...okchattest.Option) *okchattest.Server)) {
	t.Run("over loopback", func(t *testing.T) {
		test(t, func(o ...okchattest.Option) *okchattest.Server { return okchattest.NewServer(t, o...) })
	})
	t.Run("in memory", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			test(t, func(o ...okchattest.Option) *okchattest.Server { return okchattest.NewMemoryServer(t, o...) })
		})
	})
}

func TestTheMetadataIsArithmetic(t *testing.T) {
	onBoth(t, func(t *testing.T, start func(...okchattest.Option) *okchattest.Server) {
		s := start(okchattest.Synthetic(1, 25), okchattest.MaxLimit(20))
		empty := start()
		for _, c := range []struct {
			server      *okchattest.Server
			query       string
			first, rows int
			want        okchatapi.PageMetadata
		}{
			{s, "", 0, 10, okchatapi.PageMetadata{CurrentPage: 1, PageSize: 10, TotalCount: 25, TotalPages: 3}},
			{s, "page=3", 20, 5, okchatapi.PageMetadata{CurrentPage: 3, PageSize: 10, TotalCount: 25, TotalPages: 3}},
			{s, "page=5&limit=5", 20, 5, okchatapi.PageMetadata{CurrentPage: 5, PageSize: 5, TotalCount: 25, TotalPages: 5}},
			{s, "page=4", 0, 0, okchatapi.PageMetadata{CurrentPage: 4, PageSize: 10, TotalCount: 25, TotalPages: 3}},
			{s, "page=9223372036854775807&limit=20", 0, 0, okchatapi.PageMetadata{CurrentPage: 9223372036854775807, PageSize: 20, TotalCount: 25, TotalPages: 2}},
			{s, "limit=9223372036854775807", 0, 20, okchatapi.PageMetadata{CurrentPage: 1, PageSize: 20, TotalCount: 25, TotalPages: 2}},
			{s, "state=nobody_is_here", 0, 0, okchatapi.PageMetadata{CurrentPage: 1, PageSize: 10}},
			{empty, "", 0, 0, okchatapi.PageMetadata{CurrentPage: 1, PageSize: 10}},
			{empty, "page=2&limit=1", 0, 0, okchatapi.PageMetadata{CurrentPage: 2, PageSize: 1}},
		} {
			got := page(t, c.server, c.query)
			if got.Metadata != c.want || len(got.Data) != c.rows || got.Data == nil {
				t.Errorf("%q: got %+v and %d rows, want %+v and %d", c.query, got.Metadata, len(got.Data), c.want, c.rows)
			}
			for i, row := range got.Data {
				if want, _ := c.server.At(c.first + i); row.ID != want.ID || row.ChatbotID.String() != s.ChatbotID {
					t.Errorf("%q: row %d is %v of chatbot %v, want %v of %v", c.query, i, row.ID, row.ChatbotID, want.ID, s.ChatbotID)
				}
			}
		}
		closed := page(t, s, "limit=20&state="+string(okchattest.StateClosed))
		if len(closed.Data) != 6 || closed.Metadata.TotalCount != 6 {
			t.Errorf("%d of %d closed, want 6", len(closed.Data), closed.Metadata.TotalCount)
		}
		for _, c := range closed.Data {
			if c.State != okchattest.StateClosed {
				t.Errorf("the filter let %s through", c.State)
			}
		}
	})
}

func TestARequestThatCannotBeAnsweredIsRefusedInJSON(t *testing.T) {
	s := okchattest.NewServer(t)
	for _, c := range []struct {
		name, chatbot, query, key string
		want                      int
	}{
		{"no key", s.ChatbotID, "", "", 401},
		{"wrong key", s.ChatbotID, "page=0", "fake-but-wrong", 401},
		{"another chatbot", "00000000-0000-4000-8000-000000000000", "", s.Key, 404},
		{"an id that is no UUID", "abc", "", s.Key, 400},
		{"page 0", s.ChatbotID, "page=0", s.Key, 400},
		{"page abc", s.ChatbotID, "page=abc", s.Key, 400},
		{"limit -1", s.ChatbotID, "limit=-1", s.Key, 400},
		{"limit 1.5", s.ChatbotID, "limit=1.5", s.Key, 400},
		{"limit out of range", s.ChatbotID, "limit=99999999999999999999", s.Key, 400},
	} {
		status, body, err := send(context.Background(), s, c.chatbot, c.query, c.key)
		if status != c.want || err != nil || !strings.HasPrefix(body, `{"error":"`) || strings.Contains(body, s.Key) {
			t.Errorf("%s: got %d %s %v, want %d", c.name, status, body, err, c.want)
		}
	}
}

func TestAConversationThatCannotBeWrittenIsA500(t *testing.T) {
	text := ""
	s := okchattest.NewServer(t, okchattest.Conversations(okchatapi.Conversation{
		LastMessage: okchatapi.LastMessage{Text: &text, Message: &okchatapi.MessageSummary{}},
	}))
	if status, body, err := get(s, ""); status != 500 || err != nil || !strings.Contains(body, "LastMessage") {
		t.Errorf("got %d %s %v, want 500 and the reason", status, body, err)
	}
}

func TestTheChatbotCanBeChosen(t *testing.T) {
	id := okchatapi.MessageSummary{}.ID
	id[0] = 7
	s := okchattest.NewServer(t, okchattest.Chatbot(id), okchattest.Synthetic(1, 1))
	if got := page(t, s, "").Data[0].ChatbotID; got != id || s.ChatbotID != id.String() {
		t.Errorf("got %v under %s, want %v", got, s.ChatbotID, id)
	}
}

func TestTheDocumentedCurlIsAnswered(t *testing.T) {
	s := okchattest.NewServer(t, okchattest.Synthetic(1, 1))
	r, err := http.NewRequest(http.MethodGet, s.URL+"/api/external/chatbot/"+s.ChatbotID+"/conversations?page=1&limit=10&state=in_progress", strings.NewReader(`""`))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("x-api-key", s.Key)
	resp, err := s.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "application/json" {
		t.Errorf("got %s, %s", resp.Status, resp.Header.Get("Content-Type"))
	}
}

func TestTheKeyHeaderIsTheContracts(t *testing.T) {
	scheme := regexp.MustCompile(`(?s)type: apiKey\s+in: header\s+name: (\S+)`).FindStringSubmatch(okchat.OpenAPI())
	if scheme == nil {
		t.Fatal("the contract has no key in a header")
	}
	s := okchattest.NewServer(t)
	r, err := http.NewRequest(http.MethodGet, s.URL+"/api/external/chatbot/"+s.ChatbotID+"/conversations", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set(scheme[1], s.Key)
	resp, err := s.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != 200 {
		t.Errorf("the key in the contract's header %s is answered with %s", scheme[1], resp.Status)
	}
}

func TestTheSyntheticPlatformsAreTheContracts(t *testing.T) {
	set := regexp.MustCompile(`(?s)\n    Platform:.*?x-extensible-enum: \[(.*?)\]`).FindStringSubmatch(okchat.OpenAPI())
	if set == nil {
		t.Fatal("the contract lists no platforms")
	}
	var got []string
	for _, c := range page(t, okchattest.NewServer(t, okchattest.Synthetic(1, 100)), "limit=100").Data {
		got = append(got, string(c.Platform))
	}
	slices.Sort(got)
	if got, want := slices.Compact(got), slices.Sorted(strings.SplitSeq(set[1], ", ")); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestTheRequestsAreSeenWithoutTheirKeys(t *testing.T) {
	s := okchattest.NewMemoryServer(t, okchattest.Key("fake-canary"), okchattest.Synthetic(1, 1))
	for _, key := range []string{"fake-canary", "fake-canary-wrong", ""} {
		if _, _, err := send(context.Background(), s, s.ChatbotID, "page=7&limit=3&state=x", key); err != nil {
			t.Fatal(err)
		}
	}
	var keys []string
	for i, r := range s.Requests() {
		keys = append(keys, r.Key)
		if r.N != i+1 || r.Method != "GET" || r.Host != "127.0.0.1:80" || !strings.HasSuffix(r.Path, "/conversations") ||
			r.Query.Get("page") != "7" || r.Query.Get("limit") != "3" || r.Query.Get("state") != "x" ||
			r.Header.Get("User-Agent") == "" || r.Time.IsZero() {
			t.Errorf("request %d was seen as %+v", i+1, r)
		}
	}
	if got := fmt.Sprint(keys); got != "[right wrong absent]" {
		t.Errorf("keys were %s, want right, wrong and absent", got)
	}
	if dump := fmt.Sprintf("%+v", s.Requests()); strings.Contains(dump, "canary") {
		t.Errorf("a key is in the requests: %s", dump)
	}
}

func TestOnlyTheLatestThousandRequestsAreKept(t *testing.T) {
	s := okchattest.NewMemoryServer(t)
	for range 2500 {
		if _, _, err := get(s, ""); err != nil {
			t.Fatal(err)
		}
	}
	seen := s.Requests()
	if s.Count() != 2500 || len(seen) != 1000 || seen[0].N != 1501 || seen[999].N != 2500 {
		t.Errorf("%d counted, %d kept, from %d to %d", s.Count(), len(seen), seen[0].N, seen[len(seen)-1].N)
	}
}

func TestTheHookRunsInOrderBeforeEachAnswer(t *testing.T) {
	var s *okchattest.Server
	var calls []int
	s = okchattest.NewMemoryServer(t, okchattest.Between(func(n int) {
		calls = append(calls, n)
		s.AddNew(1)
	}))
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if _, _, err := get(s, ""); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if got := page(t, s, ""); got.Metadata.TotalCount != 21 || len(calls) != 21 || !slices.IsSorted(calls) {
		t.Errorf("%d conversations after calls %v, want 21", got.Metadata.TotalCount, calls)
	}
}

func TestLatencyAndRequestsAtOnceAreInVirtualTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := okchattest.NewMemoryServer(t, okchattest.Latency(time.Hour))
		start := time.Now()
		var all sync.WaitGroup
		for range 3 {
			all.Go(func() {
				if _, _, err := get(s, ""); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if took := time.Since(start); took != time.Hour || s.MaxInFlight() != 3 {
			t.Errorf("took %v with %d at once, want 1h with 3", took, s.MaxInFlight())
		}
		if _, _, err := get(s, ""); err != nil || s.MaxInFlight() != 3 {
			t.Errorf("%v, %d at once, want 3", err, s.MaxInFlight())
		}
	})
}

// The bubble fails the test when a goroutine outlives it.
func TestClosingEndsWhatIsUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := okchattest.NewMemoryServer(t, okchattest.Synthetic(1, 10))
		s.Next(okchattest.Delay(time.Hour), okchattest.Delay(time.Hour), okchattest.Slow(1, time.Hour), okchattest.Huge(1<<50))
		start := time.Now()
		for _, body := range []string{"", `""`, ""} {
			r := request(t, s)
			r.Body, r.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body))
			go func() {
				resp, err := s.Transport.RoundTrip(r)
				if err == nil {
					_, err = io.ReadAll(resp.Body)
					resp.Body.Close()
				}
				if err == nil {
					t.Error("an answer came through a closed server")
				}
			}()
			synctest.Wait()
		}
		unread, err := s.Transport.RoundTrip(request(t, s))
		if err != nil {
			t.Fatal(err)
		}
		defer unread.Body.Close()
		s.Close()
		s.Close()
		synctest.Wait()
		if took := time.Since(start); took != 0 {
			t.Errorf("closing waited for %v", took)
		}
		if _, _, err := get(s, ""); err == nil || !strings.Contains(err.Error(), "refused") {
			t.Errorf("a closed server answered with %v, want a refused connection", err)
		}
	})
}

func TestADialThatIsCancelledEnds(t *testing.T) {
	s := okchattest.NewMemoryServer(t)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if c, err := s.Transport.DialContext(ctx, "tcp", "x:80"); err == nil {
		c.Close()
	} else if !strings.Contains(err.Error(), "canceled") {
		t.Errorf("got %v", err)
	}
}

// tb stands in for a test that fails.
type tb struct {
	cleanups []func()
	errors   []string
}

func (t *tb) Helper()                      {}
func (t *tb) Cleanup(f func())             { t.cleanups = append(t.cleanups, f) }
func (t *tb) Errorf(f string, args ...any) { t.errors = append(t.errors, fmt.Sprintf(f, args...)) }

func TestAScriptThatIsNotUsedUpFailsTheTest(t *testing.T) {
	for _, c := range []struct {
		requests, want int
	}{{1, 1}, {3, 0}} {
		var fake tb
		s := okchattest.NewMemoryServer(&fake)
		s.Next(nil, okchattest.HTML(502))
		s.OnPage(3, nil)
		for i := range c.requests {
			if _, _, err := get(s, fmt.Sprint("page=", i+1)); err != nil {
				t.Fatal(err)
			}
		}
		for _, f := range fake.cleanups {
			f()
		}
		if len(fake.errors) != c.want {
			t.Errorf("after %d requests: errors %q, want %d", c.requests, fake.errors, c.want)
		}
		if c.want > 0 && !strings.Contains(strings.Join(fake.errors, ""), "2 scripted answers") {
			t.Errorf("got %q", fake.errors)
		}
	}
}
