package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/mattn/go-runewidth"

	"github.com/okchat/okchat-go/archive"
	"github.com/okchat/okchat-go/gen/okchatapi"
)

func TestStatsFromTheServerAndTheArchive(t *testing.T) {
	srv := exported(t, 2500)
	path := filepath.Join(t.TempDir(), "a.sqlite")
	if code, _, errs := okchatRun(t, 0, "export", "--chatbot", srv.ChatbotID, "-o", path, "--quiet"); code != exitOK {
		t.Fatal(errs)
	}
	if err := os.Chmod(path, 0o400); err != nil {
		t.Fatal(err)
	}
	_, fromServer, _ := okchatRun(t, 0, "stats", "--chatbot", srv.ChatbotID, "--json", "--quiet")
	noKey(t)
	_, fromArchive, _ := okchatRun(t, 0, "stats", "--archive", path, "--json")
	platforms := len(okchatapi.PlatformValues())
	var s archive.Stats
	if err := json.Unmarshal([]byte(fromServer), &s); err != nil || s.Total != 2500 || len(s.PerPlatform) != platforms || len(s.PerDay) != 4 {
		t.Errorf("%v, %+v", err, s)
	}
	asOf := regexp.MustCompile(`"as_of": "[^"]+Z"`)
	if !asOf.MatchString(fromArchive) || asOf.ReplaceAllString(fromServer, "") != asOf.ReplaceAllString(fromArchive, "") {
		t.Errorf("the server says\n%s, the archive\n%s", fromServer, fromArchive)
	}
	_, piped, _ := okchatRun(t, 0, "stats", "--archive", path)
	if !strings.Contains(piped, "\nstate\tin_progress\t1875\n") || strings.Count(piped, "\n") != 1+4+platforms+2 {
		t.Errorf("piped, it is\n%s", piped)
	}
	for _, width := range []int{30, 80, 200} {
		_, bars, _ := okchatRun(t, width, "stats", "--archive", path)
		full := false
		for line := range strings.Lines(bars) {
			w := runewidth.StringWidth(strings.TrimRight(line, "\n"))
			full = full || w >= width-2
			if strings.HasPrefix(line, "  ") && w > width {
				t.Errorf("a line takes %d columns of %d: %s", w, width, line)
			}
		}
		if !full || !strings.Contains(bars, "Per day (UTC)") || !strings.Contains(bars, "█") {
			t.Errorf("at width %d it is\n%s", width, bars)
		}
	}
}

func TestStatsWrongUse(t *testing.T) {
	noKey(t)
	dir := t.TempDir()
	for name, tt := range map[string]struct{ args, says []string }{
		"no such archive":      {[]string{"--archive", filepath.Join(dir, "none.sqlite")}, []string{"none.sqlite", "okchat export"}},
		"a chatbot twice":      {[]string{"--archive", "a.sqlite", "--chatbot", bot}, []string{"--archive", "--chatbot"}},
		"a chatbot, no key":    {[]string{"--chatbot", bot}, []string{"--key-file"}},
		"what is no archive":   {[]string{"--archive", "stats.go"}, []string{"stats.go", "not an archive"}},
		"an argument too many": {[]string{"all"}, []string{"all"}},
	} {
		code, _, errs := okchatRun(t, 0, append([]string{"stats"}, tt.args...)...)
		if code != exitUsage {
			t.Errorf("%s: exit %d: %s", name, code, errs)
		}
		for _, want := range tt.says {
			if !strings.Contains(errs, want) {
				t.Errorf("%s: stderr does not say %q: %s", name, want, errs)
			}
		}
	}
	if code, _, errs := okchatRun(t, 0, "stats", "--html", filepath.Join(dir, "no", "a.html")); code != exitFailed || !strings.Contains(errs, "cannot write") {
		t.Errorf("no directory: exit %d: %s", code, errs)
	}
}
