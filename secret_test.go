package okchat

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
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
	"refused with the key in capitals": func(*http.Request) (*http.Response, error) {
		return answer(401, "text/plain", "no: "+strings.ToUpper(canary)), nil
	},
	"a malformed header in capitals":   fails(fmt.Errorf("malformed MIME header line: %q", strings.ToUpper(canary)+": x")),
	"a malformed header with controls": fails(fmt.Errorf("malformed MIME header: missing colon: %q", "canary+\x00fake/key\x1b=for&tests")),
	"a redirect that does not parse":   status(302, "Location", "http://a b/"+canary),
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
				if low := strings.ToLower(out); strings.Contains(low, canary) || strings.Contains(low, `canary\u002bfake/key=for\u0026tests`) || strings.Contains(low, "canary%2bfake") {
					t.Errorf("the key is in the %s: %s", where, out)
				}
			}
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("the error is not on one line: %q", err)
			}
		})
	}
}

func TestScrubbingFindsTheKeyHoweverItIsWritten(t *testing.T) {
	const key = `Ab+/c"d\e&f<g%2F12`
	tests := []struct{ name, key, text, want string }{
		{"as it is", key, "key " + key + ".", "key [key]."},
		{"in other letters", key, strings.ToUpper(key) + strings.ToLower(key), "[key][key]"},
		{"twice and at the ends", key, key + " x " + key, "[key] x [key]"},
		{"in JSON", key, `{"a":"Ab+/c\"d\\e\u0026f\u003cg%2F12"}`, `{"a":"[key]"}`},
		{"in JSON of another writer", key, `"Ab+\/c\u0022d\u005ce&f<g%2F12"`, `"[key]"`},
		{"in a query", key, "?k=" + url.QueryEscape(key) + "&x=1", "?k=[key]&x=1"},
		{"in a path", key, "/" + url.PathEscape(key) + "/", "/[key]/"},
		{"in a Go string", key, fmt.Sprintf("%q", "x"+key), `"x[key]"`},
		{"in HTML", key, "<b>" + html.EscapeString(key) + "</b>", "<b>[key]</b>"},
		{"interspersed", key, "Ab+\x00/c\"d\\e\\x1b&f<g\\u0000%2F12", "[key]"},
		{"between other letters", key, "키" + key + "입니다", "키[key]입니다"},
		{"not the beginning of it", key, key[:len(key)-1], key[:len(key)-1]},
		{"not a text like it", "fake-key-for-tests", "fake-key for tests, 100% \\x", "fake-key for tests, 100% \\x"},
		{"a short one alone", "abc", `x-api-key: abc, "ABC", abcd, xabc, abc_1, 1abc, abc`, `x-api-key: [key], "[key]", abcd, xabc, abc_1, 1abc, [key]`},
		{"a short one in no word", "e", "the server answered: e", "the server answered: [key]"},
		{"no text", key, "", ""},
	}
	for _, tt := range tests {
		if got := (secret{func() string { return tt.key }}).scrub(tt.text); got != tt.want {
			t.Errorf("%s: %q is scrubbed to %q, expected %q", tt.name, tt.text, got, tt.want)
		}
	}
}

func TestAnEchoOfTheKeyThatIsCutIsNotShown(t *testing.T) {
	for _, shown := range []int{8, 20, len(canary) - 1} {
		for name, server := range map[string]roundTrip{
			"a body that is too long for an error": func(*http.Request) (*http.Response, error) {
				return answer(400, "text/plain", strings.Repeat(" ", maxErrorBody-shown)+canary), nil
			},
			"a body that breaks off": func(*http.Request) (*http.Response, error) {
				resp := answer(400, "text/plain", "")
				resp.Body = io.NopCloser(io.MultiReader(strings.NewReader(canary[:shown]), brokenReader{}))
				return resp, nil
			},
		} {
			client, err := New(canary, WithTransport(server), WithRetry(RetryPolicy{MaxTries: 1}))
			if err != nil {
				t.Fatal(err)
			}
			_, err = client.Page(t.Context(), testBot, PageOptions{})
			if said := fmt.Sprintf("%v %+v", err, err); err == nil || strings.Contains(strings.ToLower(said), canary[:8]) {
				t.Errorf("%s, %d of it: %s", name, shown, said)
			}
		}
	}
}

func FuzzScrub(f *testing.F) {
	f.Add("a fake-key-for-tests b", uint8(0))
	f.Add("%66ake-\\u006bey-for-tests", uint8(3))
	f.Fuzz(func(t *testing.T, text string, _ uint8) {
		k := secret{func() string { return testKey }}
		got := k.scrub(text)
		if low := strings.ToLower(got); strings.Contains(low, testKey) {
			t.Errorf("%q is scrubbed to %q", text, got)
		}
		if !strings.Contains(got, scrubbed) && got != text {
			t.Errorf("%q is garbled to %q", text, got)
		}
	})
}

func TestPlainHTTPGoesThroughNoProxy(t *testing.T) {
	everywhere := onlyHTTPS(func(*http.Request) (*url.URL, error) { return url.Parse("http://proxy.example:1") })
	for base, proxied := range map[string]bool{
		"http://LOCALHOST:1": false, "http://localhost:1": false, "http://127.0.0.1:1": false, "http://[::1]:1": false, "HTTP://Localhost": false,
		"https://V2.OKChat.ai": true, "HTTPS://localhost": true,
	} {
		client, err := New(testKey, WithBaseURL(base))
		if err != nil {
			t.Fatal(err)
		}
		if host := client.conf.baseURL.Host; host != strings.ToLower(host) {
			t.Errorf("%s: the host is %s", base, host)
		}
		if proxy, err := everywhere(&http.Request{URL: client.conf.baseURL}); (proxy != nil) != proxied || err != nil {
			t.Errorf("%s goes through %v, %v", base, proxy, err)
		}
	}
	if proxy, err := onlyHTTPS(nil)(&http.Request{URL: &url.URL{Scheme: "https"}}); proxy != nil || err != nil {
		t.Errorf("without a proxy through %v, %v", proxy, err)
	}
}

func TestTheOwnTransportSendsPlainHTTPDirectly(t *testing.T) {
	before := http.DefaultTransport
	defer func() { http.DefaultTransport = before }()
	http.DefaultTransport = &http.Transport{Proxy: func(*http.Request) (*url.URL, error) { return url.Parse("http://proxy.example:1") }}
	if proxy, err := newTransport().Proxy(&http.Request{URL: &url.URL{Scheme: "http", Host: "localhost"}}); proxy != nil || err != nil {
		t.Errorf("through %v, %v", proxy, err)
	}
}

func TestOnlyRequestsThatReadAreSent(t *testing.T) {
	sent := 0
	client := newTestClient(t, roundTrip(func(req *http.Request) (*http.Response, error) { sent++; return succeeds(req) }))
	for method, ok := range map[string]bool{"": true, "GET": true, "HEAD": true, "get": false, "POST": false, "DELETE": false, "OPTIONS": false, "CONNECT": false, "G\nET": false} {
		closed := &closeRecorder{}
		req := &http.Request{Method: method, URL: client.conf.baseURL, Header: http.Header{}, Body: closed}
		before := sent
		_, err := client.http.Transport.RoundTrip(req)
		if (err == nil) != ok || (sent > before) != ok || !ok && !closed.closed || err != nil && strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: error %v, sent %v, body closed %v", method, err, sent > before, closed.closed)
		}
	}
}

type closeRecorder struct{ closed bool }

func (*closeRecorder) Read([]byte) (int, error) { return 0, io.EOF }
func (c *closeRecorder) Close() error           { c.closed = true; return nil }

func TestABaseURLWithAPathIsAPrefix(t *testing.T) {
	for base, want := range map[string]string{
		"https://proxy.example": "/", "https://proxy.example/": "/", "https://proxy.example/okchat": "/okchat/", "https://proxy.example/a/b/": "/a/b/",
		"https://proxy.example/a%20b": "/a%20b/", "https://proxy.example/a%2Fb": "/a%2Fb/",
	} {
		got := ""
		client := newTestClient(t, roundTrip(func(req *http.Request) (*http.Response, error) { got = req.URL.EscapedPath(); return succeeds(req) }), WithBaseURL(base))
		if _, err := client.Page(t.Context(), testBot, PageOptions{}); err != nil || got != want+"api/external/chatbot/"+testBot+"/conversations" {
			t.Errorf("%s: the path is %s, %v", base, got, err)
		}
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
