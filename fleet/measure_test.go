package main

import (
	"database/sql"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	okchat "github.com/okchat/okchat-go"
)

// span runs workers over all that a server has, and returns how many requests that took and how long, from the first one to
// the last.
func span(t *testing.T, pg *postgres, s setup, workers, jobs int, args ...string) (requests int, took time.Duration, db *sql.DB) {
	t.Helper()
	database, db := pg.database(t)
	url := startServer(t, s)
	var all []*process
	for range workers {
		all = append(all, startWorker(t, url, database, append([]string{"--chatbots", membersFile(t, s), "--jobs", fmt.Sprint(jobs)}, args...)...))
	}
	for _, p := range all {
		p.wait(t)
	}
	times := fetch[[]time.Duration](t, url+"/test/times")
	return len(times), slices.Max(times), db
}

// TestFiguresOfTheDocument prints the figures of docs/fleet.md, which a busy machine cannot promise.
func TestFiguresOfTheDocument(t *testing.T) {
	if !full() {
		t.Skip("takes minutes: OKCHAT_FLEET_PROOF=full go test -v -run Figures -timeout 60m .")
	}
	pg := startPostgres(t)
	const latency = 20 * time.Millisecond

	t.Run("growth with the number of workers", func(t *testing.T) {
		var one float64
		for _, n := range [][2]int{{1, 1}, {1, 2}, {1, 4}, {1, 8}, {8, 1}, {1, 16}, {1, 32}} {
			requests, took, _ := span(t, pg, setup{Sizes: slices.Repeat([]int{30}, 50), Latency: latency}, n[0], n[1], "--messages")
			rate := float64(requests) / took.Seconds()
			if one == 0 {
				one = rate
			}
			t.Logf("%d processes with %d jobs each: %d requests in %v, %.0f a second, efficiency %.2f", n[0], n[1], requests, took.Round(time.Millisecond), rate, rate/one/float64(n[0]*n[1]))
		}
	})
	t.Run("growth with the number of chatbots", func(t *testing.T) {
		for _, n := range []int{10, 100, 1000} {
			_, took, _ := span(t, pg, setup{Sizes: slices.Repeat([]int{30}, n), Latency: latency}, 1, 8, "--messages")
			t.Logf("%d chatbots with 30 conversations each: %v, %v a conversation", n, took.Round(time.Millisecond), (took / time.Duration(30*n)).Round(time.Microsecond))
		}
	})
	t.Run("against okchat export", func(t *testing.T) {
		okchatCommand := filepath.Join(t.TempDir(), "okchat")
		if out, err := exec.Command("go", "build", "-C", "..", "-o", okchatCommand, "./cmd/okchat").CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		s := setup{Sizes: []int{6000}, Latency: latency}
		for range 2 {
			requests, took, db := span(t, pg, s, 1, 16, "--messages")
			t.Logf("okchat-fleet, 16 jobs: %d requests in %v", requests, took.Round(time.Millisecond))
			for _, table := range []string{"conversations", "messages"} {
				rows, all, indexes := value[int](t, db, "SELECT count(*) FROM "+table), value[int](t, db, "SELECT pg_total_relation_size($1::regclass)", table), value[int](t, db, "SELECT pg_indexes_size($1::regclass)", table)
				t.Logf("%s: %d rows, %d bytes a row, %d of them indexes", table, rows, all/rows, indexes/rows)
			}
			t.Logf("trigrams: %d bytes a message", value[int](t, db, "SELECT pg_relation_size('messages_search')")/value[int](t, db, "SELECT count(*) FROM messages"))
			url := startServer(t, s)
			cmd := exec.Command(okchatCommand, "export", "--update", filepath.Join(t.TempDir(), "own.sqlite"), "--messages", "--parallel", "16", "--chatbot", s.id(0).String(), "--quiet")
			cmd.Env = append(os.Environ(), okchat.EnvBaseURL+"="+url, okchat.EnvKey+"="+testKey)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			times := fetch[[]time.Duration](t, url+"/test/times")
			t.Logf("okchat export, --parallel 16: %d requests in %v", len(times), slices.Max(times).Round(time.Millisecond))
		}
	})
}
