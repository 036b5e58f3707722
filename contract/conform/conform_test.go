package conform_test

import (
	"bytes"
	"errors"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/okchat/okchat-go"
	"github.com/okchat/okchat-go/contract"
	"github.com/okchat/okchat-go/contract/conform"
	"github.com/okchat/okchat-go/contract/finding"
	"github.com/okchat/okchat-go/okchattest"
)

// against runs all expectations against a handler, and returns the codes of those that failed, with their messages.
func against(t *testing.T, base string, handler func(fake *okchattest.Fake) http.Handler) map[finding.Code]string {
	t.Helper()
	rules, err := contract.New()
	if err != nil {
		t.Fatal(err)
	}
	fake := okchattest.New(okchattest.Synthetic(1, 25))
	server := httptest.NewServer(handler(fake))
	t.Cleanup(server.Close)
	failed := make(map[finding.Code]string)
	n := 0
	for v := range conform.Run(t.Context(), rules, conform.Target{URL: server.URL + base, ChatbotID: fake.ChatbotID, Key: fake.Key}) {
		n++
		if v.Err != nil {
			t.Fatal(v.Err)
		}
		e := v.Expectation
		for _, f := range v.Result.Findings {
			if f.Severity == finding.Violation {
				failed[e.Code] += f.Message() + "\n"
			}
			if strings.Contains(f.String(), fake.Key) {
				t.Errorf("the key is in %s", f)
			}
		}
	}
	if n != len(conform.Expectations()) {
		t.Errorf("expected %d expectations, got %d", len(conform.Expectations()), n)
	}
	return failed
}

func TestTheFakeServerConforms(t *testing.T) {
	t.Parallel()
	for code, message := range against(t, "", func(fake *okchattest.Fake) http.Handler { return fake }) {
		t.Errorf("%s: %s", code, message)
	}
}

// edited passes the answer on with its body changed.
func edited(next http.Handler, edit func(body string) string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rec := httptest.NewRecorder()
		next.ServeHTTP(rec, r)
		maps.Copy(w.Header(), rec.Header())
		w.Header().Del("Content-Length")
		w.WriteHeader(rec.Code)
		_, _ = io.WriteString(w, edit(rec.Body.String()))
	})
}

// TestEachExpectationCatchesAServerThatDoesNotMeetIt breaks the fake server in one way each.
func TestEachExpectationCatchesAServerThatDoesNotMeetIt(t *testing.T) {
	t.Parallel()
	// forget drops a query parameter, as a server that does not know it.
	forget := func(name string) func(*okchattest.Fake) http.Handler {
		return func(fake *okchattest.Fake) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				q := r.URL.Query()
				q.Del(name)
				r.URL.RawQuery = q.Encode()
				fake.ServeHTTP(w, r)
			})
		}
	}
	// when answers 500 where a request fits.
	when := func(fits func(r *http.Request) bool) func(*okchattest.Fake) http.Handler {
		return func(fake *okchattest.Fake) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if fits(r) {
					http.Error(w, "crashed", http.StatusInternalServerError)
					return
				}
				fake.ServeHTTP(w, r)
			})
		}
	}
	parameter := func(name, v string) func(r *http.Request) bool {
		return func(r *http.Request) bool { return r.URL.Query().Get(name) == v }
	}
	anyKey := func(fake *okchattest.Fake) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			r.Header.Set("x-api-key", fake.Key)
			fake.ServeHTTP(w, r)
		})
	}
	anyChatbot := func(fake *okchattest.Fake) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			r.URL.Path = "/api/external/chatbot/" + fake.ChatbotID + "/conversations"
			r.URL.RawPath = ""
			fake.ServeHTTP(w, r)
		})
	}
	anyMethod := func(fake *okchattest.Fake) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			r.Method = http.MethodGet
			fake.ServeHTTP(w, r)
		})
	}
	// onlyOn breaks the paths that contain a text.
	onlyOn := func(part string, broken func(*okchattest.Fake) http.Handler) func(*okchattest.Fake) http.Handler {
		return func(fake *okchattest.Fake) http.Handler {
			odd := broken(fake)
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if strings.Contains(r.URL.Path, part) {
					odd.ServeHTTP(w, r)
					return
				}
				fake.ServeHTTP(w, r)
			})
		}
	}
	anyConversation := func(fake *okchattest.Fake) http.Handler {
		first, _ := fake.At(0)
		for i := 1; len(fake.Messages(first.ID)) == 0; i++ {
			first, _ = fake.At(i)
		}
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if before, after, ok := strings.Cut(r.URL.Path, "/conversations/"); ok {
				_, rest, messages := strings.Cut(after, "/")
				r.URL.Path, r.URL.RawPath = before+"/conversations/"+first.ID.String(), ""
				if messages {
					r.URL.Path += "/" + rest
				}
			}
			fake.ServeHTTP(w, r)
		})
	}
	broken := map[finding.Code]func(*okchattest.Fake) http.Handler{
		"first-page": func(fake *okchattest.Fake) http.Handler {
			return edited(fake, func(b string) string { return strings.Replace(b, `"currentPage":1`, `"currentPage":0`, 1) })
		},
		"documented-call": when(func(r *http.Request) bool {
			body, _ := io.ReadAll(r.Body)
			r.Body = io.NopCloser(bytes.NewReader(body))
			return len(body) > 0
		}),
		"page": forget("page"), "limit": forget("limit"), "state": when(parameter("state", "in_progress")),
		"unknown-state": forget("state"), "page-past-the-end": forget("page"),
		"wrong-page-zero": when(parameter("page", "0")), "wrong-page-negative": when(parameter("page", "-1")),
		"wrong-page-word": when(parameter("page", "abc")), "wrong-limit-zero": when(parameter("limit", "0")),
		"wrong-limit-word": when(parameter("limit", "abc")), "unknown-parameter": when(parameter("unheard_of", "1")),
		"no-key": anyKey, "wrong-key": anyKey, "unknown-chatbot": anyChatbot, "wrong-chatbot-id": anyChatbot,
		"head":         when(func(r *http.Request) bool { return r.Method == http.MethodHead }),
		"other-method": anyMethod,
		"walk": func(fake *okchattest.Fake) http.Handler {
			return edited(fake, func(b string) string { return strings.Replace(b, `"totalCount":25`, `"totalCount":26`, 1) })
		},
		"conversation": onlyOn("/conversations/", func(fake *okchattest.Fake) http.Handler {
			return edited(fake, func(b string) string { return strings.Replace(b, `"id":"`, `"id":"0000`, 1) })
		}),
		"conversation-no-key":            onlyOn("/conversations/", anyKey),
		"unknown-conversation":           anyConversation,
		"wrong-conversation-id":          anyConversation,
		"messages":                       when(func(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, "/messages") && r.URL.RawQuery == "" }),
		"messages-limit":                 onlyOn("/messages", forget("limit")),
		"messages-no-key":                onlyOn("/messages", anyKey),
		"messages-unknown-conversation":  anyConversation,
		"messages-wrong-conversation-id": anyConversation,
		"messages-walk": onlyOn("/messages", func(fake *okchattest.Fake) http.Handler {
			return edited(fake, func(b string) string { return strings.Replace(b, `"totalCount":`, `"totalCount":1`, 1) })
		}),
		"chatbots":        onlyOn("/chatbots", when(func(*http.Request) bool { return true })),
		"chatbots-no-key": onlyOn("/chatbots", anyKey),
	}
	for _, e := range conform.Expectations() {
		t.Run(string(e.Code), func(t *testing.T) {
			t.Parallel()
			if broken[e.Code] == nil {
				t.Fatal("expected a server that is broken in this way")
			}
			if failed := against(t, "", broken[e.Code]); failed[e.Code] == "" {
				t.Errorf("expected it to fail, got only %v", failed)
			}
		})
	}
}

func TestWhatCannotBeAskedForIsNotChecked(t *testing.T) {
	t.Parallel()
	rules, err := contract.New()
	if err != nil {
		t.Fatal(err)
	}
	fake := okchattest.New()
	server := httptest.NewServer(fake)
	t.Cleanup(server.Close)
	asked, not := 0, 0
	for v := range conform.Run(t.Context(), rules, conform.Target{URL: server.URL, ChatbotID: fake.ChatbotID, Key: fake.Key}) {
		switch {
		case v.Err != nil || len(v.Result.Findings) > 0:
			t.Errorf("%s: %v, %+v", v.Expectation.Code, v.Err, v.Result)
		case v.Result.Outcome == contract.NotChecked:
			not++
		default:
			asked++
		}
	}
	if all := len(conform.Expectations()); not < 5 || asked+not != all {
		t.Errorf("expected those of one conversation not to be checked, got %d of %d", not, all)
	}
}

func TestAnAnswerThatCannotBeCheckedIsReported(t *testing.T) {
	t.Parallel()
	rules, err := contract.New()
	if err != nil {
		t.Fatal(err)
	}
	fake := okchattest.New()
	for name, handler := range map[string]http.HandlerFunc{
		"not modified": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotModified) },
		"an unknown encoding": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "compress")
			_, _ = w.Write([]byte("x"))
		},
	} {
		server := httptest.NewServer(handler)
		t.Cleanup(server.Close)
		for v := range conform.Run(t.Context(), rules, conform.Target{URL: server.URL, ChatbotID: fake.ChatbotID, Key: fake.Key}) {
			if v.Result == nil || v.Result.Call() == "" {
				t.Errorf("%s, %s: expected the call, got %+v", name, v.Expectation.Code, v)
			}
		}
	}
}

func TestAnOperationThatTheContractLacksIsNotChecked(t *testing.T) {
	t.Parallel()
	rules, err := contract.Parse([]byte(strings.Replace(okchat.OpenAPI(), "operationId: listChatbots", "operationId: other", 1)), "own.yaml")
	if err != nil {
		t.Fatal(err)
	}
	fake := okchattest.New(okchattest.Synthetic(1, 3))
	server := httptest.NewServer(fake)
	t.Cleanup(server.Close)
	not := 0
	for v := range conform.Run(t.Context(), rules, conform.Target{URL: server.URL, ChatbotID: fake.ChatbotID, Key: fake.Key}) {
		if v.Err != nil || v.Result.Outcome != contract.NotChecked {
			continue
		}
		if not++; !strings.Contains(v.Result.Reason, "listChatbots") || !strings.HasPrefix(string(v.Expectation.Code), "chatbots") {
			t.Errorf("expected those of listChatbots not to be checked, got %s: %s", v.Expectation.Code, v.Result.Reason)
		}
	}
	if not == 0 {
		t.Error("expected some not to be checked")
	}
}

func TestAServerBelowAPathConforms(t *testing.T) {
	t.Parallel()
	for code, message := range against(t, "/okchat/v1", func(fake *okchattest.Fake) http.Handler { return http.StripPrefix("/okchat/v1", fake) }) {
		t.Errorf("%s: %s", code, message)
	}
}

// TestARateLimitIsNoVerdict has the server refuse every second request.
func TestARateLimitIsNoVerdict(t *testing.T) {
	t.Parallel()
	for name, header := range map[string]http.Header{
		"seconds": {"Retry-After": {"0"}},
		"a date":  {"Retry-After": {"Sat, 29 Mar 2025 05:30:01 GMT"}, "Date": {"Sat, 29 Mar 2025 05:30:01 GMT"}},
	} {
		var n atomic.Int64
		for code, message := range against(t, "", func(fake *okchattest.Fake) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if n.Add(1)%2 == 1 {
					maps.Copy(w.Header(), header)
					w.WriteHeader(http.StatusTooManyRequests)
					return
				}
				fake.ServeHTTP(w, r)
			})
		}) {
			t.Errorf("%s: %s: %s", name, code, message)
		}
	}
}

// verdicts runs against a transport in virtual time.
func verdicts(t *testing.T, target conform.Target, transport roundTripper) (list []conform.Verdict) {
	t.Helper()
	rules, err := contract.New()
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		target.URL, target.ChatbotID, target.Key, target.Transport = "https://server.example", "5afe16ed-5fd2-4552-a993-903bc9c32bb6", "a-key-0123456789", transport
		for v := range conform.Run(t.Context(), rules, target) {
			list = append(list, v)
			if v.Err != nil && strings.Contains(v.Err.Error(), "a-key") {
				t.Errorf("the key is in %v", v.Err)
			}
		}
	})
	return list
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

func hang(req *http.Request) (*http.Response, error) {
	<-req.Context().Done()
	return nil, req.Context().Err()
}

func status(code int) roundTripper {
	return func(req *http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: code, Header: http.Header{}, Body: io.NopCloser(strings.NewReader("")), Request: req}, nil
	}
}

func TestAServerThatIsNotThereEndsTheRun(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		transport roundTripper
		says      string
	}{
		"it hangs": {hang, "it did not answer in time"},
		"nobody listens": {func(*http.Request) (*http.Response, error) {
			return nil, &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}
		}, "connection refused"},
		"it echoes the key": {func(*http.Request) (*http.Response, error) {
			return nil, errors.New("malformed MIME header line: a-key-0123456789")
		}, "not HTTP"},
		"it limits every one": {status(http.StatusTooManyRequests), "429 again and again"},
	} {
		list := verdicts(t, conform.Target{}, test.transport)
		if len(list) == 0 || list[0].Err == nil || !strings.Contains(list[0].Err.Error(), test.says) || list[0].Result != nil {
			t.Errorf("%s: expected no verdict as %s, got %+v", name, test.says, list)
		}
		if len(list) > 1 && name != "it limits every one" {
			t.Errorf("%s: expected the run to end, got %d verdicts", name, len(list))
		}
	}
}

func TestARunEndsAtItsDeadline(t *testing.T) {
	t.Parallel()
	n := 0
	list := verdicts(t, conform.Target{Deadline: time.Minute, Timeout: 25 * time.Second}, func(req *http.Request) (*http.Response, error) {
		if n++; n == 1 {
			return status(http.StatusInternalServerError)(req)
		}
		return hang(req)
	})
	last := list[len(list)-1]
	if len(list) != 4 || last.Err == nil || !strings.Contains(last.Err.Error(), "longer than it may") {
		t.Errorf("expected a status, two that hang and the end, got %d verdicts and %v", len(list), last.Err)
	}
	if hung := list[1]; hung.Err != nil || len(hung.Result.Findings) != 1 || !strings.Contains(hung.Result.Findings[0].Got, "no answer") {
		t.Errorf("expected a finding about one that hangs, got %+v", hung)
	}
}
