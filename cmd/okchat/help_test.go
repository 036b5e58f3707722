package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	okchat "github.com/okchat/okchat-go"
)

// Examples that need neither a key nor a file are run as they stand, up to the first pipe.
func TestTheExamplesInTheHelpRun(t *testing.T) {
	noKey(t)
	t.Chdir(t.TempDir())
	n := 0
	for _, command := range newRoot(streams{}).Commands() {
		if command.Name() != "export" && command.Name() != "stats" && command.Name() != "list" && command.Name() != "chatbots" && command.Name() != "show" {
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
	if n < 8 {
		t.Errorf("%d examples were run, expected 8 or more", n)
	}
	if page, err := os.ReadFile("stats.html"); err != nil || len(page) == 0 {
		t.Error(err)
	}
}

func TestTheHelpNamesAllEnvironmentVariables(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	named := map[string]bool{okchat.EnvKey: true, okchat.EnvBaseURL: true, envChatbot: true, "HTTPS_PROXY": true}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range regexp.MustCompile(`os\.(?:Getenv|LookupEnv)\("([^"]+)"\)`).FindAllStringSubmatch(string(text), -1) {
			named[match[1]] = true
		}
	}
	if len(named) < 7 {
		t.Errorf("the program reads %v, expected more variables", named)
	}
	for name := range named {
		if !strings.Contains(environmentHelp, name) {
			t.Errorf("the help does not name %s", name)
		}
	}
}
