package exchange_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/okchat/okchat-go/exchange"
)

// captured collects exchanges.
type captured chan *exchange.Exchange

func (c captured) capture() *exchange.Capture {
	return &exchange.Capture{
		Take: func(ex *exchange.Exchange) { c <- ex }, KeyHeaders: []string{"x-api-key"}, MaxBody: 1 << 16,
		KeepBody: func(req *http.Request) bool { return req.URL.Path != "/foreign" },
	}
}

// next returns the next exchange.
func (c captured) next(t *testing.T) *exchange.Exchange {
	t.Helper()
	select {
	case ex := <-c:
		return ex
	case <-time.After(10 * time.Second):
		t.Fatal("expected an exchange, got none")
		return nil
	}
}

// answer returns an answer as a client sees it.
func answer(t *testing.T, handler http.Handler, method, path string) string {
	t.Helper()
	server := httptest.NewUnstartedServer(handler)
	server.Config.ErrorLog = nil
	server.Start()
	defer server.Close()
	req, err := http.NewRequestWithContext(t.Context(), method, server.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept-Encoding", "identity")
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return "no answer"
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	resp.Header.Del("Date")
	return fmt.Sprint(resp.Status, resp.Header, resp.Trailer, resp.ContentLength, string(body), err)
}

// TestAHandlerAnswersAsBefore compares what clients see with and without the capture, and what was captured with both.
func TestAHandlerAnswersAsBefore(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name    string
		handler http.HandlerFunc
		method  string
		want    string // the captured status, content type, reason and length of the body
	}{
		{"JSON", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, page)
		}, "GET", "200 application/json  40"},
		{"a content type that net/http finds", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>") }, "GET", "200 text/html; charset=utf-8  6"},
		{"one that it finds in two writes", func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "<")
			_, _ = io.WriteString(w, "html>")
		}, "GET", "200 text/html; charset=utf-8  6"},
		{"one that it finds before a flush", func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "<")
			w.(http.Flusher).Flush()
			_, _ = io.WriteString(w, "html>")
		}, "GET", "200 text/plain; charset=utf-8  6"},
		{"no content type by wish", func(w http.ResponseWriter, _ *http.Request) {
			w.Header()["Content-Type"] = nil
			_, _ = io.WriteString(w, page)
		}, "GET", "200   40"},
		{"an encoding without a content type", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = w.Write(compressed(t, "gzip", page))
		}, "GET", fmt.Sprint("200   ", len(compressed(t, "gzip", page)))},
		{"a status before the body", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusTeapot)
			_, _ = io.WriteString(w, "x")
		}, "GET", "418 text/plain; charset=utf-8  1"},
		{"hints before the answer", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Link", "</a>")
			w.WriteHeader(http.StatusEarlyHints)
			_, _ = io.WriteString(w, "x")
		}, "GET", "200 text/plain; charset=utf-8  1"},
		{"nothing", func(http.ResponseWriter, *http.Request) {}, "GET", "200   0"},
		{"an empty write", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(nil) }, "GET", "200   0"},
		{"HEAD", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, page) }, "HEAD", "200   0"},
		{"not modified", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotModified) }, "GET", "304   0"},
		{"a trailer", func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, page)
			w.Header().Set(http.TrailerPrefix+"X-T", "1")
		}, "GET", "200 text/plain; charset=utf-8  40"},
		{"a reader", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.(io.ReaderFrom).ReadFrom(strings.NewReader(page))
		}, "GET", "200 application/json  40"},
		{"a part of a file", func(w http.ResponseWriter, r *http.Request) {
			r.Header.Set("Range", "bytes=0-9")
			http.ServeContent(w, r, "x.json", time.Time{}, strings.NewReader(page))
		}, "GET", "206 application/json  10"},
		{"more than is kept", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, 1<<20)) }, "GET",
			"200 application/octet-stream " + string(exchange.TooLarge) + " 0"},
		{"a panic", func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "half")
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		}, "GET", "200 text/plain; charset=utf-8 " + string(exchange.Cut) + " 4"},
		{"a panic before all", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "GET", "0  " + string(exchange.NoAnswer) + " 0"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			taken := make(captured, 1)
			want, got := answer(t, test.handler, test.method, "/"), answer(t, taken.capture().Handler(test.handler), test.method, "/")
			if got != want {
				t.Errorf("expected the answer\n%s, got\n%s", want, got)
			}
			ex := taken.next(t)
			if got := fmt.Sprint(ex.Status, " ", ex.ResponseHeader.Get("Content-Type"), " ", string(ex.Unread), " ", len(ex.ResponseBody)); got != test.want {
				t.Errorf("expected the exchange %q, got %q", test.want, got)
			}
		})
	}
	taken := make(captured, 1)
	answer(t, taken.capture().Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.Copy(w, strings.NewReader(page))
	})), "GET", "/foreign")
	if ex := taken.next(t); ex.Unread != exchange.NotRecorded || len(ex.ResponseBody) != 0 {
		t.Errorf("expected no body of another path, got %d bytes and %q", len(ex.ResponseBody), ex.Unread)
	}
}

// echo hijacks the connection and sends back what comes.
func echo(w http.ResponseWriter, _ *http.Request) {
	conn, rw, err := w.(http.Hijacker).Hijack()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	defer conn.Close()
	fmt.Fprint(rw, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
	_ = rw.Flush()
	line, _ := rw.ReadString('\n')
	fmt.Fprint(rw, line)
	_ = rw.Flush()
}

// TestAnUpgradePasses speaks another protocol through both captures.
func TestAnUpgradePasses(t *testing.T) {
	t.Parallel()
	served, sent := make(captured, 1), make(captured, 1)
	server := httptest.NewServer(served.capture().Handler(http.HandlerFunc(echo)))
	defer server.Close()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Connection", "Upgrade")
	req.Header.Set("Upgrade", "echo")
	resp, err := sent.capture().Transport(nil).RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	conn, ok := resp.Body.(io.ReadWriteCloser)
	if !ok {
		t.Fatal("expected a body that can be written to")
	}
	defer conn.Close()
	fmt.Fprintln(conn, "hello")
	if line, err := bufio.NewReader(conn).ReadString('\n'); line != "hello\n" {
		t.Errorf("expected the line back, got %q and the error %v", line, err)
	}
	for _, ex := range []*exchange.Exchange{served.next(t), sent.next(t)} {
		if ex.Status != http.StatusSwitchingProtocols || ex.Unread != exchange.Upgraded {
			t.Errorf("expected an upgrade, got status %d and %q", ex.Status, ex.Unread)
		}
	}
}

// TestABodyIsCapturedAsFarAsItWasRead reads answers in the ways of many clients.
func TestABodyIsCapturedAsFarAsItWasRead(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/chunked" {
			w.(http.Flusher).Flush()
		}
		_, _ = io.WriteString(w, page)
		if r.URL.Path == "/broken" {
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		}
	}))
	defer server.Close()
	readAll := func(body io.ReadCloser) { _, _ = io.ReadAll(body) }
	readOnly := func(n int64) func(io.ReadCloser) {
		return func(body io.ReadCloser) {
			_, _ = io.CopyN(io.Discard, body, n)
			_ = body.Close()
		}
	}
	for _, test := range []struct {
		name, path string
		read       func(io.ReadCloser)
		want       exchange.Reason
	}{
		{"to its end", "/", readAll, ""},
		{"to its end, and closed twice", "/", func(b io.ReadCloser) { readAll(b); _ = b.Close(); _ = b.Close() }, ""},
		{"by its length", "/", readOnly(int64(len(page))), ""},
		{"by the end of its document", "/chunked", readOnly(int64(len(page))), ""},
		{"in part", "/", readOnly(10), exchange.Cut},
		{"not at all", "/", readOnly(0), exchange.Cut},
		{"until the server broke it off", "/broken?", func(b io.ReadCloser) { readAll(b) }, ""},
		{"of another path", "/foreign", readAll, exchange.NotRecorded},
	} {
		taken := make(captured, 2)
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+test.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header["x-api-key"] = []string{"a-key-in-lower-case"} // without net/http's spelling
		resp, err := taken.capture().Transport(nil).RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		test.read(resp.Body)
		_ = resp.Body.Close()
		ex := taken.next(t)
		if ex.Unread != test.want || len(taken) != 0 {
			t.Errorf("%s: expected the reason %q once, got %q and %d more", test.name, test.want, ex.Unread, len(taken))
		}
		if got := ex.RequestHeader["X-Api-Key"]; len(got) != 1 || got[0] != exchange.Redacted {
			t.Errorf("%s: expected the key to be replaced, got %d values", test.name, len(got))
		}
		if keys := ex.Keys(); len(keys) != 1 || keys[0] != "a-key-in-lower-case" {
			t.Errorf("%s: expected the key to be known to a recorder", test.name)
		}
		for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
			if strings.Contains(fmt.Sprintf(verb, *ex), "a-key") {
				t.Errorf("%s: the key is printed by %s", test.name, verb)
			}
		}
	}
}

// TestACauseRepeatsNothingOfTheServer sends what is no HTTP, with the key in it.
func TestACauseRepeatsNothingOfTheServer(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	answers := []string{
		"HTTP/1.1 200 OK\r\nX-Echo secret\r\n\r\n", "HTTP/1.1 secret\r\n\r\n", "secret\r\n\r\n", "",
		"HTTP/1.1 200 OK\r\nContent-Length: secret\r\n\r\n", "HTTP/secret 200 OK\r\n\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: secret\r\n\r\n",
	}
	go func() {
		for _, text := range answers {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			_, _ = http.ReadRequest(bufio.NewReader(conn))
			_, _ = io.WriteString(conn, text)
			_ = conn.Close()
		}
	}()
	ask := func(ctx context.Context, url string) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := (&http.Client{Transport: &http.Transport{}}).Do(req)
		if err == nil {
			_ = resp.Body.Close()
		}
		return err
	}
	for _, text := range answers {
		err := exchange.Cause(ask(t.Context(), "http://"+listener.Addr().String()+"/secret"))
		if err == nil || strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: expected a cause without what was sent, got %v", text, err)
		}
	}
	if err := exchange.Cause(ask(t.Context(), "http://127.0.0.1:1/secret")); err == nil || !strings.Contains(err.Error(), "connection refused") {
		t.Errorf("expected that nobody is there, got %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 0)
	defer cancel()
	if err := exchange.Cause(ask(ctx, "http://127.0.0.1:1/")); err == nil || !strings.Contains(err.Error(), "in time") {
		t.Errorf("expected that it took too long, got %v", err)
	}
	if exchange.Cause(nil) != nil || !errors.Is(exchange.Cause(context.Canceled), context.Canceled) {
		t.Error("expected no cause for no error, and the caller's own for itself")
	}
}
