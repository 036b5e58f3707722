package bench

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// load sends requests for a while over so many connections, and says what one took of the time and what memory p holds.
func load(p *process, target string, connections int) (cost, error) {
	during := time.Duration(rounds(1000, 300)) * time.Millisecond
	transport := &http.Transport{MaxIdleConnsPerHost: connections}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	var done atomic.Int64
	var failed atomic.Pointer[error]
	var running sync.WaitGroup
	start := time.Now()
	for range connections {
		running.Go(func() {
			for time.Since(start) < during && failed.Load() == nil {
				if err := get(client, p.url+target); err != nil {
					failed.Store(&err)
				}
				done.Add(1)
			}
		})
	}
	running.Wait()
	if err := failed.Load(); err != nil {
		return cost{}, *err
	}
	return cost{wall: float64(time.Since(start)) / float64(done.Load()), memory: p.resident()}, nil
}

func get(client *http.Client, url string) error {
	req, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	req.Header.Set("x-api-key", key)
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 300))
		resp.Body.Close()
		return fmt.Errorf("%s: %s", resp.Status, text)
	}
	return drain(resp.Body)
}

func loaded(name string, p *process, target string) side {
	return side{name, func() (cost, error) { return load(p, target, 8) }}
}

// warm sends so many requests: a process that has answered few has not yet taken what memory it will.
func warm(b *testing.B, p *process, target string) {
	b.Helper()
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 8}}
	defer client.CloseIdleConnections()
	var left atomic.Int64
	left.Store(int64(rounds(30_000, 1_000)))
	var running sync.WaitGroup
	for range 8 {
		running.Go(func() {
			for left.Add(-1) >= 0 {
				if err := get(client, p.url+target); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	running.Wait()
}

var prismListens = regexp.MustCompile(`Prism is listening on (http://[0-9.:]+)`)

const prismCLI = "@stoplight/prism-cli/dist/index.js"

func prism(b *testing.B, what string, args ...string) *process {
	b.Helper()
	program := npm(b, what, prismCLI)
	if program == "" {
		return nil
	}
	// Its log, a line or more for each request, goes nowhere.
	return start(b, prismListens, nil, "node", append(append([]string{program}, args...), "--host", "127.0.0.1", "--port", freePort())...)
}

// BenchmarkProxy asks for the vendor's sample through proxies, from eight connections: the server behind them sends it from
// memory.
func BenchmarkProxy(b *testing.B) {
	const (
		ours    = "okchat proxy"
		reverse = "a Go reverse proxy, no check"
		prisms  = "Prism's proxy"
	)
	asked := must(url.Parse(sample().URL))
	target := asked.RequestURI()
	server := role(b, "page", "")
	defer server.stop()
	bare := role(b, "reverse", server.url)
	defer bare.stop()
	checking := start(b, regexp.MustCompile(`Forwarding (http://\S+)`), nil, okchat(), "proxy", "--addr", "127.0.0.1:0", "--to", server.url)
	defer checking.stop()
	sides := []side{loaded(ours, checking, target), loaded(reverse, bare, target)}
	other := prism(b, prisms, "proxy", "../openapi.yaml", server.url, "--errors")
	if other != nil {
		defer other.stop()
		sides = append(sides, loaded(prisms, other, target))
	}
	warm(b, checking, target)
	if other != nil {
		warm(b, other, target)
	}
	r := pair(b, "check what passes", rounds(9, 9), sides...)
	r.claim(rate, ours, reverse, 1/1.5)
	r.show(rate, ours, reverse, 0.85)
	if other != nil {
		r.claim(rate, ours, prisms, 4)
		r.claim(memory, ours, prisms, 0)
	}
}

// BenchmarkServeDeep asks the fake server for its first page and for one far down.
func BenchmarkServeDeep(b *testing.B) {
	const first, deep = "page 1", "page 10,000"
	server := serve(b, 1_000_000)
	defer server.stop()
	sides := []side{
		loaded(first, server, path+"?page=1&limit=100"),
		loaded(deep, server, path+"?page=10000&limit=100"),
	}
	r := pair(b, "serve pages of 100 of 1,000,000", rounds(9, 9), sides...)
	r.claim(rate, deep, first, 1)
}

// BenchmarkServe asks fake servers for a page, from eight connections: ours makes ten conversations, Prism's mock sends the
// contract's example of three.
func BenchmarkServe(b *testing.B) {
	const ours, prisms = "okchat serve", "Prism's mock"
	other := prism(b, prisms, "mock", "../openapi.yaml")
	if other == nil {
		return
	}
	defer other.stop()
	server := serve(b, 1_000_000)
	defer server.stop()
	warm(b, server, path+"?page=1")
	warm(b, other, path+"?page=1")
	r := pair(b, "serve a page", rounds(9, 9), loaded(ours, server, path+"?page=1"), loaded(prisms, other, path+"?page=1"))
	r.claim(rate, ours, prisms, 10)
	r.claim(memory, ours, prisms, 10)
}
