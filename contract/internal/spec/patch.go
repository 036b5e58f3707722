package spec

import (
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/okchat/okchat-go/contract/finding"
	"github.com/okchat/okchat-go/contract/internal/jsontree"
	"github.com/okchat/okchat-go/internal/lazy"
)

// safeName matches a name that stands in YAML as it is and is no one's: with more digits it could be a key.
var safeName = lazy.Regexp(`^[A-Za-z_][A-Za-z_-]{0,38}[0-9]{0,2}$`)

// Patch returns what a drift suggests, as Finding.Patch has it.
func (d *Document) Patch(f *Fault) string {
	a := f.Addition
	if a == nil || a.At == nil || !safeName().MatchString(a.Name) && f.Code != finding.CodeStatus {
		return ""
	}
	switch f.Code {
	case finding.CodeValue:
		return d.addValue(a)
	case finding.CodeMember:
		lines := []string{a.Name + ":", "  description: " + unexplained}
		if a.Kind == jsontree.Null {
			lines = append(lines, "  type: [string, 'null']")
		} else {
			name, _, _ := strings.Cut(a.Kind.String(), " ")
			lines = append(lines, "  type: "+name)
		}
		if a.Kind == jsontree.Array {
			lines = append(lines, "  items:", "    description: "+unexplained)
		}
		return d.addEntry(a.At, append(lines, "  x-evidence: observed"))
	case finding.CodeStatus:
		return d.addEntry(a.At, []string{"'" + a.Name + "':", "  description: " + unexplained, "  x-evidence: observed"})
	}
	return ""
}

const unexplained = "Seen in an answer, not explained by the vendor."

// addValue adds a value to a sequence, in its own style.
func (d *Document) addValue(a *Addition) string {
	values := Items(a.At)
	if len(values) == 0 {
		return ""
	}
	last := values[len(values)-1]
	line := d.Lines[last.Line-1]
	if a.At.Style&yaml.FlowStyle == 0 {
		return d.diff(last.Line, 0, line[:last.Column-3]+"- "+a.Name+"\n")
	}
	end := strings.LastIndex(line, "]")
	if end < 0 {
		return ""
	}
	return d.diff(last.Line-1, 1, line[:end]+", "+a.Name+line[end:])
}

// addEntry adds an entry to a mapping in block style, after its last one.
func (d *Document) addEntry(at *yaml.Node, entry []string) string {
	if at.Style&yaml.FlowStyle != 0 || len(at.Content) == 0 {
		return ""
	}
	indent := strings.Repeat(" ", at.Content[0].Column-1)
	end := at.Content[0].Line // the first line after the mapping: not indented as deeply, and not empty
	for end < len(d.Lines) && (strings.TrimSpace(d.Lines[end]) == "" || strings.HasPrefix(d.Lines[end], indent)) {
		end++
	}
	return d.diff(end, 0, indent+strings.Join(entry, "\n"+indent)+"\n")
}

// diff puts added after the first n lines of the document, in place of the next ones where gone is not 0.
func (d *Document) diff(n, gone int, added string) string {
	const context = 3
	lines := d.Lines
	from, to := max(n-context, 0), min(n+gone+context, len(lines))
	var b strings.Builder
	fmt.Fprintf(&b, "--- a/%s\n+++ b/%s\n@@ -%d,%d +%d,%d @@\n", d.Name, d.Name,
		from+1, to-from, from+1, to-from-gone+strings.Count(added, "\n"))
	for _, part := range []struct {
		sign  string
		lines []string
	}{{" ", lines[from:n]}, {"-", lines[n : n+gone]}, {"+", slices.Collect(strings.Lines(added))}, {" ", lines[n+gone : to]}} {
		for _, line := range part.lines {
			b.WriteString(part.sign + line)
		}
	}
	return b.String()
}
