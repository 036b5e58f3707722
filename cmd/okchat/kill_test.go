package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
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

// content is what two archives of the same list have in common.
const content = `SELECT coalesce(group_concat(row, x'0a'), '') FROM (
	SELECT json_array(id, chatbot_id, created_at, updated_at, platform, state, active, is_human_mode, migrated_data, sns_user_id,
	user_id, session_token, voice_path, last_message, last_message_id, last_message_sender, metadata, unknown, raw) AS row
	FROM conversations WHERE gone_at IS NULL ORDER BY created_at, id)`

// A run is killed at 8 random moments, or as many as OKCHAT_KILLS says; 50 take half a minute. It asks for a page once the one
// before is in the file, so the number of requests tells which conversations have to be there.
func TestAnUpdateKilledAtAnyMomentLosesNothing(t *testing.T) {
	t.Parallel()
	const page = 10
	kills := 8
	if raceDetector {
		kills = 2 // a kill is no race, and each run takes ten times as long
	}
	if n, err := strconv.Atoi(os.Getenv("OKCHAT_KILLS")); err == nil {
		kills = n
	}
	okchatPath, err := exec.LookPath("okchat") // this test's own binary, see TestMain
	if err != nil {
		t.Fatal(err)
	}
	srv := okchattest.NewServer(t, okchattest.Synthetic(1, 300), okchattest.Latency(2*time.Millisecond))
	seed := uint64(time.Now().UnixNano())
	random := rand.New(rand.NewPCG(seed, 0))
	t.Logf("seed %d", seed)
	dir := t.TempDir()
	var file string
	must := func(args ...string) time.Duration {
		t.Helper()
		start := time.Now()
		if out, err := program(t.Context(), okchatPath, srv, append([]string{"export", "--quiet", "--chatbot", srv.ChatbotID}, args...)...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", args, err, out)
		}
		return time.Since(start)
	}
	args := []string{"--limit", fmt.Sprint(page), "--read-ahead", "1"}
	whole := must(append(args, "--update", filepath.Join(dir, "warm.sqlite"))...)
	tries, within := 0, 0
	for ; within < kills && tries < 4*kills; tries++ {
		if tries%10 == 0 {
			file = filepath.Join(dir, fmt.Sprintf("%d.sqlite", tries))
		}
		srv.AddNew(random.IntN(40))
		for range random.IntN(5) {
			c, _ := srv.At(random.IntN(srv.Len()))
			srv.Remove(c.ID)
			c, _ = srv.At(random.IntN(srv.Len()))
			srv.SetState(c.ID, "other")
		}
		run := slices.Concat(args, []string{"--update", file})
		if random.IntN(3) == 0 {
			run = append(run, "--new-only")
		}
		before := srv.Count()
		cmd := program(t.Context(), okchatPath, srv, append([]string{"export", "--quiet", "--chatbot", srv.ChatbotID}, run...)...)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		moment := time.Duration(random.Int64N(int64(whole)))
		time.Sleep(moment)
		_ = cmd.Process.Kill()
		if cmd.Wait() != nil {
			within++
		}
		requests := srv.Count() - before

		info, err := os.Stat(file)
		if err == nil && info.Size() > 0 {
			if got := countIn(t, file, "PRAGMA integrity_check"); got != "ok" {
				t.Fatalf("killed after %v, the integrity check says %s", moment, got)
			}
		} else if requests > 1 {
			t.Fatalf("killed after %v and %d requests, there is no file", moment, requests)
		}
		for p := range max(requests-1, 0) * page {
			c, ok := srv.At(p)
			if ok && countIn(t, file, "SELECT count(*) FROM conversations WHERE id = '"+c.ID.String()+"' AND state = '"+string(c.State)+"' AND gone_at IS NULL") != "1" {
				t.Fatalf("killed after %v and %d requests, conversation %d is missing", moment, requests, p)
			}
		}
		fresh := filepath.Join(dir, "fresh.sqlite")
		must("-o", fresh)
		must(append(args, "--update", file)...)
		if countIn(t, file, content) != countIn(t, fresh, content) || countIn(t, file, "PRAGMA integrity_check") != "ok" {
			t.Fatalf("killed after %v, the next run did not end equal to a fresh export", moment)
		}
	}
	t.Logf("%d of %d kills came before the end of a run, which took %v", within, tries, whole)
	if within < kills {
		t.Errorf("%d kills came before the end, expected %d", within, kills)
	}
}
