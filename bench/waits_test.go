package bench

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	okchatgo "github.com/okchat/okchat-go"
)

// bare is the least that a program of this kind links.
const bare = `package main

import (
	"fmt"
	"net/http"
	"os"
)

func main() {
	fmt.Println("hello, world")
	if len(os.Args) > 1 {
		_, _ = http.Get(os.Args[1])
	}
}
`

// BenchmarkStart starts okchat and a program that links net/http and does nothing with it.
func BenchmarkStart(b *testing.B) {
	dir := b.TempDir()
	source, least := filepath.Join(dir, "bare.go"), filepath.Join(dir, "bare.exe")
	if err := os.WriteFile(source, []byte(bare), 0o600); err != nil {
		b.Fatal(err)
	}
	if out, err := exec.Command("go", "build", "-o", least, source).CombinedOutput(); err != nil {
		b.Fatalf("%v %s", err, out)
	}
	for _, start := range []struct {
		args []string
		more time.Duration
	}{{[]string{"version"}, 3 * time.Millisecond}, {[]string{"list"}, 12 * time.Millisecond}} {
		ours, limit := "okchat "+start.args[0], fmt.Sprintf("one that links net/http, and %v", start.more)
		b.Run(start.args[0], func(b *testing.B) {
			r := pair(b, "start", rounds(100, 40),
				side{ours, func() (cost, error) { return program([]string{okchatgo.EnvKey + "="}, okchat(), start.args...) }},
				side{limit, func() (cost, error) {
					c, err := program(nil, least)
					c.wall += float64(start.more)
					return c, err
				}},
			)
			r.show(wall, ours, limit, 1)
		})
	}
}

// BenchmarkList lists 1,000 conversations of a server that answers after 150 ms. Its limit is the client that reads the same ten
// pages ahead and does nothing with them.
func BenchmarkList(b *testing.B) {
	const n, ours, limit = 1000, "okchat list --limit 1000", "the client reading ahead"
	server := serve(b, 10*n, "--latency", "150ms")
	defer server.stop()
	env := []string{okchatgo.EnvKey + "=" + key, okchatgo.EnvBaseURL + "=" + server.url}
	r := pair(b, "list 1,000 at 150 ms a request", rounds(9, 3),
		side{ours, func() (cost, error) {
			return program(env, okchat(), "list", "--limit", fmt.Sprint(n), "--chatbot", bot)
		}},
		side{limit, func() (cost, error) {
			client := newOurs(server.url, nil)
			return work(1, func() error { return walk(client, n, okchatgo.ListOptions{Limit: 100, ReadAhead: 4, MaxItems: n}) })
		}},
	)
	r.claim(wall, ours, limit, 1/1.3)
}

// BenchmarkExportAgainstTheClient exports a list as NDJSON, in a process of its own. Its limit is the client that reads the same
// pages and discards them.
func BenchmarkExportAgainstTheClient(b *testing.B) {
	const ours, limit = "okchat export", "the client discarding them"
	n := rounds(100_000, 20_000)
	server := serve(b, n)
	defer server.stop()
	env := []string{okchatgo.EnvKey + "=" + key, okchatgo.EnvBaseURL + "=" + server.url}
	target := filepath.Join(b.TempDir(), "ours.ndjson")
	r := pair(b, fmt.Sprintf("export %d conversations as NDJSON", n), rounds(9, 5),
		side{ours, func() (cost, error) {
			return program(env, okchat(), "export", "--quiet", "--chatbot", bot, "-o", target)
		}},
		side{limit, func() (cost, error) {
			client := newOurs(server.url, nil)
			return work(1, func() error { return walk(client, n, okchatgo.ListOptions{Limit: 100, ReadAhead: 4}) })
		}},
	)
	r.show(wall, ours, limit, 1/1.2)
	r.show(cpu, ours, limit, 1/1.2)
}

// BenchmarkServeCPU asks the fake server for a page of ten, and a handler of net/http that writes the same bytes from memory.
func BenchmarkServeCPU(b *testing.B) {
	const ours, static = "okchat serve", "a static handler"
	target := path + "?page=1"
	server := serve(b, 1_000_000)
	defer server.stop()
	body := filepath.Join(b.TempDir(), "page.json")
	if err := os.WriteFile(body, []byte(page("page=1")), 0o600); err != nil {
		b.Fatal(err)
	}
	plain := role(b, "file", body)
	defer plain.stop()
	busy := func(name string, p *process) side {
		return side{name, func() (cost, error) {
			const requests = 5_000
			client := &http.Client{}
			defer client.CloseIdleConnections()
			before := p.cpu()
			for range requests {
				if err := get(client, p.url+target); err != nil {
					return cost{}, err
				}
			}
			return cost{cpu: (p.cpu() - before) / requests}, nil
		}}
	}
	r := pair(b, "serve a page of ten", rounds(15, 9), busy(ours, server), busy(static, plain))
	r.show(cpu, ours, static, 0.7)
}

// BenchmarkSize builds the command stripped, and compares its size with a bound.
func BenchmarkSize(b *testing.B) {
	const ours, bound = "okchat, stripped", "26 MB"
	out := filepath.Join(b.TempDir(), "okchat")
	build := func() (cost, error) {
		cmd := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", out, "./cmd/okchat")
		cmd.Dir = ".."
		if text, err := cmd.CombinedOutput(); err != nil {
			return cost{}, fmt.Errorf("%w %s", err, text)
		}
		info, err := os.Stat(out)
		if err != nil {
			return cost{}, err
		}
		return cost{memory: float64(info.Size())}, nil
	}
	r := pair(b, "size of the binary", 1, side{ours, build}, always(bound, cost{memory: 26e6}))
	r.show(memory, ours, bound, 1)
}
