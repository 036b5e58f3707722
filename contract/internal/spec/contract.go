// Package spec compiles an OpenAPI document into what checks need: operations, parameters, schemas and formats. It knows the
// line of each, and refuses what no check reads.
package spec

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/okchat/okchat-go/contract/internal/jsontree"
)

// Contract is an OpenAPI document, compiled. It never changes and is safe for concurrent use.
type Contract struct {
	Doc        *Document
	Operations []*Operation
	// Schemas are all schemas that an operation uses.
	Schemas []*Schema
	// Keys are the request headers that carry a key.
	Keys []string
	// Servers are the origins of the servers that the document names.
	Servers []string

	names map[string]bool // of the members that the schemas describe, folded
}

// Knows reports whether the schemas describe a member of that name, in whatever spelling.
func (c *Contract) Knows(name string) bool { return c.names[fold(name)] }

// Rules returns the entries of an x-rules list. An entry {shared: NAME} stands for the one of that name under the
// document's x-shared-rules.
func (c *Contract) Rules(list *yaml.Node) ([]*yaml.Node, error) {
	var rules []*yaml.Node
	for _, n := range Items(list) {
		if name := Value(n, "shared"); name != nil {
			if n = c.Doc.at("/" + sharedExtension + "/" + jsontree.Escape(name.Value)); n == nil {
				return nil, c.Doc.Errorf(name, "%s has no rule %q", sharedExtension, name.Value)
			}
		}
		rules = append(rules, n)
	}
	return rules, nil
}

// HasSegment reports whether a segment stands in the path of an operation.
func (c *Contract) HasSegment(s string) bool {
	return slices.ContainsFunc(c.Operations, func(op *Operation) bool { return slices.Contains(op.segments, s) })
}

// Operation returns the operation of that operationId, nil where there is none.
func (c *Contract) Operation(id string) *Operation {
	i := slices.IndexFunc(c.Operations, func(op *Operation) bool { return op.ID == id })
	if i < 0 {
		return nil
	}
	return c.Operations[i]
}

// Operation is one operation of the contract, compiled.
type Operation struct {
	// ID is its operationId, "" where it has none.
	ID           string
	Method, Path string
	// Key is where it stands in the document.
	Key        *yaml.Node
	Parameters []*Parameter
	// Body is the request's body, nil where the contract says nothing of it.
	Body      *Content
	Responses []*Response
	// Counter is the query parameter that counts the pages of a walk, "" where there is none, and First its first value.
	Counter string
	First   int
	// Rules are its x-rules, nil for none.
	Rules *yaml.Node

	segments  []string   // of the path, "{name}" for a parameter
	schemes   [][]string // the headers of one of these lists must be there
	security  *yaml.Node
	responses *yaml.Node // the responses' mapping
	answers   *yaml.Node // the key above it
}

// Name returns the operation's method and path.
func (op *Operation) Name() string { return op.Method + " " + op.Path }

// FullPath returns the operation's path below that of the contract's server.
func (op *Operation) FullPath() string { return "/" + strings.Join(op.segments, "/") }

// NeedsKey reports whether each call needs a key.
func (op *Operation) NeedsKey() bool {
	return len(op.schemes) > 0 && !slices.ContainsFunc(op.schemes, func(needs []string) bool { return len(needs) == 0 })
}

// Answer returns what the contract says of a status, or nil.
func (op *Operation) Answer(status int) *Response {
	code := strconv.Itoa(status)
	for _, pattern := range []string{code, code[:1] + "XX", "DEFAULT"} {
		for _, r := range op.Responses {
			if r.Status == pattern {
				return r
			}
		}
	}
	return nil
}

// Parameter is a parameter of a request, or a header of a response.
type Parameter struct {
	// In is "path", "query" or "header".
	Name, In string
	Required bool
	Schema   *Schema
	Node     *yaml.Node
}

// Response describes the answer of an operation with one status.
type Response struct {
	// Status is as in the contract: 200, 4XX, DEFAULT.
	Status  string
	Headers []*Parameter
	// Content is nil where the contract says nothing of a body.
	Content *Content
	Key     *yaml.Node
}

// Content is a body of one of several media types.
type Content struct {
	Media    []Media
	Required bool
	Key      *yaml.Node
}

// Media is a body of one media type.
type Media struct {
	// Pattern is the type in lower case: application/json, */*.
	Pattern string
	// Schema is nil where any body will do.
	Schema *Schema
	Node   *yaml.Node
}

// FirstSchema returns the schema of the first media type that has one, nil where there is none or c is nil.
func (c *Content) FirstSchema() *Schema {
	if c == nil {
		return nil
	}
	for _, m := range c.Media {
		if m.Schema != nil {
			return m.Schema
		}
	}
	return nil
}

// Example returns the JSON of the first example of a body, nil where there is none.
func (m *Media) Example() []byte {
	for _, example := range m.examples() {
		text, _ := jsonOf(example) // the compiler has read it
		return text
	}
	return nil
}

func (m *Media) examples() (list []*yaml.Node) {
	if example := Value(m.Node, "example"); example != nil {
		list = append(list, example)
	}
	for _, e := range entries(Value(m.Node, "examples")) {
		if value := Value(e, "value"); value != nil {
			list = append(list, value)
		}
	}
	return list
}

func jsonOf(n *yaml.Node) ([]byte, error) {
	var v any
	if err := n.Decode(&v); err != nil {
		return nil, err
	}
	return json.Marshal(v)
}

// The contract's own extensions of schemas; openapi.yaml explains them in its head.
const (
	openExtension     = "x-extensible-enum" // the known values of an open set
	personalExtension = "x-personal"        // the kind of personal data that a string is
	rulesExtension    = "x-rules"
	sharedExtension   = "x-shared-rules"
)

// keywords are those that a check reads. A schema with any other one is refused.
var keywords = []string{"type", "oneOf", "properties", "required", "additionalProperties", "items", "format", "enum", "minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems"}

// Schema is a JSON Schema of the contract, compiled once, so that a check costs what the value costs.
type Schema struct {
	// Node is its place in the document, Name its name among the components, "" for others.
	Node *yaml.Node
	Name string
	// Types are the types that it takes, 0 where any type will do.
	Types jsontree.Kinds
	// Branches are those of oneOf.
	Branches   []*Schema
	Properties []Property
	// Extra is the schema of members that Properties does not name, nil where the contract does not know them.
	Extra *Schema
	Items *Schema
	// Format is its name, "" for none.
	Format string
	// Known are the values of a set, and Open reports whether it may have others.
	Known []string
	Open  bool
	// Minimum and Maximum bound a number, Least and Most a string's characters or an array's items.
	Minimum, Maximum float64
	Least, Most      int
	// Personal is the kind of personal data that a string is, "" for none.
	Personal string
	// Rules are the x-rules beside it, nil for none.
	Rules *yaml.Node

	required uint64            // by position in Properties
	index    map[string]int    // the positions in Properties
	holds    func(string) bool // reports whether a string is in the format
}

// Property is a member that a schema describes.
type Property struct {
	Name   string
	Schema *Schema
	// Key is where the contract describes it, Required where it requires it, nil where it does not.
	Key, Required *yaml.Node
}

// Keyword returns the value of a keyword in the document, or nil.
func (s *Schema) Keyword(name string) *yaml.Node { return Value(s.Node, name) }

// OpenSet returns the list of an open set's known values in the document, or nil.
func (s *Schema) OpenSet() *yaml.Node { return Value(s.Node, openExtension) }

// Anything reports whether the schema makes no claim at all.
func (s *Schema) Anything() bool {
	for k := range entries(s.Node) {
		if slices.Contains(keywords, k.Value) {
			return false
		}
	}
	return true
}

// Fits reports whether a value has one of the schema's types. A number too large for any reader fits none.
func (s *Schema) Fits(n *jsontree.Node) bool {
	if n.Kind&jsontree.Number != 0 {
		if _, err := strconv.ParseFloat(n.Text, 64); err != nil {
			return false
		}
	}
	return s.Types&n.Kind != 0
}

// Request is the request of an exchange as an operation reads it.
type Request struct {
	// Values are the parameters that were given and keep their schemas, Broken the names of those that do not: "query/page".
	Values []Given
	Broken []string
	// Page is the number of the page that was asked for.
	Page int
}

// Given is a parameter's value.
type Given struct {
	Parameter *Parameter
	Node      *jsontree.Node
}
