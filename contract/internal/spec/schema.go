package spec

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/google/uuid"

	"github.com/okchat/okchat-go/contract/internal/jsontree"
)

// maxProperties is how many members of an object a schema may describe: a check keeps a bit for each.
const maxProperties = 64

// personalKinds are the values of x-personal.
var personalKinds = []string{"id", "text", "file", "token"}

// compiler makes schemas, one for each place in the document however often it is referred to.
type compiler struct {
	*Contract
	done map[*yaml.Node]*Schema
}

func (c *compiler) schema(n *yaml.Node) (*Schema, error) {
	name := ""
	if ref := Scalar(Value(n, "$ref")); ref != "" {
		name = ref[strings.LastIndex(ref, "/")+1:]
	}
	place := n
	n = c.Doc.resolve(n)
	if s := c.done[n]; s != nil {
		return s, nil
	}
	if n == nil || n.Kind != yaml.MappingNode {
		return nil, c.Doc.Errorf(place, "expected a schema, got something else, or nothing where %q leads to", name)
	}
	all, err := c.merge(n)
	if err != nil {
		return nil, err
	}
	s := &Schema{Node: all, Name: name, Minimum: math.Inf(-1), Maximum: math.Inf(1), Most: math.MaxInt, Rules: Value(all, rulesExtension)}
	c.done[n] = s // before what it holds: a schema may hold itself
	c.Schemas = append(c.Schemas, s)
	for _, step := range []func(*Schema) error{c.types, c.members, c.values, c.bounds} {
		if err := step(s); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// merge returns a schema with the schemas of its allOf in one: their properties, required members and rules together. Any
// other keyword may stand in several of them only if it says the same, as may a property. It returns a schema without allOf
// as it is.
func (c *compiler) merge(n *yaml.Node) (*yaml.Node, error) {
	if err := c.Doc.known(n, "a schema", append(keywords, "allOf")...); err != nil {
		return nil, err
	}
	parts := Items(Value(n, "allOf"))
	if parts == nil {
		return n, nil
	}
	out := &yaml.Node{Kind: yaml.MappingNode, Line: n.Line, Column: n.Column}
	own := *n
	own.Content = nil
	for k, v := range entries(n) {
		if k.Value != "allOf" {
			own.Content = append(own.Content, k, v)
		}
	}
	for _, part := range append([]*yaml.Node{&own}, parts...) {
		part = c.Doc.resolve(part)
		if part == nil || Value(part, "allOf") != nil {
			return nil, c.Doc.Errorf(n, "no check reads allOf of anything but schemas without one")
		}
		if err := c.Doc.known(part, "a schema", keywords...); err != nil {
			return nil, err
		}
		for k, v := range entries(part) {
			at := slices.IndexFunc(out.Content, func(n *yaml.Node) bool { return n == Value(out, k.Value) })
			switch {
			case at < 0:
				out.Content = append(out.Content, k, v)
			case same(out.Content[at], v):
			case k.Value == "properties":
				both := *out.Content[at]
				both.Content = slices.Clone(both.Content)
				for name, property := range entries(v) {
					if before := Value(&both, name.Value); before == nil || !same(before, property) {
						both.Content = append(both.Content, name, property)
					}
				}
				out.Content[at] = &both
			case slices.Contains([]string{"required", rulesExtension}, k.Value):
				both := *out.Content[at]
				both.Content = slices.Concat(both.Content, v.Content)
				out.Content[at] = &both
			case slices.Contains(keywords, k.Value):
				return nil, c.Doc.Errorf(k, "no check reads %s of several schemas of allOf", k.Value)
			}
		}
	}
	return out, nil
}

// same reports whether two nodes of the document say the same.
func same(a, b *yaml.Node) bool {
	return a.Kind == b.Kind && a.Value == b.Value && slices.EqualFunc(a.Content, b.Content, same)
}

func (c *compiler) types(s *Schema) error {
	list := s.Keyword("type")
	for _, name := range scalars(list) {
		kind := jsontree.KindOf(name)
		if kind == 0 {
			return c.Doc.Errorf(list, "%q is not a type", name)
		}
		s.Types |= kind
	}
	for _, branch := range Items(s.Keyword("oneOf")) {
		b, err := c.schema(branch)
		if err != nil {
			return err
		}
		s.Branches = append(s.Branches, b)
	}
	if s.Types == 0 && s.Branches == nil && !s.Anything() {
		return c.Doc.Errorf(s.Node, "no check reads a schema without a type: add it")
	}
	return nil
}

func (c *compiler) members(s *Schema) error {
	s.index = make(map[string]int)
	for k, v := range entries(s.Keyword("properties")) {
		member, err := c.schema(v)
		if err != nil {
			return err
		}
		if _, twice := s.index[k.Value]; twice {
			return c.Doc.Errorf(k, "the property %q is described twice", k.Value)
		}
		s.index[k.Value] = len(s.Properties)
		s.Properties = append(s.Properties, Property{Name: k.Value, Schema: member, Key: k})
		c.names[fold(k.Value)] = true
	}
	if len(s.Properties) > maxProperties {
		return c.Doc.Errorf(s.Node, "more than %d properties: split the object", maxProperties)
	}
	for _, name := range Items(s.Keyword("required")) {
		i, ok := s.index[name.Value]
		if !ok {
			return c.Doc.Errorf(name, "%q is required and not among the properties: describe it there", name.Value)
		}
		s.required |= 1 << i
		s.Properties[i].Required = name
	}
	var err error
	if extra := s.Keyword("additionalProperties"); extra != nil && extra.Kind == yaml.MappingNode {
		if s.Extra, err = c.schema(extra); err != nil {
			return err
		}
	} else if Scalar(extra) == "false" {
		return c.Doc.Errorf(extra, "additionalProperties: false makes a fault of what is only new: leave it out")
	}
	if item := s.Keyword("items"); item != nil {
		s.Items, err = c.schema(item)
	}
	return err
}

func (c *compiler) values(s *Schema) error {
	if n := s.Keyword("format"); n != nil {
		s.Format = n.Value
		if s.holds = formats[s.Format]; s.holds == nil {
			return c.Doc.Errorf(n, "no check reads the format %s", s.Format)
		}
	}
	if n := s.Keyword(personalExtension); n != nil {
		if s.Personal = Scalar(n); !slices.Contains(personalKinds, s.Personal) {
			return c.Doc.Errorf(n, "%s is %q, expected one of %s", personalExtension, s.Personal, strings.Join(personalKinds, ", "))
		}
	}
	closed, open := s.Keyword("enum"), s.OpenSet()
	if closed != nil && open != nil {
		return c.Doc.Errorf(open, "a set is either closed (enum) or open (%s)", openExtension)
	}
	if s.Open = open != nil; s.Open {
		closed = open
	}
	for _, v := range Items(closed) {
		if v.Tag != "!!str" {
			return c.Doc.Errorf(v, "no check reads a set of other values than strings")
		}
		s.Known = append(s.Known, v.Value)
	}
	return nil
}

func (c *compiler) bounds(s *Schema) error {
	for keyword, set := range map[string]func(float64){
		"minimum": func(f float64) { s.Minimum = f }, "maximum": func(f float64) { s.Maximum = f },
		"minLength": func(f float64) { s.Least = int(f) }, "maxLength": func(f float64) { s.Most = int(f) },
		"minItems": func(f float64) { s.Least = int(f) }, "maxItems": func(f float64) { s.Most = int(f) },
	} {
		if n := s.Keyword(keyword); n != nil {
			f, err := strconv.ParseFloat(n.Value, 64)
			if err != nil {
				return c.Doc.Errorf(n, "%s is not a number", keyword)
			}
			set(f)
		}
	}
	return nil
}

// formats are the string formats that a contract may use, each checked to the letter.
var formats = map[string]func(string) bool{
	"uuid": IsUUID,
	"date-time": func(s string) bool {
		_, ok := DateTime(s)
		return ok
	},
}

// IsUUID reports whether s is in the one textual form of RFC 9562: 32 hexadecimal digits of either case in five groups. Any
// version is one.
func IsUUID(s string) bool { return len(s) == 36 && uuid.Validate(s) == nil }

// DateTime returns the time that a date-time of RFC 3339 stands for, and whether s is one: a date that exists, T and Z in either
// case, any offset, and a leap second where one can be, which is the second after 23:59:59.
func DateTime(s string) (t time.Time, ok bool) {
	if len(s) < 20 {
		return t, false
	}
	if s[10] == 't' || s[len(s)-1] == 'z' {
		s = strings.ToUpper(s)
	}
	var leap time.Duration
	if s[17:19] == "60" { // package time knows no leap seconds
		s, leap = s[:17]+"59"+s[19:], time.Second
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	// It takes a comma before a fraction, an hour of one digit, and offsets of 24 hours or of 60 minutes.
	if err != nil || strings.Contains(s, ",") || s[13] != ':' || s[len(s)-1] != 'Z' && (s[len(s)-5:] > "23:59" || s[len(s)-2:] > "59") {
		return t, false
	}
	if utc := t.UTC(); leap > 0 && (utc.Hour() != 23 || utc.Minute() != 59) {
		return t, false // leap seconds come at the end of a day in UTC
	}
	return t.Add(leap), true
}
