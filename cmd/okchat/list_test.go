package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mattn/go-runewidth"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	okchat "github.com/okchat/okchat-go"
	"github.com/okchat/okchat-go/gen/okchatapi"
	"github.com/okchat/okchat-go/okchattest"
)

const secretKey = "fake-key-that-nobody-may-see"

// okchatRun runs the command line and returns what it printed.
func okchatRun(t *testing.T, width int, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = run(t.Context(), args, streams{out: &out, err: &errs, width: width})
	for _, text := range []string{out.String(), errs.String()} {
		if strings.Contains(text, secretKey) {
			t.Errorf("the key was printed: %s", text)
		}
	}
	if code != exitOK {
		if last := strings.TrimSpace(errs.String()); last == "" || strings.Contains(last, "goroutine") {
			t.Errorf("exit %d with %q", code, last)
		}
	}
	return code, out.String(), errs.String()
}

func noKey(t *testing.T) {
	t.Setenv(okchat.EnvKey, "")
	t.Setenv(okchat.EnvBaseURL, "")
}

// live points the command at url with the secret key.
func live(t *testing.T, url string) {
	t.Setenv(okchat.EnvKey, secretKey)
	t.Setenv(okchat.EnvBaseURL, url)
}

func TestWithoutAKeyTheSampleIsListed(t *testing.T) {
	noKey(t)
	code, out, errs := okchatRun(t, 0, "list")
	if code != exitOK {
		t.Fatalf("exit %d: %s", code, errs)
	}
	lines := strings.Split(strings.TrimRight(out, "\n"), "\n")
	if len(lines) != 1+20 || strings.Count(out, "\trecorded\t") != 10 || strings.Count(out, "\tsynthetic\t") != 10 {
		t.Errorf("expected a head, 10 recorded and 10 synthetic conversations, got\n%s", out)
	}
	if !strings.Contains(errs, "recorded sample") || !strings.Contains(errs, okchat.EnvKey) || !strings.Contains(errs, "--chatbot") {
		t.Errorf("stderr does not say what this is and how to go on: %s", errs)
	}
	if last := lastLine(errs); last != "20 conversations, 1 page" {
		t.Errorf("the last line on stderr is %q", last)
	}
}

func lastLine(s string) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return lines[len(lines)-1]
}

func TestTheTableFitsTheTerminal(t *testing.T) {
	noKey(t)
	for _, width := range []int{90, 100, 200} {
		_, out, _ := okchatRun(t, width, "list")
		full := false
		for line := range strings.Lines(out) {
			w := runewidth.StringWidth(strings.TrimRight(line, "\n"))
			full = full || w == width
			if w > width {
				t.Errorf("a line takes %d columns of %d: %s", w, width, line)
			}
		}
		if !full && width < 200 {
			t.Errorf("no line takes all of %d columns", width)
		}
	}
}

func TestListPicks(t *testing.T) {
	srv := okchattest.NewServer(t, okchattest.Key(secretKey), okchattest.Synthetic(1, 95))
	live(t, srv.URL)
	newest, _ := srv.At(0)
	twelfth, _ := srv.At(12)
	for _, tt := range []struct {
		name string
		args []string
		rows int
		has  string
	}{
		{"a page", []string{"--page", "3", "--limit", "5"}, 5, "\t"},
		{"those of a state", []string{"--state", string(okchattest.StateClosed), "--limit", "7"}, 7, "\t" + string(okchattest.StateClosed) + "\t"},
		{"those of a platform", []string{"--platform", "voice", "--limit", "3"}, 3, "\tvoice\t"},
		{"those of a platform that is not there", []string{"--platform", "fax"}, 0, ""},
		{"those since a time", []string{"--since", twelfth.CreatedAt.Format(time.RFC3339Nano)}, 12, "\t"},
		{"those since a day before all", []string{"--since", newest.CreatedAt.AddDate(0, 0, -400).Format(time.DateOnly)}, 20, "\t"},
	} {
		code, out, errs := okchatRun(t, 0, append([]string{"list", "--chatbot", srv.ChatbotID}, tt.args...)...)
		rows := strings.Split(strings.TrimRight(out, "\n"), "\n")[1:]
		if code != exitOK || len(rows) != tt.rows {
			t.Errorf("%s: exit %d, %d rows, expected %d: %s", tt.name, code, len(rows), tt.rows, errs)
		}
		for _, row := range rows {
			if !strings.Contains(row, tt.has) || strings.Count(row, "\t") != 5 {
				t.Errorf("%s: %q", tt.name, row)
			}
		}
	}
}

func TestTimesInAList(t *testing.T) {
	now := time.Date(2025, 3, 7, 12, 0, 0, 0, time.UTC)
	for since, want := range map[string]time.Time{
		"": {}, "90m": now.Add(-90 * time.Minute), "7d": now.AddDate(0, 0, -7), "0d": now,
		"2025-03-01": time.Date(2025, 3, 1, 0, 0, 0, 0, time.UTC), "2025-03-01T10:00:00+09:00": time.Date(2025, 3, 1, 1, 0, 0, 0, time.UTC),
	} {
		if got, err := parseTime("since", since, now); err != nil || !got.Equal(want) {
			t.Errorf("since %q is %v, %v, expected %v", since, got, err, want)
		}
	}
	// In São Paulo the clocks went forward at midnight: that day began at 1.
	forward, err := time.LoadLocation("America/Sao_Paulo")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := parseTime("since", "2018-11-04", now.In(forward)); err != nil || !got.Equal(time.Date(2018, 11, 4, 3, 0, 0, 0, time.UTC)) {
		t.Errorf("a day that begins at 1: %v, %v", got, err)
	}
	for _, since := range []string{"yesterday", "-3h", "-1d", "7", "2025-02-30", "100000000000d", "9223372036854775807d", "99999999999999999999d", "800000d", "9999999h", "0000-06-01"} {
		if _, err := parseTime("since", since, now); err == nil {
			t.Errorf("since %q was taken", since)
		}
	}
}

func TestJSONIsOneDocument(t *testing.T) {
	noKey(t)
	code, out, _ := okchatRun(t, 0, "list", "--json", "--limit", "0")
	var list []okchatapi.Conversation
	if err := json.Unmarshal([]byte(out), &list); code != exitOK || err != nil || len(list) != 20 {
		t.Errorf("exit %d, %d conversations, %v", code, len(list), err)
	}
	srv := okchattest.NewServer(t, okchattest.Key(secretKey))
	live(t, srv.URL)
	if code, out, _ := okchatRun(t, 0, "list", "--json", "--chatbot", srv.ChatbotID); code != exitOK || strings.TrimSpace(out) != "[]" {
		t.Errorf("exit %d, an empty list is %q", code, out)
	}
}

func TestAServerIsListedWithAKey(t *testing.T) {
	srv := okchattest.NewServer(t, okchattest.Key(secretKey), okchattest.Synthetic(1, 35))
	live(t, srv.URL)
	code, out, errs := okchatRun(t, 0, "list", "--chatbot", srv.ChatbotID, "--limit", "0")
	if code != exitOK || strings.Count(out, "\n") != 36 || strings.Contains(out, "ORIGIN") {
		t.Errorf("exit %d, %s%s", code, out, errs)
	}
	if want := "35 conversations, 1 page\nokchat: with the state \"synthetic_closed\", which the contract does not know: 9 conversations\n"; errs != want {
		t.Errorf("stderr is %q, expected %q", errs, want)
	}
}

const bot = "5afe16ed-5fd2-4552-a993-903bc9c32bb6"

func TestAServerThatIsNotThere(t *testing.T) {
	nothing, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nothing.Close()
	live(t, "http://"+nothing.Addr().String())
	synctest.Test(t, func(t *testing.T) { // the waits between tries take no time
		code, _, errs := okchatRun(t, 0, "list", "--chatbot", bot)
		if code != exitFailed || !strings.Contains(errs, "refused") || !strings.Contains(errs, "after 4 tries") {
			t.Errorf("exit %d: %s", code, errs)
		}
	})
}

func TestWhatGoesWrongIsSaidOnOneLine(t *testing.T) {
	html := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<!DOCTYPE html><p>hello") }))
	defer html.Close()
	fake := okchattest.NewServer(t, okchattest.Key(secretKey), okchattest.Synthetic(1, 3))
	refusing := okchattest.NewServer(t)
	limiting := okchattest.NewServer(t, okchattest.Key(secretKey))
	limiting.Every(okchattest.Status(429, "slow down", "Retry-After", "3600"))
	breaking := okchattest.NewServer(t, okchattest.Key(secretKey), okchattest.Synthetic(1, 3))
	breaking.Every(okchattest.EditJSON(func(page map[string]any) {
		delete(page["data"].([]any)[0].(map[string]any), "voice_path")
	}))

	tests := []struct {
		name, url string
		args      []string
		code      int
		says      []string
	}{
		{"a refused key", refusing.URL, []string{"list", "--chatbot", refusing.ChatbotID}, exitUnauthorized, []string{"401", okchat.EnvKey}},
		{"an unknown chatbot", fake.URL, []string{"list", "--chatbot", bot}, exitNotFound, []string{"404", "--chatbot"}},
		{"a chatbot id that is none", fake.URL, []string{"list", "--chatbot", "my-bot"}, exitUsage, []string{"UUID"}},
		{"no chatbot", fake.URL, []string{"list"}, exitUsage, []string{"--chatbot"}},
		{"HTML", html.URL, []string{"list", "--chatbot", bot}, exitContract, []string{"Content-Type", "application/json", "text/html"}},
		{"too many requests", limiting.URL, []string{"list", "--chatbot", limiting.ChatbotID}, exitRateLimited, []string{"429", "1h0m0s"}},
		{"a member missing", breaking.URL, []string{"list", "--chatbot", breaking.ChatbotID, "--strict"}, exitContract, []string{"voice_path"}},
		{"a base URL in the clear", "http://v2.okchat.ai", []string{"list", "--chatbot", bot}, exitUsage, []string{"https"}},
		{"a negative limit", fake.URL, []string{"list", "--limit", "-1"}, exitUsage, []string{"--limit"}},
		{"page 0", fake.URL, []string{"list", "--page", "0"}, exitUsage, []string{"--page"}},
		{"a time that is none", fake.URL, []string{"list", "--since", "soon"}, exitUsage, []string{"--since", "7d"}},
		{"an unknown flag", fake.URL, []string{"list", "--chatbt", "x"}, exitUsage, []string{"--chatbt", "did you mean --chatbot?"}},
		{"an argument", fake.URL, []string{"list", "all"}, exitUsage, []string{"all"}},
		{"a typo", fake.URL, []string{"lsit"}, exitUsage, []string{"did you mean list"}},
		{"no such command", fake.URL, []string{"frobnicate"}, exitUsage, []string{"--help"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			live(t, tt.url)
			code, _, errs := okchatRun(t, 0, tt.args...)
			if code != tt.code {
				t.Errorf("exit %d, expected %d: %s", code, tt.code, errs)
			}
			for _, want := range tt.says {
				if !strings.Contains(errs, want) {
					t.Errorf("stderr does not say %q: %s", want, errs)
				}
			}
		})
	}
	t.Run("a chatbot without a key", func(t *testing.T) {
		noKey(t)
		if code, _, errs := okchatRun(t, 0, "list", "--chatbot", bot); code != exitUsage || !strings.Contains(errs, okchat.EnvKey) {
			t.Errorf("exit %d: %s", code, errs)
		}
	})
}

// interrupting is a fault that never answers, so that no answer comes before the interrupt is seen.
func interrupting(interrupt func()) okchattest.Fault {
	return func(http.Handler) http.Handler {
		return http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			interrupt()
			<-r.Context().Done()
			panic(http.ErrAbortHandler)
		})
	}
}

func TestAnInterruptEndsWith130(t *testing.T) {
	srv := okchattest.NewServer(t, okchattest.Key(secretKey), okchattest.Synthetic(1, 250))
	live(t, srv.URL)
	ctx, cancel := context.WithCancel(t.Context())
	srv.OnPage(2, interrupting(cancel))
	var out, errs bytes.Buffer
	code := run(ctx, []string{"list", "--chatbot", srv.ChatbotID, "--limit", "0"}, streams{out: &out, err: &errs})
	if code != exitInterrupted || lastLine(errs.String()) != "okchat: interrupted" {
		t.Errorf("exit %d: %s", code, errs.String())
	}
	// The second page may still have come whole.
	if rows := strings.Count(out.String(), "\n"); rows != 1+100 && rows != 1+200 {
		t.Errorf("what had come was not printed whole: %s", out.String())
	}
}

// failing fails as a pipe that nobody reads, or a disk that is full.
type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }

func TestOutputThatCannotBeWritten(t *testing.T) {
	noKey(t)
	var errs bytes.Buffer
	closed := &os.PathError{Op: "write", Path: "stdout", Err: syscall.EPIPE}
	if code := run(t.Context(), []string{"list"}, streams{out: failing{closed}, err: &errs}); code != exitOK || strings.Contains(errs.String(), "pipe") {
		t.Errorf("a closed pipe: exit %d, %s", code, errs.String())
	}
	full := &os.PathError{Op: "write", Path: "stdout", Err: syscall.ENOSPC}
	if code := run(t.Context(), []string{"list", "--json"}, streams{out: failing{full}, err: &errs}); code != exitFailed || !strings.Contains(errs.String(), "no space left") {
		t.Errorf("a full disk: exit %d, %s", code, errs.String())
	}
}

// A list of processes shows arguments to everybody on the machine.
func TestNoArgumentTakesTheKey(t *testing.T) {
	t.Parallel()
	flags := 0
	var visit func(cmd *cobra.Command)
	visit = func(cmd *cobra.Command) {
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			flags++
			if strings.Contains(f.Name, "key") && !strings.HasSuffix(f.Name, "-file") {
				t.Errorf("%s: --%s takes a key, expected a file that holds it", cmd.CommandPath(), f.Name)
			}
		})
		for _, sub := range cmd.Commands() {
			visit(sub)
		}
	}
	visit(newRoot(streams{}))
	if flags < 20 {
		t.Errorf("%d flags seen", flags)
	}
}
