package contract

import (
	"errors"
	"fmt"
	"net/url"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"go.yaml.in/yaml/v3"
)

// The contract's own extensions, beside x-rules and x-walk; openapi.yaml explains them in its head.
const (
	openExtension     = "x-extensible-enum" // the known values of an open set
	personalExtension = "x-personal"        // the kind of personal data that a string is
)

// Parse reads an OpenAPI document and makes it ready for checks; name is what errors call it. It fails, with one line
// that names the place and what to do next, where the document does not parse, is not valid (its examples included),
// has no operation, has a rule that does not compile, or uses a keyword that a check would pass over in silence.
func Parse(spec []byte, name string) (*Contract, error) {
	loader := openapi3.NewLoader()
	loader.IncludeOrigin = true
	doc, err := loader.LoadFromData(spec)
	if err != nil {
		return nil, specError(spec, name, "does not parse", err)
	}
	if err := doc.Validate(loader.Context, openapi3.EnableSchemaFormatValidation()); err != nil {
		return nil, specError(spec, name, "is not a valid OpenAPI document", err)
	}
	return compile(spec, name, nil)
}

// compile makes a valid document ready for checks, without the rules of the codes that are off.
func compile(spec []byte, name string, off []Code) (*Contract, error) {
	doc, err := newDocument(spec, name)
	if err != nil {
		return nil, specError(spec, name, "does not parse", err)
	}
	c := &Contract{doc: doc, spec: spec, off: make(map[Code]bool)}
	for _, code := range off {
		c.off[code] = true
	}
	rules, err := newRuleCompiler(doc, c.off)
	if err != nil {
		return nil, err
	}
	compiler := &compiler{doc: doc, rules: rules, done: make(map[*yaml.Node]*schema)}
	base := ""
	if servers := items(value(doc.root, "servers")); len(servers) > 0 {
		// Of a server only the path counts, so that an exchange keeps the contract on any host.
		server, err := url.Parse(scalar(value(servers[0], "url")))
		if err != nil {
			return nil, doc.errorAt(servers[0], "the server is not a URL")
		}
		base = strings.TrimSuffix(server.Path, "/")
	}
	for path, item := range entries(value(doc.root, "paths")) {
		item = doc.resolve(item)
		for key, n := range entries(item) {
			if !slices.Contains(methods, key.Value) {
				continue
			}
			op, err := compiler.operation(base, path.Value, key, n, items(value(item, "parameters")))
			if err != nil {
				return nil, err
			}
			c.operations = append(c.operations, op)
		}
	}
	if len(c.operations) == 0 {
		return nil, fmt.Errorf("%s: expected at least one operation under paths, got none: describe the endpoint there", name)
	}
	for _, code := range off {
		if !slices.Contains(rules.met, code) && !slices.Contains(leakCodes, code) {
			return nil, fmt.Errorf("%s: no rule has the code %q, expected one of %s", name, code, join(slices.Concat(slices.Compact(rules.met), leakCodes)))
		}
	}
	c.names = make(map[string]bool)
	for _, s := range compiler.done {
		for _, p := range s.properties {
			c.names[p.name] = true
		}
	}
	c.rules = rules.all
	for _, s := range entries(value(value(doc.root, "components"), "securitySchemes")) {
		if scalar(value(s, "in")) == "header" {
			c.keys = append(c.keys, scalar(value(s, "name")))
		}
	}
	return c, nil
}

var methods = []string{"get", "put", "post", "delete", "options", "head", "patch", "trace"}

var (
	yamlLine = regexp.MustCompile(`yaml: line (\d+): `)
	quoted   = regexp.MustCompile(`"([^"]+)"`)
)

// specError puts what is wrong with a document on one line, with its place as far as kin-openapi knows it.
func specError(spec []byte, name, what string, err error) error {
	place, text := name, err.Error()
	// The loader tries JSON first; what it says of that is noise. Below the first line kin-openapi quotes schemas.
	if _, after, ok := strings.Cut(text, "yaml error: "); ok {
		text = after
	}
	text, _, _ = strings.Cut(strings.TrimPrefix(text, "validating OpenAPI failed: "), "\n")
	if m := yamlLine.FindStringSubmatch(text); m != nil {
		place += ":" + m[1]
		text = text[strings.Index(text, m[0])+len(m[0]):]
	}
	// Typed errors carry their origin in a field that no interface offers; the innermost one is the closest.
	var origins []*openapi3.Origin
	for ; err != nil; err = errors.Unwrap(err) {
		if v := reflect.Indirect(reflect.ValueOf(err)); v.Kind() == reflect.Struct {
			if field := v.FieldByName("Origin"); field.IsValid() {
				if o, ok := reflect.TypeAssert[*openapi3.Origin](field); ok && o != nil && o.Key != nil {
					origins = append(origins, o)
				}
			}
		}
	}
	if len(origins) > 0 {
		at := origins[len(origins)-1].Key
		place += fmt.Sprintf(":%d:%d", at.Line, at.Column)
	} else if m := quoted.FindAllStringSubmatch(text, -1); place == name && m != nil {
		// What it complains of last tells the line, provided that it stands in the document only once.
		if before, after, ok := strings.Cut(string(spec), m[len(m)-1][1]); ok && !strings.Contains(after, m[len(m)-1][1]) {
			place += fmt.Sprintf(":%d", 1+strings.Count(before, "\n"))
		}
	}
	return fmt.Errorf("%s: the contract %s: %s: correct it there and run the command again", place, what, shorten(text, 300))
}
