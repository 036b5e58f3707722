package contract

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/okchat/okchat-go/exchange"
)

// findings are those of one exchange.
type findings struct {
	source exchange.Source
	list   []Finding
}

func (f *findings) keep(found Finding) {
	found.Source = f.source
	f.list = append(f.list, found)
}

func (f *findings) add(severity Severity, code Code, part Part, pointer string, spec *yaml.Node, expected, got string) {
	found := Finding{Severity: severity, Code: code, Part: part, Pointer: pointer, Expected: expected, Got: got, offset: -1}
	found.spec(spec)
	f.keep(found)
}

// checked is what the check of one exchange leaves for the check of its walk.
type checked struct {
	findings
	op    *operation // nil where the contract knows none
	tree  *tree      // nil where the body is no JSON or of no schema
	scope scope
	walk  string // tells the walk from others
	page  int
	// elsewhere says that the path is none of the contract: the exchange may be none of its business.
	elsewhere bool
}

// check holds one exchange to the contract.
func (c *Contract) check(ex *exchange.Exchange) *checked {
	d := &checked{findings: findings{source: ex.Source}}
	if c.begin(ex, d) {
		d.scope.today = time.Now()
		d.scope.now = moment(ex, d.scope.today)
		d.response(ex)
	}
	locate(ex, d.list)
	return d
}

// begin finds the operation that was called and holds the request to it. It returns false where there is none.
func (c *Contract) begin(ex *exchange.Exchange, d *checked) bool {
	target, err := url.Parse(ex.URL)
	if err != nil {
		d.add(Violation, CodeOperation, PartRequest, "", nil, "a URL", "text that is none")
		return false
	}
	otherMethod := false
	for _, op := range c.operations {
		values, ok := op.match(target.EscapedPath())
		if ok && op.method == ex.Method {
			d.op = op
			d.scope.request, d.page = op.request(ex, target, values, &d.findings)
			d.walk = walkKey(target, op.counter)
			return true
		}
		otherMethod = otherMethod || ok
	}
	got := "a path that the contract does not know"
	if otherMethod {
		got = "another method, " + describeWord(ex.Method)
	}
	d.elsewhere = !otherMethod
	var known []string
	for _, op := range c.operations {
		known = append(known, op.method+" "+op.path)
	}
	d.add(Violation, CodeOperation, PartRequest, "", c.operations[0].key, strings.Join(known, " or "), got)
	return false
}

// walkKey is what the requests of one walk have in common.
func walkKey(target *url.URL, counter string) string {
	rest := slices.DeleteFunc(strings.Split(target.RawQuery, "&"), func(pair string) bool {
		name, _, _ := strings.Cut(pair, "=")
		return name == counter
	})
	slices.Sort(rest)
	return target.Host + target.EscapedPath() + "?" + strings.Join(rest, "&")
}

// moment returns when the server answered: what its Date header says, or the recording, or else now.
func moment(ex *exchange.Exchange, now time.Time) time.Time {
	if t, err := http.ParseTime(ex.ResponseHeader.Get("Date")); err == nil {
		return t
	}
	if !ex.Time.IsZero() {
		return ex.Time
	}
	return now
}

func (d *checked) response(ex *exchange.Exchange) {
	if ex.Status < 100 || ex.Status > 599 {
		d.add(Violation, CodeStatus, PartStatus, "", d.op.answers, d.op.statuses(), fmt.Sprintf("%d, which is none", ex.Status))
		return
	}
	answer := d.op.answer(ex.Status)
	if answer == nil {
		d.add(Drift, CodeStatus, PartStatus, "", d.op.answers, d.op.statuses(), fmt.Sprint(ex.Status))
		d.list[len(d.list)-1].addition = &addition{at: d.op.described, name: fmt.Sprint(ex.Status)}
		return
	}
	for _, header := range answer.headers {
		values := ex.ResponseHeader.Values(header.name)
		if len(values) == 0 && header.required {
			d.add(Violation, CodeMissing, PartResponseHeader, header.name, header.node, "a value", "none")
		}
		for _, v := range values {
			d.parameter(header, v)
		}
	}
	if len(answer.content) > 0 {
		d.body(ex, answer)
	}
}

func (op *operation) statuses() string {
	var list []string
	for _, r := range op.responses {
		list = append(list, r.status)
	}
	return strings.Join(list, ", ")
}

// body holds the body to the schema of its media type.
func (d *checked) body(ex *exchange.Exchange, answer *response) {
	contentType := ex.ResponseHeader.Get("Content-Type")
	name, parameters, _ := strings.Cut(strings.ToLower(contentType), ";")
	media, expected := answer.media(strings.TrimSpace(name))
	if media == nil {
		got := "none"
		if contentType != "" {
			got = describeMediaType(name)
		}
		d.add(Violation, CodeMediaType, PartResponseHeader, "Content-Type", answer.key, expected, got)
		return
	}
	if media.schema == nil || media.schema.anything() {
		return
	}
	if _, charset, ok := strings.Cut(parameters, "charset="); ok && strings.Trim(strings.TrimSpace(charset), `"`) != "utf-8" {
		d.add(Violation, CodeMediaType, PartResponseHeader, "Content-Type", answer.key, "JSON in UTF-8", "another charset")
	}
	body, err := ex.Body()
	if err != nil {
		d.add(Violation, CodeContentEncoding, PartResponseHeader, "Content-Encoding", answer.key, "the encoding that the body is in", err.Error())
		return
	}
	t, err := parse(body)
	if err != nil {
		d.add(Violation, CodeJSON, PartResponseBody, "", answer.key, "one JSON document", err.Error())
		d.list[len(d.list)-1].offset = err.(*syntaxError).offset //nolint:errorlint // parse returns no other
		return
	}
	if ex.Garbled {
		d.add(Violation, CodeEncoding, PartResponseBody, "", answer.key, "Unicode text in UTF-8", "bytes that are not")
	}
	d.tree = t
	d.document(media.schema)
}

// media returns what the contract says of a media type, the most precise first, or nil and what it knows.
func (r *response) media(name string) (*media, string) {
	kind, _, _ := strings.Cut(name, "/")
	var known []string
	for _, pattern := range []string{name, kind + "/*", "*/*"} {
		for i := range r.content {
			if r.content[i].pattern == pattern {
				return &r.content[i], ""
			}
		}
	}
	for _, m := range r.content {
		known = append(known, m.pattern)
	}
	return nil, strings.Join(known, " or ")
}

// document holds the body's tree to its schema and to the rules.
func (d *checked) document(s *schema) {
	root := &d.tree.nodes[0]
	d.scope.body = root
	if d.tree.broken {
		if n := d.tree.garbled(); n != nil {
			found := Finding{Severity: Violation, Code: CodeEncoding, Part: PartResponseBody, Pointer: n.pointer(), Expected: "Unicode text in UTF-8", Got: "bytes that are not", offset: int(n.start)}
			found.spec(s.node)
			d.keep(found)
		}
	}
	v := &validation{}
	undecided := (*rule)(nil)
	hold := func(rules []*rule, n *node) {
		for _, r := range rules {
			if !r.walk {
				d.scope.this = n
				r.evaluate(&d.scope, func(expected string) { v.broken(r, &d.scope, expected) }, func() { undecided = r })
			}
		}
	}
	v.check(s, root)
	for _, beside := range v.ruled {
		hold(beside.rules, beside.node)
	}
	hold(d.op.rules, root)
	for _, found := range v.list {
		d.keep(found)
	}
	if undecided != nil && len(d.list) == 0 {
		d.add(Violation, CodeRule, PartResponseBody, "", undecided.node, "that the rule "+string(undecided.code)+" can be decided", "an answer where it cannot")
	}
}

// broken keeps a finding about a rule.
func (v *validation) broken(r *rule, s *scope, expected string) {
	if !r.blamed(s, v.list) {
		v.add(Violation, r.code, s.self, r.node, expected, describeRuled(s.self)).Evidence = r.evidence
	}
}

var gzipMagic = []byte{0x1f, 0x8b}

// locate gives the findings of an exchange their places.
func locate(ex *exchange.Exchange, list []Finding) {
	for i := range list {
		list[i].Source = ex.At(list[i].offset)
	}
}
