// Package spec compiles an OpenAPI document into what checks need: operations, parameters, schemas and formats. It knows the
// line of each, and refuses what no check reads.
package spec

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/okchat/okchat-go/contract/internal/jsontree"
	"github.com/okchat/okchat-go/internal/lazy"
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

var yamlLine = lazy.Regexp(`^yaml: (?:line (\d+): )?`)

// specError puts what is wrong with the YAML of a document on one line, with its place.
func specError(name string, err error) error {
	message, _, _ := strings.Cut(err.Error(), "\n")
	if m := yamlLine().FindStringSubmatch(message); m != nil {
		if message = message[len(m[0]):]; m[1] != "" {
			name += ":" + m[1]
		}
	}
	return fmt.Errorf("%s: the contract does not parse: %s: correct it there and run the command again", name, Shorten(message, 300))
}
