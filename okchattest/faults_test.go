package okchattest_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/okchat/okchat-go/gen/okchatapi"
	"github.com/okchat/okchat-go/okchattest"
)

func TestEachFaultDoesWhatItSays(t *testing.T) {
	onBoth(t, func(t *testing.T, start func(...okchattest.Option) *okchattest.Server) {
		type answer struct {
			status int
			body   string
			err    error
		}
		ok := func(a answer) bool {
			return a.status == 200 && a.err == nil && strings.Contains(a.body, `"totalCount":30`)
		}
		cut := func(n int) func(answer) bool {
			return func(a answer) bool { return errors.Is(a.err, io.ErrUnexpectedEOF) && len(a.body) == n }
		}
		s := start(okchattest.Synthetic(1, 30))
		s.Transport.DisableKeepAlives = true // so that net/http repeats no request by itself
		_, whole, _ := get(s, "page=2")
		for _, c := range []struct {
			name  string
			fault okchattest.Fault
			want  func(a answer) bool
		}{
			{"nil leaves the answer", nil, ok},
			{"a status with a JSON body", okchattest.Status(429, `{}`), func(a answer) bool { return a.status == 429 && a.body == "{}" }},
			{"HTML", okchattest.HTML(502), func(a answer) bool { return a.status == 502 && strings.Contains(a.body, "<h1>502 Bad Gateway") }},
			{"truncated after 100 bytes", okchattest.Truncate(100), cut(100)},
			{"truncated before the first byte", okchattest.Truncate(-1), cut(0)},
			{"truncated before the last byte at the latest", okchattest.Truncate(1 << 20), cut(len(whole) - 1)},
			{"dropped", okchattest.Drop(), func(a answer) bool { return errors.Is(a.err, io.EOF) }},
			{"reset", okchattest.Reset(), func(a answer) bool { return errors.Is(a.err, syscall.ECONNRESET) }},
			{"garbage", okchattest.Garbage("\x00\x01 garbage\r\n\r\n"), func(a answer) bool { return a.err != nil && strings.Contains(a.err.Error(), "malformed") }},
			{"huge", okchattest.Huge(1 << 20), func(a answer) bool {
				return json.Valid([]byte(a.body)) && len(a.body) >= 1<<20 && len(a.body) < 1<<20+100
			}},
			{"a gzip bomb", okchattest.GzipBomb(1 << 20), func(a answer) bool {
				return json.Valid([]byte(a.body)) && len(a.body) >= 1<<20 && len(a.body) < 1<<20+100
			}},
			{"slow, but whole", okchattest.Slow(1000, time.Microsecond), func(a answer) bool { return a.body == whole && a.err == nil }},
			{"an empty page", okchattest.RowCap(0), func(a answer) bool { return ok(a) && strings.HasPrefix(a.body, `{"data":[],`) }},
			{"at most 4 rows", okchattest.RowCap(4), func(a answer) bool { return ok(a) && strings.Count(a.body, `"voice_path"`) == 4 }},
			{"a row cap above the page", okchattest.RowCap(11), func(a answer) bool { return ok(a) && strings.Count(a.body, `"voice_path"`) == 10 }},
			{"a page repeated", okchattest.RowsOf(func(n int) int { return n - 1 }), func(a answer) bool {
				return ok(a) && strings.Contains(a.body, `"currentPage":2`) && strings.Contains(a.body, row(s, 0)) && strings.Contains(a.body, row(s, 9))
			}},
			{"a page dropped", okchattest.RowsOf(func(n int) int { return n + 1 }), func(a answer) bool {
				return ok(a) && strings.Contains(a.body, `"currentPage":2`) && strings.Contains(a.body, row(s, 20)) && strings.Contains(a.body, row(s, 29))
			}},
			{"a page dropped that another page cannot replace", okchattest.RowsOf(func(int) int { return 0 }), func(a answer) bool { return ok(a) && strings.Contains(a.body, row(s, 10)) }},
			{"a row without a date", okchattest.EditRow(3, func(row map[string]any) { delete(row, "created_at") }), func(a answer) bool {
				return ok(a) && strings.Count(a.body, `"created_at"`) == 9
			}},
			{"rows of another chatbot", okchattest.EditRow(-1, func(row map[string]any) { row["chatbot_id"] = "other" }), func(a answer) bool {
				return ok(a) && strings.Count(a.body, `"chatbot_id":"other"`) == 10
			}},
			{"a row that is not there", okchattest.EditRow(10, func(map[string]any) { t.Error("row 10 of 10 was edited") }), ok},
			{"an edited page", okchattest.EditPage(func(p *okchatapi.ConversationPage) { p.Metadata.TotalCount = 7 }), func(a answer) bool { return strings.Contains(a.body, `"totalCount":7`) }},
			{"edited JSON", okchattest.EditJSON(func(p map[string]any) { delete(p, "metadata"); p["new"] = 1 }), func(a answer) bool {
				return !strings.Contains(a.body, "totalCount") && strings.Contains(a.body, `"new":1`) && strings.Contains(a.body, "voice_path")
			}},
			{"an edited body", okchattest.EditBody(func([]byte) []byte { return []byte("x") }), func(a answer) bool { return a.status == 200 && a.body == "x" && a.err == nil }},
			{"an edit of what is no page", okchattest.Chain(okchattest.RowCap(0), okchattest.HTML(503)), func(a answer) bool { return a.status == 503 && strings.HasPrefix(a.body, "<!DOCTYPE") }},
			{"an edit that is no JSON", okchattest.EditJSON(func(p map[string]any) { p["x"] = func() {} }), func(a answer) bool {
				return a.status == 200 && strings.Contains(a.body, "no JSON: json: unsupported type")
			}},
			{"two edits in a chain", okchattest.Chain(okchattest.RowCap(0), nil, okchattest.EditPage(func(p *okchatapi.ConversationPage) { p.Metadata.CurrentPage = 3 })), func(a answer) bool {
				return strings.HasPrefix(a.body, `{"data":[],`) && strings.Contains(a.body, `"currentPage":3`)
			}},
			{"an empty chain", okchattest.Chain(), ok},
		} {
			s.Next(c.fault)
			var a answer
			a.status, a.body, a.err = get(s, "page=2")
			if !c.want(a) {
				t.Errorf("%s: got %d, %v and %d bytes: %.200s", c.name, a.status, a.err, len(a.body), a.body)
			}
			if a.status, a.body, a.err = get(s, "page=2"); !ok(a) {
				t.Errorf("%s: the next answer is no page but %d, %v: %.200s", c.name, a.status, a.err, a.body)
			}
		}
	})
}

func row(s *okchattest.Server, i int) string {
	c, _ := s.At(i)
	return c.ID.String()
}

func TestTheRateIsLimitedAndTheServersClockMayBeOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := okchattest.NewMemoryServer(t, okchattest.Synthetic(1, 3))
		ask := func() (status int, after string, date time.Time) {
			resp, err := s.Transport.RoundTrip(request(t, s))
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			date, err = http.ParseTime(resp.Header.Get("Date"))
			if err != nil {
				t.Fatal(err)
			}
			return resp.StatusCode, resp.Header.Get("Retry-After"), date
		}
		s.Every(okchattest.Rate(2))
		for i, want := range []int{200, 200, 429, 429} {
			if got, after, _ := ask(); got != want || (after == "1") != (want == 429) {
				t.Errorf("request %d at once: got %d, Retry-After %q, want %d", i+1, got, after, want)
			}
		}
		time.Sleep(500 * time.Millisecond)
		for i, want := range []int{200, 429} {
			if got, _, _ := ask(); got != want {
				t.Errorf("request %d after half a second: got %d, want %d", i+1, got, want)
			}
		}
		time.Sleep(time.Hour)
		s.Every(okchattest.Chain(okchattest.Clock(-2*time.Minute), okchattest.Rate(1)))
		ask()
		status, after, date := ask()
		until, err := http.ParseTime(after)
		if status != 429 || err != nil || until.Sub(date) != time.Second || time.Since(date) < 2*time.Minute {
			t.Errorf("got %d, Date %v, Retry-After %v, want a wait of 1 s by a clock that is 2 min slow", status, date, until)
		}
	})
}

// A write that fails must not be followed by another answer, which net/http would log.
func TestAClientThatGoesAwayIsNoError(t *testing.T) {
	for name, fault := range map[string]okchattest.Fault{"an ordinary answer": nil, "an edited one": okchattest.RowCap(1), "a slow one": okchattest.Slow(10, 0)} {
		fake := okchattest.New(okchattest.Synthetic(1, 30))
		fake.Next(fault)
		r := httptest.NewRequest(http.MethodGet, "/api/external/chatbot/"+fake.ChatbotID+"/conversations", nil)
		r.Header.Set("x-api-key", fake.Key)
		w := &goneClient{header: http.Header{}}
		fake.ServeHTTP(w, r)
		if w.heads > 1 || w.writes == 0 {
			t.Errorf("%s: %d headers and %d writes, want one header at most", name, w.heads, w.writes)
		}
	}
}

type goneClient struct {
	header        http.Header
	heads, writes int
}

func (g *goneClient) Header() http.Header { return g.header }
func (g *goneClient) WriteHeader(int)     { g.heads++ }

func (g *goneClient) Write([]byte) (int, error) {
	if g.writes++; g.heads == 0 {
		g.heads++
	}
	return 0, syscall.EPIPE
}

func TestAStatusCarriesItsHeaders(t *testing.T) {
	s := okchattest.NewServer(t)
	for _, c := range []struct {
		fault  okchattest.Fault
		header string
		want   string
	}{
		{okchattest.Status(503, "", "Retry-After", "7", "X-Request-Id", "r1"), "Retry-After", "7"},
		{okchattest.Status(503, "", "Retry-After", "7", "X-Request-Id", "r1"), "X-Request-Id", "r1"},
		{okchattest.Status(401, `{"error":"no"}`), "Content-Type", "application/json"},
		{okchattest.Status(401, `{}`, "Content-Type", "application/problem+json"), "Content-Type", "application/problem+json"},
		{okchattest.Status(500, `broken`, "a name without a value"), "Content-Type", "text/plain; charset=utf-8"},
		{okchattest.HTML(200), "Content-Type", "text/html; charset=utf-8"},
	} {
		s.Next(c.fault)
		resp, err := s.Transport.RoundTrip(request(t, s))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if got := resp.Header.Get(c.header); got != c.want {
			t.Errorf("%s is %q, want %q", c.header, got, c.want)
		}
	}
}

func request(t *testing.T, s *okchattest.Server) *http.Request {
	t.Helper()
	r, err := http.NewRequest(http.MethodGet, s.URL+"/api/external/chatbot/"+s.ChatbotID+"/conversations", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("x-api-key", s.Key)
	return r
}

func TestScriptsAreTakenInOrderThoseOfAPageFirst(t *testing.T) {
	s := okchattest.NewServer(t, okchattest.Synthetic(1, 30))
	s.Next(okchattest.Status(501, ""), nil)
	s.OnPage(1, okchattest.Status(511, ""))
	s.OnPage(2, okchattest.Status(521, ""), okchattest.Status(522, ""))
	s.Every(okchattest.Status(599, ""))
	for i, c := range []struct {
		query string
		want  int
	}{
		{"page=3", 501}, {"page=2", 521}, {"", 511}, {"page=2", 522}, {"page=2", 200}, {"page=2", 599}, {"page=abc", 599},
	} {
		if status, _, err := get(s, c.query); status != c.want || err != nil {
			t.Errorf("request %d (%q): got %d %v, want %d", i+1, c.query, status, err, c.want)
		}
	}
	s.Every(nil)
	if status, _, _ := get(s, ""); status != 200 || s.Unused() != 0 {
		t.Errorf("got %d with %d unused, want 200 and 0", status, s.Unused())
	}
}

func TestWaitingFaultsTakeVirtualTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := okchattest.NewMemoryServer(t, okchattest.Synthetic(1, 30))
		s.Next(
			okchattest.Delay(time.Minute),
			okchattest.Slow(5, time.Second),
			okchattest.Chain(okchattest.Delay(time.Hour), okchattest.Slow(1, time.Second), okchattest.Status(503, "12345")),
		)
		pieces := func(n int64) time.Duration { return time.Duration((n+4)/5-1) * time.Second }
		for _, c := range []struct {
			head time.Duration
			rest func(n int64) time.Duration
		}{
			{time.Minute, func(int64) time.Duration { return 0 }},
			{0, pieces},
			{time.Hour, func(int64) time.Duration { return 4 * time.Second }},
		} {
			start := time.Now()
			resp, err := s.Transport.RoundTrip(request(t, s))
			if err != nil {
				t.Fatal(err)
			}
			head := time.Since(start)
			n, err := io.Copy(io.Discard, resp.Body)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if rest := time.Since(start) - head; head != c.head || rest != c.rest(n) {
				t.Errorf("the head took %v and the rest %v, want %v and %v", head, rest, c.head, c.rest(n))
			}
		}
	})
}

func TestARequestThatGoesAstrayInMemoryIsSeen(t *testing.T) {
	s := okchattest.NewMemoryServer(t)
	s.Next(okchattest.Status(307, "", "Location", "http://elsewhere.example/x"))
	if _, _, err := get(s, ""); err != nil {
		t.Fatal(err)
	}
	seen := s.Requests()
	if len(seen) != 2 || seen[1].Host != "elsewhere.example" || seen[1].Path != "/x" || seen[1].Key != "right" {
		t.Errorf("got %+v, want the key to have gone to elsewhere.example: net/http forwards it", seen)
	}
}
