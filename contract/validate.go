package contract

import (
	"math"
	"math/bits"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// validation holds one JSON document to a schema and keeps what it finds.
type validation struct {
	list []Finding
	// ruled are the values beside whose schemas rules stand, in the order of the document. A rule may look at all of the body,
	// so it waits until all of it has been checked.
	ruled []ruled
}

type ruled struct {
	rules []*rule
	node  *node
}

// maxFindings is the most that is told of one body: whoever has read a hundred knows enough, and a body that was made to have
// a million would take minutes.
const maxFindings = 100

// add keeps a finding about a value. spec is the place in the contract that it goes against.
func (v *validation) add(severity Severity, code Code, n *node, spec *yaml.Node, expected, got string) *Finding {
	if len(v.list) >= maxFindings {
		return &Finding{}
	}
	f := Finding{Severity: severity, Code: code, Part: PartResponseBody, Pointer: n.pointer(), Expected: expected, Got: got, offset: int(n.start)}
	f.spec(spec)
	v.list = append(v.list, f)
	return &v.list[len(v.list)-1]
}

// check holds a value to a schema: whatever its type, then what keywords of that type say.
func (v *validation) check(s *schema, n *node) {
	switch {
	case s.branches != nil:
		v.union(s, n)
	case s.types != 0 && !s.fits(n):
		v.add(Violation, CodeType, n, value(s.node, "type"), s.types.String(), describe(n))
	case n.kind == object:
		v.members(s, n)
	case n.kind == array:
		v.size(s, n, int(n.size), "minItems", "maxItems", "item")
		if s.items != nil {
			for at := n.at + 1; at < n.next; at = n.tree.nodes[at].next {
				v.check(s.items, &n.tree.nodes[at])
			}
		}
	case n.kind == text:
		v.text(s, n)
	case n.kind&number != 0:
		v.number(s, n)
	}
	if s.rules != nil {
		v.ruled = append(v.ruled, ruled{s.rules, n})
	}
}

// fits says whether a value has one of a schema's types. A number too large for any reader fits none.
func (s *schema) fits(n *node) bool {
	if n.kind&number != 0 {
		if _, err := strconv.ParseFloat(n.text, 64); err != nil {
			return false
		}
	}
	return s.types&n.kind != 0
}

// members holds an object's members to their schemas, in the order in which they came.
func (v *validation) members(s *schema, n *node) {
	var seen uint64
	var unknown []*node
	nodes := n.tree.nodes
	for at := n.at + 1; at < n.next; at = nodes[at].next {
		member := &nodes[at]
		i, ok := s.index[member.name]
		if !ok {
			unknown = append(unknown, member)
			continue
		}
		if seen&(1<<i) != 0 {
			v.duplicate(s.properties[i].key, member)
		}
		seen |= 1 << i
		v.check(s.properties[i].schema, member)
	}
	if len(unknown) > 1 {
		known := make(map[string]bool, len(unknown))
		for i, member := range unknown {
			if known[member.name] {
				v.duplicate(s.node, member)
				unknown[i] = nil
			}
			known[member.name] = true
		}
	}
	for missing := s.required &^ seen; missing != 0; missing &= missing - 1 {
		p := &s.properties[bits.TrailingZeros64(missing)]
		f := v.add(Violation, CodeMissing, n, p.required, "a member", "none")
		f.Pointer += "/" + escape(p.name)
		for i, member := range unknown {
			if member != nil && fold(member.name) == fold(p.name) {
				f.Code, f.offset = CodeSpelling, int(member.key)
				f.Expected, f.Got = "this spelling", describeWord(member.name)
				unknown[i] = nil
			}
		}
	}
	for _, member := range unknown {
		switch {
		case member == nil:
		case s.extra != nil:
			v.check(s.extra, member)
		default:
			key, properties := entry(s.node, "properties")
			if key == nil {
				key = s.node
			}
			f := v.add(Drift, CodeMember, member, key, "no such member", describe(member))
			f.offset = int(member.key)
			f.addition = &addition{at: properties, name: member.name, kind: member.kind}
		}
	}
}

func (v *validation) duplicate(spec *yaml.Node, member *node) {
	f := v.add(Violation, CodeDuplicate, member, spec, "the member once", "it again: readers differ in which they take")
	f.offset = int(member.key)
}

// fold reduces a member's name to what all spellings of it have in common.
func fold(name string) string {
	return strings.Map(func(r rune) rune {
		if r == '_' || r == '-' || r == ' ' {
			return -1
		}
		return r
	}, strings.ToLower(name))
}

// union holds a value to the branch that it fits, and otherwise speaks of the nearest one: the one that takes values of
// its type, with the fewest violations.
func (v *validation) union(s *schema, n *node) {
	var fitting int
	var types kinds
	var nearest []Finding
	var within []ruled
	least := math.MaxInt
	for _, branch := range s.branches {
		types |= branch.types
		if branch.types != 0 && !branch.fits(n) {
			continue
		}
		try := &validation{}
		try.check(branch, n)
		violations := 0
		for _, f := range try.list {
			if f.Severity == Violation {
				violations++
			}
		}
		if violations == 0 {
			fitting++
		}
		if violations < least {
			least, nearest, within = violations, try.list, try.ruled
		}
	}
	key, _ := entry(s.node, "oneOf")
	switch {
	case least == math.MaxInt:
		v.add(Violation, CodeUnion, n, key, types.String(), describe(n))
	case fitting > 1:
		v.add(Violation, CodeUnion, n, key, "a value that fits one branch", "one that fits several")
	default:
		v.list = append(v.list, nearest...)
		v.ruled = append(v.ruled, within...)
	}
}

func (v *validation) text(s *schema, n *node) {
	if s.format != "" && !formats[s.format](n.text) {
		v.add(Violation, CodeFormat, n, value(s.node, "format"), "a "+s.format, describe(n))
		return
	}
	n.schema = s
	if s.least > 0 || s.most < math.MaxInt {
		v.size(s, n, utf8.RuneCountInString(n.text), "minLength", "maxLength", "character")
	}
	if s.known == nil || slices.Contains(s.known, n.text) {
		return
	}
	if !s.open {
		v.add(Violation, CodeEnum, n, value(s.node, "enum"), expectedValues(s.known), describe(n))
		return
	}
	key, values := entry(s.node, openExtension)
	got := describeWord(n.text)
	if i := slices.IndexFunc(s.known, func(k string) bool { return fold(k) == fold(n.text) }); i >= 0 {
		got += ", which is spelled " + s.known[i]
	}
	f := v.add(Drift, CodeValue, n, key, expectedValues(s.known), got)
	f.addition = &addition{at: values, name: n.text}
}

func (v *validation) number(s *schema, n *node) {
	n.schema = s
	f, _ := strconv.ParseFloat(n.text, 64)
	if f < s.minimum {
		v.add(Violation, CodeRange, n, value(s.node, "minimum"), "at least "+strconv.FormatFloat(s.minimum, 'g', -1, 64), shorten(n.text, 24))
	}
	if f > s.maximum {
		v.add(Violation, CodeRange, n, value(s.node, "maximum"), "at most "+strconv.FormatFloat(s.maximum, 'g', -1, 64), shorten(n.text, 24))
	}
}

func (v *validation) size(s *schema, n *node, size int, least, most, unit string) {
	if size < s.least {
		v.add(Violation, CodeRange, n, value(s.node, least), "at least "+count(s.least, unit), count(size, unit))
	}
	if size > s.most {
		v.add(Violation, CodeRange, n, value(s.node, most), "at most "+count(s.most, unit), count(size, unit))
	}
}
