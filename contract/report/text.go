package report

import (
	"fmt"
	"strings"

	"github.com/okchat/okchat-go/contract"
	"github.com/okchat/okchat-go/contract/finding"
)

// text is for people: what, where, and the line of the contract with a caret under the place that was broken. The first
// finding of a kind is written at once; how many there were stands at the end.
type text struct {
	*output
	last string // the patch before
}

const (
	red    = "\x1b[31m"
	yellow = "\x1b[33m"
	bold   = "\x1b[1m"
	dim    = "\x1b[2m"
	plain  = "\x1b[0m"
)

// Result implements [Writer].
func (t *text) Result(r *contract.Result) { t.collect(r, t.finding) }

func (t *text) finding(g *group) {
	f := g.Finding
	colour := red
	if f.Severity == finding.Drift {
		colour = yellow
	}
	t.printf("%s %s\n", t.paint(bold, Safe(f.Source.Place())), t.paint(colour, fmt.Sprintf("%s %s", f.Severity, f.Code)))
	t.printf("  %s\n", strings.TrimSpace(string(f.Part)+" "+Safe(f.Pointer)))
	t.printf("  expected %s, got %s", Safe(f.Expected), Safe(f.Got))
	if f.Evidence != "" && f.Evidence != "documented" {
		t.printf(" (%s, not documented)", f.Evidence)
	}
	t.printf("\n")
	if f.Request != "" {
		t.printf("  %s\n", Safe(f.Request))
	}
	if line := t.contract.SpecLine(f.SpecLine); line != "" {
		head := fmt.Sprintf("  %s:%d | ", Safe(f.SpecFile), f.SpecLine)
		t.printf("%s\n", t.paint(dim, head)+strings.TrimLeft(line, " "))
		before := max(f.SpecColumn-1-(len(line)-len(strings.TrimLeft(line, " "))), 0)
		t.printf("%s\n", strings.Repeat(" ", len(head)-2)+t.paint(dim, "| ")+strings.Repeat(" ", before)+t.paint(colour, "^"))
	}
	if patch := f.Patch; patch != "" && patch != t.last {
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

// Close implements [Writer].
func (t *text) Close() error {
	for _, g := range t.groups {
		if also := g.also(); also != "" {
			t.printf("%s %s %s %s: %s\n", g.Severity, g.Code, g.Part, Safe(index().ReplaceAllString(g.Pointer, "/*")), Safe(also))
		}
	}
	for _, u := range t.reasons {
		t.printf("%s %s\n", t.paint(bold, Safe(u.source.Place())), Safe(strings.TrimSpace(u.call+" "+u.String())))
	}
	for _, message := range t.errors {
		t.printf("%s\n", Safe(message))
	}
	return t.err
}

// github is for a workflow on GitHub: each finding is an annotation of its place.
type github struct{ *output }

var (
	githubData     = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	githubProperty = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
)

// Close implements [Writer].
func (g *github) Close() error {
	for _, found := range g.groups {
		level := "error"
		if !g.fails(found.Finding) {
			level = "warning"
		}
		message := found.Message()
		if found.Request != "" {
			message += " (" + found.Request + ")"
		}
		if also := found.also(); also != "" {
			message += "; " + also
		}
		place := "file=" + githubProperty.Replace(Safe(found.Source.File))
		if found.Source.Line > 0 {
			place += fmt.Sprintf(",line=%d,col=%d", found.Source.Line, found.Source.Column)
		}
		g.printf("::%s %s,title=%s::%s\n", level, place, githubProperty.Replace(fmt.Sprintf("%s: %s", found.Severity, found.Code)), githubData.Replace(Safe(message)))
	}
	for _, u := range g.reasons {
		g.printf("::warning file=%s,title=not checked::%s\n", githubProperty.Replace(Safe(u.source.File)), githubData.Replace(Safe(u.source.Place()+" "+u.String())))
	}
	for _, message := range g.errors {
		g.printf("::error::%s\n", githubData.Replace(Safe(message)))
	}
	return g.err
}
