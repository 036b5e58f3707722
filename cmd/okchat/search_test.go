package main

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/mattn/go-runewidth"
)

func TestWhatIsFoundFitsTheTerminalAndCannotSteerIt(t *testing.T) {
	before, after := strings.Repeat("지어낸 인사 ", 30), strings.Repeat("x", 200)
	_, args := talking(t, before+"\x1b[31mneedle\u202e\u009b2J\n"+after, "needle "+after, before+"\tNEEDLE")
	path := filepath.Join(t.TempDir(), "a.sqlite")
	if code, _, errs := okchatRun(t, 0, append([]string{"export", "--quiet", "--messages", "-o", path}, args[2:]...)...); code != exitOK {
		t.Fatal(errs)
	}
	for _, colour := range []string{"", "1"} {
		t.Setenv("NO_COLOR", colour)
		for _, width := range []int{0, 20, 30, 80, 500} {
			code, out, errs := okchatRun(t, width, "search", "needle", "--archive", path)
			if code != exitOK || strings.Count(strings.ToLower(out), "needle") != 3 || !strings.HasSuffix(errs, "3 messages\n") {
				t.Fatalf("exit %d at width %d:\n%s%s", code, width, out, errs)
			}
			bold := strings.Count(out, "\x1b[1m")
			if bold != strings.Count(out, "\x1b[0m") || (bold == 3) != (width > 0 && colour == "") {
				t.Errorf("width %d: %d are bold", width, bold)
			}
			out = strings.NewReplacer("\x1b[1m", "", "\x1b[0m", "").Replace(out)
			if strings.ContainsAny(out, "\x1b\u202e\u009b") {
				t.Errorf("width %d: it is %q", width, out)
			}
			for line := range strings.Lines(out) {
				if line = strings.TrimRight(line, "\n"); strings.HasPrefix(line, "  ") && width > 0 && runewidth.StringWidth(line) > width {
					t.Errorf("a line takes %d columns of %d: %s", runewidth.StringWidth(line), width, line)
				}
			}
		}
	}
}
