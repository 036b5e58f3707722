// Package rule compiles and evaluates the rules of meaning that a contract declares under x-rules, in CEL (cel.dev).
// openapi.yaml explains them in its head.
package rule

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/interpreter"
	"go.yaml.in/yaml/v3"

	"github.com/okchat/okchat-go/contract/finding"
	"github.com/okchat/okchat-go/contract/internal/spec"
)

// Rule is one x-rules entry whose expression has been compiled.
type Rule struct {
	Code     finding.Code
	Expect   string // what holds, for people
	Evidence string
	// Node is its expression's in the contract.
	Node *yaml.Node
	// Path leads from the value that the rule stands beside to those that it is about; "*" is each item of an array.
	Path []string
	// Walk reports whether the rule is about several pages.
	Walk bool

	needs     []finding.Code // the rules without which this one means nothing
	program   cel.Program
	right     cel.Program // what comes after "self ==" in a rule of that form: the value that was expected
	looksBack bool        // whether it uses before
	uses      []use
}

// use is a value that an expression names: request.query.page is {"request", ["query", "page"]}.
type use struct {
	root string
	path []string
}

// Set are the rules of a contract. It does not change and is safe for concurrent use.
type Set struct {
	// All are the rules that are on, in the order in which the contract's operations and schemas were compiled.
	All []*Rule
	// Silenced are the rules that are off because they need one that was switched off.
	Silenced []finding.Code

	parts      int // of the rules, that are evaluated once a page
	schemas    map[*spec.Schema][]*Rule
	operations map[*spec.Operation][]*Rule
}

// Without returns the rules without those of the codes and those that need one of them.
func (s *Set) Without(off map[finding.Code]bool) *Set {
	gone := func(r *Rule) bool {
		return off[r.Code] || slices.ContainsFunc(r.needs, func(code finding.Code) bool { return off[code] })
	}
	out := *s
	out.All, out.schemas, out.operations = slices.DeleteFunc(slices.Clone(s.All), gone), maps.Clone(s.schemas), maps.Clone(s.operations)
	for schema, rules := range s.schemas {
		out.schemas[schema] = slices.DeleteFunc(slices.Clone(rules), gone)
	}
	for op, rules := range s.operations {
		out.operations[op] = slices.DeleteFunc(slices.Clone(rules), gone)
	}
	silenced := slices.DeleteFunc(slices.Clone(s.All), func(r *Rule) bool { return off[r.Code] || !gone(r) })
	out.Silenced = (&Set{All: silenced}).Codes()
	return &out
}

// Codes returns the codes of the rules, each once.
func (s *Set) Codes() []finding.Code {
	codes := make(map[finding.Code]bool, len(s.All))
	for _, r := range s.All {
		codes[r.Code] = true
	}
	return slices.Sorted(maps.Keys(codes))
}

// OfOperation returns the rules beside an operation.
func (s *Set) OfOperation(op *spec.Operation) []*Rule { return s.operations[op] }

// OfSchema returns the rules beside a schema.
func (s *Set) OfSchema(schema *spec.Schema) []*Rule { return s.schemas[schema] }

type compiler struct {
	*Set
	contract *spec.Contract
	env      *cel.Env
	done     map[*yaml.Node]*Rule
}

// Compile compiles the rules of a contract.
func Compile(c *spec.Contract) (*Set, error) {
	env, err := cel.NewEnv(
		cel.Variable("self", cel.DynType), cel.Variable("this", cel.DynType), cel.Variable("body", cel.DynType),
		cel.Variable("index", cel.IntType), cel.Variable("request", cel.DynType),
		cel.Variable("before", cel.ListType(cel.DynType)), cel.Variable("earlier", cel.ListType(cel.DynType)),
		cel.Variable("previous", cel.DynType), cel.Variable("first", cel.DynType),
		cel.Variable("now", cel.TimestampType), cel.Variable("today", cel.TimestampType),
	)
	if err != nil {
		return nil, err
	}
	k := &compiler{
		Set:      &Set{schemas: make(map[*spec.Schema][]*Rule), operations: make(map[*spec.Operation][]*Rule)},
		contract: c, env: env, done: make(map[*yaml.Node]*Rule),
	}
	for _, op := range c.Operations {
		if k.operations[op], err = k.list(op.Rules); err != nil {
			return nil, err
		}
	}
	for _, schema := range c.Schemas {
		if schema.Rules == nil {
			continue
		}
		if k.schemas[schema], err = k.list(schema.Rules); err != nil {
			return nil, err
		}
	}
	known := k.Codes()
	for _, r := range k.All {
		for _, code := range r.needs {
			if !slices.Contains(known, code) {
				return nil, c.Doc.Errorf(r.Node, "rule %s needs %q, and there is no such rule", r.Code, code)
			}
		}
	}
	return k.Set, nil
}

// list compiles the rules of one place.
func (k *compiler) list(n *yaml.Node) ([]*Rule, error) {
	nodes, err := k.contract.Rules(n)
	if err != nil {
		return nil, err
	}
	var rules []*Rule
	for _, n := range nodes {
		r, met := k.done[n]
		if !met {
			if r, err = k.rule(n); err != nil {
				return nil, err
			}
			k.done[n] = r
			k.All = append(k.All, r)
		}
		rules = append(rules, r)
	}
	return rules, nil
}

func (k *compiler) rule(n *yaml.Node) (*Rule, error) {
	r := &Rule{Node: spec.Value(n, "rule")}
	code := ""
	for key, to := range map[string]*string{"code": &code, "expect": &r.Expect, "x-evidence": &r.Evidence, "rule": nil, "for": nil} {
		text := spec.Scalar(spec.Value(n, key))
		if text == "" {
			return nil, k.contract.Doc.Errorf(n, "a rule needs %s", key)
		}
		if to != nil {
			*to = text
		}
	}
	r.Code = finding.Code(code)
	for _, needed := range spec.Items(spec.Value(n, "needs")) {
		r.needs = append(r.needs, finding.Code(needed.Value))
	}
	r.Path = strings.Split(strings.TrimPrefix(spec.Scalar(spec.Value(n, "for")), "/"), "/")
	return r, k.program(r)
}

func (k *compiler) program(r *Rule) error {
	compiled, issues := k.env.Compile(r.Node.Value)
	if issues.Err() != nil {
		first := issues.Errors()[0]
		return k.contract.Doc.Errorf(r.Node, "rule %s: %s (column %d of the expression)", r.Code, first.Message, first.Location.Column()+1)
	}
	if t := compiled.OutputType(); !t.IsExactType(cel.BoolType) && !t.IsExactType(cel.DynType) {
		return k.contract.Doc.Errorf(r.Node, "rule %s: expected an expression that is true or false, got one of type %s", r.Code, t)
	}
	top := compiled.NativeRep().Expr()
	r.uses = usesOf(top)
	names := variables(top)
	r.Walk, r.looksBack = names["earlier"] || names["previous"] || names["first"], names["before"]
	var err error
	if r.program, err = k.env.Program(compiled, cel.EvalOptions(cel.OptOptimize), cel.CustomDecoratorV2(k.onceAPage(top))); err != nil {
		return k.contract.Doc.Errorf(r.Node, "rule %s: %v", r.Code, err)
	}
	if top.Kind() != ast.CallKind || top.AsCall().FunctionName() != operators.Equals {
		return nil
	}
	if left := top.AsCall().Args()[0]; left.Kind() != ast.IdentKind || left.AsIdent() != "self" {
		return nil
	}
	text := r.Node.Value[strings.Index(r.Node.Value, "==")+2:] // an identifier and == hold no other ==
	if right, issues := k.env.Compile(text); issues.Err() == nil {
		r.right, err = k.env.Program(right)
	}
	return err
}

// usesOf returns the longest paths by which an expression names values.
func usesOf(e ast.Expr) []use {
	inner := make(map[int64]bool)
	ast.PostOrderVisit(e, ast.NewExprVisitor(func(e ast.Expr) {
		if e.Kind() == ast.SelectKind {
			inner[e.AsSelect().Operand().ID()] = true
		}
	}))
	var uses []use
	ast.PostOrderVisit(e, ast.NewExprVisitor(func(e ast.Expr) {
		if inner[e.ID()] {
			return
		}
		var path []string
		for e.Kind() == ast.SelectKind {
			path = append(path, e.AsSelect().FieldName())
			e = e.AsSelect().Operand()
		}
		if e.Kind() == ast.IdentKind {
			slices.Reverse(path)
			uses = append(uses, use{e.AsIdent(), path})
		}
	}))
	return uses
}

// variables returns the names that an expression uses and does not define itself.
func variables(e ast.Expr) map[string]bool {
	names := make(map[string]bool)
	var own []string
	ast.PostOrderVisit(e, ast.NewExprVisitor(func(e ast.Expr) {
		switch e.Kind() {
		case ast.IdentKind:
			names[e.AsIdent()] = true
		case ast.ComprehensionKind:
			c := e.AsComprehension()
			own = append(own, c.IterVar(), c.IterVar2(), c.AccuVar())
		}
	}))
	for _, name := range own {
		delete(names, name)
	}
	return names
}

// pageVariables are the variables that have one value for all that a rule is about on a page.
var pageVariables = []string{"body", "previous", "first", "request", "now", "today"}

// onceAPage returns a decorator that evaluates the calls and comprehensions of an expression once for each page where they
// depend on the page alone, and indexes the lists that they make. A rule about each item costs as much as the page then, not
// its square.
func (k *compiler) onceAPage(e ast.Expr) interpreter.InterpretableDecoratorV2 {
	once := make(map[int64]bool)
	within := make(map[int64]bool) // such a part, so that a call is evaluated once anyway
	ast.PreOrderVisit(e, ast.NewExprVisitor(func(e ast.Expr) {
		if e.Kind() != ast.ComprehensionKind && (e.Kind() != ast.CallKind || within[e.ID()]) {
			return
		}
		names := variables(e)
		for name := range names {
			if !slices.Contains(pageVariables, name) {
				return
			}
		}
		if len(names) == 0 { // which is folded when it is compiled
			return
		}
		once[e.ID()] = true
		ast.PreOrderVisit(e, ast.NewExprVisitor(func(e ast.Expr) { within[e.ID()] = true }))
	}))
	return func(i interpreter.InterpretableV2) (interpreter.InterpretableV2, error) {
		if once[i.ID()] {
			k.parts++
			return &cached{i, k.parts - 1}, nil
		}
		return i, nil
	}
}

// cached is a part of an expression whose value is kept by the scope, under its number.
type cached struct {
	interpreter.InterpretableV2

	part int
}

// Exec returns the kept value, or evaluates the part.
func (c *cached) Exec(frame *interpreter.ExecutionFrame) ref.Val {
	found, _ := frame.ResolveName(scopeName)
	s, ok := found.(*scope)
	if !ok {
		return c.InterpretableV2.Exec(frame)
	}
	if s.kept == nil {
		s.kept = make([]ref.Val, s.page.set.parts)
	}
	if v := s.kept[c.part]; v != nil {
		return v
	}
	v := c.InterpretableV2.Exec(frame)
	if list, ok := v.(interface {
		Size() ref.Val
		Get(ref.Val) ref.Val
	}); ok && v.Type() == types.ListType {
		n, _ := list.Size().(types.Int)
		all := &values{list: make([]ref.Val, 0, n), doc: s.page.doc}
		for i := range n {
			all.add(list.Get(i))
		}
		v = all
	}
	s.kept[c.part] = v
	return v
}

// expected says what a rule asks for, with the value where it names one.
func (r *Rule) expected(s *scope) string {
	if r.right == nil {
		return r.Expect
	}
	result, _, err := r.right.Eval(s)
	if n, ok := result.(types.Int); err == nil && ok {
		return fmt.Sprintf("%d, %s", n, r.Expect)
	}
	return r.Expect
}
