package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	okchat "github.com/okchat/okchat-go"
	"github.com/okchat/okchat-go/okchattest"
)

// build makes the program, and returns its path.
func build(t testing.TB) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "okchat.exe")
	if out, err := exec.Command("go", "build", "-o", path, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return path
}

// program prepares a run of the program against srv.
func program(ctx context.Context, path string, srv *okchattest.Server, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Env = append(os.Environ(), okchat.EnvKey+"="+srv.Key, okchat.EnvBaseURL+"="+srv.URL)
	return cmd
}

// kills returns how many kills a test is to survive: 8, 2 with -short, or as many as OKCHAT_KILLS gives.
func kills() int {
	if n, err := strconv.Atoi(os.Getenv("OKCHAT_KILLS")); err == nil {
		return n
	}
	if testing.Short() {
		return 2
	}
	return 8
}

// killing runs the program against a list that changes all the time, and kills each run once the server has seen a random
// number of requests.
type killing struct {
	*testing.T

	path   string // of the program
	srv    *okchattest.Server
	random *rand.Rand
}

const killPage = 10

func newKilling(t *testing.T) *killing {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	path, err := exec.LookPath("okchat") // this test's own binary, see TestMain
	if err != nil {
		t.Fatal(err)
	}
	return &killing{t, path, okchattest.NewServer(t, okchattest.Synthetic(1, 300), okchattest.Latency(2*time.Millisecond)), rand.New(rand.NewPCG(seed, 0))}
}

func (k *killing) change() {
	k.srv.AddNew(k.random.IntN(40))
	for range k.random.IntN(5) {
		c, _ := k.srv.At(k.random.IntN(k.srv.Len()))
		k.srv.Remove(c.ID)
		c, _ = k.srv.At(k.random.IntN(k.srv.Len()))
		k.srv.SetState(c.ID, "other")
	}
}

func (k *killing) args(more ...string) []string {
	return append([]string{"export", "--quiet", "--chatbot", k.srv.ChatbotID, "--limit", fmt.Sprint(killPage), "--read-ahead", "1"}, more...)
}

// must runs the program to its end.
func (k *killing) must(args ...string) {
	k.Helper()
	if out, err := program(k.Context(), k.path, k.srv, k.args(args...)...).CombinedOutput(); err != nil {
		k.Fatalf("%v: %v\n%s", args, err, out)
	}
}

// run runs the program until the server has seen most requests, and a moment longer. It returns how many there were, and
// whether the kill came before the end.
func (k *killing) run(most int, args ...string) (requests int, killed bool) {
	k.Helper()
	before := k.srv.Count()
	cmd := program(k.Context(), k.path, k.srv, k.args(args...)...)
	if err := cmd.Start(); err != nil {
		k.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for k.srv.Count()-before < most && len(ended) == 0 {
		time.Sleep(100 * time.Microsecond)
	}
	time.Sleep(time.Duration(k.random.IntN(3000)) * time.Microsecond)
	_ = cmd.Process.Kill()
	return k.srv.Count() - before, <-ended != nil
}

// content selects what two archives of the same list have in common.
const content = `SELECT coalesce(group_concat(raw, x'0a'), '') FROM (SELECT raw FROM conversations WHERE gone_at IS NULL ORDER BY created_at, id)`

// A run asks for a page when the one before is in the file, so the requests tell what has to be there. Run with
// OKCHAT_KILLS=60 for more kills.
func TestAnUpdateKilledAtAnyMomentLosesNothing(t *testing.T) {
	t.Parallel()
	k := newKilling(t)
	dir := t.TempDir()
	var file string
	for n := 0; n < kills(); {
		if n%10 == 0 {
			file = filepath.Join(dir, fmt.Sprintf("%d.sqlite", n))
		}
		k.change()
		run := []string{"--update", file}
		if k.random.IntN(3) == 0 {
			run = append(run, "--new-only")
		}
		requests, killed := k.run(1+k.random.IntN(k.srv.Len()/killPage), run...)
		if killed {
			n++
		}
		if _, err := os.Stat(file); err == nil {
			if got := countIn(t, file, "PRAGMA integrity_check"); got != "ok" {
				t.Fatalf("after %d requests the integrity check says %s", requests, got)
			}
		} else if requests > 1 {
			t.Fatalf("after %d requests there is no file", requests)
		}
		stored := ""
		if requests > 1 {
			stored = countIn(t, file, "SELECT group_concat(id || state) FROM conversations WHERE gone_at IS NULL")
		}
		for i := range max(requests-1, 0) * killPage {
			if c, ok := k.srv.At(i); ok && !strings.Contains(stored, c.ID.String()+string(c.State)) {
				t.Fatalf("after %d requests conversation %d is missing", requests, i)
			}
		}
		k.must("--update", file)
		fresh := filepath.Join(dir, "fresh.sqlite")
		k.must("-o", fresh)
		if countIn(t, file, content) != countIn(t, fresh, content) || countIn(t, file, "PRAGMA integrity_check") != "ok" {
			t.Fatalf("killed after %d requests, the next run did not end equal to a fresh export", requests)
		}
	}
}

// messages selects what two archives of the same list have in common beside content.
const messages = `SELECT coalesce(group_concat(raw, x'0a'), '') FROM (SELECT raw FROM messages
	WHERE session_id IN (SELECT id FROM conversations WHERE gone_at IS NULL) ORDER BY session_id, created_at, id)`

// The last run reads nothing that an earlier one has read whole. Run with OKCHAT_KILLS=60 for more kills.
func TestMessagesAreReadOnToTheEndHoweverOftenTheRunsAreKilled(t *testing.T) {
	t.Parallel()
	k := newKilling(t)
	dir := t.TempDir()
	file, fresh := filepath.Join(dir, "a.sqlite"), filepath.Join(dir, "fresh.sqlite")
	whole := k.srv.Count()
	k.must("-o", fresh, "--messages", "--limit", "100")
	whole = k.srv.Count() - whole
	for n, runs := 0, 0; n < kills(); runs++ {
		if n%10 == 0 {
			k.change()
		}
		if requests, killed := k.run(1+k.random.IntN(whole/4), "--update", file, "--messages", "--limit", "100", "--parallel", "4"); killed {
			n++
			if _, err := os.Stat(file); err == nil && countIn(t, file, "PRAGMA integrity_check") != "ok" {
				t.Fatalf("killed after %d requests, the file is damaged", requests)
			}
			continue
		}
		k.change()
	}
	k.must("--update", file, "--messages", "--limit", "100")
	k.must("-o", fresh, "--messages", "--limit", "100")
	for _, question := range []string{content, messages} {
		if countIn(t, file, question) != countIn(t, fresh, question) {
			t.Errorf("the archive is not equal to a fresh export in %s", question)
		}
	}
	if got := countIn(t, file, "SELECT count(*) - count(DISTINCT session_id || id) FROM messages"); got != "0" {
		t.Errorf("%s messages are there twice", got)
	}
	before := k.srv.Count()
	k.must("--update", file, "--messages", "--limit", "100")
	if again, list := k.srv.Count()-before, (k.srv.Len()+99)/100; again != list {
		t.Errorf("a run over what has not changed sent %d requests, expected the %d of the list", again, list)
	}
}
