package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/andybalholm/brotli"

	"github.com/okchat/okchat-go/okchattest"
)

// load is how much passes: OKCHAT_PROXY_LOAD="1000 30000" has 1,000 connections and 30,000 requests.
func load(t *testing.T) (connections, requests int) {
	t.Helper()
	connections, requests = 40, 800
	if testing.Short() {
		requests = 400
	}
	if text := os.Getenv("OKCHAT_PROXY_LOAD"); text != "" {
		if _, err := fmt.Sscan(text, &connections, &requests); err != nil {
			t.Fatalf("OKCHAT_PROXY_LOAD: expected the numbers of connections and requests, got %q", text)
		}
	}
	return connections, requests
}

// mixed is a server with pages, some of them in br, uploads, streams of events, upgrades and downloads.
func mixed(fake http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/api/", func(w http.ResponseWriter, r *http.Request) {
		if !strings.Contains(r.Header.Get("Accept-Encoding"), "br") {
			fake.ServeHTTP(w, r)
			return
		}
		rec := httptest.NewRecorder()
		fake.ServeHTTP(rec, r)
		var out bytes.Buffer
		z := brotli.NewWriter(&out)
		_, _ = z.Write(rec.Body.Bytes())
		_ = z.Close()
		w.Header().Set("Content-Type", rec.Header().Get("Content-Type"))
		w.Header().Set("Content-Encoding", "br")
		w.WriteHeader(rec.Code)
		_, _ = w.Write(out.Bytes())
	})
	mux.HandleFunc("/upload", func(w http.ResponseWriter, r *http.Request) {
		sum := sha256.New()
		_, _ = io.Copy(sum, r.Body)
		_, _ = io.WriteString(w, hex.EncodeToString(sum.Sum(nil)))
	})
	mux.HandleFunc("/events", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for i := range 3 {
			fmt.Fprintf(w, "data: %d\n\n", i)
			w.(http.Flusher).Flush()
		}
	})
	mux.HandleFunc("/download", func(w http.ResponseWriter, r *http.Request) {
		n, _ := strconv.Atoi(r.URL.Query().Get("n"))
		_, _ = w.Write(pattern(n))
	})
	mux.HandleFunc("/upgrade", func(w http.ResponseWriter, _ *http.Request) {
		conn, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer conn.Close()
		_, _ = rw.WriteString("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
		_ = rw.Flush()
		line, _ := rw.ReadString('\n')
		_, _ = rw.WriteString(line)
		_ = rw.Flush()
	})
	return mux
}

// pattern is a text of n bytes that repeats itself late.
func pattern(n int) []byte {
	b := make([]byte, n)
	random := rand.New(rand.NewPCG(uint64(n), 1))
	for i := range b {
		b[i] = byte(random.Uint32())
	}
	return b
}

// loader sends requests over a connection of its own.
type loader struct {
	client             *http.Client
	url, direct, path  string
	random             *rand.Rand
	pages, aborts, all *atomic.Int64
}

func (l *loader) get(url string, header ...string) (string, error) {
	req, err := http.NewRequest(http.MethodGet, url, nil) //nolint:noctx // the test's own time ends it
	if err != nil {
		return "", err
	}
	req.Header.Set("Accept-Encoding", "identity")
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := l.client.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	sum := sha256.Sum256(body)
	return fmt.Sprint(resp.StatusCode, resp.Header.Get("Content-Type"), resp.Header.Get("Content-Encoding"), len(body), hex.EncodeToString(sum[:])), err
}

// same asks the proxy and the server, and compares what they answer to the last byte.
func (l *loader) same(path string, header ...string) error {
	want, err := l.get(l.direct+path, header...)
	if err != nil {
		return fmt.Errorf("the server itself: %w", err)
	}
	got, err := l.get(l.url+path, header...)
	if err == nil && got != want {
		err = fmt.Errorf("expected %s, got %s", want, got)
	}
	return err
}

func (l *loader) one() error {
	l.all.Add(1)
	page := fmt.Sprintf("%s?page=%d", l.path, 1+l.random.IntN(3))
	switch l.random.IntN(10) {
	case 0:
		body := pattern(l.random.IntN(200_000))
		resp, err := l.client.Post(l.url+"/upload", "application/octet-stream", bytes.NewReader(body)) //nolint:noctx // as above
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		got, err := io.ReadAll(resp.Body)
		if sum := sha256.Sum256(body); err == nil && string(got) != hex.EncodeToString(sum[:]) {
			err = fmt.Errorf("an upload changed on its way")
		}
		return err
	case 1:
		return l.same("/events")
	case 2:
		return l.same("/download?n=" + strconv.Itoa(l.random.IntN(500_000)))
	case 3:
		return l.upgrade()
	case 4: // a client that goes away
		l.aborts.Add(1)
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, l.url+"/download?n=900000", nil)
		if err != nil {
			return err
		}
		resp, err := l.client.Do(req)
		if err != nil {
			return err
		}
		_, _ = io.CopyN(io.Discard, resp.Body, 100)
		return resp.Body.Close()
	case 5, 6:
		l.pages.Add(1)
		return l.same(page, "x-api-key", secretKey, "Accept-Encoding", "br")
	}
	l.pages.Add(1)
	return l.same(page, "x-api-key", secretKey)
}

func (l *loader) upgrade() error {
	conn, err := net.Dial("tcp", strings.TrimPrefix(l.url, "http://")) //nolint:noctx // as above
	if err != nil {
		return err
	}
	defer conn.Close()
	_, _ = io.WriteString(conn, "GET /upgrade HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
	r := bufio.NewReader(conn)
	resp, err := http.ReadResponse(r, nil)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusSwitchingProtocols {
		return fmt.Errorf("expected an upgrade, got %s", resp.Status)
	}
	word := strconv.Itoa(l.random.Int()) + "\n"
	_, _ = io.WriteString(conn, word)
	if line, err := r.ReadString('\n'); line != word {
		return fmt.Errorf("expected %q back, got %q and %w", word, line, err)
	}
	return nil
}

func openFiles() int {
	list, _ := os.ReadDir("/proc/self/fd")
	return len(list)
}

// TestAProxyUnderLoad sends all that the server knows over many connections, compares both sides by their hashes, and
// counts what is left over.
func TestAProxyUnderLoad(t *testing.T) {
	noKey(t)
	connections, requests := load(t)
	fake := okchattest.New(okchattest.Synthetic(1, 25), okchattest.Key(secretKey))
	direct := httptest.NewServer(mixed(fake))
	defer direct.Close()
	var pages, aborts, all, failed atomic.Int64
	var half, most uint64
	before := openFiles()
	code, _, errs := proxied(t, mixed(fake), func(url string) {
		var wait sync.WaitGroup
		for c := range connections {
			wait.Go(func() {
				transport := &http.Transport{MaxConnsPerHost: 1, DisableCompression: true}
				defer transport.CloseIdleConnections()
				l := &loader{
					client: &http.Client{Transport: transport}, url: url, direct: direct.URL, path: "/api/external/chatbot/" + fake.ChatbotID + "/conversations",
					random: rand.New(rand.NewPCG(uint64(c), 3)), pages: &pages, aborts: &aborts, all: &all,
				}
				for range requests / connections {
					if err := l.one(); err != nil && failed.Add(1) < 10 {
						t.Error(err)
					}
				}
			})
		}
		done := make(chan struct{})
		go func() {
			wait.Wait()
			close(done)
		}()
		for alive := true; alive; {
			select {
			case <-done:
				alive = false
			case <-time.After(50 * time.Millisecond):
			}
			var stats runtime.MemStats
			runtime.ReadMemStats(&stats)
			if most = max(most, stats.HeapInuse); all.Load() < int64(requests)/2 {
				half = most
			}
		}
	})
	direct.Close()
	if code != 0 || !strings.Contains(errs, fmt.Sprintf("%d exchanges checked against the contract: 0 violations", pages.Load())) {
		t.Errorf("exit %d: expected %d pages to be checked, got %s", code, pages.Load(), errs)
	}
	left := 0
	for range 100 { // the last connections are being closed
		if left = openFiles() - before; left <= 0 {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	if left > 0 {
		t.Errorf("expected no open file, got %d", left)
	}
	t.Logf("%d connections, %d requests (%d pages, %d aborts): %d errors; heap %d MiB at half, %d MiB at most, clients and servers included; %d files left open",
		connections, all.Load(), pages.Load(), aborts.Load(), failed.Load(), half>>20, most>>20, left)
}
