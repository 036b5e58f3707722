package main

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	okchat "github.com/okchat/okchat-go"
	"github.com/okchat/okchat-go/okchattest"
)

// exported starts a server of n conversations and points the command at it.
func exported(t *testing.T, n int, opts ...okchattest.Option) *okchattest.Server {
	t.Helper()
	srv := okchattest.NewServer(t, append(opts, okchattest.Key(secretKey), okchattest.Synthetic(1, n))...)
	live(t, srv.URL)
	return srv
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func countIn(t *testing.T, path, question string) string {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var answer string
	if err := db.QueryRow(question).Scan(&answer); err != nil {
		t.Fatal(err)
	}
	return answer
}

func names(t *testing.T, dir string) (list []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		list = append(list, e.Name())
	}
	return list
}

func TestWithoutAKeyTheSampleIsExported(t *testing.T) {
	noKey(t)
	code, out, errs := okchatRun(t, 0, "export", "-o", "-")
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if code != exitOK || len(lines) != 20 || !strings.Contains(errs, "recorded sample") {
		t.Fatalf("exit %d, %d lines: %s", code, len(lines), errs)
	}
	for _, line := range lines {
		if !json.Valid([]byte(line)) {
			t.Errorf("%q is no JSON", line)
		}
	}
}

func TestExportByTheEndingOfTheName(t *testing.T) {
	srv := exported(t, 250)
	dir := t.TempDir()
	for name, begins := range map[string]string{
		"a.ndjson": "{", "a.JSONL": "{", "a.csv": "id,", "a.sqlite": "SQLite format 3", "a.db": "SQLite format 3", "b.txt": "id,",
	} {
		path := filepath.Join(dir, name)
		args := []string{"export", "--chatbot", srv.ChatbotID, "-o", path}
		if name == "b.txt" {
			args = append(args, "--format", "csv")
		}
		code, out, errs := okchatRun(t, 0, args...)
		if code != exitOK || out != "" || !strings.HasPrefix(readFile(t, path), begins) {
			t.Errorf("%s: exit %d, %q: %s", name, code, out, errs)
		}
		if !strings.Contains(errs, "250 conversations are in "+path) {
			t.Errorf("%s: stderr says %s", name, errs)
		}
	}
	if left := names(t, dir); len(left) != 6 {
		t.Errorf("there are %v", left)
	}
	code, out, errs := okchatRun(t, 0, "export", "--chatbot", srv.ChatbotID, "-o", "-", "--quiet", "--state", string(okchattest.StateClosed), "--limit", "7", "--read-ahead", "3")
	if code != exitOK || errs != "" || strings.Count(out, "\n") != 62 {
		t.Errorf("exit %d, %d lines, stderr is %q", code, strings.Count(out, "\n"), errs)
	}
	twelfth, _ := srv.At(12)
	code, out, _ = okchatRun(t, 0, "export", "--chatbot", srv.ChatbotID, "-o", "-", "--since", twelfth.CreatedAt.Format(time.RFC3339Nano))
	if code != exitOK || strings.Count(out, "\n") != 12 {
		t.Errorf("exit %d, %d lines since a time", code, strings.Count(out, "\n"))
	}
}

func TestExportUpdate(t *testing.T) {
	srv := exported(t, 250)
	path := filepath.Join(t.TempDir(), "a.sqlite")
	if code, _, errs := okchatRun(t, 0, "export", "--update", path); code != exitUsage || !strings.Contains(errs, "--chatbot") {
		t.Errorf("a new archive of no chatbot: exit %d: %s", code, errs)
	}
	for _, tt := range []struct {
		do   func()
		args []string
		says string
	}{
		{func() {}, []string{"--chatbot", srv.ChatbotID}, "250 new, 0 changed, 0 gone"},
		{func() { srv.AddNew(5) }, []string{"--new-only"}, "5 new, 0 changed, 0 gone"},
		{func() { c, _ := srv.At(99); srv.Remove(c.ID) }, nil, "0 new, 0 changed, 1 gone"},
		{func() { c, _ := srv.At(7); srv.SetState(c.ID, "other") }, []string{"--since", "2020-01-01"}, "0 new, 1 changed, 0 gone"},
	} {
		tt.do()
		code, _, errs := okchatRun(t, 0, append([]string{"export", "--update", path}, tt.args...)...)
		if code != exitOK || !strings.Contains(errs, tt.says) {
			t.Errorf("%v: exit %d, %s, expected %s", tt.args, code, errs, tt.says)
		}
	}
	before := srv.Count()
	if code, _, errs := okchatRun(t, 0, "export", "--update", path, "--new-only"); code != exitOK || srv.Count() != before+1 {
		t.Errorf("exit %d, %d requests for no news, expected 1: %s", code, srv.Count()-before, errs)
	}
	if code, _, errs := okchatRun(t, 0, "export", "--update", path, "--chatbot", bot); code != exitUsage || !strings.Contains(errs, "another chatbot") || !strings.Contains(errs, "--chatbot") {
		t.Errorf("another chatbot: exit %d: %s", code, errs)
	}
	noKey(t)
	if code, _, errs := okchatRun(t, 0, "export", "--update", path); code != exitUsage || !strings.Contains(errs, okchat.EnvKey) {
		t.Errorf("the sample into an archive: exit %d: %s", code, errs)
	}
	if left := names(t, filepath.Dir(path)); len(left) != 1 {
		t.Errorf("there are %v", left)
	}
}

func TestExportInterrupted(t *testing.T) {
	for _, format := range []string{"ndjson", "csv", "sqlite", "update", "-"} {
		t.Run(format, func(t *testing.T) {
			srv := exported(t, 250)
			dir := t.TempDir()
			path := filepath.Join(dir, "a."+format)
			args := []string{"export", "--chatbot", srv.ChatbotID, "--limit", "10", "--read-ahead", "1", "-o", path}
			switch format {
			case "update":
				args[len(args)-2] = "--update"
			case "-":
				args[len(args)-1] = "-"
			default:
				if err := os.WriteFile(path, []byte("old"), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			ctx, cancel := context.WithCancel(t.Context())
			srv.OnPage(4, interrupting(cancel))
			var out, errs bytes.Buffer
			code := run(ctx, args, streams{out: &out, err: &errs})
			if code != exitInterrupted || lastLine(errs.String()) != "okchat: interrupted" {
				t.Errorf("exit %d: %s", code, errs.String())
			}
			switch format {
			case "update":
				if got := countIn(t, path, "SELECT count(*) || ' ' || count(gone_at) FROM conversations"); got != "30 0" {
					t.Errorf("stored and gone: %s", got)
				}
				if !strings.Contains(errs.String(), "30 new") || !strings.Contains(errs.String(), "next run") {
					t.Errorf("stderr does not say what there is: %s", errs.String())
				}
				if code, _, errs := okchatRun(t, 0, "export", "--update", path); code != exitOK || !strings.Contains(errs, "220 new") {
					t.Errorf("the second run: exit %d: %s", code, errs)
				}
			case "-":
				if strings.Count(out.String(), "\n") != 30 || !strings.HasSuffix(out.String(), "}\n") {
					t.Errorf("%d lines came, expected 30 whole ones", strings.Count(out.String(), "\n"))
				}
			default:
				if readFile(t, path) != "old" || len(names(t, dir)) != 1 || !strings.Contains(errs.String(), "as it was") {
					t.Errorf("%v are left: %s", names(t, dir), errs.String())
				}
			}
		})
	}
}

func TestExportToWhatCannotBeWritten(t *testing.T) {
	noKey(t)
	var errs bytes.Buffer
	closed := &os.PathError{Op: "write", Path: "stdout", Err: syscall.EPIPE}
	if code := run(t.Context(), []string{"export", "-o", "-"}, streams{out: failing{closed}, err: &errs}); code != exitOK || strings.Contains(errs.String(), "pipe") {
		t.Errorf("a closed pipe: exit %d, %s", code, errs.String())
	}
	full := &os.PathError{Op: "write", Path: "stdout", Err: syscall.ENOSPC}
	if code := run(t.Context(), []string{"export", "-o", "-"}, streams{out: failing{full}, err: &errs}); code != exitFailed || !strings.Contains(errs.String(), "no space left") {
		t.Errorf("a full disk: exit %d, %s", code, errs.String())
	}
	missing := filepath.Join(t.TempDir(), "no", "such", "a.csv")
	if code, _, errs := okchatRun(t, 0, "export", "-o", missing); code != exitFailed || !strings.Contains(errs, missing) || !strings.Contains(errs, "no such file") {
		t.Errorf("no directory: exit %d, %s", code, errs)
	}
}

func TestExportWrongUse(t *testing.T) {
	noKey(t)
	dir := t.TempDir()
	text := filepath.Join(dir, "text.sqlite")
	if err := os.WriteFile(text, bytes.Repeat([]byte("text "), 100), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct{ args, says []string }{
		"no target":           {nil, []string{"-o"}},
		"two targets":         {[]string{"-o", "a.sqlite", "--update", "b.sqlite"}, []string{"-o", "--update"}},
		"no ending":           {[]string{"-o", "conversations"}, []string{"--format", ".csv"}},
		"an unknown format":   {[]string{"-o", "a.csv", "--format", "xml"}, []string{"--format", "ndjson"}},
		"SQLite to a pipe":    {[]string{"-o", "-", "--format", "sqlite"}, []string{"-o FILE"}},
		"new-only alone":      {[]string{"-o", "a.csv", "--new-only"}, []string{"--update"}},
		"a state in updates":  {[]string{"--update", "a.sqlite", "--state", "x"}, []string{"--state"}},
		"CSV in updates":      {[]string{"--update", "a.csv", "--format", "csv"}, []string{"--format"}},
		"updates to a pipe":   {[]string{"--update", "-"}, []string{"--update"}},
		"a negative limit":    {[]string{"-o", "-", "--limit", "-1"}, []string{"--limit"}},
		"read-ahead 0":        {[]string{"-o", "-", "--read-ahead", "0"}, []string{"--read-ahead"}},
		"too much read-ahead": {[]string{"-o", "-", "--read-ahead", "65"}, []string{"--read-ahead", "64"}},
		"a time that is none": {[]string{"-o", "-", "--since", "soon"}, []string{"--since"}},
		"no archive":          {[]string{"--update", text}, []string{text, "not an archive"}},
		"an argument":         {[]string{"all"}, []string{"all", "--help"}},
	} {
		code, _, errs := okchatRun(t, 0, append([]string{"export"}, tt.args...)...)
		if code != exitUsage || strings.Count(errs, "\n") != 1 {
			t.Errorf("%s: exit %d, expected %d and one line: %s", name, code, exitUsage, errs)
		}
		for _, want := range tt.says {
			if !strings.Contains(errs, want) {
				t.Errorf("%s: stderr does not say %q: %s", name, want, errs)
			}
		}
	}
	if left := names(t, dir); len(left) != 1 {
		t.Errorf("there are %v", left)
	}
}

func TestTheKeyFromAFileOrStandardInput(t *testing.T) {
	srv := exported(t, 3)
	t.Setenv(okchat.EnvKey, "fake-key-that-is-wrong")
	dir := t.TempDir()
	file := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for _, command := range [][]string{{"list"}, {"export", "-o", "-"}, {"stats"}} {
		for name, tt := range map[string]struct {
			file, stdin, says string
			code              int
		}{
			"a file":             {file("key", secretKey+"\n"), "", "", exitOK},
			"a file with CR":     {file("crlf", secretKey+"\r\nmore"), "", "", exitOK},
			"standard input":     {"-", secretKey, "", exitOK},
			"a wrong key":        {file("wrong", "fake-key-of-another"), "", "--key-file", exitUnauthorized},
			"an empty file":      {file("empty", "\n"), "", "--key-file", exitUsage},
			"no standard input":  {"-", "", "standard input", exitUsage},
			"a file not there":   {filepath.Join(dir, "none"), "", "--key-file", exitUsage},
			"a key with a space": {file("space", " "+secretKey), "", "white space", exitUsage},
		} {
			var out, errs bytes.Buffer
			args := slices.Concat(command, []string{"--chatbot", srv.ChatbotID, "--key-file", tt.file})
			code := run(t.Context(), args, streams{in: strings.NewReader(tt.stdin), out: &out, err: &errs})
			if code != tt.code || !strings.Contains(errs.String(), tt.says) {
				t.Errorf("%s, %s: exit %d, expected %d: %s", command[0], name, code, tt.code, errs.String())
			}
			if strings.Contains(out.String()+errs.String(), secretKey) {
				t.Errorf("%s, %s: the key was printed", command[0], name)
			}
		}
	}
}

func TestProgress(t *testing.T) {
	at := time.Date(2025, 3, 7, 0, 0, 0, 0, time.UTC)
	m := okchat.PageMetadata{CurrentPage: 25, TotalPages: 100, PageSize: 100, TotalCount: 10000}
	for _, tt := range []struct {
		width   int
		bounded bool
		want    string
	}{
		{0, false, "2500 of 10000 conversations, page 25 of 100, 250/s, 30s left\n"},
		{0, true, "2500 conversations, page 25, 250/s\n"},
		{100, false, "\r[#########" + strings.Repeat("-", 27) + "] 2500 of 10000 conversations, page 25 of 100, 250/s, 30s left\x1b[K"},
		{40, false, "\r2500 of 10000 conversations, page 25 of\x1b[K"},
	} {
		var out bytes.Buffer
		p := &progress{out: &out, width: tt.width, bounded: tt.bounded, count: 2500, pages: 25, started: at, shown: at}
		p.now = func() time.Time { return at.Add(10 * time.Second) }
		p.show(m)
		p.show(m) // too early
		if out.String() != tt.want {
			t.Errorf("at width %d it is %q, expected %q", tt.width, out.String(), tt.want)
		}
	}
}

func TestTheShellCompletesFormats(t *testing.T) {
	noKey(t)
	for flag, want := range map[string]string{"--format": "ndjson\ncsv\nxlsx\nsqlite\n", "-o": "csv", "--update": "sqlite"} {
		if _, out, errs := okchatRun(t, 0, "__complete", "export", flag, ""); !strings.Contains(out, want) {
			t.Errorf("%s completes to %q%s, expected %q", flag, out, errs, want)
		}
	}
}
