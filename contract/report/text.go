package report

import (
	"fmt"
	"strings"

	"github.com/okchat/okchat-go/contract"
)

// text is for people: what, where, and the line of the contract with a caret under the place that was broken.
type text struct {
	*output
	last string // the finding before, without its place
}

const (
	red    = "\x1b[31m"
	yellow = "\x1b[33m"
	bold   = "\x1b[1m"
	dim    = "\x1b[2m"
	plain  = "\x1b[0m"
)

func (t *text) Result(r *contract.Result) {
	for _, f := range r.Findings {
		t.finding(f)
	}
}

func (t *text) finding(f contract.Finding) {
	colour := red
	if f.Severity == contract.Drift {
		colour = yellow
	}
	t.printf("%s %s\n", t.paint(bold, f.Source.Place()), t.paint(colour, fmt.Sprintf("%s %s", f.Severity, f.Code)))
	t.printf("  %s\n", strings.TrimSpace(string(f.Part)+" "+f.Pointer))
	t.printf("  expected %s, got %s", f.Expected, f.Got)
	if f.Evidence != "" && f.Evidence != "documented" {
		t.printf(" (%s, not documented)", f.Evidence)
	}
	t.printf("\n")
	if line := t.contract.SpecLine(f.SpecLine); line != "" {
		head := fmt.Sprintf("  %s:%d | ", t.contract.Name(), f.SpecLine)
		t.printf("%s\n", t.paint(dim, head)+strings.TrimLeft(line, " "))
		before := max(f.SpecColumn-1-(len(line)-len(strings.TrimLeft(line, " "))), 0)
		t.printf("%s\n", strings.Repeat(" ", len(head)-2)+t.paint(dim, "| ")+strings.Repeat(" ", before)+t.paint(colour, "^"))
	}
	if patch := t.contract.Patch(f); patch != "" && patch != t.last {
		t.last = patch
		t.printf("  the contract would learn it by\n    %s\n", strings.ReplaceAll(strings.TrimSuffix(patch, "\n"), "\n", "\n    "))
	}
	t.printf("\n")
}

func (t *text) paint(colour, s string) string {
	if !t.opts.Colour || s == "" {
		return s
	}
	return colour + s + plain
}

func (t *text) Error(error) {} // it is on standard error

// github is for a workflow on GitHub: each finding is an annotation of its place.
type github struct{ *output }

var (
	githubData     = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	githubProperty = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
)

func (g *github) Result(r *contract.Result) {
	for _, f := range r.Findings {
		level := "error"
		if !g.fails(f) {
			level = "warning"
		}
		place := "file=" + githubProperty.Replace(f.Source.File)
		if f.Source.Line > 0 {
			place += fmt.Sprintf(",line=%d,col=%d", f.Source.Line, f.Source.Column)
		}
		g.printf("::%s %s,title=%s::%s\n", level, place, githubProperty.Replace(fmt.Sprintf("%s: %s", f.Severity, f.Code)), githubData.Replace(f.Message()))
	}
}

func (g *github) Error(err error) { g.printf("::error::%s\n", githubData.Replace(err.Error())) }
