package rule

import (
	"slices"
	"strings"
	"time"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/interpreter"

	"github.com/okchat/okchat-go/contract/finding"
	"github.com/okchat/okchat-go/contract/internal/jsontree"
	"github.com/okchat/okchat-go/contract/internal/spec"
	"github.com/okchat/okchat-go/contract/internal/words"
)

// Page is a validated body with what rules need beside it. It is not safe for concurrent use.
type Page struct {
	// Body is the body itself.
	Body *spec.Validation

	set     *Set
	op      *spec.Operation
	doc     *document
	request *spec.Request
	given   ref.Val // the request as rules see it
	now     ref.Val
	today   ref.Val
	faults  *spec.Faults
	broken  map[finding.Code]bool // rules
	scope   scope
	frame   *interpreter.ExecutionFrame // around the scope, while rules are evaluated
	// Skipped are the rules that looked at more than they may and have no result.
	Skipped []finding.Code
	// Undecided is a rule that has no result though its values keep the contract, nil for none.
	Undecided *Rule
}

// NewPage returns the page that valid is about. now is when the server answered, today when the rules are evaluated. Faults
// are added to valid's.
func NewPage(set *Set, op *spec.Operation, request *spec.Request, valid *spec.Validation, now, today time.Time) *Page {
	p := &Page{
		Body: valid, set: set, op: op, doc: newDocument(valid, new(int)),
		request: request, given: requestValue(request),
		now: types.Timestamp{Time: now}, today: types.Timestamp{Time: today}, faults: valid.Faults, broken: make(map[finding.Code]bool),
	}
	p.scope.page = p
	return p
}

func requestValue(r *spec.Request) ref.Val {
	all := map[ref.Val]ref.Val{}
	for _, in := range []string{"path", "query"} {
		given := map[ref.Val]ref.Val{}
		for _, v := range r.Values {
			if v.Parameter.In == in {
				given[types.String(v.Parameter.Name)] = scalar(v.Node, v.Parameter.Schema)
			}
		}
		all[types.String(in)] = types.NewRefValMap(types.DefaultTypeAdapter, given)
	}
	return types.NewRefValMap(types.DefaultTypeAdapter, all)
}

// open readies the page for the evaluation of rules, until close is called.
func (p *Page) open() (close func()) {
	frame, err := interpreter.NewExecutionFrame(&p.scope)
	if err != nil { // it fails for scopes with functions alone
		panic(err)
	}
	p.frame = frame
	return frame.Close
}

// Check evaluates the rules that are about the page alone.
func (p *Page) Check() {
	defer p.open()()
	for _, beside := range p.Body.Ruled {
		p.evaluate(p.set.schemas[beside.Schema], beside.Node)
	}
	p.evaluate(p.set.operations[p.op], p.Body.Root())
}

func (p *Page) evaluate(rules []*Rule, this *jsontree.Node) {
	for _, r := range rules {
		if !r.Walk {
			p.apply(r, this)
		}
	}
}

// scopeName is the name by which cached finds the scope. No expression can use it.
const scopeName = "@scope"

// scope gives a rule's variables their values.
type scope struct {
	page       *Page
	self, this *jsontree.Node
	index      int
	before     *values
	earlier    *values
	previous   *Page
	first      *Page
	kept       []ref.Val // what is evaluated once a page, by the number of the part
}

// ResolveName returns a variable's value. A variable without one makes the evaluation fail.
func (s *scope) ResolveName(name string) (any, bool) {
	switch name {
	case "self":
		return s.page.doc.of(s.self), true
	case "this":
		return s.page.doc.of(s.this), true
	case "body":
		return s.page.doc.of(s.page.Body.Root()), true
	case "index":
		return types.Int(s.index), true
	case "before":
		return s.before, true
	case "earlier":
		return s.earlier, s.earlier != nil
	case "previous":
		if s.previous == nil {
			return nil, false
		}
		return s.previous.doc.of(s.previous.Body.Root()), true
	case "first":
		if s.first == nil {
			return nil, false
		}
		return s.first.doc.of(s.first.Body.Root()), true
	case "request":
		return s.page.given, true
	case "now":
		return s.page.now, true
	case "today":
		return s.page.today, true
	case scopeName:
		return s, true
	}
	return nil, false
}

// Parent returns nil: there is no scope around this one.
func (s *scope) Parent() interpreter.Activation { return nil }

// budget is how many values a rule may look at on a page of n values.
func budget(n int) int { return 100_000 + 20*n }

// apply evaluates a rule for each value that its path selects, and adds a fault for each that breaks it.
func (p *Page) apply(r *Rule, this *jsontree.Node) {
	if slices.ContainsFunc(r.needs, func(code finding.Code) bool { return p.broken[code] }) || p.requestBroken(r) {
		return
	}
	s, steps := &p.scope, p.doc.steps
	s.this = this
	if r.looksBack {
		s.before = &values{doc: p.doc, list: make([]ref.Val, 0, few)}
	}
	*steps = -budget(len(p.Body.Nodes))
	r.Each(this, func(n *jsontree.Node, index int) {
		if *steps > 0 {
			return
		}
		s.self, s.index = n, index
		result, _, err := r.program.Eval(p.frame)
		switch {
		case *steps > 0:
			p.Skipped = append(p.Skipped, r.Code)
		case err != nil:
			if !p.faults.Broken(p.Body.Part) && p.Undecided == nil {
				p.Undecided = r
			}
		case result != types.True && !p.blamed(r, s):
			p.broken[r.Code] = true
			p.Body.Blame(n, finding.Violation)
			p.faults.Add(spec.Fault{Node: n, At: r.Node, Finding: finding.Finding{
				Code: r.Code, Part: p.Body.Part, Expected: r.expected(s), Got: p.describe(n), Evidence: r.Evidence,
			}})
		}
		if r.looksBack {
			s.before.add(p.doc.of(n))
		}
	})
}

// Each calls do for each value that the rule is about, given the one that it stands beside, with its position in the last
// array on the way.
func (r *Rule) Each(this *jsontree.Node, do func(n *jsontree.Node, index int)) {
	each(this, r.Path, 0, do)
}

func each(n *jsontree.Node, path []string, index int, do func(*jsontree.Node, int)) {
	switch {
	case len(path) == 0:
		do(n, index)
	case path[0] != "*":
		if member := n.Member(path[0]); member != nil {
			each(member, path[1:], index, do)
		}
	case n.Kind == jsontree.Array:
		for i, item := range n.All() {
			each(item, path[1:], i, do)
		}
	}
}

// requestBroken reports whether a parameter that the rule uses breaks the contract. The rule then stays silent.
func (p *Page) requestBroken(r *Rule) bool {
	for _, name := range p.request.Broken {
		for _, u := range r.uses {
			used := strings.Join(u.path, "/")
			if u.root == "request" && (used == name || strings.HasPrefix(name, used+"/") || used == "") {
				return true
			}
		}
	}
	return false
}

// blamed reports whether an input of the rule, or a value that holds it, already has a fault. The rule then stays silent, so
// that one fault yields one finding. A value that is only new to an open set does not excuse itself.
func (p *Page) blamed(r *Rule, s *scope) bool {
	for _, u := range append([]use{{root: "self"}}, r.uses...) {
		n := p.Body.Root()
		switch {
		case u.root == "self":
			n = s.self
		case r.Walk: // a page contradicts the one before whatever it says of itself
			continue
		case u.root == "this":
			n = s.this
		case u.root != "body":
			continue
		}
		drift := u.root != "self"
		for holder := n; ; holder = holder.Parent() {
			if p.Body.Blamed(holder, drift) {
				return true
			}
			if holder == p.Body.Root() {
				break
			}
		}
		for _, name := range u.path {
			if n = n.Member(name); n == nil {
				break
			}
			if p.Body.Blamed(n, drift) {
				return true
			}
		}
	}
	return false
}

// describe says what a value is that breaks a rule: numbers count something and times are no one's, so both are told.
func (p *Page) describe(n *jsontree.Node) string {
	s := p.Body.Schemas[n.Index]
	switch {
	case s == nil:
		return spec.Describe(n)
	case n.Kind != jsontree.String, s.Format == "date-time":
		return words.Shorten(n.Text, 40)
	case s.Known != nil:
		return words.Quote(n.Text)
	}
	return spec.Describe(n)
}

// maxEarlier is how many values of a kind a Trail keeps at least, and those of the last page in any case.
const maxEarlier = 1_000

// Trail keeps, for the rules about walks, values of the pages of one walk.
type Trail struct {
	previous *Page
	first    *Page
	earlier  map[string]*values // by the path of the rules about them
}

// Follow evaluates the rules that are about several pages for p, the page that follows those of the trail. Afterwards p is
// the last page of the trail.
func (t *Trail) Follow(p *Page) {
	if t.previous != nil {
		defer p.open()()
		t.previous.doc.steps, t.first.doc.steps = p.doc.steps, p.doc.steps
		p.scope.previous, p.scope.first, p.scope.kept = t.previous, t.first, nil
		for _, r := range p.set.operations[p.op] {
			if p.scope.earlier = t.earlier[strings.Join(r.Path, "/")]; r.Walk && p.scope.earlier != nil {
				p.scope.earlier.doc = p.doc
				p.apply(r, p.Body.Root())
			}
		}
		p.scope.previous, p.scope.first, p.scope.kept = nil, nil, nil // the pages before are no longer needed
	} else {
		t.first = p
	}
	if t.earlier == nil {
		t.earlier = make(map[string]*values)
	}
	t.previous = p
	done := make(map[string]bool)
	for _, r := range p.set.operations[p.op] {
		path := strings.Join(r.Path, "/")
		if !r.Walk || done[path] {
			continue
		}
		done[path] = true
		all := t.earlier[path]
		if all == nil {
			all = &values{doc: p.doc}
			t.earlier[path] = all
		}
		before := len(all.list)
		r.Each(p.Body.Root(), func(n *jsontree.Node, _ int) {
			v := p.doc.of(n)
			if s, ok := v.(types.String); ok {
				v = types.String(strings.Clone(string(s))) // or it would hold the whole page
			}
			all.add(v)
		})
		if most := max(maxEarlier, len(all.list)-before); len(all.list) > 2*most {
			all.keep(most)
		}
	}
}
