package contract

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/interpreter"
	"go.yaml.in/yaml/v3"
)

// rulesExtension holds what a schema cannot say: rules in CEL (cel.dev), beside the schema or the operation that they
// are about. openapi.yaml explains it in its head.
const rulesExtension = "x-rules"

// rule is one of them, compiled.
type rule struct {
	code     Code
	expect   string // what holds, for people
	evidence string
	node     *yaml.Node // of its expression
	path     []string   // of the values it is about, below the one it stands beside; "*" is each item
	program  cel.Program
	// right is what comes after "self ==" in a rule of that form: the value that was expected.
	right cel.Program
	// walk says that the rule is about several pages, looksBack that it asks for what came before on its own.
	walk, looksBack bool
	// uses are the members that the expression names, as JSON pointers from self, this and body.
	uses map[string][]string
}

var memberOf = regexp.MustCompile(`\b(self|this|body)((?:\.\w+)+)`)

var (
	aboutWalks = regexp.MustCompile(`\b(earlier|previous)\b`)
	looksBack  = regexp.MustCompile(`\bbefore\b`)
)

// ruleCompiler turns expressions into programs.
type ruleCompiler struct {
	doc *document
	env *cel.Env
	off map[Code]bool // codes that are not to be compiled
	met []Code
	all []*rule
}

func newRuleCompiler(doc *document, off map[Code]bool) (*ruleCompiler, error) {
	env, err := cel.NewEnv(
		cel.Variable("self", cel.DynType), cel.Variable("this", cel.DynType), cel.Variable("body", cel.DynType),
		cel.Variable("index", cel.IntType), cel.Variable("request", cel.DynType),
		cel.Variable("before", cel.ListType(cel.DynType)), cel.Variable("earlier", cel.ListType(cel.DynType)),
		cel.Variable("previous", cel.DynType),
		cel.Variable("now", cel.TimestampType), cel.Variable("today", cel.TimestampType),
	)
	return &ruleCompiler{doc: doc, env: env, off: off}, err
}

// compile reads the rules of one place.
func (c *ruleCompiler) compile(list *yaml.Node) ([]*rule, error) {
	var rules []*rule
	for _, n := range items(list) {
		r := &rule{}
		for key, to := range map[string]*string{
			"code": (*string)(&r.code), "expect": &r.expect, "x-evidence": &r.evidence, "rule": nil, "for": nil,
		} {
			text := scalar(value(n, key))
			if text == "" {
				return nil, c.doc.errorAt(n, "a rule needs %s", key)
			}
			if to != nil {
				*to = text
			}
		}
		c.met = append(c.met, r.code)
		if c.off[r.code] {
			continue
		}
		r.node = value(n, "rule")
		r.path = strings.Split(strings.TrimPrefix(scalar(value(n, "for")), "/"), "/")
		r.walk, r.looksBack = aboutWalks.MatchString(r.node.Value), looksBack.MatchString(r.node.Value)
		r.uses = map[string][]string{"self": {""}}
		for _, m := range memberOf.FindAllStringSubmatch(r.node.Value, -1) {
			if r.walk { // a page contradicts the one before whatever it says of itself
				break
			}
			r.uses[m[1]] = append(r.uses[m[1]], strings.ReplaceAll(m[2], ".", "/"))
		}
		if err := c.program(r); err != nil {
			return nil, err
		}
		rules = append(rules, r)
		c.all = append(c.all, r)
	}
	return rules, nil
}

func (c *ruleCompiler) program(r *rule) error {
	compiled, issues := c.env.Compile(r.node.Value)
	if issues.Err() != nil {
		first := issues.Errors()[0]
		return c.doc.errorAt(r.node, "rule %s: %s (column %d of the expression)", r.code, first.Message, first.Location.Column()+1)
	}
	if t := compiled.OutputType(); !t.IsExactType(cel.BoolType) && !t.IsExactType(cel.DynType) {
		return c.doc.errorAt(r.node, "rule %s: expected an expression that is true or false, got one of type %s", r.code, t)
	}
	var err error
	if r.program, err = c.env.Program(compiled, cel.EvalOptions(cel.OptOptimize)); err != nil {
		return c.doc.errorAt(r.node, "rule %s: %v", r.code, err)
	}
	top := compiled.NativeRep().Expr()
	if top.Kind() != ast.CallKind || top.AsCall().FunctionName() != operators.Equals {
		return nil
	}
	sides := top.AsCall().Args()
	if sides[0].Kind() != ast.IdentKind || sides[0].AsIdent() != "self" {
		return nil
	}
	text := r.node.Value[strings.Index(r.node.Value, "==")+2:] // an identifier and == hold no other ==
	if right, issues := c.env.Compile(text); issues.Err() == nil {
		r.right, err = c.env.Program(right)
	}
	return err
}

// scope is what a rule sees: the values of its variables.
type scope struct {
	self, this, body *node
	index            int
	before           *values
	earlier          *values
	previous         *node
	request          ref.Val
	now, today       time.Time
}

// ResolveName returns a variable's value. A variable without one makes the evaluation fail.
func (s *scope) ResolveName(name string) (any, bool) {
	switch name {
	case "self":
		return s.self.celValue(), true
	case "this":
		return s.this.celValue(), true
	case "body":
		return s.body.celValue(), true
	case "index":
		return types.Int(s.index), true
	case "before":
		return s.before, true
	case "earlier":
		return s.earlier, s.earlier != nil
	case "previous":
		return s.previous.celValue(), s.previous != nil
	case "request":
		return s.request, s.request != nil
	case "now":
		return types.Timestamp{Time: s.now}, true
	case "today":
		return types.Timestamp{Time: s.today}, true
	}
	return nil, false
}

// Parent says that there is no scope around this one.
func (s *scope) Parent() interpreter.Activation { return nil }

// evaluate holds the values that a rule is about to it. broken gets each that breaks it, undecided is called where the
// rule has no result: a member that it needs is not there or of another type.
func (r *rule) evaluate(s *scope, broken func(expected string), undecided func()) {
	if r.looksBack {
		s.before = &values{}
	}
	r.match(s.this, r.path, 0, func(n *node, index int) {
		s.self, s.index = n, index
		result, _, err := r.program.Eval(s)
		if err != nil {
			undecided()
		} else if result != types.True {
			broken(r.expected(s))
		}
		if r.looksBack {
			s.before.add(n.celValue())
		}
	})
}

// match calls do for each value that the rest of a path leads to, with its position in the last array on the way.
func (r *rule) match(n *node, path []string, index int, do func(n *node, index int)) {
	switch {
	case len(path) == 0:
		do(n, index)
	case path[0] != "*":
		if member := n.member(path[0]); member != nil {
			r.match(member, path[1:], index, do)
		}
	case n.kind == array:
		n.kids(func(i int, kid *node) bool {
			r.match(kid, path[1:], i, do)
			return true
		})
	}
}

// expected says what a rule asks for, with the value where it names one.
func (r *rule) expected(s *scope) string {
	if r.right == nil {
		return r.expect
	}
	result, _, err := r.right.Eval(s)
	if n, ok := result.(types.Int); err == nil && ok {
		return fmt.Sprintf("%d, %s", n, r.expect)
	}
	return r.expect
}

// blamed says whether a value that the rule uses, or one that holds it, has a finding already: one fault is told once. Only
// that the value itself is a new one of an open set does not excuse it.
func (r *rule) blamed(s *scope, list []Finding) bool {
	for root, pointers := range r.uses {
		base := ""
		switch root {
		case "self":
			base = s.self.pointer()
		case "this":
			base = s.this.pointer()
		}
		for _, pointer := range pointers {
			if slices.ContainsFunc(list, func(f Finding) bool {
				return f.Part == PartResponseBody && (f.Severity == Violation || root != "self") && (base+pointer == f.Pointer || strings.HasPrefix(base+pointer, f.Pointer+"/"))
			}) {
				return true
			}
		}
	}
	return false
}

// describeRuled says what came where a rule is broken: numbers count something and times are no one's, so both are told.
func describeRuled(n *node) string {
	if n.form() == numberForm || n.form() == "date-time" {
		return shorten(n.text, 40)
	}
	if n.form() == setForm {
		return describeWord(n.text)
	}
	return describe(n)
}
