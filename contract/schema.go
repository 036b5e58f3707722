package contract

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// schema is a JSON Schema of the contract made ready to be held against values, once, so that a check costs what the
// value costs.
type schema struct {
	node *yaml.Node // its place in the document
	name string     // its name among the components, "" for others

	types      kinds // 0 where any type will do
	branches   []*schema
	required   uint64 // by position in properties
	properties []property
	index      map[string]int // the positions in properties
	extra      *schema        // what members are like that properties does not name; nil where the contract does not know them
	items      *schema
	format     string
	known      []string // the values of a set
	open       bool     // whether the set may have others

	minimum, maximum float64
	least, most      int // of a string's characters, an array's items
	rules            []*rule
	personal         string // what kind of personal data a string is, see leak.go
}

type property struct {
	name     string
	schema   *schema
	key      *yaml.Node // where the contract describes it
	required *yaml.Node // where the contract requires it, nil where it does not
}

// maxProperties is how many members of an object a schema may describe: a check keeps a bit for each.
const maxProperties = 64

// The keywords that a schema may have: those that a check reads, and those that only tell people something. Any other
// one would be passed over in silence.
var (
	keywords   = []string{"type", "oneOf", "properties", "required", "additionalProperties", "items", "format", "enum", "minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems"}
	annotation = []string{"title", "description", "default", "example", "examples", "deprecated", "externalDocs", "$comment"}
)

// personalKinds are what openapi.yaml's head says of x-personal.
var personalKinds = []string{"id", "text", "file", "token"}

// compiler makes schemas, one for each place in the document however often it is referred to.
type compiler struct {
	doc   *document
	rules *ruleCompiler
	done  map[*yaml.Node]*schema
}

func (c *compiler) schema(n *yaml.Node) (*schema, error) {
	name := ""
	if ref := scalar(value(n, "$ref")); ref != "" {
		name = ref[strings.LastIndex(ref, "/")+1:]
	}
	n = c.doc.resolve(n)
	if s := c.done[n]; s != nil {
		return s, nil
	}
	if n == nil || n.Kind != yaml.MappingNode {
		return nil, c.doc.errorAt(n, "expected a schema, got something else")
	}
	s := &schema{node: n, name: name, minimum: math.Inf(-1), maximum: math.Inf(1), most: math.MaxInt}
	c.done[n] = s // before what it holds: a schema may hold itself
	for k := range entries(n) {
		if !slices.Contains(keywords, k.Value) && !slices.Contains(annotation, k.Value) && !strings.HasPrefix(k.Value, "x-") {
			return nil, c.doc.errorAt(k, "no check reads %s: say it with other keywords", k.Value)
		}
	}
	for _, step := range []func(*schema) error{c.types, c.members, c.values, c.bounds} {
		if err := step(s); err != nil {
			return nil, err
		}
	}
	var err error
	s.rules, err = c.rules.compile(value(n, rulesExtension))
	return s, err
}

func (c *compiler) types(s *schema) error {
	list := value(s.node, "type")
	for _, name := range scalars(list) {
		kind := kinds(0)
		for _, k := range kindNames {
			if k.name == name {
				kind = k.kind
			}
		}
		if kind == 0 {
			return c.doc.errorAt(list, "%q is not a type", name)
		}
		s.types |= kind
	}
	for _, branch := range items(value(s.node, "oneOf")) {
		b, err := c.schema(branch)
		if err != nil {
			return err
		}
		s.branches = append(s.branches, b)
	}
	if s.types == 0 && s.branches == nil && !s.anything() {
		return c.doc.errorAt(s.node, "no check reads a schema without a type: add it")
	}
	return nil
}

// anything says that a schema makes no claim at all.
func (s *schema) anything() bool {
	for k := range entries(s.node) {
		if slices.Contains(keywords, k.Value) {
			return false
		}
	}
	return true
}

func (c *compiler) members(s *schema) error {
	s.index = make(map[string]int)
	for k, v := range entries(value(s.node, "properties")) {
		member, err := c.schema(v)
		if err != nil {
			return err
		}
		s.index[k.Value] = len(s.properties)
		s.properties = append(s.properties, property{name: k.Value, schema: member, key: k})
	}
	if len(s.properties) > maxProperties {
		return c.doc.errorAt(s.node, "more than %d properties: split the object", maxProperties)
	}
	for _, name := range items(value(s.node, "required")) {
		i, ok := s.index[name.Value]
		if !ok {
			return c.doc.errorAt(name, "%q is required and not among the properties: describe it there", name.Value)
		}
		s.required |= 1 << i
		s.properties[i].required = name
	}
	var err error
	if extra := value(s.node, "additionalProperties"); extra != nil && extra.Kind == yaml.MappingNode {
		if s.extra, err = c.schema(extra); err != nil {
			return err
		}
	} else if scalar(extra) == "false" {
		return c.doc.errorAt(extra, "additionalProperties: false makes a fault of what is only new: leave it out")
	}
	if item := value(s.node, "items"); item != nil {
		s.items, err = c.schema(item)
	}
	return err
}

func (c *compiler) values(s *schema) error {
	if n := value(s.node, "format"); n != nil {
		if s.format = n.Value; formats[s.format] == nil {
			return c.doc.errorAt(n, "no check reads the format %s", s.format)
		}
	}
	if n := value(s.node, personalExtension); n != nil {
		if s.personal = scalar(n); !slices.Contains(personalKinds, s.personal) {
			return c.doc.errorAt(n, "%s is %q, expected one of %s", personalExtension, s.personal, strings.Join(personalKinds, ", "))
		}
	}
	closed, open := value(s.node, "enum"), value(s.node, openExtension)
	if closed != nil && open != nil {
		return c.doc.errorAt(open, "a set is either closed (enum) or open (%s)", openExtension)
	}
	if s.open = open != nil; s.open {
		closed = open
	}
	for _, v := range items(closed) {
		if v.Tag != "!!str" {
			return c.doc.errorAt(v, "no check reads a set of other values than strings")
		}
		s.known = append(s.known, v.Value)
	}
	return nil
}

func (c *compiler) bounds(s *schema) error {
	for keyword, set := range map[string]func(float64){
		"minimum": func(f float64) { s.minimum = f }, "maximum": func(f float64) { s.maximum = f },
		"minLength": func(f float64) { s.least = int(f) }, "maxLength": func(f float64) { s.most = int(f) },
		"minItems": func(f float64) { s.least = int(f) }, "maxItems": func(f float64) { s.most = int(f) },
	} {
		if n := value(s.node, keyword); n != nil {
			f, err := strconv.ParseFloat(n.Value, 64)
			if err != nil {
				return c.doc.errorAt(n, "%s is not a number", keyword)
			}
			set(f)
		}
	}
	return nil
}

func items(n *yaml.Node) []*yaml.Node {
	if n == nil || n.Kind != yaml.SequenceNode {
		return nil
	}
	return n.Content
}
