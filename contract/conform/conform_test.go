package conform_test

import (
	"bytes"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/okchat/okchat-go/contract"
	"github.com/okchat/okchat-go/contract/conform"
	"github.com/okchat/okchat-go/okchattest"
)

// against runs all expectations against a handler, and returns the codes of those that failed, with their messages.
func against(t *testing.T, handler func(fake *okchattest.Fake) http.Handler) map[contract.Code]string {
	t.Helper()
	rules, err := contract.New()
	if err != nil {
		t.Fatal(err)
	}
	fake := okchattest.New(okchattest.Synthetic(1, 25))
	server := httptest.NewServer(handler(fake))
	t.Cleanup(server.Close)
	failed := make(map[contract.Code]string)
	n := 0
	for e, result := range conform.Run(t.Context(), rules, conform.Target{URL: server.URL, ChatbotID: fake.ChatbotID, Key: fake.Key}) {
		n++
		for _, f := range result.Findings {
			if f.Severity == contract.Violation {
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
	for code, message := range against(t, func(fake *okchattest.Fake) http.Handler { return fake }) {
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
	for code, broken := range map[contract.Code]func(*okchattest.Fake) http.Handler{
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
	} {
		t.Run(string(code), func(t *testing.T) {
			t.Parallel()
			if failed := against(t, broken); failed[code] == "" {
				t.Errorf("expected it to fail, got only %v", failed)
			}
		})
	}
	if n := len(conform.Expectations()); n != 20 {
		t.Errorf("expected a broken server for each of the %d expectations", n)
	}
}

func TestAServerThatIsNotThereHasFindings(t *testing.T) {
	t.Parallel()
	rules, err := contract.New()
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, result := range conform.Run(t.Context(), rules, conform.Target{URL: "http://127.0.0.1:1", ChatbotID: "x", Key: "k", Skip: []contract.Code{"walk"}}) {
		if n++; len(result.Findings) != 1 || !strings.Contains(result.Findings[0].Got, "no answer") {
			t.Errorf("expected to be told that there is no answer, got %v", result.Findings)
		}
	}
	if n != len(conform.Expectations())-1 {
		t.Errorf("expected all but the walk, got %d", n)
	}
}
