package spec

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/okchat/okchat-go/contract/finding"
	"github.com/okchat/okchat-go/contract/internal/jsontree"
	"github.com/okchat/okchat-go/contract/internal/words"
	"github.com/okchat/okchat-go/internal/lazy"
)

var methods = []string{"get", "put", "post", "delete", "options", "head", "patch", "trace"}

// Compile compiles a document; messages call it name. It fails, with one line that names the place, where the document does not
// parse, is not of OpenAPI 3, has no operation, says something that no check reads, or has an example of a body or a parameter
// that breaks its schema.
func Compile(text []byte, name string) (*Contract, error) {
	doc, err := newDocument(text, name)
	if err != nil {
		return nil, specError(name, err)
	}
	if err := doc.unique(doc.root); err != nil {
		return nil, err
	}
	if !strings.HasPrefix(Scalar(Value(doc.root, "openapi")), "3.") {
		return nil, doc.Errorf(doc.root, "expected a document of OpenAPI 3, whose member openapi is its version")
	}
	c := &compiler{&Contract{Doc: doc, names: make(map[string]bool)}, make(map[*yaml.Node]*Schema)}
	base := ""
	if servers := Items(Value(doc.root, "servers")); len(servers) > 0 {
		// Of a server only the path counts, so that an exchange keeps the contract on any host.
		server, err := url.Parse(Scalar(Value(servers[0], "url")))
		if err != nil {
			return nil, doc.Errorf(servers[0], "the server is not a URL")
		}
		base = strings.TrimSuffix(server.Path, "/")
		for _, s := range servers {
			c.Servers = append(c.Servers, NewTarget(Scalar(Value(s, "url"))).Origin)
		}
	}
	for path, item := range entries(Value(doc.root, "paths")) {
		item = doc.resolve(item)
		if err := doc.known(item, "a path", append(methods, "parameters")...); err != nil {
			return nil, err
		}
		for key, n := range entries(item) {
			if !slices.Contains(methods, key.Value) {
				continue
			}
			op, err := c.operation(base, path.Value, key, n, Items(Value(item, "parameters")))
			if err != nil {
				return nil, err
			}
			c.Operations = append(c.Operations, op)
		}
	}
	if len(c.Operations) == 0 {
		return nil, fmt.Errorf("%s: expected at least one operation under paths, got none: describe the endpoint there", name)
	}
	for _, s := range entries(Value(Value(doc.root, "components"), "securitySchemes")) {
		if Scalar(Value(s, "in")) == "header" {
			c.Keys = append(c.Keys, Scalar(Value(s, "name")))
		}
	}
	return c.Contract, nil
}

var yamlLine = lazy.Regexp(`^yaml: (?:line (\d+): )?`)

// specError puts what is wrong with the YAML of a document on one line, with its place.
func specError(name string, err error) error {
	message, _, _ := strings.Cut(err.Error(), "\n")
	if m := yamlLine().FindStringSubmatch(message); m != nil {
		if message = message[len(m[0]):]; m[1] != "" {
			name += ":" + m[1]
		}
	}
	return fmt.Errorf("%s: the contract does not parse: %s: correct it there and run the command again", name, words.Shorten(message, 300))
}

// walkExtension names the query parameter that counts an operation's pages, and its first value.
const walkExtension = "x-walk"

func (c *compiler) operation(base, path string, key, n *yaml.Node, shared []*yaml.Node) (*Operation, error) {
	op := &Operation{ID: Scalar(Value(n, "operationId")), Method: strings.ToUpper(key.Value), Path: path, Key: key, security: key, Rules: Value(n, rulesExtension)}
	op.segments = strings.Split(strings.TrimPrefix(base+path, "/"), "/")
	if err := c.Doc.known(n, "an operation", "operationId", "tags", "parameters", "requestBody", "responses", "security"); err != nil {
		return nil, err
	}
	for _, p := range slices.Concat(shared, Items(Value(n, "parameters"))) {
		p = c.Doc.resolve(p)
		compiled, err := c.parameter(p, Scalar(Value(p, "name")), Scalar(Value(p, "in")))
		if err != nil {
			return nil, err
		}
		switch {
		case compiled.In != "path" && compiled.In != "query":
			return nil, c.Doc.Errorf(p, "no check reads a parameter in %s", compiled.In)
		case compiled.In == "path" && !compiled.Required:
			return nil, c.Doc.Errorf(p, "a parameter of the path has to be required")
		}
		op.Parameters = append(op.Parameters, compiled)
	}
	security := Value(n, "security")
	if security == nil {
		security = Value(c.Doc.root, "security")
	}
	if err := c.security(op, security); err != nil {
		return nil, err
	}
	var err error
	if body := c.Doc.resolve(Value(n, "requestBody")); body != nil {
		if err := c.Doc.known(body, "a request's body", "content", "required"); err != nil {
			return nil, err
		}
		if op.Body, err = c.content(Value(body, "content")); err != nil {
			return nil, err
		}
		op.Body.Required, op.Body.Key = Scalar(Value(body, "required")) == "true", body
	}
	op.answers, op.responses = entry(n, "responses")
	for k, v := range entries(op.responses) {
		r, err := c.response(k, c.Doc.resolve(v))
		if err != nil {
			return nil, err
		}
		op.Responses = append(op.Responses, r)
	}
	return op, c.walk(op, Value(n, walkExtension))
}

func (c *compiler) walk(op *Operation, walk *yaml.Node) error {
	if walk == nil {
		return nil
	}
	op.Counter, op.First = Scalar(Value(walk, "parameter")), 1
	if first := Scalar(Value(walk, "first")); first != "" {
		var err error
		if op.First, err = strconv.Atoi(first); err != nil {
			return c.Doc.Errorf(walk, "%s: first is not a whole number", walkExtension)
		}
	}
	if !slices.ContainsFunc(op.Parameters, func(p *Parameter) bool { return p.In == "query" && p.Name == op.Counter }) {
		return c.Doc.Errorf(walk, "%s names no query parameter of the operation", walkExtension)
	}
	return nil
}

func (c *compiler) parameter(n *yaml.Node, name, in string) (*Parameter, error) {
	p := &Parameter{Name: name, In: in, Required: Scalar(Value(n, "required")) == "true", Node: n}
	err := c.Doc.known(n, "a parameter", "name", "in", "required", "schema")
	if err != nil {
		return nil, err
	}
	schema := Value(n, "schema")
	if schema == nil {
		return nil, c.Doc.Errorf(n, "no check reads the parameter %s: give it a schema", name)
	}
	if p.Schema, err = c.schema(schema); err != nil {
		return nil, err
	}
	if p.Schema.Types == 0 || p.Schema.Types&^(jsontree.String|jsontree.Integer|jsontree.Boolean) != 0 || p.Schema.Branches != nil {
		return nil, c.Doc.Errorf(n, "no check reads the parameter %s: make it a string, an integer or a boolean", name)
	}
	if example := Value(n, "example"); example != nil {
		var faults Faults
		p.Check(Scalar(example), &faults)
		return p, c.broken(example, &faults)
	}
	return p, nil
}

func (c *compiler) security(op *Operation, list *yaml.Node) error {
	for _, alternative := range Items(list) {
		needs := []string{}
		for k := range entries(alternative) {
			s := c.Doc.at("/components/securitySchemes/" + jsontree.Escape(k.Value))
			if Scalar(Value(s, "type")) != "apiKey" || Scalar(Value(s, "in")) != "header" {
				return c.Doc.Errorf(k, "no check reads the security scheme %s: make it an apiKey in a header", k.Value)
			}
			needs = append(needs, Scalar(Value(s, "name")))
			op.security = Value(s, "name")
		}
		op.schemes = append(op.schemes, needs)
	}
	return nil
}

func (c *compiler) response(key, n *yaml.Node) (*Response, error) {
	r := &Response{Status: strings.ToUpper(key.Value), Key: key}
	if err := c.Doc.known(n, "a response", "headers", "content"); err != nil {
		return nil, err
	}
	for k, v := range entries(Value(n, "headers")) {
		header, err := c.parameter(c.Doc.resolve(v), k.Value, "header")
		if err != nil {
			return nil, err
		}
		r.Headers = append(r.Headers, header)
	}
	var err error
	if content := Value(n, "content"); content != nil && len(content.Content) > 0 {
		if r.Content, err = c.content(content); err == nil {
			r.Content.Key = key
		}
	}
	return r, err
}

func (c *compiler) content(n *yaml.Node) (*Content, error) {
	content := &Content{Key: n}
	for k, v := range entries(n) {
		m := Media{Pattern: strings.ToLower(k.Value), Node: v}
		if err := c.Doc.known(v, "a body", "schema"); err != nil {
			return nil, err
		}
		if s := Value(v, "schema"); s != nil {
			var err error
			if m.Schema, err = c.schema(s); err != nil {
				return nil, err
			}
			if m.Schema.Anything() {
				m.Schema = nil
			} else if m.Pattern != "application/json" && !strings.HasSuffix(m.Pattern, "+json") {
				return nil, c.Doc.Errorf(k, "no check reads a schema of %s: only JSON has one", m.Pattern)
			} else if err := c.examples(&m); err != nil {
				return nil, err
			}
		}
		content.Media = append(content.Media, m)
	}
	if content.Media == nil {
		return nil, c.Doc.Errorf(n, "no check reads a body without a media type: add it")
	}
	return content, nil
}

// examples checks that the examples of a body keep its schema.
func (c *compiler) examples(m *Media) error {
	for _, example := range m.examples() {
		var faults Faults
		text, err := jsonOf(example)
		if err != nil {
			return c.Doc.Errorf(example, "the example is not JSON: %v", err)
		}
		tree, err := jsontree.Parse(text)
		if err != nil {
			return c.Doc.Errorf(example, "the example is not JSON: %v", err)
		}
		Validate(m.Schema, tree, finding.PartResponseBody, &faults)
		if err := c.broken(example, &faults); err != nil {
			return err
		}
	}
	return nil
}

// broken returns an error for an example that breaks its schema.
func (c *compiler) broken(example *yaml.Node, faults *Faults) error {
	for _, f := range faults.List {
		if f.Severity == finding.Violation {
			return c.Doc.Errorf(example, "the example breaks its schema at %q: expected %s, got %s", f.Leaf(), f.Expected, f.Got)
		}
	}
	return nil
}
