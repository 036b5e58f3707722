// Package spec compiles an OpenAPI document into what checks need: operations, parameters, schemas and formats. It knows the
// line of each, and refuses what no check reads.
package spec

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
	// Names are the members that the schemas describe.
	Names map[string]bool
}

// ValidateDocument reports what makes a document invalid, its examples included, in kin-openapi's opinion.
func ValidateDocument(text []byte, name string) error {
	loader := openapi3.NewLoader()
	loader.IncludeOrigin = true
	doc, err := loader.LoadFromData(text)
	if err != nil {
		return specError(text, name, "does not parse", err)
	}
	if err := doc.Validate(loader.Context, openapi3.EnableSchemaFormatValidation()); err != nil {
		return specError(text, name, "is not a valid OpenAPI document", err)
	}
	return nil
}

var methods = []string{"get", "put", "post", "delete", "options", "head", "patch", "trace"}

// Compile compiles a valid document; messages call it name. It fails, with one line that names the place, where the
// document has no operation or says something that no check reads.
func Compile(text []byte, name string) (*Contract, error) {
	doc, err := newDocument(text, name)
	if err != nil {
		return nil, specError(text, name, "does not parse", err)
	}
	c := &compiler{&Contract{Doc: doc, Names: make(map[string]bool)}, make(map[*yaml.Node]*Schema)}
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

var (
	yamlLine = regexp.MustCompile(`yaml: line (\d+): `)
	quoted   = regexp.MustCompile(`"([^"]+)"`)
)

// specError puts what is wrong with a document on one line, with its place as far as kin-openapi knows it.
func specError(text []byte, name, what string, err error) error {
	place, message := name, err.Error()
	// The loader tries JSON first; what it says of that is noise. Below the first line kin-openapi quotes schemas.
	if _, after, ok := strings.Cut(message, "yaml error: "); ok {
		message = after
	}
	message, _, _ = strings.Cut(strings.TrimPrefix(message, "validating OpenAPI failed: "), "\n")
	if m := yamlLine.FindStringSubmatch(message); m != nil {
		place += ":" + m[1]
		message = message[strings.Index(message, m[0])+len(m[0]):]
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
	} else if m := quoted.FindAllStringSubmatch(message, -1); place == name && m != nil {
		// What it complains of last tells the line, provided that it stands in the document only once.
		if before, after, ok := strings.Cut(string(text), m[len(m)-1][1]); ok && !strings.Contains(after, m[len(m)-1][1]) {
			place += fmt.Sprintf(":%d", 1+strings.Count(before, "\n"))
		}
	}
	return fmt.Errorf("%s: the contract %s: %s: correct it there and run the command again", place, what, Shorten(message, 300))
}
