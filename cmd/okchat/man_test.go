package main

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra/doc"
)

var manFolder = flag.String("man", "", "write the manual pages to this folder, which a release hands on")

// The pages are made by a test, so that the program does without what makes them.
func TestTheManualHasAPageForEachCommand(t *testing.T) {
	dir := t.TempDir()
	if *manFolder != "" {
		dir = *manFolder
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	root := newRoot(streams{})
	root.DisableAutoGenTag = true // which holds the hour
	root.Long = root.Short + ".\n\n" + verbatim(environmentHelp) + verbatim(exitCodeHelp)
	if err := doc.GenManTree(root, &doc.GenManHeader{Section: "1", Source: "okchat", Manual: "okchat"}, dir); err != nil {
		t.Fatal(err)
	}
	for _, cmd := range root.Commands() {
		if !cmd.IsAvailableCommand() {
			continue
		}
		page, err := os.ReadFile(filepath.Join(dir, "okchat-"+cmd.Name()+".1"))
		if err != nil || !strings.Contains(string(page), `okchat-`+strings.ReplaceAll(cmd.Name(), "-", `\-`)) {
			t.Errorf("the page of %s: %v\n%.300s", cmd.Name(), err, page)
		}
	}
	page, err := os.ReadFile(filepath.Join(dir, "okchat.1"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"OKCHAT_CHATBOT_ID", "130  interrupted", "okchat-convert(1)"} {
		if !strings.Contains(strings.ReplaceAll(string(page), `\`, ""), want) {
			t.Errorf("okchat.1 does not say %q:\n%s", want, page)
		}
	}
}

// verbatim returns text as a block that Markdown, from which the pages are made, leaves as it is.
func verbatim(text string) string {
	return "```" + text + "```\n\n"
}
