package okchat

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

const canary = "canary+fake/key=for&tests"

func TestNewRefusesAKeyThatNoHeaderCarries(t *testing.T) {
	for name, key := range map[string]string{
		"empty": "", "blank": " \t", "with a line feed": "fake\nkey", "with a carriage return": "fake\rkey",
		"with a space behind": "fake ", "with a NUL": "fake\x00", "not ASCII": "schlüssel",
	} {
		_, err := New(key)
		if err == nil {
			t.Errorf("a key that is %s was accepted", name)
		} else if strings.TrimSpace(key) != "" && strings.Contains(err.Error(), key) {
			t.Errorf("the error repeats a key that is %s", name)
		}
	}
}

func TestNewFromEnv(t *testing.T) {
	t.Setenv(EnvKey, testKey)
	t.Setenv(EnvBaseURL, "http://127.0.0.1:9/prefix")
	c, err := NewFromEnv()
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(c); got != "okchat.Client(http://127.0.0.1:9/prefix/)" {
		t.Errorf("the client is %s", got)
	}
	t.Setenv(EnvKey, "")
	if _, err := NewFromEnv(); err == nil {
		t.Error("an empty key from the environment was accepted")
	}
}

func TestTheBaseURLIsHTTPSOrLoopback(t *testing.T) {
	for base, ok := range map[string]bool{
		"https://v2.okchat.ai":         true,
		"https://proxy.example/okchat": true,
		"http://localhost:8080":        true,
		"http://127.0.0.1":             true,
		"http://127.9.9.9:1":           true,
		"http://[::1]:8080":            true,
		"http://v2.okchat.ai":          false,
		"http://10.0.0.1":              false,
		"http://localhost.example":     false,
		"ftp://127.0.0.1":              false,
		"v2.okchat.ai":                 false,
		"https://":                     false,
		"https://user:pw@v2.okchat.ai": false,
		"https://v2.okchat.ai?x=1":     false,
		"https://v2.okchat.ai#top":     false,
		"https://v2.okchat.ai/%zz":     false,
		"":                             false,
	} {
		if _, err := New(testKey, WithBaseURL(base)); (err == nil) != ok {
			t.Errorf("base URL %q: error %v, expected accepted %v", base, err, ok)
		}
	}
}

func TestTheKeyStaysWithItsOrigin(t *testing.T) {
	var strayed []string
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		strayed = append(strayed, r.Header.Get(headerKey))
		w.Header().Set("Content-Type", mediaType)
		_, _ = io.WriteString(w, pageJSON(1, 1))
	}))
	defer other.Close()
	var keys []string
	mux := http.NewServeMux()
	home := httptest.NewServer(mux)
	defer home.Close()
	mux.HandleFunc("/moved/", func(w http.ResponseWriter, r *http.Request) {
		keys = append(keys, r.Header.Get(headerKey))
		w.Header().Set("Content-Type", mediaType)
		_, _ = io.WriteString(w, pageJSON(1, 1))
	})

	t.Run("a redirect to another origin is refused", func(t *testing.T) {
		mux.HandleFunc("/away/", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, other.URL, http.StatusFound) })
		client, err := New(testKey, WithBaseURL(home.URL+"/away"))
		if err != nil {
			t.Fatal(err)
		}
		_, err = client.Page(t.Context(), testBot, PageOptions{})
		var broken *ContractError
		if !errors.As(err, &broken) || broken.Where != "Location header" {
			t.Errorf("error %v, expected a ContractError at the Location header", err)
		}
		if len(strayed) != 0 {
			t.Errorf("the other origin was asked, with the key %v", strayed)
		}
	})
	t.Run("a redirect within the origin is followed with the key", func(t *testing.T) {
		mux.HandleFunc("/near/", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/moved/", http.StatusFound) })
		client, err := New(testKey, WithBaseURL(home.URL+"/near"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := client.Page(t.Context(), testBot, PageOptions{}); err != nil {
			t.Fatal(err)
		}
		if len(keys) != 1 || keys[0] != testKey {
			t.Errorf("the keys that came are %d", len(keys))
		}
	})
	t.Run("a redirect without end ends", func(t *testing.T) {
		n := 0
		mux.HandleFunc("/round/", func(w http.ResponseWriter, r *http.Request) { n++; http.Redirect(w, r, r.URL.Path, http.StatusFound) })
		client, err := New(testKey, WithBaseURL(home.URL+"/round"), WithRetry(RetryPolicy{MaxTries: 1}))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := client.Page(t.Context(), testBot, PageOptions{}); err == nil || n > 11 {
			t.Errorf("error %v after %d requests", err, n)
		}
	})
	t.Run("the transport refuses what reaches it by another way", func(t *testing.T) {
		client, err := New(testKey, WithBaseURL(home.URL))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := client.http.Get(other.URL); err == nil || len(strayed) != 0 {
			t.Errorf("error %v, and the other origin saw %d requests", err, len(strayed))
		}
	})
	t.Run("the caller's own headers cannot name it", func(t *testing.T) {
		client, err := New(testKey)
		if err != nil {
			t.Fatal(err)
		}
		_, err = client.Page(t.Context(), testBot, PageOptions{CallOptions: CallOptions{Header: http.Header{"x-api-key": {"other"}}}})
		if !errors.Is(err, ErrArgument) {
			t.Errorf("error %v, expected ErrArgument", err)
		}
	})
}

// leaky holds what a hostile or careless server may send back with the key in it.
var leaky = map[string]reply{
	"refused with the key in text": func(*http.Request) (*http.Response, error) { return answer(401, "text/plain", "no: "+canary), nil },
	"refused with the key in JSON": func(*http.Request) (*http.Response, error) {
		return answer(401, mediaType, `{"message":"bad `+canary+`"}`), nil
	},
	"refused with the key escaped": func(*http.Request) (*http.Response, error) {
		return answer(403, mediaType, `{"error":{"message":"bad canary\u002bfake\/key=for\u0026tests"}}`), nil
	},
	"refused with the key in pieces": func(*http.Request) (*http.Response, error) {
		return answer(401, "text/plain", "canary+\x00fake/key=\x1bfor&tests"), nil
	},
	"refused with the key as an id":   status(500, "X-Request-Id", canary),
	"rate limited":                    status(429, "Retry-After", "3600"),
	"the key as content type":         body(canary, "{}"),
	"the key in place of a number":    body(mediaType, `{"data":[],"metadata":{"currentPage":"`+canary+`"}}`),
	"the key in place of a time":      body(mediaType, `{"data":[{"created_at":"`+canary+`"}],"metadata":{}}`),
	"the key in place of JSON":        body(mediaType, canary),
	"the key as the page's id":        body(mediaType, `{"data":[{"id":"`+canary+`"}],"metadata":{}}`),
	"the connection fails":            fails(errors.New("dial: refused for " + canary)),
	"the transport tells its headers": fails(fmt.Errorf("malformed response: %w", errors.New("x-api-key: "+canary))),
	"the try times out":               hangs,
	"a redirect with the key":         status(302, "Location", "https://elsewhere.example/?k="+canary),
	"the body breaks off":             breaksOff,
}

func TestTheKeyIsNeverPrinted(t *testing.T) {
	for name, server := range leaky {
		t.Run(name, func(t *testing.T) {
			var text, js, seen bytes.Buffer
			logger := slog.New(slog.NewTextHandler(&text, &slog.HandlerOptions{Level: slog.LevelDebug}))
			client, err := New(canary, WithTransport(roundTrip(server)), WithTryTimeout(time.Millisecond),
				WithRetry(RetryPolicy{MaxTries: 2, BaseDelay: 1, MaxDelay: 1}), WithLogger(logger), WithHooks(Hooks{
					Try:  func(_ context.Context, i TryInfo) { fmt.Fprintf(&seen, "%v %+v %#v", i, i, i) },
					Page: func(_ context.Context, i PageInfo) { fmt.Fprintf(&seen, "%v %+v %#v", i, i, i) },
					Call: func(_ context.Context, i CallInfo) { fmt.Fprintf(&seen, "%v %+v %#v", i, i, i) },
				}))
			if err != nil {
				t.Fatal(err)
			}
			_, err = client.Page(t.Context(), testBot, PageOptions{})
			if err == nil {
				t.Fatal("no error")
			}
			for range client.Pages(t.Context(), testBot, ListOptions{}) {
			}
			for _, v := range append(chain(err), client, client.conf, client.key, *client) {
				fmt.Fprintf(&seen, "%v %+v %#v %q %s %d\n", v, v, v, v, v, v)
				logger.Info("printed", "value", v)
				slog.New(slog.NewJSONHandler(&js, nil)).Info("printed", "value", v)
				encoded, _ := json.Marshal(v)
				seen.Write(encoded)
			}
			func() {
				defer func() { fmt.Fprint(&seen, recover()) }()
				panic(err)
			}()
			for where, out := range map[string]string{"text log": text.String(), "JSON log": js.String(), "print": seen.String()} {
				if strings.Contains(out, canary) || strings.Contains(out, jsonEscape(canary)) {
					t.Errorf("the key is in the %s: %s", where, out)
				}
			}
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("the error is not on one line: %q", err)
			}
		})
	}
}

// chain is err and all that it wraps.
func chain(err error) []any {
	all := []any{err}
	switch e := err.(type) { //nolint:errorlint // this unwraps
	case interface{ Unwrap() error }:
		if inner := e.Unwrap(); inner != nil {
			all = append(all, chain(inner)...)
		}
	case interface{ Unwrap() []error }:
		for _, inner := range e.Unwrap() {
			all = append(all, chain(inner)...)
		}
	}
	return all
}

func TestAChatbotIDThatIsNoneIsNotSent(t *testing.T) {
	client := newTestClient(t, roundTrip(func(*http.Request) (*http.Response, error) {
		t.Error("a request was sent")
		return nil, io.EOF
	}))
	for _, id := range []string{"", ".", "..", "../..", "%2e%2e", "a/b", "{" + testBot + "}", "urn:uuid:" + testBot,
		strings.ReplaceAll(testBot, "-", ""), testBot + "\n", testBot[:35], "5afe16ed-5fd2-4552-a993-903bc9c32bbg"} {
		if _, err := client.Page(t.Context(), id, PageOptions{}); !errors.Is(err, ErrArgument) {
			t.Errorf("chatbot id %q: error %v, expected ErrArgument", id, err)
		}
		for _, err := range client.Conversations(t.Context(), id, ListOptions{}) {
			if !errors.Is(err, ErrArgument) {
				t.Errorf("chatbot id %q: error %v, expected ErrArgument", id, err)
			}
		}
	}
}
