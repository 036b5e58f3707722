package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

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

func TestThePageLoadsNothingAndEscapesWhatCame(t *testing.T) {
	evil := `<script>alert(1)</script>"'&`
	s := &archive.Stats{ChatbotID: evil, AsOf: time.Date(2025, 3, 5, 6, 4, 5, 0, time.UTC), TimeZone: "Asia/Seoul", Total: 3, PerDay: []archive.Count{{Name: "2025-03-01", Conversations: 1}, {Name: "2025-03-04", Conversations: 2}},
		PerPlatform: []archive.Count{{Name: evil, Conversations: 3}}, PerState: []archive.Count{{Name: "", Conversations: 3}}}
	var b bytes.Buffer
	if err := renderPage(&b, s); err != nil {
		t.Fatal(err)
	}
	page := b.String()
	if regexp.MustCompile(`(?i)<script|https?:|src=|@import|url\(|ZgotmplZ|NaN|Inf`).MatchString(page) {
		t.Errorf("the page is\n%s", page)
	}
	for _, want := range []string{", 2025-03-01 to 2025-03-04</p>", "As of 2025-03-05 15:04 (Asia/Seoul)", "per day (Asia/Seoul)", "@media print"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	if !strings.Contains(page, "prefers-color-scheme: dark") || strings.Count(page, "<rect") != 2*4 {
		t.Errorf("the page has %d columns, expected 4 days in a wide and a narrow plot", strings.Count(page, "<rect"))
	}
	b.Reset()
	if err := renderPage(&b, &archive.Stats{}); err != nil || strings.Contains(b.String(), "<svg") {
		t.Errorf("of nothing: %v\n%s", err, b.String())
	}
}

func TestDaysArePutTogether(t *testing.T) {
	for _, tt := range []struct {
		days, want string
		most       int
	}{
		{"", "day", 31},
		{"2025-03-01:1", "day 2025-03-01:1", 31},
		{"2025-02-27:1 2025-03-02:2", "day 2025-02-27:1 2025-02-28:0 2025-03-01:0 2025-03-02:2", 31},
		{"2025-02-27:1 2025-02-28:3 2025-04-02:2", "month 2025-02:4 2025-03:0 2025-04:2", 31},
		{"1999-02-27:1 2025-04-02:2", "year 1999:1 2025:2", 3},
		{"0001-01-01:1 9999-12-31:2", "year 0001:1 9999:2", 2},
	} {
		var days []archive.Count
		for day := range strings.FieldsSeq(tt.days) {
			name, n, _ := strings.Cut(day, ":")
			c := archive.Count{Name: name}
			fmt.Sscan(n, &c.Conversations)
			days = append(days, c)
		}
		unit, counts := series(days, tt.most)
		got := unit
		for _, c := range counts {
			got += fmt.Sprintf(" %s:%d", c.Name, c.Conversations)
		}
		if got != tt.want {
			t.Errorf("%s is %q, expected %q", tt.days, got, tt.want)
		}
	}
}
