package contract

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/okchat/okchat-go/exchange"
)

// Coverage collects what exchanges ever showed of the contract, to the value: which statuses and parameters, which members
// were there and not, null and not, true and false, which branches of a union and which known values. What was never seen
// is claimed and not proven. [Contract.NewCoverage] makes one. It is not safe for concurrent use.
type Coverage struct {
	contract *Contract
	roots    []*Element
	ops      map[*operation]*opCoverage
}

// Element is a part of the contract: an operation, a parameter, a status, a member, a branch.
type Element struct {
	// Name is how the contract calls it; Kind is "operation", "request", "parameter", "status", "body", "member", "item" or
	// "branch".
	Name, Kind string
	// Line is where the contract describes it.
	Line int
	// Facets are what can be seen of it, one by one.
	Facets []*Facet
	// Elements are its parts.
	Elements []*Element

	facets  map[string]*Facet
	members map[string]*Element
	schema  *schema
}

// Facet is one thing that can be seen of an element: that it is there, that it is null, that it has a certain value.
type Facet struct {
	// Name says what: "present", "absent", "null", "not null", "true", "false", a value, "empty".
	Name string
	// Count is how often it was seen, and Evidence where first: the recording and the JSON pointer.
	Count    int
	Evidence string
}

type opCoverage struct {
	element    *Element
	parameters map[string]*Element
	statuses   map[string]*Element
	bodies     map[string]*Element
}

// NewCoverage returns a Coverage that has seen nothing yet.
func (c *Contract) NewCoverage() *Coverage {
	cov := &Coverage{contract: c, ops: make(map[*operation]*opCoverage)}
	for _, op := range c.operations {
		o := &opCoverage{
			element:    &Element{Name: op.method + " " + op.path, Kind: "operation", Line: op.key.Line},
			parameters: make(map[string]*Element), statuses: make(map[string]*Element), bodies: make(map[string]*Element),
		}
		for _, p := range op.parameters {
			e := o.element.part(p.name, "parameter", p.node.Line)
			o.parameters[p.name] = e
			e.facet("given")
			if !p.required {
				e.facet("not given")
			}
			e.known(p.schema)
		}
		for _, r := range op.responses {
			e := o.element.part(r.status, "status", r.key.Line)
			o.statuses[r.status] = e
			e.facet("seen")
			for _, h := range r.headers {
				header := e.part(h.name, "header", h.node.Line)
				header.facet("present")
				header.facet("absent")
			}
			for _, m := range r.content {
				if m.schema != nil && !m.schema.anything() {
					body := e.part(m.pattern, "body", m.schema.node.Line)
					body.describe(m.schema, nil)
					o.bodies[r.status] = body
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

func (e *Element) see(name, evidence string) {
	if f := e.facets[name]; f != nil {
		if f.Count++; f.Count == 1 {
			f.Evidence = evidence
		}
	}
}

func (e *Element) known(s *schema) {
	for _, v := range s.known {
		e.facet(v)
	}
}

// describe adds the facets and parts of a value of a schema. within are the schemas around it: one that holds itself is
// described once.
func (e *Element) describe(s *schema, within []*schema) {
	e.schema = s
	if slices.Contains(within, s) {
		return
	}
	within = append(slices.Clone(within), s)
	if len(s.branches) > 0 {
		for _, b := range s.branches {
			branch := e.part(b.name, "branch", b.node.Line)
			branch.facet("seen")
			branch.describe(b, within)
		}
		return
	}
	if s.types&null != 0 && s.types != null {
		e.facet("null")
		e.facet("not null")
	}
	if s.types&boolean != 0 {
		e.facet("true")
		e.facet("false")
	}
	e.known(s)
	if s.items != nil {
		e.facet("empty")
		e.facet("not empty")
		e.part("items", "item", s.items.node.Line).describe(s.items, within)
	}
	for _, p := range s.properties {
		member := e.part(p.name, "member", p.key.Line)
		member.facet("present")
		if p.required == nil {
			member.facet("absent")
		}
		member.describe(p.schema, within)
	}
}

// Add takes what an exchange shows. What breaks the contract shows nothing of it; an exchange of another endpoint neither.
func (v *Coverage) Add(ex *exchange.Exchange) {
	d := v.contract.check(ex)
	target, err := url.Parse(ex.URL)
	if d.op == nil || err != nil {
		return
	}
	o := v.ops[d.op]
	for _, p := range d.op.parameters {
		e := o.parameters[p.name]
		given := target.Query()[p.name]
		switch {
		case p.in == "path":
			e.see("given", ex.Source.String())
		case len(given) == 0:
			e.see("not given", ex.Source.String())
		default:
			e.see("given", ex.Source.String())
			e.see(given[0], ex.Source.String())
		}
	}
	answer := d.op.answer(ex.Status)
	if answer == nil {
		return
	}
	status := o.statuses[answer.status]
	status.see("seen", ex.Source.String())
	for _, h := range answer.headers {
		if ex.ResponseHeader.Get(h.name) != "" {
			status.members[h.name].see("present", ex.Source.String())
		} else {
			status.members[h.name].see("absent", ex.Source.String())
		}
	}
	if body := o.bodies[answer.status]; body != nil && d.tree != nil {
		body.value(&d.tree.nodes[0], ex.Source.String())
	}
}

// value takes what a value shows.
func (e *Element) value(n *node, source string) {
	s := e.schema
	if s == nil || s.branches == nil && s.types != 0 && !s.fits(n) {
		return
	}
	evidence := source + " " + n.pointer()
	for i, b := range s.branches {
		if b.fits(n) {
			e.Elements[i].see("seen", evidence)
			e.Elements[i].value(n, source)
		}
	}
	switch {
	case n.kind == null:
		e.see("null", evidence)
	default:
		e.see("not null", evidence)
	}
	switch n.kind {
	case boolean:
		e.see(n.literal(), evidence)
	case text:
		e.see(n.text, evidence)
	case array:
		if n.size == 0 {
			e.see("empty", evidence)
		} else {
			e.see("not empty", evidence)
		}
		n.kids(func(_ int, kid *node) bool {
			if item := e.members["items"]; item != nil {
				item.value(kid, source)
			}
			return true
		})
	case object:
		for _, p := range s.properties {
			part, member := e.members[p.name], n.member(p.name)
			if part == nil {
				continue
			}
			if member == nil {
				part.see("absent", evidence)
				continue
			}
			part.see("present", source+" "+member.pointer())
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

// Unseen lists the facets that were never seen: "200 application/json /data/*/user_id: not null".
func (v *Coverage) Unseen() []string {
	var list []string
	var visit func(e *Element, place string)
	visit = func(e *Element, place string) {
		for _, f := range e.Facets {
			if f.Count == 0 {
				list = append(list, fmt.Sprintf("%s: %s", strings.TrimSpace(place), f.Name))
			}
		}
		for _, part := range e.Elements {
			visit(part, place+part.step())
		}
	}
	for _, root := range v.roots {
		visit(root, "")
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
