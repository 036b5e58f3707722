package spec

import (
	"cmp"
	"slices"

	"go.yaml.in/yaml/v3"

	"github.com/okchat/okchat-go/contract/finding"
	"github.com/okchat/okchat-go/contract/internal/jsontree"
	"github.com/okchat/okchat-go/contract/internal/words"
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
