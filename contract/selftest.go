package contract

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/okchat/okchat-go/contract/finding"
	"github.com/okchat/okchat-go/contract/internal/jsontree"
	"github.com/okchat/okchat-go/contract/internal/rule"
	"github.com/okchat/okchat-go/contract/internal/spec"
	"github.com/okchat/okchat-go/exchange"
	"github.com/okchat/okchat-go/internal/lazy"
)

// SelfTest shows that the checks can fail. It takes the contract's own examples of each operation's request and answer,
// breaks them in each way that the contract's keywords and rules forbid (a required member renamed, another type, null, a
// value out of its bounds or format, each branch of a union, each rule of meaning), and expects to be told each time. It
// returns how many mutants there were. An error names what was not noticed: then no verdict of this contract counts. It
// takes milliseconds.
func (c *Contract) SelfTest() (int, error) {
	t := &selfTest{contract: c, met: make(map[*rule.Rule]bool)}
	for _, op := range c.spec.Operations {
		if err := t.operation(op); err != nil {
			return t.mutants, err
		}
	}
	if t.missed != nil {
		return t.mutants, t.missed
	}
	for _, r := range c.rules.All {
		if !t.met[r] {
			return t.mutants, t.unbroken(r)
		}
	}
	return t.mutants, nil
}

func (t *selfTest) unbroken(r *rule.Rule) error {
	hint := ""
	if r.Walk && t.page == t.op.First {
		hint = "; a rule about a walk needs an example of a page that is not the first"
	}
	return t.contract.spec.Doc.Errorf(r.Node, "the self-test found no way to break the rule %s, so it proves nothing%s", r.Code, hint)
}

type selfTest struct {
	contract *Contract
	mutants  int
	missed   error
	met      map[*rule.Rule]bool // the rules that were seen to fail

	// Of the operation under test:
	op    *spec.Operation
	base  exchange.Exchange
	path  string
	query url.Values
	page  int
	*subject
}

// subject is a body of the exchange that is broken in each way.
type subject struct {
	*spec.Validation
	put  func(*exchange.Exchange, []byte)
	told map[*spec.Schema]int // mutants of each schema
}

func (t *selfTest) operation(op *spec.Operation) error {
	t.op = op
	answer, err := t.begin()
	if err != nil {
		return err
	}
	t.envelope(answer != nil)
	if op.Body != nil {
		m := op.Body.Media[0]
		t.body(m.Schema, t.base.RequestBody, func(ex *exchange.Exchange, b []byte) { ex.RequestBody = b })
		if op.Body.Required {
			t.check("no body", op.Body.Key, finding.CodeMissing, func(ex *exchange.Exchange) { ex.RequestBody = nil })
		}
	}
	if answer != nil {
		t.body(answer, t.base.ResponseBody, func(ex *exchange.Exchange, b []byte) { ex.ResponseBody = b })
		for _, r := range t.contract.rules.OfOperation(op) {
			delete(t.met, r) // another operation may share it
			if t.rule(r, t.Root()); !t.met[r] && t.missed == nil {
				return t.unbroken(r)
			}
		}
	}
	return nil
}

// begin makes the exchange of the contract's examples: the first one that is clean for some page. It returns the schema of
// the answer, nil where the contract has none for any status.
func (t *selfTest) begin() (*spec.Schema, error) {
	doc := t.contract.spec.Doc
	t.path, t.query = t.contract.base+t.op.FullPath(), url.Values{}
	for _, p := range t.op.Parameters {
		example := spec.Scalar(spec.Value(p.Node, "example"))
		switch {
		case p.In == "path":
			t.path = strings.ReplaceAll(t.path, "{"+p.Name+"}", url.PathEscape(example))
		case example != "":
			t.query.Set(p.Name, example)
		}
	}
	t.base = exchange.Exchange{Source: exchange.Source{File: "self-test"}, Method: t.op.Method, RequestHeader: http.Header{}, ResponseHeader: http.Header{}}
	for _, key := range t.contract.spec.Keys {
		t.base.RequestHeader.Set(key, exchange.Redacted)
	}
	if t.op.Body != nil {
		m := t.op.Body.Media[0]
		if t.base.RequestBody = m.Example(); t.base.RequestBody == nil {
			return nil, doc.Errorf(t.op.Body.Key, "the self-test needs an example of a request's body")
		}
		t.base.RequestHeader.Set("Content-Type", m.Pattern)
	}
	var schema *spec.Schema
	for _, r := range t.op.Responses {
		code, err := strconv.Atoi(r.Status)
		if err != nil || t.base.Status != 0 && (r.Content == nil || schema != nil) {
			continue
		}
		t.base.Status = code
		if r.Content == nil || r.Content.Media[0].Schema == nil {
			continue
		}
		m := r.Content.Media[0]
		if t.base.ResponseBody = m.Example(); t.base.ResponseBody == nil {
			return nil, doc.Errorf(r.Key, "the self-test needs an example of an answer's body")
		}
		schema = m.Schema
		t.base.ResponseHeader.Set("Content-Type", m.Pattern)
	}
	if t.base.Status == 0 {
		return nil, doc.Errorf(t.op.Key, "the self-test needs an answer with a status of its own, such as 200")
	}
	var findings []finding.Finding
	for t.page = t.op.First; t.page < t.op.First+10; t.page++ {
		t.base.URL = t.counted(t.page, true)
		if findings = t.contract.Check(&t.base).Findings; len(findings) == 0 {
			return schema, nil
		}
	}
	return nil, doc.Errorf(t.op.Key, "the example of an answer breaks the contract: %v", findings[0])
}

// counted returns the URL of a page, with or without the other parameters.
func (t *selfTest) counted(page int, all bool) string {
	query := url.Values{}
	for name, values := range t.query {
		if all || slices.ContainsFunc(t.op.Parameters, func(p *spec.Parameter) bool { return p.Name == name && p.Required }) {
			query[name] = values
		}
	}
	if t.op.Counter != "" {
		query.Set(t.op.Counter, strconv.Itoa(page))
	}
	return t.path + "?" + query.Encode()
}

// expect counts a mutant, and notes where no finding with the code came.
func (t *selfTest) expect(what string, at *yaml.Node, list []finding.Finding, code finding.Code) {
	t.mutants++
	if t.missed == nil && !has(list, code) {
		t.missed = t.contract.spec.Doc.Errorf(at, "the self-test broke the contract and no check noticed: %s", what)
	}
}

func has(list []finding.Finding, code finding.Code) bool {
	return slices.ContainsFunc(list, func(f finding.Finding) bool { return f.Code == code })
}

func (t *selfTest) check(what string, at *yaml.Node, code finding.Code, change func(*exchange.Exchange)) {
	ex := t.base
	ex.RequestHeader, ex.ResponseHeader = ex.RequestHeader.Clone(), ex.ResponseHeader.Clone()
	change(&ex)
	t.expect(what, at, t.contract.Check(&ex).Findings, code)
}

// envelope breaks what is around the bodies.
func (t *selfTest) envelope(answered bool) {
	if t.op.NeedsKey() && !t.contract.off[finding.CodeKey] {
		t.check("no key", t.op.Key, finding.CodeKey, func(ex *exchange.Exchange) {
			for _, key := range t.contract.spec.Keys {
				ex.RequestHeader.Del(key)
			}
		})
	}
	t.check("another method", t.op.Key, finding.CodeOperation, func(ex *exchange.Exchange) { ex.Method = "SELFTEST" })
	t.check("an unknown parameter", t.op.Key, finding.CodeParameter, func(ex *exchange.Exchange) { ex.URL += "&selftest=1" })
	t.check("a status that is none", t.op.Key, finding.CodeStatus, func(ex *exchange.Exchange) { ex.Status = 999 })
	if answered {
		t.check("no content type", t.op.Key, finding.CodeMediaType, func(ex *exchange.Exchange) { ex.ResponseHeader = nil })
	}
}

// body breaks a body and all that it holds.
func (t *selfTest) body(s *spec.Schema, body []byte, put func(*exchange.Exchange, []byte)) {
	if s == nil {
		return
	}
	tree, err := jsontree.Parse(body)
	if err != nil {
		return // it was clean
	}
	valid := spec.Validate(s, tree, finding.PartResponseBody, &spec.Faults{})
	t.subject = &subject{Validation: valid, put: put, told: make(map[*spec.Schema]int)}
	t.expect("a body that breaks off", t.op.Key, t.splice(len(body)-1, len(body), ""), finding.CodeJSON)
	t.expect("two documents", t.op.Key, t.splice(0, 0, "{}"), finding.CodeJSON)
	t.expect("a byte order mark", t.op.Key, t.splice(0, 0, "\xef\xbb\xbf"), finding.CodeJSON)
	t.values(s, tree.Root())
}

// splice returns what the check finds once a part of the body has been replaced.
func (t *selfTest) splice(start, end int, literal string) []finding.Finding {
	ex := t.base
	t.put(&ex, []byte(t.Text[:start]+literal+t.Text[end:]))
	return t.contract.Check(&ex).Findings
}

// replace returns what the check finds once a value's literal has been replaced.
func (t *selfTest) replace(n *jsontree.Node, literal string) []finding.Finding {
	return t.splice(int(n.Start), int(n.End), literal)
}

// maxPerSchema caps the mutants per schema; more items of an array exercise the same keywords again.
const maxPerSchema = 4

// values breaks a value and all that it holds in each way that its schema forbids.
func (t *selfTest) values(s *spec.Schema, n *jsontree.Node) {
	if s.Branches != nil {
		for _, branch := range s.Branches {
			if branch.Types&n.Kind != 0 {
				t.keywords(branch, n)
			}
		}
		t.types(s, n, finding.CodeUnion)
		return
	}
	if t.told[s] < maxPerSchema {
		t.types(s, n, finding.CodeType)
		t.keywords(s, n)
	}
}

// keywords breaks a value in each way that the keywords about its type forbid.
func (t *selfTest) keywords(s *spec.Schema, n *jsontree.Node) {
	t.told[s]++
	number := func(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }
	switch {
	case n.Kind == jsontree.Object:
		t.members(s, n)
	case n.Kind == jsontree.Array && s.Items != nil:
		for _, item := range n.All() {
			t.values(s.Items, item)
		}
	case n.Kind == jsontree.String && s.Format != "":
		t.expect("a string that is no "+s.Format, s.Keyword("format"), t.replace(n, `"selftest"`), finding.CodeFormat)
	case n.Kind == jsontree.String && s.Open:
		t.expect("an unknown value", s.OpenSet(), t.replace(n, `"selftest"`), finding.CodeValue)
	case n.Kind == jsontree.String && s.Known != nil:
		t.expect("a value outside the set", s.Keyword("enum"), t.replace(n, `"selftest"`), finding.CodeEnum)
	case n.Kind == jsontree.String && s.Least > 0:
		t.expect("a string too short", s.Keyword("minLength"), t.replace(n, `""`), finding.CodeRange)
	case n.Kind&jsontree.Number != 0:
		if at := s.Keyword("minimum"); at != nil {
			t.expect("a number too small", at, t.replace(n, number(s.Minimum-1)), finding.CodeRange)
		}
		if at := s.Keyword("maximum"); at != nil {
			t.expect("a number too large", at, t.replace(n, number(s.Maximum+1)), finding.CodeRange)
		}
	}
	for _, r := range t.contract.rules.OfSchema(s) {
		t.rule(r, n)
	}
}

func (t *selfTest) members(s *spec.Schema, n *jsontree.Node) {
	for _, p := range s.Properties {
		member := n.Member(p.Name)
		if member == nil {
			continue
		}
		if p.Required != nil {
			t.expect("a member renamed", p.Required, t.splice(int(member.Key), int(member.Start), `"selftest":`), finding.CodeMissing)
		}
		t.expect("a member twice", p.Key, t.splice(int(member.Key), int(member.Key), t.Text[member.Key:member.End]+","), finding.CodeDuplicate)
		t.values(p.Schema, member)
	}
	if n.Size > 0 && s.Extra == nil {
		t.expect("an undocumented member", s.Node, t.splice(int(n.Start), int(n.Start)+1, `{"selftest":0,`), finding.CodeMember)
	}
}

// types puts a value of each other type in its place, null among them.
func (t *selfTest) types(s *spec.Schema, n *jsontree.Node, code finding.Code) {
	allowed := s.Types
	for _, b := range s.Branches {
		allowed |= b.Types
	}
	for kind, literal := range map[jsontree.Kinds]string{
		jsontree.Null: "null", jsontree.Boolean: "true", jsontree.Number: "0.5", jsontree.String: `"selftest"`, jsontree.Array: "[]", jsontree.Object: "{}",
	} {
		if allowed != 0 && allowed&kind == 0 {
			t.expect(fmt.Sprintf("%s in place of %s", kind, allowed), s.Node, t.replace(n, literal), code)
		}
	}
}

// rule looks for a change to the values that a rule is about which breaks it, and expects to be told of it.
func (t *selfTest) rule(r *rule.Rule, this *jsontree.Node) {
	if t.met[r] {
		return
	}
	// Some rules need the other parameters to be given, others that they are not.
	for _, all := range []bool{true, false} {
		r.Each(this, func(n *jsontree.Node, _ int) {
			for _, literal := range t.candidates(n) {
				for _, body := range []string{t.Text, t.fresh()} {
					if t.met[r] {
						return
					}
					ex, walk := t.base, t.contract.NewWalk()
					if r.Walk {
						ex.URL = t.counted(t.page-1, all)
						walk.Check(&ex)
					}
					ex.URL = t.counted(t.page, all)
					t.put(&ex, []byte(body[:n.Start]+literal+body[n.End:]))
					// Several rules may share a code.
					t.met[r] = slices.ContainsFunc(walk.Check(&ex).Findings, func(f finding.Finding) bool { return f.Code == r.Code && f.SpecLine == r.Node.Line })
				}
			}
		})
	}
	t.mutants++
}

// candidates returns literals that may break a rule about a value.
func (t *selfTest) candidates(n *jsontree.Node) []string {
	list := []string{"null", n.Literal()}
	s := t.Schemas[n.Index]
	switch {
	case n.Kind == jsontree.String && s != nil && s.Format == "date-time":
		list = append(list, `"1000-01-01T00:00:00Z"`, `"9000-01-01T00:00:00Z"`)
		if at, err := time.Parse(time.RFC3339Nano, n.Text); err == nil {
			list = append(list, at.Add(time.Hour).Format(`"`+time.RFC3339+`"`))
		}
	case n.Kind == jsontree.String || n.Kind == jsontree.Null:
		list = append(list, `"selftest"`, `" "`, `"00000000-0000-4000-8000-000000000000"`)
		for i := range t.Nodes { // what stands elsewhere in the page
			if other := &t.Nodes[i]; other.Kind == jsontree.String && other.Name == n.Name && other.Text != n.Text {
				list = append(list, other.Literal())
			}
		}
	case n.Kind&jsontree.Integer != 0:
		i, _ := strconv.Atoi(n.Text)
		list = append(list, strconv.Itoa(i+1), strconv.Itoa(i-1))
	case n.Kind == jsontree.Array:
		list = append(list, "[]")
	case n.Kind == jsontree.Object:
		list = append(list, "{}")
	}
	return list
}

var uuids = lazy.Regexp(`[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}`)

// fresh returns the body with every UUID but those of the path replaced by another: a page of other conversations.
func (t *selfTest) fresh() string {
	random := rand.New(rand.NewPCG(1, 1))
	return uuids().ReplaceAllStringFunc(t.Text, func(id string) string {
		if strings.Contains(t.base.URL, id) {
			return id
		}
		return fmt.Sprintf("%08x%s", random.Uint32(), id[8:])
	})
}
