// Package coverage collects what exchanges ever showed of a contract.
//
//	seen := coverage.New(rules)
//	for result, err := range recordings.Check(ctx, rules, list) {
//		...
//		seen.Add(result)
//	}
//	fmt.Println(seen.Unseen())
package coverage

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/okchat/okchat-go/contract"
	"github.com/okchat/okchat-go/contract/finding"
	"github.com/okchat/okchat-go/contract/internal/jsontree"
	"github.com/okchat/okchat-go/contract/internal/spec"
)

// Coverage collects what exchanges showed of the contract, to the value: which statuses and parameters, which members
// were there and not, null and not, true and false, which branches of a union and which known values. What was never seen
// is claimed and not proven. [New] makes one. It is not safe for concurrent use.
type Coverage struct {
	roots []*Element
	ops   map[*spec.Operation]*Element
}

// Element is a part of the contract: an operation, a parameter, a status, a member, a branch.
type Element struct {
	// Name is how the contract calls it; Kind is "operation", "request", "parameter", "status", "body", "member", "item" or
	// "branch".
	Name string `json:"name"`
	Kind string `json:"kind"`
	// Line is where the contract describes it.
	Line int `json:"line"`
	// Facets are the things that can be seen of it, one by one.
	Facets []*Facet `json:"facets,omitempty"`
	// Elements are its parts, in the order of the contract.
	Elements []*Element `json:"elements,omitempty"`

	schema *spec.Schema
}

// Facet is one thing that can be seen of an element: that it is there, that it is null, that it has a certain value.
type Facet struct {
	// Name says what: "present", "absent", "null", "not null", "true", "false", a value, "empty".
	Name string `json:"name"`
	// Count is how often it was seen, and Evidence where first: the recording and the JSON pointer.
	Count    int    `json:"count"`
	Evidence string `json:"evidence,omitempty"`
}

// State returns how much of an element was seen: "proven" for all, "claimed" for some of it, "never seen" for nothing. It
// returns "" for an element that is only the sum of its parts.
func (e *Element) State() string {
	seen := 0
	for _, f := range e.Facets {
		if f.Count > 0 {
			seen++
		}
	}
	switch {
	case len(e.Facets) == 0:
		return ""
	case seen == len(e.Facets):
		return "proven"
	case seen == 0:
		return "never seen"
	}
	return "claimed"
}

// MarshalJSON returns the element with its state.
func (e *Element) MarshalJSON() ([]byte, error) {
	type plain Element
	return json.Marshal(struct {
		*plain
		State string `json:"state,omitempty"`
	}{(*plain)(e), e.State()})
}

// New returns a Coverage that has seen nothing yet.
func New(c *contract.Contract) *Coverage {
	cov := &Coverage{ops: make(map[*spec.Operation]*Element)}
	for _, op := range c.Compiled().Operations {
		root := &Element{Name: op.Name(), Kind: "operation", Line: op.Key.Line}
		for _, p := range op.Parameters {
			e := root.part(p.Name, "parameter", p.Node.Line)
			e.facet("given")
			if !p.Required {
				e.facet("not given")
			}
			e.facet(p.Schema.Known...)
		}
		for _, r := range op.Responses {
			e := root.part(r.Status, "status", r.Key.Line)
			e.facet("seen")
			for _, h := range r.Headers {
				e.part(h.Name, "header", h.Node.Line).facet("present", "absent")
			}
			if r.Content == nil {
				continue
			}
			for _, m := range r.Content.Media {
				if m.Schema != nil {
					e.part(m.Pattern, "body", m.Schema.Node.Line).describe(m.Schema, nil)
				}
			}
		}
		cov.ops[op] = root
		cov.roots = append(cov.roots, root)
	}
	return cov
}

func (e *Element) part(name, kind string, line int) *Element {
	p := &Element{Name: name, Kind: kind, Line: line}
	e.Elements = append(e.Elements, p)
	return p
}

func (e *Element) facet(names ...string) {
	for _, name := range names {
		e.Facets = append(e.Facets, &Facet{Name: name})
	}
}

// see counts the first of two facets where yes is true, or else the other one. n is where in the body it was seen, nil for
// elsewhere.
func (e *Element) see(yes bool, name, otherwise, source string, n *jsontree.Node) {
	if !yes {
		name = otherwise
	}
	for _, f := range e.Facets {
		if f.Name != name {
			continue
		}
		if f.Count++; f.Count == 1 {
			f.Evidence = source
			if n != nil {
				f.Evidence += " " + n.Pointer()
			}
		}
	}
}

// describe adds the facets and parts of a value of a schema. within are the schemas around it: one that holds itself is
// described once.
func (e *Element) describe(s *spec.Schema, within []*spec.Schema) {
	e.schema = s
	if slices.Contains(within, s) {
		return
	}
	within = append(slices.Clone(within), s)
	for _, b := range s.Branches {
		branch := e.part(b.Name, "branch", b.Node.Line)
		branch.facet("seen")
		branch.describe(b, within)
	}
	if s.Branches != nil {
		return
	}
	if s.Types&jsontree.Null != 0 && s.Types != jsontree.Null {
		e.facet("null", "not null")
	}
	if s.Types&jsontree.Boolean != 0 {
		e.facet("true", "false")
	}
	e.facet(s.Known...)
	if s.Items != nil {
		e.facet("empty", "not empty")
		e.part("items", "item", s.Items.Node.Line).describe(s.Items, within)
	}
	for _, p := range s.Properties {
		member := e.part(p.Name, "member", p.Key.Line)
		member.facet("present")
		if p.Required == nil {
			member.facet("absent")
		}
		member.describe(p.Schema, within)
	}
}

// Add adds what an exchange shows. An exchange that breaks the contract shows nothing of it: what a server gets wrong proves
// nothing of what it promises. Neither does one of another endpoint.
func (v *Coverage) Add(r *contract.Result) {
	if r.Operation == nil || slices.ContainsFunc(r.Findings, func(f finding.Finding) bool { return f.Severity == finding.Violation }) {
		return
	}
	root, source := v.ops[r.Operation], r.Exchange.Source.String()
	for i, p := range r.Operation.Parameters {
		at := slices.IndexFunc(r.Request.Values, func(v spec.Given) bool { return v.Parameter == p })
		root.Elements[i].see(at >= 0, "given", "not given", source, nil)
		if at >= 0 {
			root.Elements[i].see(true, r.Request.Values[at].Node.Text, "", source, nil)
		}
	}
	if r.Response == nil {
		return
	}
	status := root.Elements[len(r.Operation.Parameters)+slices.Index(r.Operation.Responses, r.Response)]
	status.see(true, "seen", "", source, nil)
	for i, h := range r.Response.Headers {
		status.Elements[i].see(r.Exchange.ResponseHeader.Get(h.Name) != "", "present", "absent", source, nil)
	}
	if bodies := status.Elements[len(r.Response.Headers):]; len(bodies) > 0 && r.Body != nil {
		bodies[0].value(r.Body.Root(), source)
	}
}

// value adds what a value shows.
func (e *Element) value(n *jsontree.Node, source string) {
	s, parts := e.schema, e.Elements
	if s == nil || s.Branches == nil && s.Types != 0 && !s.Fits(n) {
		return
	}
	for i, b := range s.Branches {
		if b.Fits(n) {
			parts[i].see(true, "seen", "", source, n)
			parts[i].value(n, source)
		}
	}
	e.see(n.Kind == jsontree.Null, "null", "not null", source, n)
	switch n.Kind {
	case jsontree.Boolean:
		e.see(true, n.Literal(), "", source, n)
	case jsontree.String:
		e.see(true, n.Text, "", source, n)
	case jsontree.Array:
		e.see(n.Size == 0, "empty", "not empty", source, n)
	}
	if len(parts) == 0 || s.Branches != nil { // without parts it holds itself, and is described where it did first
		return
	}
	if s.Items != nil {
		if n.Kind == jsontree.Array {
			for _, kid := range n.All() {
				parts[0].value(kid, source)
			}
		}
		parts = parts[1:]
	}
	if n.Kind != jsontree.Object {
		return
	}
	for i, p := range s.Properties {
		member := n.Member(p.Name)
		if member == nil {
			parts[i].see(true, "absent", "", source, n)
			continue
		}
		parts[i].see(true, "present", "", source, member)
		parts[i].value(member, source)
	}
}

// Elements returns the operations, with all that is below them. They change when more is added.
func (v *Coverage) Elements() []*Element { return v.roots }

// Count returns how many facets were seen, and how many there are.
func (v *Coverage) Count() (seen, all int) {
	v.facets(func(_ string, f *Facet) {
		all++
		if f.Count > 0 {
			seen++
		}
	})
	return seen, all
}

// Unseen lists the facets that were never seen: "GET /conversations 200 application/json /data/*/user_id: not null".
func (v *Coverage) Unseen() []string {
	var list []string
	v.facets(func(place string, f *Facet) {
		if f.Count == 0 {
			list = append(list, fmt.Sprintf("%s: %s", strings.Join(strings.Fields(place), " "), f.Name))
		}
	})
	return list
}

// facets calls visit for each facet with the place of its element.
func (v *Coverage) facets(visit func(place string, f *Facet)) {
	var all func(e *Element, place string)
	all = func(e *Element, place string) {
		for _, f := range e.Facets {
			visit(place, f)
		}
		for _, part := range e.Elements {
			all(part, place+part.step())
		}
	}
	for _, root := range v.roots {
		all(root, root.Name)
	}
}

func (e *Element) step() string {
	switch e.Kind {
	case "member":
		return "/" + e.Name
	case "item":
		return "/*"
	case "branch":
		return " as " + e.Name + " "
	}
	return " " + e.Name + " "
}
