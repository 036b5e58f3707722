package contract

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"cel.dev/cel-go/common/types"
	"go.yaml.in/yaml/v3"

	"github.com/okchat/okchat-go/exchange"
)

// SelfTest shows that the checks can fail. It takes the contract's own example of each operation's answer, breaks it in
// each way that the contract's keywords and rules forbid (a required member dropped, another type, null, a value out of
// its bounds or format, each branch of a union, each rule of meaning), and expects to be told each time. It returns how many
// mutants there were. An error names what was not noticed: then no verdict of this contract counts. It takes
// milliseconds.
func (c *Contract) SelfTest() (int, error) {
	total := 0
	for _, op := range c.operations {
		t := &selfTest{contract: c, op: op}
		if err := t.run(); err != nil {
			return total + t.mutants, err
		}
		total += t.mutants
	}
	return total, nil
}

type selfTest struct {
	contract *Contract
	op       *operation
	base     exchange.Exchange
	tree     *tree // of the base's body
	schema   *schema
	page     int
	mutants  int
	told     map[*schema]int // mutants of each schema
	missed   error
	// met are the rules that were seen to fail.
	met map[Code]bool
}

func (t *selfTest) run() error {
	if err := t.begin(); err != nil {
		return err
	}
	t.told, t.met = make(map[*schema]int), make(map[Code]bool)
	t.envelope()
	t.values(t.schema, &t.tree.nodes[0])
	for _, r := range t.op.rules {
		t.rule(r, &t.tree.nodes[0])
	}
	if t.missed != nil {
		return t.missed
	}
	for _, r := range t.contract.rules {
		if !t.met[r.code] {
			return t.contract.doc.errorAt(r.node, "the self-test found no way to break the rule %s, so it proves nothing", r.code)
		}
	}
	return nil
}

// begin makes the exchange of the contract's example: the first one that is clean for some page.
func (t *selfTest) begin() error {
	path := "/" + strings.Join(t.op.segments, "/")
	query := url.Values{}
	for _, p := range t.op.parameters {
		example := scalar(value(p.node, "example"))
		switch {
		case p.in == "path":
			path = strings.ReplaceAll(path, "{"+p.name+"}", url.PathEscape(example))
		case example != "":
			query.Set(p.name, example)
		}
	}
	header := http.Header{}
	for _, key := range t.contract.keys {
		header.Set(key, exchange.Redacted)
	}
	answers := value(t.contract.doc.resolve(value(value(t.contract.doc.root, "paths"), t.op.path)), strings.ToLower(t.op.method))
	var body []byte
	for status, answer := range entries(value(answers, "responses")) {
		for kind, media := range entries(value(t.contract.doc.resolve(answer), "content")) {
			for _, example := range entries(value(media, "examples")) {
				if body == nil {
					var v any
					if err := value(example, "value").Decode(&v); err != nil {
						return err
					}
					var err error
					if body, err = json.Marshal(v); err != nil {
						return err
					}
					code, _ := strconv.Atoi(status.Value)
					t.base = exchange.Exchange{Source: exchange.Source{File: "self-test"}, Method: t.op.method, RequestHeader: header, Status: code,
						ResponseHeader: http.Header{"Content-Type": {kind.Value}}, ResponseBody: body}
				}
			}
		}
	}
	if body == nil {
		return t.contract.doc.errorAt(t.op.key, "the self-test needs an example of an answer's body")
	}
	var findings []Finding
	for t.page = t.op.first; t.page < t.op.first+10; t.page++ {
		if t.op.counter != "" {
			query.Set(t.op.counter, strconv.Itoa(t.page))
		}
		t.base.URL = path + "?" + query.Encode()
		d := t.contract.check(&t.base)
		if findings = d.list; len(findings) == 0 && d.tree != nil {
			t.tree = d.tree
			t.schema = d.op.answer(t.base.Status).content[0].schema
			return nil
		}
	}
	return t.contract.doc.errorAt(t.op.key, "the example of an answer breaks the contract: %v", findings)
}

// expect counts a mutant, and notes where no finding with one of the codes came.
func (t *selfTest) expect(what string, spec *yaml.Node, list []Finding, codes ...Code) {
	t.mutants++
	for _, f := range list {
		if slices.Contains(codes, f.Code) {
			return
		}
	}
	if t.missed == nil {
		t.missed = t.contract.doc.errorAt(spec, "the self-test broke the contract and no check noticed: %s", what)
	}
}

// envelope breaks what is around the body.
func (t *selfTest) envelope() {
	check := func(what string, code Code, change func(*exchange.Exchange)) {
		ex := t.base
		ex.RequestHeader, ex.ResponseHeader = ex.RequestHeader.Clone(), ex.ResponseHeader.Clone()
		change(&ex)
		t.expect(what, t.op.key, t.contract.Check(&ex), code)
	}
	if len(t.op.schemes) > 0 {
		check("no key", CodeKey, func(ex *exchange.Exchange) { ex.RequestHeader = nil })
	}
	check("another method", CodeOperation, func(ex *exchange.Exchange) { ex.Method = "SELFTEST" })
	check("an unknown parameter", CodeParameter, func(ex *exchange.Exchange) { ex.URL += "&selftest=1" })
	check("a status that is none", CodeStatus, func(ex *exchange.Exchange) { ex.Status = 999 })
	check("no content type", CodeMediaType, func(ex *exchange.Exchange) { ex.ResponseHeader = nil })
	check("a body that breaks off", CodeJSON, func(ex *exchange.Exchange) { ex.ResponseBody = ex.ResponseBody[:len(ex.ResponseBody)-1] })
	check("two documents", CodeJSON, func(ex *exchange.Exchange) { ex.ResponseBody = append(slices.Clone(ex.ResponseBody), "{}"...) })
	check("a byte order mark", CodeJSON, func(ex *exchange.Exchange) { ex.ResponseBody = append([]byte("\xef\xbb\xbf"), ex.ResponseBody...) })
}

// put returns what the check of the exchange finds once a value's literal has been replaced.
func (t *selfTest) put(n *node, literal string) []Finding {
	return t.splice(int(n.start), int(n.end), literal)
}

func (t *selfTest) splice(start, end int, literal string) []Finding {
	ex := t.base
	ex.ResponseBody = []byte(t.tree.text[:start] + literal + t.tree.text[end:])
	return t.contract.Check(&ex)
}

// drop takes a member out of an object, with the comma after it or else the one before.
func (t *selfTest) drop(object, member *node) []Finding {
	start, end := member.key, member.end
	object.kids(func(_ int, kid *node) bool {
		if kid.at < member.at {
			start = kid.end
		}
		if kid.at > member.at && end == member.end {
			start, end = member.key, kid.key
		}
		return true
	})
	return t.splice(int(start), int(end), "")
}

// enough is how many values of one schema are broken: the same keyword fails for the tenth item as for the first.
const enough = 4

// values breaks a value and all that it holds in each way that its schema forbids.
func (t *selfTest) values(s *schema, n *node) {
	if s.branches != nil {
		for _, branch := range s.branches {
			if branch.types&n.kind != 0 {
				t.keywords(branch, n)
			}
		}
		t.types(s, n, CodeUnion)
		return
	}
	if t.told[s] < enough {
		t.types(s, n, CodeType)
		t.keywords(s, n)
	}
}

// keywords breaks a value in each way that the keywords about its type forbid.
func (t *selfTest) keywords(s *schema, n *node) {
	t.told[s]++
	switch {
	case n.kind == object:
		for _, p := range s.properties {
			member := n.member(p.name)
			if member == nil {
				continue
			}
			if p.required != nil {
				t.expect("a member dropped", p.required, t.drop(n, member), CodeMissing)
				t.expect("a member renamed", p.required, t.splice(int(member.key), int(member.start), `"selftest":`), CodeMissing)
			}
			t.expect("a member twice", p.key, t.splice(int(member.key), int(member.key), t.tree.text[member.key:member.end]+","), CodeDuplicate)
			t.values(p.schema, member)
		}
		if n.size > 0 && s.extra == nil {
			t.expect("an undocumented member", s.node, t.splice(int(n.start), int(n.start)+1, `{"selftest":0,`), CodeMember)
		}
	case n.kind == array && s.items != nil:
		n.kids(func(_ int, kid *node) bool {
			t.values(s.items, kid)
			return true
		})
	case n.kind == text && s.format != "":
		t.expect("a string that is no "+s.format, value(s.node, "format"), t.put(n, `"selftest"`), CodeFormat)
	case n.kind == text && s.open:
		t.expect("an unknown value", value(s.node, openExtension), t.put(n, `"selftest"`), CodeValue)
	case n.kind == text && s.known != nil:
		t.expect("a value outside the set", value(s.node, "enum"), t.put(n, `"selftest"`), CodeEnum)
	case n.kind&number != 0:
		if value(s.node, "minimum") != nil {
			t.expect("a number too small", value(s.node, "minimum"), t.put(n, strconv.FormatFloat(s.minimum-1, 'f', -1, 64)), CodeRange)
		}
		if value(s.node, "maximum") != nil {
			t.expect("a number too large", value(s.node, "maximum"), t.put(n, strconv.FormatFloat(s.maximum+1, 'f', -1, 64)), CodeRange)
		}
	}
	for _, r := range s.rules {
		t.rule(r, n)
	}
}

// types puts a value of each other type in its place, null among them.
func (t *selfTest) types(s *schema, n *node, code Code) {
	allowed := s.types
	for _, b := range s.branches {
		allowed |= b.types
	}
	for kind, literal := range map[kinds]string{null: "null", boolean: "true", number: "0.5", text: `"selftest"`, array: "[]", object: "{}"} {
		if allowed != 0 && allowed&kind == 0 {
			t.expect(fmt.Sprintf("%s in place of %s", kind, allowed), s.node, t.put(n, literal), code)
		}
	}
}

// rule looks for a change to the values that a rule is about which breaks it, and expects to be told of it.
func (t *selfTest) rule(r *rule, this *node) {
	if t.met[r.code] {
		return
	}
	target, _, _ := strings.Cut(t.base.URL, "?")
	counted := func(query string, page int) string {
		return strings.Replace(query, t.op.counter+"="+strconv.Itoa(t.page), t.op.counter+"="+strconv.Itoa(page), 1)
	}
	// Some rules need the other parameters to be given, others that they are not.
	requests := []string{t.base.URL, target + "?" + t.op.counter + "=" + strconv.Itoa(t.page)}
	r.match(this, r.path, 0, func(n *node, _ int) {
		for _, literal := range t.candidates(n) {
			for _, body := range []string{t.tree.text, t.fresh()} {
				for _, request := range requests {
					if t.met[r.code] {
						return
					}
					ex, walk := t.base, t.contract.NewWalk()
					if r.walk {
						ex.URL = counted(request, t.page-1)
						walk.Check(&ex)
					}
					ex.URL, ex.ResponseBody = request, []byte(body[:n.start]+literal+body[n.end:])
					t.met[r.code] = slices.ContainsFunc(walk.Check(&ex), func(f Finding) bool { return f.Code == r.code })
				}
			}
		}
	})
	t.mutants++
}

// candidates are literals that may break a rule about a value.
func (t *selfTest) candidates(n *node) []string {
	list := []string{"null", n.literal()}
	switch {
	case n.kind == text && n.form() == "date-time":
		list = append(list, `"1000-01-01T00:00:00Z"`, `"9000-01-01T00:00:00Z"`)
		if at, ok := n.celValue().(types.Timestamp); ok {
			list = append(list, at.Time.Add(time.Hour).Format(`"`+time.RFC3339+`"`))
		}
	case n.kind == text || n.kind == null:
		list = append(list, `"selftest"`, `"00000000-0000-4000-8000-000000000000"`)
		for i := range t.tree.nodes { // what stands elsewhere in the page
			if other := &t.tree.nodes[i]; other.kind == text && other.name == n.name && other.text != n.text {
				list = append(list, other.literal())
			}
		}
	case n.kind&integer != 0:
		i, _ := strconv.Atoi(n.text)
		list = append(list, strconv.Itoa(i+1), strconv.Itoa(i-1))
	case n.kind == array:
		list = append(list, "[]")
	case n.kind == object:
		list = append(list, "{}")
	}
	return list
}

// fresh is the body with every UUID but those of the path replaced by another: a page of other conversations.
func (t *selfTest) fresh() string {
	random := rand.New(rand.NewPCG(1, 1))
	return uuids.ReplaceAllStringFunc(t.tree.text, func(id string) string {
		if strings.Contains(t.base.URL, id) {
			return id
		}
		return fmt.Sprintf("%08x%s", random.Uint32(), id[8:])
	})
}
