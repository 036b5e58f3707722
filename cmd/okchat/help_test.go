package main

import (
	"os"
	"strings"
	"testing"
)

// Examples that need neither a key nor a file are run as they stand, up to the first pipe.
func TestTheExamplesInTheHelpRun(t *testing.T) {
	noKey(t)
	t.Chdir(t.TempDir())
	n := 0
	for _, command := range newRoot(streams{}).Commands() {
		if command.Name() != "export" && command.Name() != "stats" && command.Name() != "list" {
			continue
		}
		for line := range strings.Lines(command.Example) {
			line, _, _ = strings.Cut(strings.TrimSpace(line), " |")
			if args := strings.Fields(line); args[0] == "okchat" && !strings.Contains(line, "--archive") {
				n++
				if code, _, errs := okchatRun(t, 0, args[1:]...); code != exitOK {
					t.Errorf("%s: exit %d: %s", line, code, errs)
				}
			}
		}
	}
	if n < 6 {
		t.Errorf("%d examples were run, expected 6 or more", n)
	}
	if page, err := os.ReadFile("stats.html"); err != nil || len(page) == 0 {
		t.Error(err)
	}
}
