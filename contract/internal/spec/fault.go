package spec

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/okchat/okchat-go/contract/finding"
	"github.com/okchat/okchat-go/contract/internal/jsontree"
	"github.com/okchat/okchat-go/contract/internal/words"
	"github.com/okchat/okchat-go/internal/lazy"
)

// Fault is a finding where it is noticed, with the value at fault. Package contract completes it: it adds the place, the call
// and the line of the contract.
type Fault struct {
	// Finding has what is wrong. Its Severity is a violation's where it is empty, and Pointer the name of a parameter or header.
	finding.Finding

	// Node is the value at fault, nil outside of a JSON body. Where Missing is not empty, it is a member of Node of that
	// name that is at fault.
	Node    *jsontree.Node
	Missing string
	// Key reports whether the name of the member is at fault, and not its value.
	Key bool
	// Offset is the byte of the body where the fault is, where Node does not tell; -1 outside of a body.
	Offset int
	// At is the place in the contract that the fault goes against.
	At *yaml.Node
	// Addition is the change to the contract by which it would learn of a drift.
	Addition *Addition
}

// Addition is the change to the contract by which it would learn of a drift.
type Addition struct {
	At   *yaml.Node     // the list, the properties or the responses to which it goes
	Name string         // the value, the member's name or the status
	Kind jsontree.Kinds // of a member
}

// Leaf returns the JSON pointer of the leaf at fault, or the name of the parameter or header.
func (f *Fault) Leaf() string {
	switch {
	case f.Node == nil:
		return f.Pointer
	case f.Missing != "":
		return f.Node.Pointer() + "/" + jsontree.Escape(f.Missing)
	}
	return f.Node.Pointer()
}

// Place returns the byte of the body where the fault is, -1 outside of a body.
func (f *Fault) Place() int {
	switch {
	case f.Node == nil, f.Offset > 0:
		return f.Offset
	case f.Key:
		return int(f.Node.Key)
	}
	return int(f.Node.Start)
}

const (
	// maxLike is how many faults of a kind are kept of one exchange. The last of them counts the others, so that no input
	// costs more than its size, and no fault of another kind is lost behind them.
	maxLike = 100
	// maxKinds is how many kinds are told apart by a name that the server chooses.
	maxKinds = 200
)

// Faults collects the faults of one exchange.
type Faults struct {
	List  []Fault
	kinds map[kind]*tally
}

// kind identifies faults that are alike.
type kind struct {
	code finding.Code
	at   *yaml.Node
	name string
}

type tally struct{ n, last int }

// Add keeps a fault, or counts it where there are many of its kind.
func (f *Faults) Add(fault Fault) {
	k := kind{code: fault.Code, at: fault.At, name: fault.Missing}
	if fault.Addition != nil {
		k.name = fault.Addition.Name
	}
	if len(f.kinds) >= maxKinds && f.kinds[k] == nil {
		k.name = ""
	}
	t := f.kinds[k]
	if t == nil {
		if f.kinds == nil {
			f.kinds = make(map[kind]*tally)
		}
		t = &tally{}
		f.kinds[k] = t
	}
	fault.Count, fault.Severity = 1, cmp.Or(fault.Severity, finding.Violation)
	if t.n++; t.n > maxLike {
		f.List[t.last].Count++
		return
	}
	t.last = len(f.List)
	f.List = append(f.List, fault)
}

// Outside keeps a violation outside of a JSON body.
func (f *Faults) Outside(code finding.Code, part finding.Part, name string, at *yaml.Node, expected, got string) {
	f.Add(Fault{Finding: finding.Finding{Code: code, Part: part, Pointer: name, Expected: expected, Got: got}, At: at, Offset: -1})
}

// Broken reports whether a fault of the part is a violation.
func (f *Faults) Broken(part finding.Part) bool {
	return slices.ContainsFunc(f.List, func(f Fault) bool { return f.Part == part && f.Severity == finding.Violation })
}

// Describe says what a value is without saying what it holds.
func Describe(n *jsontree.Node) string {
	switch n.Kind {
	case jsontree.Null:
		return "null"
	case jsontree.Boolean:
		return "a boolean"
	case jsontree.String:
		return words.Text(n.Text)
	case jsontree.Array:
		return "an array of " + words.Plural(int(n.Size), "item")
	case jsontree.Object:
		return "an object of " + words.Plural(int(n.Size), "member")
	}
	return "a number"
}

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
