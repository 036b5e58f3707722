package contract

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// addition is what a drift would have the contract learn.
type addition struct {
	at   *yaml.Node // the list, the properties or the responses to which it goes
	name string     // the value, the member's name or the status
	kind kinds      // of a member, 0 for the others
}

// safeName is what stands in YAML as it is, and says nothing of anyone.
var safeName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_-]{0,40}$`)

// Patch returns what a drift suggests: a unified diff of the contract, ready for patch -p1, that describes what came, for
// a person to complete. It is "" for other findings, and where a name is none that a contract should learn unseen.
func (c *Contract) Patch(f Finding) string {
	a := f.addition
	if a == nil || a.at == nil || !safeName.MatchString(a.name) && f.Code != CodeStatus {
		return ""
	}
	switch f.Code {
	case CodeValue:
		return c.addValue(a)
	case CodeMember:
		lines := []string{a.name + ":", "  description: " + unexplained}
		if a.kind == null {
			lines = append(lines, "  type: [string, 'null']")
		} else {
			name, _, _ := strings.Cut(a.kind.String(), " ")
			lines = append(lines, "  type: "+name)
		}
		if a.kind == array {
			lines = append(lines, "  items:", "    description: "+unexplained)
		}
		return c.addEntry(a.at, append(lines, "  x-evidence: observed"))
	case CodeStatus:
		return c.addEntry(a.at, []string{"'" + a.name + "':", "  description: " + unexplained, "  x-evidence: observed"})
	}
	return ""
}

const unexplained = "Seen in an answer, not explained by the vendor."

// addValue adds a value to a sequence, in its own style.
func (c *Contract) addValue(a *addition) string {
	values := items(a.at)
	if len(values) == 0 {
		return ""
	}
	last := values[len(values)-1]
	line := c.doc.lines[last.Line-1]
	if a.at.Style&yaml.FlowStyle == 0 {
		return c.diff(last.Line, "", line[:last.Column-3]+"- "+a.name+"\n")
	}
	end := strings.LastIndex(line, "]")
	if end < 0 {
		return ""
	}
	return c.diff(last.Line-1, line, line[:end]+", "+a.name+line[end:])
}

// addEntry adds an entry to a mapping in block style, after its last one.
func (c *Contract) addEntry(at *yaml.Node, entry []string) string {
	if at.Style&yaml.FlowStyle != 0 || len(at.Content) == 0 {
		return ""
	}
	indent := strings.Repeat(" ", at.Content[0].Column-1)
	end := at.Content[0].Line // the first line after the mapping: not indented as deeply, and not empty
	for end < len(c.doc.lines) && (strings.TrimSpace(c.doc.lines[end]) == "" || strings.HasPrefix(c.doc.lines[end], indent)) {
		end++
	}
	return c.diff(end, "", indent+strings.Join(entry, "\n"+indent)+"\n")
}

// diff puts new after the first n lines of the document, in place of the line old where that is not empty.
func (c *Contract) diff(n int, old, added string) string {
	const context = 3
	gone := 0
	if old != "" {
		gone = 1
	}
	from, to := max(n-context, 0), min(n+gone+context, len(c.doc.lines))
	var b strings.Builder
	fmt.Fprintf(&b, "--- a/%s\n+++ b/%s\n@@ -%d,%d +%d,%d @@\n", c.doc.name, c.doc.name,
		from+1, to-from, from+1, to-from-gone+strings.Count(added, "\n"))
	for i, line := range slices.Concat(c.doc.lines[from:n], c.doc.lines[n:to]) {
		if i == n-from {
			if old != "" {
				b.WriteString("-" + old)
			}
			for l := range strings.Lines(added) {
				b.WriteString("+" + l)
			}
			if old != "" {
				continue
			}
		}
		b.WriteString(" " + line)
	}
	if to == n { // nothing follows
		for l := range strings.Lines(added) {
			b.WriteString("+" + l)
		}
	}
	return b.String()
}
