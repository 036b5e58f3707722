package spec

import (
	"math"
	"math/bits"
	"slices"
	"strconv"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/okchat/okchat-go/contract/finding"
	"github.com/okchat/okchat-go/contract/internal/jsontree"
	"github.com/okchat/okchat-go/contract/internal/words"
)

// Validation is one JSON document that is validated against a schema.
type Validation struct {
	*jsontree.Tree
	// Faults collects the faults that it finds.
	Faults *Faults
	// Part is where the document stands.
	Part finding.Part
	// Schemas has, by the position of a value in the document, the schema that a string or number keeps, nil for others. It
	// is nil in the trial of a union's branch.
	Schemas []*Schema
	// Ruled are the values beside whose schemas rules stand, in the order of the document. A rule may look at all of the
	// document, so it waits until all of it has been validated.
	Ruled []Ruled

	marks []mark
}

// Ruled is a value beside whose schema rules stand.
type Ruled struct {
	Schema *Schema
	Node   *jsontree.Node
}

// mark reports what is wrong with a value itself.
type mark uint8

const (
	marked mark = 1 << iota
	markedDrift
)

// Validate validates a document. part is where it stands. s is nil where the contract says nothing of it.
func Validate(s *Schema, t *jsontree.Tree, part finding.Part, faults *Faults) *Validation {
	v := &Validation{Tree: t, Faults: faults, Part: part, Schemas: make([]*Schema, len(t.Nodes))}
	if s == nil {
		return v
	}
	if n := t.Garbled; n != nil {
		v.add(finding.CodeEncoding, n, s.Node, "Unicode text in UTF-8", "bytes that are not")
	}
	v.value(s, t.Root())
	return v
}

// Blamed reports whether a value itself has a fault: a violation or, with drift, any.
func (v *Validation) Blamed(n *jsontree.Node, drift bool) bool {
	return v.marks != nil && (v.marks[n.Index]&marked != 0 || drift && v.marks[n.Index] != 0)
}

// add keeps a violation.
func (v *Validation) add(code finding.Code, n *jsontree.Node, at *yaml.Node, expected, got string) {
	v.keep(Fault{Finding: finding.Finding{Code: code, Expected: expected, Got: got}, Node: n, At: at})
}

// Blame marks a value as one that has a fault.
func (v *Validation) Blame(n *jsontree.Node, severity finding.Severity) {
	if v.marks == nil {
		v.marks = make([]mark, len(v.Schemas))
	}
	m := marked
	if severity == finding.Drift {
		m = markedDrift
	}
	v.marks[n.Index] |= m
}

func (v *Validation) keep(f Fault) {
	if f.Missing == "" && v.Schemas != nil {
		v.Blame(f.Node, f.Severity)
	}
	f.Part = v.Part
	v.Faults.Add(f)
}

// value validates a value: whatever its type, then by the keywords of that type.
func (v *Validation) value(s *Schema, n *jsontree.Node) {
	switch {
	case s.Branches != nil:
		v.union(s, n)
	case s.Types == 0: // any value will do
	case !s.Fits(n):
		v.add(finding.CodeType, n, s.Keyword("type"), s.Types.String(), Describe(n))
	case n.Kind == jsontree.Object:
		v.members(s, n)
	case n.Kind == jsontree.Array:
		v.size(s, n, int(n.Size), "minItems", "maxItems", "item")
		if s.Items != nil {
			for _, item := range n.All() {
				v.value(s.Items, item)
			}
		}
	case n.Kind == jsontree.String:
		v.text(s, n)
	case n.Kind&jsontree.Number != 0:
		v.number(s, n)
	}
	if s.Rules != nil {
		v.Ruled = append(v.Ruled, Ruled{s, n})
	}
}

// members validates an object's members in the order in which they came.
func (v *Validation) members(s *Schema, n *jsontree.Node) {
	var seen uint64
	var unknown []*jsontree.Node
	next := 0 // most servers send the members in the order of the schema
	for _, member := range n.All() {
		i, ok := next, next < len(s.Properties) && s.Properties[next].Name == member.Name
		if !ok {
			if i, ok = s.index[member.Name]; !ok {
				unknown = append(unknown, member)
				continue
			}
		}
		next = i + 1
		if seen&(1<<i) != 0 {
			v.duplicate(s.Properties[i].Key, member)
		}
		seen |= 1 << i
		v.value(s.Properties[i].Schema, member)
	}
	if len(unknown) > 1 {
		known := make(map[string]bool, len(unknown))
		for i, member := range unknown {
			if known[member.Name] {
				v.duplicate(s.Node, member)
				unknown[i] = nil
			}
			known[member.Name] = true
		}
	}
	for missing := s.required &^ seen; missing != 0; missing &= missing - 1 {
		v.missing(&s.Properties[bits.TrailingZeros64(missing)], n, unknown)
	}
	for _, member := range unknown {
		switch {
		case member == nil:
		case s.Extra != nil:
			v.value(s.Extra, member)
		default:
			key, properties := entry(s.Node, "properties")
			if key == nil {
				key = s.Node
			}
			v.keep(Fault{Finding: finding.Finding{Severity: finding.Drift, Code: finding.CodeMember, Expected: "no such member", Got: Describe(member)},
				Node: member, Key: true, At: key, Addition: &Addition{At: properties, Name: member.Name, Kind: member.Kind}})
		}
	}
}

// missing keeps the fault of a member that is not there, or is there in another spelling, which it takes out of unknown.
func (v *Validation) missing(p *Property, n *jsontree.Node, unknown []*jsontree.Node) {
	f := Fault{Finding: finding.Finding{Code: finding.CodeMissing, Expected: "a member", Got: "none"}, Node: n, Missing: p.Name, At: p.Required}
	if i := slices.IndexFunc(unknown, func(m *jsontree.Node) bool { return m != nil && fold(m.Name) == fold(p.Name) }); i >= 0 {
		f.Code, f.Expected, f.Got = finding.CodeSpelling, "this spelling", words.Quote(unknown[i].Name)
		f.Offset = int(unknown[i].Key)
		unknown[i] = nil
	}
	v.keep(f)
}

func (v *Validation) duplicate(at *yaml.Node, member *jsontree.Node) {
	v.keep(Fault{Finding: finding.Finding{Code: finding.CodeDuplicate, Expected: "the member once", Got: "it again: readers differ in which they take"},
		Node: member, Key: true, At: at})
}

// union validates a value by the branch that it fits. Where it fits none, the faults are those of the nearest one, which is
// the one that takes values of its type, with the fewest violations.
func (v *Validation) union(s *Schema, n *jsontree.Node) {
	var types jsontree.Kinds
	var candidates []*Schema
	for _, branch := range s.Branches {
		types |= branch.Types
		if branch.Types == 0 || branch.Fits(n) {
			candidates = append(candidates, branch)
		}
	}
	at, _ := entry(s.Node, "oneOf")
	if len(candidates) == 0 {
		v.add(finding.CodeUnion, n, at, types.String(), Describe(n))
		return
	}
	nearest, fitting := candidates[0], 0
	if len(candidates) > 1 {
		least := -1
		for _, branch := range candidates {
			try := &Validation{Faults: &Faults{}}
			try.value(branch, n)
			violations := 0
			for _, f := range try.Faults.List {
				if f.Severity == finding.Violation {
					violations++
				}
			}
			if violations == 0 {
				fitting++
			}
			if least < 0 || violations < least {
				least, nearest = violations, branch
			}
		}
	}
	if fitting > 1 {
		v.add(finding.CodeUnion, n, at, "a value that fits one branch", "one that fits several")
		return
	}
	v.value(nearest, n)
}

func (v *Validation) text(s *Schema, n *jsontree.Node) {
	if s.holds != nil && !s.holds(n.Text) {
		v.add(finding.CodeFormat, n, s.Keyword("format"), "a "+s.Format, Describe(n))
		return
	}
	v.keeps(s, n)
	if s.Least > 0 || s.Most < math.MaxInt {
		v.size(s, n, utf8.RuneCountInString(n.Text), "minLength", "maxLength", "character")
	}
	if s.Known == nil || slices.Contains(s.Known, n.Text) {
		return
	}
	if !s.Open {
		v.add(finding.CodeEnum, n, s.Keyword("enum"), words.OneOf(s.Known), Describe(n))
		return
	}
	key, values := entry(s.Node, openExtension)
	got := words.Quote(n.Text)
	if i := slices.IndexFunc(s.Known, func(k string) bool { return fold(k) == fold(n.Text) }); i >= 0 {
		got += ", which is spelled " + s.Known[i]
	}
	v.keep(Fault{Finding: finding.Finding{Severity: finding.Drift, Code: finding.CodeValue, Expected: words.OneOf(s.Known), Got: got},
		Node: n, At: key, Addition: &Addition{At: values, Name: n.Text}})
}

// keeps notes the schema that a value keeps.
func (v *Validation) keeps(s *Schema, n *jsontree.Node) {
	if v.Schemas != nil {
		v.Schemas[n.Index] = s
	}
}

func (v *Validation) number(s *Schema, n *jsontree.Node) {
	v.keeps(s, n)
	f, _ := strconv.ParseFloat(n.Text, 64)
	if f < s.Minimum {
		v.add(finding.CodeRange, n, s.Keyword("minimum"), "at least "+strconv.FormatFloat(s.Minimum, 'g', -1, 64), words.Shorten(n.Text, 24))
	}
	if f > s.Maximum {
		v.add(finding.CodeRange, n, s.Keyword("maximum"), "at most "+strconv.FormatFloat(s.Maximum, 'g', -1, 64), words.Shorten(n.Text, 24))
	}
}

func (v *Validation) size(s *Schema, n *jsontree.Node, size int, least, most, unit string) {
	if size < s.Least {
		v.add(finding.CodeRange, n, s.Keyword(least), "at least "+words.Plural(s.Least, unit), words.Plural(size, unit))
	}
	if size > s.Most {
		v.add(finding.CodeRange, n, s.Keyword(most), "at most "+words.Plural(s.Most, unit), words.Plural(size, unit))
	}
}
