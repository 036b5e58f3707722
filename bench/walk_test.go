package bench

import (
	"context"
	"fmt"
	"math"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	okchatgo "github.com/okchat/okchat-go"
)

// BenchmarkPage gets single pages of ten over loopback.
func BenchmarkPage(b *testing.B) {
	const n, limit = 200, 10
	server := serve(b, 10_000)
	defer server.stop()
	sides := []side{
		calls(ours, n, limit, callOurs(server.url, nil)),
		calls(stock, n, limit, callStock(server.url, nil)),
		calls(other, n, limit, callOgen(server.url, nil)),
	}
	const fetch, shell = "openapi-fetch on Node", "curl and jq"
	fetched := npm(b, fetch, "openapi-fetch") != ""
	if fetched {
		sides = append(sides, side{fetch, func() (cost, error) {
			out, err := exec.Command("node", "peers/fetch.mjs", server.url, bot, key, strconv.Itoa(n), strconv.Itoa(limit)).Output()
			if err != nil {
				return cost{}, err
			}
			ns, err := strconv.ParseFloat(strings.TrimSpace(string(out)), 64)
			return cost{wall: ns}, err
		}})
	}
	shelled := hasShell(b, shell)
	if shelled {
		sides = append(sides, side{shell, func() (cost, error) {
			const n = 10
			return work(n, func() error {
				return exec.Command("sh", "-c", `curl -sf -H "x-api-key: $0" "$1?page=1&limit=10" | jq -c '.data[]' >/dev/null`, key, server.url+path).Run()
			})
		}})
	}
	r := pair(b, "get a page of 10", rounds(15, 9), sides...)
	r.claim(wall, ours, stock, 0)
	r.claim(wall, ours, other, 0)
	if fetched {
		r.claim(wall, ours, fetch, 0)
	}
	if shelled {
		r.claim(wall, ours, shell, 0)
	}
}

func hasShell(b *testing.B, what string) bool {
	for _, program := range []string{"sh", "curl", "jq"} {
		if _, err := exec.LookPath(program); err != nil {
			skip(b, what, program+" is not installed")
			return false
		}
	}
	return true
}

// BenchmarkWalk walks over a list without latency, and counts what it costs this process for each conversation: ours with
// its retries, guards and promises against plain loops over pages.
func BenchmarkWalk(b *testing.B) {
	n := rounds(50_000, 20_000)
	server := serve(b, n)
	defer server.stop()
	loop := func(name string, call caller) side {
		return side{name, func() (cost, error) {
			return workEach(n, func() error {
				got := 0
				for page := 1; ; page++ {
					here, total, err := call(context.Background(), page, 100)
					if err != nil {
						return err
					}
					if got += here; got >= total {
						return counted(got, n)
					}
				}
			})
		}}
	}
	client := newOurs(server.url, nil)
	r := pair(b, "walk, for each conversation", rounds(15, 9),
		side{ours, func() (cost, error) {
			return workEach(n, func() error { return walk(client, n, okchatgo.ListOptions{Limit: 100}) })
		}},
		loop(stock, callStock(server.url, nil)),
		loop(other, callOgen(server.url, nil)),
	)
	r.claim(cpu, ours, other, 1)
	r.claim(cpu, ours, stock, 0)
	r.claim(wall, ours, other, 0)
}

// workEach is work that is done once and counted for each of n.
func workEach(n int, do func() error) (cost, error) {
	c, err := work(1, do)
	f := float64(n)
	return cost{c.wall / f, c.cpu / f, c.bytes / f, c.allocs / f, c.memory}, err
}

func walk(client *okchatgo.Client, n int, opts okchatgo.ListOptions) error {
	got := 0
	for _, err := range client.Conversations(context.Background(), bot, opts) {
		if err != nil {
			return err
		}
		got++
	}
	return counted(got, n)
}

func counted(got, n int) error {
	if got != n {
		return fmt.Errorf("%d conversations, expected %d", got, n)
	}
	return nil
}

// BenchmarkReadAhead walks over 100 pages, each answered after 20 ms, eight at once. Its lower bound is one round trip
// for the first page and one for each eight of the others; a single page took one round trip in the same round.
func BenchmarkReadAhead(b *testing.B) {
	const pages, ahead = 100, 8
	trips := 1 + math.Ceil((pages-1.0)/ahead)
	server := serve(b, 10*pages, "--latency", "20ms")
	defer server.stop()
	client := newOurs(server.url, nil)
	least := fmt.Sprintf("%.0f round trips", trips)
	r := pair(b, "walk over 100 pages of 20 ms, 8 at once", rounds(9, 7),
		side{ours, func() (cost, error) {
			return work(1, func() error {
				return walk(client, 10*pages, okchatgo.ListOptions{Limit: 10, ReadAhead: ahead})
			})
		}},
		side{least, func() (cost, error) {
			var took []float64
			for range 9 {
				start := time.Now()
				if _, err := client.Page(context.Background(), bot, okchatgo.PageOptions{Limit: 10}); err != nil {
					return cost{}, err
				}
				took = append(took, float64(time.Since(start)))
			}
			trip, _, _ := median(took)
			return cost{wall: trips * trip}, nil
		}},
	)
	r.claim(wall, ours, least, 1/1.15)
}

// BenchmarkExport exports a list from the fake server: okchat export against a loop of curl and jq.
func BenchmarkExport(b *testing.B) {
	n := rounds(100_000, 5_000)
	server := serve(b, n)
	defer server.stop()
	dir := b.TempDir()
	theirs := filepath.Join(dir, "theirs.ndjson")
	const name, shell = "okchat export", "a loop of curl and jq"
	if !hasShell(b, shell) {
		return
	}
	target := filepath.Join(dir, "ours.ndjson")
	r := pair(b, fmt.Sprintf("export %d conversations", n), 3,
		side{name, func() (cost, error) { return export(server, "-o", target) }},
		side{shell, func() (cost, error) {
			return program([]string{okchatgo.EnvKey + "=" + key}, "sh", "peers/export.sh", server.url+path, strconv.Itoa(n/100), theirs)
		}},
	)
	for _, file := range []string{target, theirs} {
		if out, err := exec.Command("wc", "-l", file).Output(); err != nil || !strings.HasPrefix(strings.TrimSpace(string(out)), strconv.Itoa(n)+" ") {
			b.Fatalf("%s has %s lines, expected %d", file, out, n)
		}
	}
	r.claim(wall, name, shell, 5)
	r.claim(cpu, name, shell, 1)
}
