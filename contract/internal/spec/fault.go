package spec

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/okchat/okchat-go/contract/internal/jsontree"
	"github.com/okchat/okchat-go/internal/lazy"
)

// Severity tells what a fault means for consumers of the API.
type Severity string

// The severities of faults. Package contract explains them.
const (
	Violation Severity = "violation"
	Drift     Severity = "drift"
)

// Code names a kind of fault.
type Code string

// The codes of faults. Package contract explains them.
const (
	CodeOperation       Code = "operation"
	CodeKey             Code = "key"
	CodeMissing         Code = "missing"
	CodeType            Code = "type"
	CodeFormat          Code = "format"
	CodeRange           Code = "range"
	CodeEnum            Code = "enum"
	CodeUnion           Code = "union"
	CodeSpelling        Code = "spelling"
	CodeRepeated        Code = "repeated"
	CodeParameter       Code = "undocumented-parameter"
	CodeMediaType       Code = "content-type"
	CodeContentEncoding Code = "content-encoding"
	CodeJSON            Code = "json"
	CodeEncoding        Code = "not-unicode"
	CodeDuplicate       Code = "duplicate-member"
	CodeRule            Code = "undecided"
	CodeMember          Code = "undocumented-member"
	CodeValue           Code = "unknown-value"
	CodeStatus          Code = "undocumented-status"
)

// Part is the place in an exchange where a fault is.
type Part string

// The parts of an exchange.
const (
	PartRequest        Part = "request"
	PartRequestPath    Part = "request path parameter"
	PartRequestQuery   Part = "request query parameter"
	PartRequestHeader  Part = "request header"
	PartRequestBody    Part = "request body"
	PartStatus         Part = "response status"
	PartResponseHeader Part = "response header"
	PartResponseBody   Part = "response body"
)

// Fault is one thing that a check finds wrong or new. Package contract makes a finding of it.
type Fault struct {
	Severity Severity
	Code     Code
	Part     Part
	// Node is the value at fault, nil outside of a JSON body. Where Missing is not empty, it is a member of Node of that
	// name that is at fault.
	Node    *jsontree.Node
	Missing string
	// Key reports whether the name of the member is at fault, and not its value.
	Key bool
	// Name is the parameter's or header's.
	Name string
	// Offset is the byte of the body where the fault is, where Node does not tell; -1 outside of a body.
	Offset int
	// At is the place in the contract that the fault goes against.
	At *yaml.Node
	// Expected and Got are as in a finding.
	Expected, Got string
	// Evidence is how a rule is known, "" for all else.
	Evidence string
	// Addition is the change to the contract by which it would learn of a drift.
	Addition *Addition
	// Count is how many like faults this one stands for, itself included.
	Count int
}

// Addition is the change to the contract by which it would learn of a drift.
type Addition struct {
	At   *yaml.Node     // the list, the properties or the responses to which it goes
	Name string         // the value, the member's name or the status
	Kind jsontree.Kinds // of a member
}

// Pointer returns the JSON pointer of the leaf at fault, or the name of the parameter or header.
func (f *Fault) Pointer() string {
	switch {
	case f.Node == nil:
		return f.Name
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
	code Code
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
	fault.Count = 1
	if t.n++; t.n > maxLike {
		f.List[t.last].Count++
		return
	}
	t.last = len(f.List)
	f.List = append(f.List, fault)
}

// Outside keeps a fault outside of a JSON body.
func (f *Faults) Outside(severity Severity, code Code, part Part, name string, at *yaml.Node, expected, got string) {
	f.Add(Fault{Severity: severity, Code: code, Part: part, Name: name, At: at, Expected: expected, Got: got, Offset: -1})
}

// Broken reports whether a fault of the part is a violation.
func (f *Faults) Broken(part Part) bool {
	return slices.ContainsFunc(f.List, func(f Fault) bool { return f.Part == part && f.Severity == Violation })
}

// Describe says what a value is without saying what it holds.
func Describe(n *jsontree.Node) string {
	switch n.Kind {
	case jsontree.Null:
		return "null"
	case jsontree.Boolean:
		return "a boolean"
	case jsontree.String:
		return DescribeText(n.Text)
	case jsontree.Array:
		return "an array of " + Plural(int(n.Size), "item")
	case jsontree.Object:
		return "an object of " + Plural(int(n.Size), "member")
	}
	return "a number"
}

// DescribeText says how long a text is.
func DescribeText(s string) string {
	return "a string of " + Plural(utf8.RuneCountInString(s), "character")
}

// Word matches a value that looks like one of a set's: short, without digits, blanks or punctuation, hence no id and no
// text.
var Word = lazy.Regexp(`^[A-Za-z][A-Za-z_-]{0,31}$`)

// mediaType matches a media type without more digits than a version has: with them it could be anything.
var mediaType = lazy.Regexp(`^[A-Za-z]{1,20}/[A-Za-z.+-]{1,60}[0-9]{0,2}$`)

// DescribeWord quotes a Word, and describes any other text.
func DescribeWord(s string) string {
	if Word().MatchString(s) {
		return `"` + s + `"`
	}
	return DescribeText(s)
}

func describeMediaType(s string) string {
	if s = strings.TrimSpace(s); mediaType().MatchString(s) {
		return s
	}
	return DescribeText(s)
}

// Plural returns a number of things: "1 item", "2 items".
func Plural(n int, unit string) string {
	if n == 1 {
		return "1 " + unit
	}
	return fmt.Sprintf("%d %ss", n, unit)
}

// Shorten returns s on one line of printable characters, at most n of them.
func Shorten(s string, n int) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '\ufffd'
	}, s)
	if runes := []rune(s); len(runes) > n {
		return string(runes[:max(n-1, 0)]) + "…"
	}
	return s
}

// expectedValues lists a set's values, the first of them if they are many.
func expectedValues(known []string) string {
	const most = 8
	if len(known) > most {
		known = append(known[:most:most], "…")
	}
	return "one of " + strings.Join(known, ", ")
}
