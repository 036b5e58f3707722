package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/okchat/okchat-go/contract"
	"github.com/okchat/okchat-go/contract/finding"
	"github.com/okchat/okchat-go/exchange"
	"github.com/okchat/okchat-go/okchattest"
)

const recorded = "../../contract_test/recordings"

// file writes a file into a folder of its own.
func file(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// exchanges returns how many there are in the folder of recordings, in the words of check.
func exchanges(t *testing.T) string {
	t.Helper()
	n := 0
	names, err := filepath.Glob(filepath.Join(recorded, "*.har"))
	for _, name := range names {
		file, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, err := range exchange.ReadHAR(file, name) {
			if err != nil {
				t.Fatal(err)
			}
			n++
		}
		file.Close()
	}
	if err != nil || n < 2 {
		t.Fatalf("%d exchanges in %s, %v", n, recorded, err)
	}
	return fmt.Sprintf("%d exchanges", n)
}

// page1 is the recorded page with some of its text replaced.
func page1(t *testing.T, oldnew ...string) string {
	t.Helper()
	b, err := os.ReadFile(recorded + "/page-1.har")
	if err != nil {
		t.Fatal(err)
	}
	return strings.NewReplacer(oldnew...).Replace(string(b))
}

func TestCheckingEndsWith0Or1Or2(t *testing.T) {
	noKey(t)
	const url = "https://v2.okchat.ai/api/external/chatbot/5afe16ed-5fd2-4552-a993-903bc9c32bb6/conversations"
	const empty = `{"data":[],"metadata":{"currentPage":1,"pageSize":10,"totalCount":0,"totalPages":0}}`
	drifting := file(t, "drift.har", page1(t, `\"sender_type\": \"bot\"`, `\"sender_type\": \"agent\"`))
	for _, tt := range []struct {
		name string
		args []string
		code int
		says string
	}{
		{"the recordings", []string{"check", recorded}, 0, exchanges(t) + " checked against the contract: 0 violations"},
		{"a violation", []string{"check", file(t, "a.har", page1(t, `\"totalPages\": 2`, `\"totalPages\": 3`))}, 1, "1 violation"},
		{"drift", []string{"check", drifting}, 0, "5 drift"},
		{"drift, strictly", []string{"check", "--strict", drifting}, 1, "5 drift"},
		{"a leak", []string{"check", file(t, "a.har", page1(t, `"_published": true`, `"_published": false`))}, 1, "3 leaks"},
		{"a leak that is switched off", []string{"check", "--off", "leaked-person", file(t, "a.har", page1(t, `"_published": true`, `"_published": false`))}, 0, "0 leaks"},
		{"a rule that is switched off", []string{"check", "--off", "total-pages", file(t, "a.har", page1(t, `\"totalPages\": 2`, `\"totalPages\": 3`))}, 0, "0 violations"},
		{"a code that nobody knows", []string{"check", "--off", "nonsense", recorded}, 2, "total-pages"},
		{"a format that nobody knows", []string{"check", "--format", "yaml", recorded}, 2, "junit"},
		{"nothing to check", []string{"check"}, 2, "--live"},
		{"a file that is not there", []string{"check", "no-such.har"}, 2, "no-such.har"},
		{"a folder without recordings", []string{"check", t.TempDir()}, 2, "*.har"},
		{"a file that is no HAR", []string{"check", file(t, "a.har", "{}")}, 2, "HAR"},
		{"a file that is cut off", []string{"check", file(t, "a.har", page1(t)[:5000])}, 2, "byte 5000"},
		{"another endpoint", []string{"check", file(t, "a.har", page1(t, "/conversations", "/messages"))}, 2, "expected an exchange with GET"},
		{"one broken file among good ones", []string{"check", recorded, file(t, "a.har", "{}")}, 2, exchanges(t)},
		{"a body", []string{"check", "--request", url, file(t, "b.json", empty)}, 0, "1 exchange "},
		{"a body of another page", []string{"check", "--request", url + "?page=2", file(t, "b.json", empty)}, 1, "1 violation"},
		{"an empty body", []string{"check", "--request", url, file(t, "b.json", "")}, 2, "nothing"},
		{"a body of another endpoint", []string{"check", "--request", "https://v2.okchat.ai/", file(t, "b.json", empty)}, 2, "--request"},
		{"live, on the sample", []string{"check", "--live"}, 0, "looked at 2 answers of GET /api/external/chatbot/{chatbotId}/conversations\n"},
		{"live with a path", []string{"check", "--live", recorded}, 2, "--live"},
		{"coverage", []string{"coverage", recorded}, 0, ""},
		{"coverage, enough", []string{"coverage", "--min", "80", recorded}, 0, ""},
		{"coverage, too little", []string{"coverage", "--min", "99", recorded}, 1, "expected at least 99 %"},
		{"coverage of nothing", []string{"coverage"}, 2, "name recordings"},
		{"coverage in no format", []string{"coverage", "--format", "xml", recorded}, 2, "html"},
		{"coverage of a broken file", []string{"coverage", file(t, "a.har", "{}")}, 2, "HAR"},
		{"conform without a URL", []string{"conform"}, 2, "--url"},
		{"conform without a key", []string{"conform", "--url", "http://127.0.0.1:1", "--chatbot", "x"}, 2, "--key-file"},
		{"a proxy to nowhere", []string{"proxy", "--to", "nowhere"}, 2, "--to"},
		{"a recording to nowhere", []string{"record"}, 2, "-o"},
		{"a salt that is too short", []string{"record", "-o", filepath.Join(t.TempDir(), "r.har"), "--salt-file", file(t, "salt", "short")}, 2, "16 bytes"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			code, _, errs := okchatRun(t, 0, tt.args...)
			if code != tt.code || !strings.Contains(errs, tt.says) {
				t.Errorf("expected exit %d and %q, got %d: %s", tt.code, tt.says, code, errs)
			}
		})
	}
}

func TestStandardInputIsChecked(t *testing.T) {
	noKey(t)
	var out, errs bytes.Buffer
	if code := run(t.Context(), []string{"check", "-"}, streams{in: strings.NewReader(page1(t)), out: &out, err: &errs}); code != 0 {
		t.Errorf("exit %d: %s", code, errs.String())
	}
	if code := run(t.Context(), []string{"check", "-"}, streams{in: strings.NewReader(""), out: &out, err: &errs}); code != 2 || !strings.Contains(errs.String(), "standard input: byte 0") {
		t.Errorf("exit %d: %s", code, errs.String())
	}
}

func TestAServerThatConforms(t *testing.T) {
	fake := okchattest.New(okchattest.Synthetic(1, 30), okchattest.Key(secretKey))
	server := httptest.NewServer(fake)
	t.Cleanup(server.Close)
	live(t, "")
	code, _, errs := okchatRun(t, 0, "conform", "--url", server.URL, "--chatbot", fake.ChatbotID, "--skip", "head")
	if code != 0 || strings.Contains(errs, "FAIL") || strings.Contains(errs, " head:") || !strings.Contains(errs, "ok    assumed     limit") {
		t.Errorf("exit %d: %s", code, errs)
	}
	server.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "down", http.StatusServiceUnavailable) })
	code, out, errs := okchatRun(t, 0, "conform", "--url", server.URL, "--chatbot", fake.ChatbotID)
	if code != 1 || !strings.Contains(errs, "FAIL  assumed     limit") || !strings.Contains(out, "got status 503") {
		t.Errorf("exit %d: %s", code, errs)
	}
}

func TestALiveCheckTellsWhatItDidNotLookAt(t *testing.T) {
	fake := okchattest.New(okchattest.Synthetic(1, 30), okchattest.Key(secretKey))
	handler := http.Handler(fake)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { handler.ServeHTTP(w, r) }))
	t.Cleanup(server.Close)
	live(t, server.URL)
	c, err := contract.New()
	if err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"check", "--live", "--require-all", "--chatbot", fake.ChatbotID},
		{"record", "--chatbot", fake.ChatbotID, "-o", filepath.Join(t.TempDir(), "all.har")},
		{"conform", "--require-all", "--chatbot", fake.ChatbotID, "--url", server.URL},
	} {
		code, out, errs := okchatRun(t, 0, args...)
		for _, operation := range c.Operations() {
			if code != 0 || !regexp.MustCompile(`(?m)^looked at [1-9]\d* answers? of `+regexp.QuoteMeta(operation)+`$`).MatchString(errs) {
				t.Errorf("%q: expected a look at %s, got exit %d and\n%s%s", args, operation, code, out, errs)
			}
		}
	}

	// One operation is not there: the others are looked at all the same.
	handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/messages") {
			http.NotFound(w, r)
			return
		}
		fake.ServeHTTP(w, r)
	})
	code, out, errs := okchatRun(t, 0, "check", "--live", "--conversations", "2", "--chatbot", fake.ChatbotID)
	if code != 2 || !strings.Contains(errs, "looked at no answer of GET /api/external/chatbot/{chatbotId}/conversations/{sessionId}/messages\n") ||
		!strings.Contains(errs, "looked at 2 answers of GET /api/external/chatbot/{chatbotId}/conversations/{sessionId}\n") ||
		!strings.Contains(errs, "looked at 1 answer of GET /api/external/chatbots\n") || strings.Count(errs, "404 Not Found") != 2 || !strings.Contains(errs, "; 1 not checked") {
		t.Errorf("exit %d:\n%s%s", code, out, errs)
	}
}

func TestALiveCheckTellsWhyItEnded(t *testing.T) {
	fake := okchattest.New(okchattest.Synthetic(1, 30), okchattest.Key(secretKey))
	var answer func(w http.ResponseWriter)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("page") == "2" && answer != nil {
			answer(w)
			return
		}
		fake.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	live(t, server.URL)
	for name, answers := range map[string]func(w http.ResponseWriter){
		"a redirect elsewhere": func(w http.ResponseWriter) {
			w.Header().Set("Location", "https://elsewhere.example/")
			w.WriteHeader(http.StatusFound)
		},
		"no content":      func(w http.ResponseWriter) { w.WriteHeader(http.StatusNoContent) },
		"partial content": func(w http.ResponseWriter) { w.WriteHeader(http.StatusPartialContent) },
	} {
		answer = answers
		if code, out, errs := okchatRun(t, 0, "check", "--live", "--chatbot", fake.ChatbotID); code != 2 || !strings.Contains(errs, "okchat: page 2: ") {
			t.Errorf("%s: exit %d:\n%s%s", name, code, out, errs)
		}
	}
}

// planted puts secrets in each place of an answer.
func planted(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rec := httptest.NewRecorder()
		next.ServeHTTP(rec, r)
		maps.Copy(w.Header(), rec.Header())
		w.Header().Del("Content-Length")
		w.Header().Set("Set-Cookie", "sid=PLANTED-cookie")
		w.Header().Set("X-Echo", r.Header.Get("x-api-key"))
		w.WriteHeader(rec.Code)
		body := strings.Replace(rec.Body.String(), `"content":"`, `"content":"PLANTED-text me@planted.example +82 10 1234 5678 `+secretKey+` `, 1)
		body = strings.Replace(body, `"active":`, `"PLANTED_member":"PLANTED-value","active":`, 1)
		_, _ = io.WriteString(w, body)
	})
}

// spotless fails if a secret is in one of the texts, by name.
func spotless(t *testing.T, texts map[string]string) {
	t.Helper()
	for name, text := range texts {
		for _, secret := range []string{"PLANTED-", "planted.example", "1234 5678", secretKey} {
			if strings.Contains(text, secret) {
				t.Errorf("%s: a secret is there: %s", name, secret)
			}
		}
	}
}

func TestARecordingHoldsNoSecret(t *testing.T) {
	fake := okchattest.New(okchattest.Synthetic(1, 25), okchattest.Key(secretKey))
	server := httptest.NewServer(planted(fake))
	t.Cleanup(server.Close)
	live(t, server.URL)
	dir := t.TempDir()
	salt, texts := filepath.Join(dir, "salt"), make(map[string]string)
	for _, name := range []string{"one.har", "two.har"} {
		code, out, errs := okchatRun(t, 0, "record", "--chatbot", fake.ChatbotID, "--salt-file", salt, "-o", filepath.Join(dir, name))
		if code != 0 {
			t.Fatalf("exit %d: %s", code, errs)
		}
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		texts[name], texts[name+" out"], texts[name+" err"] = string(b), out, errs
	}
	spotless(t, texts)
	when := regexp.MustCompile(`"startedDateTime": "[^"]*"|"Date",\s*"value": "[^"]*"`)
	if when.ReplaceAllString(texts["one.har"], "") != when.ReplaceAllString(texts["two.har"], "") {
		t.Error("expected two runs with one salt to agree in all but the time")
	}
	// What was there to be found still is, and nothing else.
	code, out, errs := okchatRun(t, 0, "check", filepath.Join(dir, "one.har"))
	if code != 0 || !strings.Contains(out, "drift undocumented-member") || !strings.Contains(errs, " exchanges checked against the contract: 0 violations, ") || !strings.Contains(errs, " 0 leaks") {
		t.Errorf("exit %d: %s%s", code, out, errs)
	}
}

// proxied runs a proxy before a handler until the calls are made, and returns what it printed.
func proxied(t *testing.T, handler http.Handler, calls func(url string), args ...string) (code int, out, errs string) {
	t.Helper()
	server := httptest.NewServer(handler)
	defer server.Close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var stdout bytes.Buffer
	stderr := &lineBuffer{line: make(chan string, 100)}
	var wait sync.WaitGroup
	wait.Go(func() {
		code = run(ctx, append([]string{"proxy", "--to", server.URL, "--addr", "127.0.0.1:0"}, args...), streams{out: &stdout, err: stderr})
	})
	for line := range stderr.line {
		if _, rest, ok := strings.Cut(line, "Forwarding "); ok {
			url, _, _ := strings.Cut(rest, " ")
			calls(url)
			break
		}
	}
	cancel()
	wait.Wait()
	return code, stdout.String(), stderr.String()
}

// lineBuffer hands on each line as it is written.
type lineBuffer struct {
	mu   sync.Mutex
	all  bytes.Buffer
	line chan string
}

func (l *lineBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.line <- string(p)
	return l.all.Write(p)
}

func (l *lineBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all.String()
}

func fetch(t *testing.T, url string, header ...string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	transport := &http.Transport{DisableCompression: true}
	defer transport.CloseIdleConnections()
	resp, err := transport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(body)
}

func TestAProxyForwardsWhatItChecksUnchanged(t *testing.T) {
	noKey(t)
	fake := okchattest.New(okchattest.Synthetic(1, 25), okchattest.Key(secretKey))
	path := "/api/external/chatbot/" + fake.ChatbotID + "/conversations"
	direct := httptest.NewServer(planted(fake))
	defer direct.Close()
	har := filepath.Join(t.TempDir(), "traffic.har")
	code, out, errs := proxied(t, planted(fake), func(url string) {
		for _, page := range []string{"?page=1", "?page=2", "?page=abc"} {
			want, wantBody := fetch(t, direct.URL+path+page, "x-api-key", secretKey)
			got, gotBody := fetch(t, url+path+page, "x-api-key", secretKey)
			if gotBody != wantBody || got.StatusCode != want.StatusCode || got.Header.Get("X-Echo") != secretKey || got.Header.Get("Set-Cookie") == "" {
				t.Errorf("%s: expected the answer unchanged, got %d and %d bytes", page, got.StatusCode, len(gotBody))
			}
		}
		fetch(t, url+"/elsewhere")
	}, "--record", har)
	if code != 1 || !strings.Contains(errs, " 0 leaks; 1 of other endpoints left out") {
		t.Errorf("exit %d: %s%s", code, out, errs)
	}
	b, err := os.ReadFile(har)
	if err != nil {
		t.Fatal(err)
	}
	spotless(t, map[string]string{"recording": string(b), "out": out, "err": errs})
	if code, _, errs := okchatRun(t, 0, "check", har); code != 1 || !strings.Contains(errs, "3 exchanges checked against the contract: 1 violation,") || !strings.Contains(errs, " 0 leaks") {
		t.Errorf("exit %d: %s", code, errs)
	}
}

func TestAProxyRefusesWhatBreaksTheContract(t *testing.T) {
	noKey(t)
	fake := okchattest.New(okchattest.Synthetic(1, 25), okchattest.Key(secretKey))
	path := "/api/external/chatbot/" + fake.ChatbotID + "/conversations"
	fake.OnPage(2, okchattest.EditBody(func(b []byte) []byte { return bytes.Replace(b, []byte(`"totalPages":3`), []byte(`"totalPages":4`), 1) }))
	code, _, errs := proxied(t, fake, func(url string) {
		for query, want := range map[string]struct {
			status int
			says   string
		}{
			"?page=1": {200, `"totalPages":3`}, "?page=2": {502, `"code": "total-pages"`}, "?page=0": {400, `"code": "range"`},
		} {
			resp, body := fetch(t, url+path+query, "x-api-key", secretKey)
			if resp.StatusCode != want.status || !strings.Contains(body, want.says) || strings.Contains(body, secretKey) {
				t.Errorf("%s: expected %d and %s, got %d: %s", query, want.status, want.says, resp.StatusCode, body)
			}
		}
	}, "--refuse")
	if code != 1 || !strings.Contains(errs, "2 violations") {
		t.Errorf("exit %d: %s", code, errs)
	}
}

// TestAProxyPassesWhatIsNotItsBusiness sends what no contract speaks of, with --refuse.
func TestAProxyPassesWhatIsNotItsBusiness(t *testing.T) {
	noKey(t)
	fake := okchattest.New(okchattest.Synthetic(1, 25), okchattest.Key(secretKey))
	path := "/api/external/chatbot/" + fake.ChatbotID + "/conversations"
	var uris []string
	var mu sync.Mutex
	server := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		uris = append(uris, r.RequestURI+" "+r.Header.Get("X-Forwarded-For"))
		mu.Unlock()
		switch {
		case strings.HasPrefix(r.URL.Path, "/bare"):
			w.Header()["Content-Type"], w.Header()["Date"] = nil, nil
			_, _ = io.WriteString(w, "<html>")
		case r.URL.Path == "/upgrade":
			conn, rw, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			defer conn.Close()
			_, _ = rw.WriteString("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
			_ = rw.Flush()
			line, _ := rw.ReadString('\n')
			_, _ = rw.WriteString(line)
			_ = rw.Flush()
		case r.Method == http.MethodOptions:
			w.WriteHeader(http.StatusNoContent)
		default:
			fake.ServeHTTP(w, r)
		}
	})
	code, out, errs := proxied(t, server, func(url string) {
		if resp, body := fetch(t, url+"/bare?a=%zz&b;c", "X-Forwarded-For", "192.0.2.1"); resp.StatusCode != 200 || body != "<html>" || resp.Header["Content-Type"] != nil || resp.Header["Date"] != nil {
			t.Errorf("expected the answer without what it lacks, got %d and %v", resp.StatusCode, resp.Header)
		}
		if resp, _ := fetch(t, url+path+"?state=brand_new", "x-api-key", secretKey); resp.StatusCode != 200 {
			t.Errorf("expected a new value to pass, got %d", resp.StatusCode)
		}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodOptions, url+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Access-Control-Request-Method", "GET")
		req.Header.Set("Origin", "https://a.example")
		resp, err := http.DefaultTransport.RoundTrip(req)
		if err != nil || resp.StatusCode != http.StatusNoContent {
			t.Errorf("expected the preflight to pass, got %v and the error %v", resp, err)
		}
		conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		_, _ = io.WriteString(conn, "GET /upgrade HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
		r := bufio.NewReader(conn)
		if resp, err := http.ReadResponse(r, nil); err != nil || resp.StatusCode != http.StatusSwitchingProtocols {
			t.Fatalf("expected an upgrade, got %v and the error %v", resp, err)
		}
		_, _ = io.WriteString(conn, "hello\n")
		if line, err := r.ReadString('\n'); line != "hello\n" {
			t.Errorf("expected the line back, got %q and the error %v", line, err)
		}
	}, "--refuse")
	if code != 0 || !strings.Contains(errs, "1 exchange checked against the contract: 0 violations") || !strings.Contains(errs, "3 of other endpoints left out") {
		t.Errorf("exit %d: %s%s", code, out, errs)
	}
	if want := "/bare?a=%zz&b;c 192.0.2.1"; !slices.Contains(uris, want) {
		t.Errorf("expected the request %q, got %q", want, uris)
	}
}

// TestAProxyHandsOnWhatHasComeOfASlowAnswer has the server wait with the second piece of an answer of known length until the
// client has the first.
func TestAProxyHandsOnWhatHasComeOfASlowAnswer(t *testing.T) {
	noKey(t)
	read := make(chan struct{})
	server := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "2")
		_, _ = io.WriteString(w, "a")
		_ = http.NewResponseController(w).Flush()
		select {
		case <-read:
			_, _ = io.WriteString(w, "b")
		case <-r.Context().Done():
		case <-time.After(10 * time.Second): // it would wait for ever
		}
	})
	_, _, _ = proxied(t, server, func(url string) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/slow", nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultTransport.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		first := make([]byte, 1)
		if _, err := io.ReadFull(resp.Body, first); err != nil {
			t.Fatalf("expected the first piece before the second is sent, got the error %v", err)
		}
		close(read)
		if rest, err := io.ReadAll(resp.Body); string(first)+string(rest) != "ab" || err != nil {
			t.Errorf("expected both pieces, got %q and the error %v", string(first)+string(rest), err)
		}
	})
}

// TestAProxyRepeatsNoKeyOfAnAnswerThatIsNone sends back the key where no HTTP is.
func TestAProxyRepeatsNoKeyOfAnAnswerThatIsNone(t *testing.T) {
	noKey(t)
	broken := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nX-Echo "+r.Header.Get("x-api-key")+"\r\n\r\n")
		_ = conn.Close()
	})
	code, out, errs := proxied(t, broken, func(url string) {
		if resp, body := fetch(t, url+"/api/external/chatbot/x/conversations", "x-api-key", secretKey); resp.StatusCode != http.StatusBadGateway || strings.Contains(body, secretKey) {
			t.Errorf("expected 502, got %d", resp.StatusCode)
		}
	})
	if code != 2 || !strings.Contains(errs, "is not HTTP") {
		t.Errorf("exit %d: %s", code, errs)
	}
	spotless(t, map[string]string{"out": out, "err": errs})
}

func TestAProxyBeforeADeadServerSaysSo(t *testing.T) {
	noKey(t)
	gone := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	code, _, errs := proxied(t, gone, func(url string) {
		if resp, _ := fetch(t, url+"/api/external/chatbot/x/conversations"); resp.StatusCode != http.StatusBadGateway {
			t.Errorf("expected 502, got %d", resp.StatusCode)
		}
	})
	if code != 2 || !strings.Contains(errs, "no answer from") {
		t.Errorf("exit %d: %s", code, errs)
	}
}

// TestAHandlerUnderWatchAnswersAsBefore is here as the fake server stands for whoever implements the API.
func TestAHandlerUnderWatchAnswersAsBefore(t *testing.T) {
	rules, err := contract.New()
	if err != nil {
		t.Fatal(err)
	}
	fake := okchattest.New(okchattest.Synthetic(1, 25), okchattest.Key(secretKey))
	found := make(chan []finding.Finding, 4)
	server := httptest.NewServer(rules.Handler(fake, func(r *contract.Result) {
		ex, findings := r.Exchange, r.Findings
		if ex.RequestHeader.Get("x-api-key") == secretKey {
			t.Error("the key is in the exchange")
		}
		// The fake has states of its own.
		found <- slices.DeleteFunc(findings, func(f finding.Finding) bool { return f.Severity == finding.Drift })
	}))
	defer server.Close()
	path := "/api/external/chatbot/" + fake.ChatbotID + "/conversations"
	for query, want := range map[string]int{"": 0, "?page=0": 1} {
		fetch(t, server.URL+path+query, "x-api-key", secretKey)
		select {
		case findings := <-found:
			if len(findings) != want {
				t.Errorf("%q: expected %d findings, got %v", query, want, findings)
			}
		case <-time.After(10 * time.Second):
			t.Fatal("no report")
		}
	}
}
