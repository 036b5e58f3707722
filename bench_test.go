package okchat

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/okchat/okchat-go/gen/okchatapi"
	"github.com/okchat/okchat-go/okchattest"
)

// envServe makes the test binary a server in a process of its own, so that a benchmark counts the client alone.
const envServe = "OKCHAT_BENCH_SERVE"

func TestMain(m *testing.M) {
	if os.Getenv(envServe) == "" {
		os.Exit(m.Run())
	}
	rec := httptest.NewRecorder()
	fake := okchattest.New(okchattest.Synthetic(1, 10))
	req := httptest.NewRequest(http.MethodGet, "/api/external/chatbot/"+fake.ChatbotID+"/conversations", nil)
	req.Header.Set(headerKey, fake.Key)
	fake.ServeHTTP(rec, req)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", mediaType)
		_, _ = w.Write(rec.Body.Bytes())
	}))
	fmt.Println(srv.URL, fake.ChatbotID)
	_, _ = io.Copy(io.Discard, os.Stdin) // until the parent has gone
}

func serveApart(b *testing.B) (url, bot string) {
	b.Helper()
	cmd := exec.CommandContext(b.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), envServe+"=1")
	stdin, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { stdin.Close(); _ = cmd.Wait() })
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		b.Fatal(err)
	}
	url, bot, _ = strings.Cut(strings.TrimSpace(line), " ")
	return url, bot
}

func bareCall(url, bot string) error {
	req, err := http.NewRequest(http.MethodGet, url+"/api/external/chatbot/"+bot+"/conversations?page=1", nil)
	if err != nil {
		return err
	}
	req.Header.Set("x-api-key", testKey)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	var page okchatapi.ConversationPage
	return json.Unmarshal(body, &page)
}

// BenchmarkSingleCall prints what a call costs over a bare one of net/http and encoding/json for the same ten
// conversations, as ratios of medians of paired runs.
func BenchmarkSingleCall(b *testing.B) {
	url, bot := serveApart(b)
	client, err := New(testKey, WithBaseURL(url))
	if err != nil {
		b.Fatal(err)
	}
	sides := [2]func() error{
		func() error { return bareCall(url, bot) },
		func() error { _, err := client.Page(b.Context(), bot, PageOptions{}); return err },
	}
	var times [2][]time.Duration
	var allocs [2]uint64
	var before, after runtime.MemStats
	for b.Loop() {
		for i, call := range sides {
			runtime.ReadMemStats(&before)
			start := time.Now()
			if err := call(); err != nil {
				b.Fatal(err)
			}
			times[i] = append(times[i], time.Since(start))
			runtime.ReadMemStats(&after)
			allocs[i] += after.Mallocs - before.Mallocs
		}
	}
	for i := range times {
		slices.Sort(times[i])
	}
	median := len(times[0]) / 2
	b.ReportMetric(float64(times[1][median])/float64(times[0][median]), "x-time")
	b.ReportMetric(float64(allocs[1])/float64(allocs[0]), "x-allocs")
	b.ReportMetric(float64(allocs[1])/float64(len(times[1])), "allocs/call")
}

// BenchmarkReadAhead prints how much faster 100 pages of 20 ms each come with a read-ahead of 8 than one by one, over
// loopback and with both sides in each round.
func BenchmarkReadAhead(b *testing.B) {
	srv := okchattest.NewServer(b, okchattest.Synthetic(1, 1000), okchattest.Latency(20*time.Millisecond))
	client, err := New(srv.Key, WithBaseURL(srv.URL))
	if err != nil {
		b.Fatal(err)
	}
	var took [2]time.Duration
	for b.Loop() {
		for i, readAhead := range []int{1, 8} {
			start, n := time.Now(), 0
			for _, err := range client.Conversations(b.Context(), srv.ChatbotID, ListOptions{ReadAhead: readAhead}) {
				if err != nil {
					b.Fatal(err)
				}
				n++
			}
			if n != 1000 {
				b.Fatalf("%d conversations", n)
			}
			took[i] += time.Since(start)
		}
	}
	b.ReportMetric(float64(took[0])/float64(took[1]), "x-faster")
	b.ReportMetric(float64(took[1])/float64(b.N)/float64(20*time.Millisecond), "round-trips")
}

// BenchmarkMillion walks over 1,000,000 conversations and prints the highest heap seen on the way.
func BenchmarkMillion(b *testing.B) {
	const n = 1_000_000
	for b.Loop() {
		fake := okchattest.New(okchattest.Synthetic(1, n))
		client, err := New(fake.Key, WithTransport(direct(fake, func() time.Duration { return 0 })))
		if err != nil {
			b.Fatal(err)
		}
		var peak uint64
		var mu sync.Mutex
		ctx, stop := context.WithCancel(b.Context())
		go func() {
			var m runtime.MemStats
			for ctx.Err() == nil {
				runtime.ReadMemStats(&m)
				mu.Lock()
				peak = max(peak, m.HeapInuse)
				mu.Unlock()
				time.Sleep(5 * time.Millisecond)
			}
		}()
		count := 0
		for _, err := range client.Conversations(ctx, fake.ChatbotID, ListOptions{Limit: 100}) {
			if err != nil {
				b.Fatal(err)
			}
			count++
		}
		stop()
		if count != n {
			b.Fatalf("%d conversations", count)
		}
		mu.Lock()
		b.ReportMetric(float64(peak)/(1<<20), "MiB-peak")
		mu.Unlock()
	}
}
