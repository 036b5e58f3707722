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
	"github.com/okchat/okchat-go/contract/internal/jsontree"
	"github.com/okchat/okchat-go/contract/internal/spec"
)

// Coverage collects what exchanges showed of the contract, to the value: which statuses and parameters, which members
// were there and not, null and not, true and false, which branches of a union and which known values. What was never seen
// is claimed and not proven. [New] makes one. It is not safe for concurrent use.
type Coverage struct {
	roots []*Element
	ops   map[*spec.Operation]*operation
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
	// Elements are its parts.
	Elements []*Element `json:"elements,omitempty"`

	facets  map[string]*Facet
	members map[string]*Element
	schema  *spec.Schema
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

// operation finds the parts of an operation.
type operation struct {
	element    *Element
	parameters map[string]*Element
	statuses   map[string]*Element
	bodies     map[string]*Element
}

// New returns a Coverage that has seen nothing yet.
func New(c *contract.Contract) *Coverage {
	cov := &Coverage{ops: make(map[*spec.Operation]*operation)}
	for _, op := range c.Compiled().Operations {
		o := &operation{
			element:    &Element{Name: op.Name(), Kind: "operation", Line: op.Key.Line},
			parameters: make(map[string]*Element), statuses: make(map[string]*Element), bodies: make(map[string]*Element),
		}
		for _, p := range op.Parameters {
			e := o.element.part(p.Name, "parameter", p.Node.Line)
			o.parameters[p.Name] = e
			e.facet("given")
			if !p.Required {
				e.facet("not given")
			}
			e.known(p.Schema)
		}
		for _, r := range op.Responses {
			e := o.element.part(r.Status, "status", r.Key.Line)
			o.statuses[r.Status] = e
			e.facet("seen")
			for _, h := range r.Headers {
				header := e.part(h.Name, "header", h.Node.Line)
				header.facet("present")
				header.facet("absent")
			}
			if r.Content == nil {
				continue
			}
			for _, m := range r.Content.Media {
				if m.Schema != nil {
					body := e.part(m.Pattern, "body", m.Schema.Node.Line)
					body.describe(m.Schema, nil)
					o.bodies[r.Status] = body
				}
			}
		}
		cov.ops[op] = o
		cov.roots = append(cov.roots, o.element)
	}
	return cov
}

func (e *Element) part(name, kind string, line int) *Element {
	p := &Element{Name: name, Kind: kind, Line: line}
	e.Elements = append(e.Elements, p)
	if e.members == nil {
		e.members = make(map[string]*Element)
	}
	e.members[name] = p
	return p
}

func (e *Element) facet(name string) {
	if e.facets == nil {
		e.facets = make(map[string]*Facet)
	}
	f := &Facet{Name: name}
	e.facets[name] = f
	e.Facets = append(e.Facets, f)
}

// see counts a facet. n is where in the body it was seen, nil for elsewhere.
func (e *Element) see(name, source string, n *jsontree.Node) {
	if f := e.facets[name]; f != nil {
		if f.Count++; f.Count == 1 {
			f.Evidence = source
			if n != nil {
				f.Evidence += " " + n.Pointer()
			}
		}
	}
}

func (e *Element) known(s *spec.Schema) {
	for _, v := range s.Known {
		e.facet(v)
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
	if len(s.Branches) > 0 {
		for _, b := range s.Branches {
			branch := e.part(b.Name, "branch", b.Node.Line)
			branch.facet("seen")
			branch.describe(b, within)
		}
		return
	}
	if s.Types&jsontree.Null != 0 && s.Types != jsontree.Null {
		e.facet("null")
		e.facet("not null")
	}
	if s.Types&jsontree.Boolean != 0 {
		e.facet("true")
		e.facet("false")
	}
	e.known(s)
	if s.Items != nil {
		e.facet("empty")
		e.facet("not empty")
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
	if r.Operation == nil || slices.ContainsFunc(r.Findings, func(f contract.Finding) bool { return f.Severity == contract.Violation }) {
		return
	}
	o, source := v.ops[r.Operation], r.Exchange.Source.String()
	given := make(map[*spec.Parameter]string)
	for _, value := range r.Request.Values {
		given[value.Parameter] = value.Node.Text
	}
	for _, p := range r.Operation.Parameters {
		e := o.parameters[p.Name]
		if text, ok := given[p]; ok {
			e.see("given", source, nil)
			e.see(text, source, nil)
		} else {
			e.see("not given", source, nil)
		}
	}
	if r.Response == nil {
		return
	}
	status := o.statuses[r.Response.Status]
	status.see("seen", source, nil)
	for _, h := range r.Response.Headers {
		if r.Exchange.ResponseHeader.Get(h.Name) != "" {
			status.members[h.Name].see("present", source, nil)
		} else {
			status.members[h.Name].see("absent", source, nil)
		}
	}
	if body := o.bodies[r.Response.Status]; body != nil && r.Body != nil {
		body.value(r.Body.Root(), source)
	}
}

// value adds what a value shows.
func (e *Element) value(n *jsontree.Node, source string) {
	s := e.schema
	if s == nil || s.Branches == nil && s.Types != 0 && !s.Fits(n) {
		return
	}
	for i, b := range s.Branches {
		if b.Fits(n) {
			e.Elements[i].see("seen", source, n)
			e.Elements[i].value(n, source)
		}
	}
	switch {
	case n.Kind == jsontree.Null:
		e.see("null", source, n)
	default:
		e.see("not null", source, n)
	}
	switch n.Kind {
	case jsontree.Boolean:
		e.see(n.Literal(), source, n)
	case jsontree.String:
		e.see(n.Text, source, n)
	case jsontree.Array:
		if n.Size == 0 {
			e.see("empty", source, n)
		} else {
			e.see("not empty", source, n)
		}
		if item := e.members["items"]; item != nil {
			for _, kid := range n.All() {
				item.value(kid, source)
			}
		}
	case jsontree.Object:
		for _, p := range s.Properties {
			part, member := e.members[p.Name], n.Member(p.Name)
			if part == nil {
				continue
			}
			if member == nil {
				part.see("absent", source, n)
				continue
			}
			part.see("present", source, member)
			part.value(member, source)
		}
	}
}

// Elements returns the operations, with all that is below them. They change when more is added.
func (v *Coverage) Elements() []*Element { return v.roots }

// Count returns how many facets were seen, and how many there are.
func (v *Coverage) Count() (seen, all int) {
	for e := range v.each {
		for _, f := range e.Facets {
			all++
			if f.Count > 0 {
				seen++
			}
		}
	}
	return seen, all
}

// Unseen lists the facets that were never seen: "GET /conversations 200 application/json /data/*/user_id: not null".
func (v *Coverage) Unseen() []string {
	var list []string
	var visit func(e *Element, place string)
	visit = func(e *Element, place string) {
		for _, f := range e.Facets {
			if f.Count == 0 {
				list = append(list, fmt.Sprintf("%s: %s", strings.Join(strings.Fields(place), " "), f.Name))
			}
		}
		for _, part := range e.Elements {
			visit(part, place+part.step())
		}
	}
	for _, root := range v.roots {
		visit(root, root.Name)
	}
	return list
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

// each yields all elements.
func (v *Coverage) each(yield func(*Element) bool) {
	var visit func(list []*Element) bool
	visit = func(list []*Element) bool {
		for _, e := range list {
			if !yield(e) || !visit(e.Elements) {
				return false
			}
		}
		return true
	}
	visit(v.roots)
}
