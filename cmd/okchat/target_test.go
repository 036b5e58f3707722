package main

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	okchat "github.com/okchat/okchat-go"
	"github.com/okchat/okchat-go/okchattest"
)

// brokenNetwork fails like a connection whose other end is gone.
type brokenNetwork struct{}

func (brokenNetwork) RoundTrip(*http.Request) (*http.Response, error) {
	return nil, &net.OpError{Op: "write", Net: "tcp", Err: os.NewSyscallError("write", syscall.EPIPE)}
}

func TestABrokenPipeOfTheNetworkIsAFailure(t *testing.T) {
	client, err := okchat.New(secretKey, okchat.WithTransport(brokenNetwork{}), okchat.WithRetry(okchat.RetryPolicy{MaxTries: 1}))
	if err != nil {
		t.Fatal(err)
	}
	_, err = client.Page(t.Context(), bot, okchat.PageOptions{})
	if code := exitCode(context.Background(), err); code != exitFailed || isClosedPipe(err) {
		t.Errorf("exit code %d for %v", code, err)
	}
	for _, written := range []error{outputError{err}, outputError{syscall.ENOSPC}} {
		if closed := errors.Is(written, syscall.EPIPE); isClosedPipe(written) != closed {
			t.Errorf("%v: a closed pipe: %v", written, !closed)
		}
	}
}

func TestAnArchiveWithAHistoryIsNotOverwritten(t *testing.T) {
	srv := exported(t, 25)
	dir := t.TempDir()
	path := filepath.Join(dir, "a.sqlite")
	if code, _, errs := okchatRun(t, 0, "export", "--update", path, "--chatbot", srv.ChatbotID); code != exitOK {
		t.Fatal(errs)
	}
	before := readFile(t, path)
	for name, args := range map[string][]string{
		"export":            {"export", "--chatbot", srv.ChatbotID, "-o", path},
		"export of CSV":     {"export", "--chatbot", srv.ChatbotID, "-o", path, "--format", "csv"},
		"page of numbers":   {"stats", "--chatbot", srv.ChatbotID, "--html", path},
		"recording":         {"record", "--chatbot", srv.ChatbotID, "-o", path},
		"coverage report":   {"coverage", "../../contract_test/recordings", "-o", path},
		"export of samples": {"export", "-o", path},
	} {
		t.Run(name, func(t *testing.T) {
			if strings.Contains(name, "samples") {
				noKey(t)
			}
			code, _, errs := okchatRun(t, 0, args...)
			if code != exitUsage || !strings.Contains(errs, "history") {
				t.Errorf("exit %d: %s", code, errs)
			}
			if args[0] == "export" && (!strings.Contains(errs, "--update "+path) || !strings.Contains(errs, "--force")) {
				t.Errorf("stderr does not name what to type instead: %s", errs)
			}
			if readFile(t, path) != before {
				t.Error("the archive was changed")
			}
		})
	}
	if code, _, errs := okchatRun(t, 0, "export", "--chatbot", srv.ChatbotID, "-o", path, "--force"); code != exitOK {
		t.Errorf("with --force: exit %d: %s", code, errs)
	}
	if code, _, errs := okchatRun(t, 0, "export", "--chatbot", srv.ChatbotID, "-o", path); code != exitOK {
		t.Errorf("over a file without a history: exit %d: %s", code, errs)
	}
}

func TestUnfinishedFilesOfKilledRunsAreRemovedWithAWord(t *testing.T) {
	noKey(t)
	for _, args := range [][]string{{"export", "-o", "a.ndjson"}, {"export", "-o", "a.sqlite"}, {"stats", "--html", "a.html"}} {
		t.Chdir(t.TempDir())
		left := "." + args[len(args)-1] + ".1234.part"
		if err := os.WriteFile(left, []byte("personal data"), 0o600); err != nil {
			t.Fatal(err)
		}
		code, _, errs := okchatRun(t, 0, args...)
		if code != exitOK || !strings.Contains(errs, left+" was left by a run that was killed: removed\n") || !slices.Equal(names(t, "."), args[len(args)-1:]) {
			t.Errorf("%v: exit %d, %v are there: %s", args, code, names(t, "."), errs)
		}
	}
}

func TestAKeyFileThatOthersCanReadIsWarnedAbout(t *testing.T) {
	srv := exported(t, 1)
	t.Setenv(okchat.EnvKey, "")
	path := filepath.Join(t.TempDir(), "key\x1b")
	if err := os.WriteFile(path, []byte(secretKey), 0o600); err != nil {
		t.Fatal(err)
	}
	for mode, warned := range map[os.FileMode]bool{0o600: false, 0o400: false, 0o640: true, 0o604: true} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		code, _, errs := okchatRun(t, 0, "list", "--chatbot", srv.ChatbotID, "--key-file", path)
		if code != exitOK || strings.Contains(errs, "chmod 600") != warned || strings.Contains(errs, "\x1b") {
			t.Errorf("mode %#o: exit %d: %s", mode, code, errs)
		}
	}
}

// What steers a terminal must not reach one, in whatever format it comes; a pipe gets the bytes that came.
func TestNothingFromOutsideSteersATerminal(t *testing.T) {
	const evil = "a\x1b]0;x\x07\u009b31m\u007f\u202e\u2066\u200f\u2028\u0085\ufeff\rb👩\u200d💻é"
	srv := okchattest.NewServer(t, okchattest.Key(secretKey), okchattest.Synthetic(1, 3))
	srv.Every(okchattest.EditRow(-1, func(c map[string]any) { c["last_message"], c["platform"], c[evil] = evil, evil, evil }))
	live(t, srv.URL)
	for _, args := range [][]string{{"list"}, {"list", "--json"}, {"export", "-o", "-"}, {"export", "-o", "-", "--format", "csv"}, {"stats"}, {"stats", "--json"}} {
		args = append(args, "--chatbot", srv.ChatbotID)
		for _, width := range []int{0, 80} {
			_, out, errs := okchatRun(t, width, args...)
			unsafe := func(s string) bool {
				return strings.ContainsAny(s, "\x1b\a\u009b\u007f\u202e\u2066\u200f\u2028\u0085\ufeff\r")
			}
			if unsafe(errs) || width > 0 && unsafe(out) {
				t.Errorf("%v at width %d printed %q, %q", args, width, out, errs)
			}
			if width == 0 && args[0] == "export" && !strings.Contains(out, "\u009b") {
				t.Errorf("%v changed the bytes for a pipe: %q", args, out)
			}
		}
	}
}
