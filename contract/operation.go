package contract

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"go.yaml.in/yaml/v3"

	"github.com/okchat/okchat-go/exchange"
)

// walkExtension says of an operation how its pages are told apart: the query parameter that counts them, and from where.
const walkExtension = "x-walk"

// operation is one operation of the contract made ready for checks.
type operation struct {
	method, path string
	key          *yaml.Node // where it stands
	segments     []string   // of the path, "{name}" for a parameter
	parameters   []*parameter
	security     *yaml.Node
	schemes      [][]scheme // one of these lists must be satisfied
	responses    []*response
	answers      *yaml.Node // the key above the responses
	described    *yaml.Node // the responses
	rules        []*rule
	// counter is the query parameter that counts the pages of a walk, "" where there is none, and first its first value.
	counter string
	first   int
}

type parameter struct {
	name, in string
	required bool
	schema   *schema
	node     *yaml.Node
}

// scheme is a header that carries a key.
type scheme struct{ header string }

type response struct {
	status  string // as in the contract: 200, 4XX, default
	headers []*parameter
	content []media
	key     *yaml.Node
}

type media struct {
	pattern string // in lower case: application/json, */*
	schema  *schema
}

// operation compiles one operation.
func (c *compiler) operation(base, path string, key, n *yaml.Node, shared []*yaml.Node) (*operation, error) {
	op := &operation{method: strings.ToUpper(key.Value), path: path, key: key, security: key}
	op.segments = strings.Split(strings.Trim(base+path, "/"), "/")
	for _, p := range append(shared, items(value(n, "parameters"))...) {
		p = c.doc.resolve(p)
		compiled, err := c.parameter(p, scalar(value(p, "name")), scalar(value(p, "in")))
		if err != nil {
			return nil, err
		}
		if compiled.in != "path" && compiled.in != "query" {
			return nil, c.doc.errorAt(p, "no check reads a parameter in %s", compiled.in)
		}
		op.parameters = append(op.parameters, compiled)
	}
	security := value(n, "security")
	if security == nil {
		security = value(c.doc.root, "security")
	}
	if err := c.security(op, security); err != nil {
		return nil, err
	}
	op.answers, op.described = entry(n, "responses")
	for k, v := range entries(value(n, "responses")) {
		r, err := c.response(k, c.doc.resolve(v))
		if err != nil {
			return nil, err
		}
		op.responses = append(op.responses, r)
	}
	if walk := value(n, walkExtension); walk != nil {
		op.counter, op.first = scalar(value(walk, "parameter")), 1
		if first := scalar(value(walk, "first")); first != "" {
			var err error
			if op.first, err = strconv.Atoi(first); err != nil {
				return nil, c.doc.errorAt(walk, "%s: first is not a whole number", walkExtension)
			}
		}
		if !slices.ContainsFunc(op.parameters, func(p *parameter) bool { return p.in == "query" && p.name == op.counter }) {
			return nil, c.doc.errorAt(walk, "%s names no query parameter of the operation", walkExtension)
		}
	}
	var err error
	op.rules, err = c.rules.compile(value(n, rulesExtension))
	return op, err
}

func (c *compiler) parameter(n *yaml.Node, name, in string) (*parameter, error) {
	p := &parameter{name: name, in: in, required: scalar(value(n, "required")) == "true", node: n}
	var err error
	if p.schema, err = c.schema(value(n, "schema")); err != nil {
		return nil, err
	}
	if p.schema.types&^(text|integer|boolean) != 0 || p.schema.branches != nil {
		return nil, c.doc.errorAt(n, "no check reads the parameter %s: make it a string, an integer or a boolean", name)
	}
	return p, nil
}

func (c *compiler) security(op *operation, list *yaml.Node) error {
	for _, alternative := range items(list) {
		var needs []scheme
		for k := range entries(alternative) {
			s := c.doc.at("/components/securitySchemes/" + escape(k.Value))
			if scalar(value(s, "type")) != "apiKey" || scalar(value(s, "in")) != "header" {
				return c.doc.errorAt(k, "no check reads the security scheme %s: make it an apiKey in a header", k.Value)
			}
			needs = append(needs, scheme{scalar(value(s, "name"))})
			op.security = value(s, "name")
		}
		op.schemes = append(op.schemes, needs)
	}
	return nil
}

func (c *compiler) response(key, n *yaml.Node) (*response, error) {
	r := &response{status: strings.ToUpper(key.Value), key: key}
	for k, v := range entries(value(n, "headers")) {
		header, err := c.parameter(c.doc.resolve(v), k.Value, "header")
		if err != nil {
			return nil, err
		}
		r.headers = append(r.headers, header)
	}
	for k, v := range entries(value(n, "content")) {
		m := media{pattern: strings.ToLower(k.Value)}
		if s := value(v, "schema"); s != nil {
			var err error
			if m.schema, err = c.schema(s); err != nil {
				return nil, err
			}
		}
		r.content = append(r.content, m)
	}
	return r, nil
}

// match returns the values of the path's parameters, still escaped, and whether the path is this operation's.
func (op *operation) match(path string) (map[string]string, bool) {
	segments := strings.Split(strings.TrimPrefix(path, "/"), "/")
	if len(segments) != len(op.segments) {
		return nil, false
	}
	values := make(map[string]string, 1)
	for i, want := range op.segments {
		if strings.HasPrefix(want, "{") && strings.HasSuffix(want, "}") {
			values[want[1:len(want)-1]] = segments[i]
		} else if want != segments[i] {
			return nil, false
		}
	}
	return values, true
}

// answer returns what the contract says of a status, or nil.
func (op *operation) answer(status int) *response {
	code := strconv.Itoa(status)
	for _, pattern := range []string{code, code[:1] + "XX", "DEFAULT"} {
		for _, r := range op.responses {
			if r.status == pattern {
				return r
			}
		}
	}
	return nil
}

// request holds a request to the operation. It returns the parameters as rules see them, nil where they break the
// contract, and the page that was asked for.
func (op *operation) request(ex *exchange.Exchange, target *url.URL, path map[string]string, f *findings) (ref.Val, int) {
	before := len(f.list)
	op.checkKey(ex, f)
	query := make(map[string][]string)
	for pair := range strings.SplitSeq(target.RawQuery, "&") {
		if pair == "" {
			continue
		}
		name, text, _ := strings.Cut(pair, "=")
		n, err1 := url.QueryUnescape(name)
		v, err2 := url.QueryUnescape(text)
		if err1 != nil || err2 != nil {
			f.add(Violation, CodeType, PartRequestQuery, "", op.key, "a query in percent-encoding", "one that breaks it")
			continue
		}
		query[n] = append(query[n], v)
	}
	typed := map[string]map[ref.Val]ref.Val{"path": {}, "query": {}}
	page := op.first
	for _, p := range op.parameters {
		given := query[p.name]
		delete(query, p.name)
		if p.in == "path" {
			text, err := url.PathUnescape(path[p.name])
			if err != nil {
				text = path[p.name]
			}
			given = []string{text}
		}
		if len(given) > 1 {
			f.add(Violation, CodeRepeated, PartRequestQuery, p.name, p.node, "it once", fmt.Sprintf("it %d times", len(given)))
			continue
		}
		if len(given) == 0 {
			if p.required {
				f.add(Violation, CodeMissing, parts[p.in], p.name, p.node, "a value", "none")
			}
			continue
		}
		if n := f.parameter(p, given[0]); n != nil {
			typed[p.in][types.String(p.name)] = n.celValue()
			if number, ok := n.celValue().(types.Int); ok && p.in == "query" && p.name == op.counter {
				page = int(number)
			}
		}
	}
	names := make([]string, 0, len(query))
	for name := range query {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		f.add(Violation, CodeParameter, PartRequestQuery, name, op.key, "a parameter that the contract knows", "another")
	}
	if len(f.list) > before {
		return nil, page
	}
	all := make(map[ref.Val]ref.Val, 2)
	for in, values := range typed {
		all[types.String(in)] = types.NewRefValMap(types.DefaultTypeAdapter, values)
	}
	return types.NewRefValMap(types.DefaultTypeAdapter, all), page
}

// checkKey asks for the key's header, never for its value: a recording that was made safe to share keeps the contract.
func (op *operation) checkKey(ex *exchange.Exchange, f *findings) {
	missing := ""
	for _, needs := range op.schemes {
		at := slices.IndexFunc(needs, func(s scheme) bool { return strings.TrimSpace(ex.RequestHeader.Get(s.header)) == "" })
		if at < 0 {
			return
		}
		missing = needs[at].header
	}
	if missing != "" {
		f.add(Violation, CodeKey, PartRequestHeader, missing, op.security, "an API key", "none")
	}
}

var parts = map[string]Part{"path": PartRequestPath, "query": PartRequestQuery, "header": PartResponseHeader}

// parameter holds a parameter's or header's text to its schema and returns it as a value, or nil where it breaks it.
func (f *findings) parameter(p *parameter, given string) *node {
	n := &node{kind: text, text: given, next: 1}
	n.tree = &tree{text: given, nodes: []node{*n}}
	switch typ := value(p.schema.node, "type"); {
	case p.schema.types&text != 0:
	case given == "":
		f.add(Violation, CodeType, parts[p.in], p.name, typ, p.schema.types.String(), "an empty value")
		return nil
	case p.schema.types&integer != 0 && isDecimal(given):
		n.kind = number | integer
	case p.schema.types&boolean != 0 && (given == "true" || given == "false"):
		n.kind, n.end = boolean, int32(len(given))
	default:
		f.add(Violation, CodeType, parts[p.in], p.name, typ, p.schema.types.String(), describeText(given))
		return nil
	}
	v := &validation{}
	v.check(p.schema, n)
	broken := false
	for _, found := range v.list {
		found.Part, found.Pointer, found.offset, found.addition = parts[p.in], p.name, 0, nil
		f.keep(found)
		broken = broken || found.Severity == Violation
	}
	if broken {
		return nil
	}
	return n
}

// isDecimal says whether a text is a whole number as a query has it.
func isDecimal(s string) bool {
	_, err := strconv.ParseInt(s, 10, 64)
	return err == nil && s[0] != '+'
}
