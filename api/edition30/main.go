// Command edition30 writes the contract's edition for tools that know only OpenAPI 3.0: openapi.yaml with the keywords that 3.0
// lacks replaced by those that it has. go generate runs it; a test expects the same verdicts of both editions.
package main

import (
	"bytes"
	"fmt"
	"log"
	"os"

	"go.yaml.in/yaml/v3"
)

const (
	from = "openapi.yaml"
	to   = "api/openapi-3.0.yaml"
	head = "# Generated from openapi.yaml, for tools that know only OpenAPI 3.0. DO NOT EDIT.\n" +
		"# The head of openapi.yaml explains the members that begin with x-.\n"
)

func main() {
	log.SetFlags(0)
	text, err := os.ReadFile(from)
	if err != nil {
		log.Fatal(err)
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil {
		log.Fatalf("%s: %v", from, err)
	}
	root := doc.Content[0]
	root.Content[0].HeadComment = "" // it is openapi.yaml's
	set(root, "openapi", "3.0.3")
	remove(root, "jsonSchemaDialect")
	remove(value(root, "info"), "summary")
	license := value(value(root, "info"), "license")
	id := value(license, "identifier").Value
	remove(license, "identifier")
	license.Content = append(license.Content, scalar("url"), scalar("https://spdx.org/licenses/"+id+".html"))
	schemas := value(value(root, "components"), "schemas")
	visit(root, schemas)
	for i := 0; i < len(schemas.Content); i += 2 {
		if only(schemas.Content[i+1], "null") { // a schema that 3.0 cannot have, and nothing refers to any more
			schemas.Content = append(schemas.Content[:i], schemas.Content[i+2:]...)
			i -= 2
		}
	}
	var out bytes.Buffer
	out.WriteString(head)
	enc := yaml.NewEncoder(&out)
	enc.SetIndent(2)
	if err := enc.Encode(&doc); err != nil {
		log.Fatal(err)
	}
	if err := os.WriteFile(to, out.Bytes(), 0o644); err != nil {
		log.Fatal(err)
	}
}

// visit says null as 3.0 does in all schemas, and gives one example where 3.1 has a list.
func visit(n, schemas *yaml.Node) {
	if n.Kind == yaml.MappingNode {
		nullable(n)
		union(n, schemas)
		if list := value(n, "examples"); list != nil && list.Kind == yaml.SequenceNode {
			one(n, list)
		}
	}
	for _, kid := range n.Content {
		visit(kid, schemas)
	}
}

// nullable makes of type: [string, 'null'] a string that is nullable.
func nullable(n *yaml.Node) {
	list := value(n, "type")
	if list == nil || list.Kind != yaml.SequenceNode {
		return
	}
	if len(list.Content) != 2 || list.Content[1].Value != "null" {
		log.Fatalf("%s:%d: 3.0 has no words for this list of types", from, list.Line)
	}
	set(n, "type", list.Content[0].Value)
	n.Content = append(n.Content, scalar("nullable"), &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!bool", Value: "true"})
}

// union takes the branch null out of oneOf and makes the branch that is a string nullable: on two branches null would fit
// both. Beside oneOf, tools read nullable differently, and those that are made of ajv refuse it without a type.
func union(n, schemas *yaml.Node) {
	list := value(n, "oneOf")
	if list == nil {
		return
	}
	var kept []*yaml.Node
	var text *yaml.Node
	hasNull := false
	for _, branch := range list.Content {
		ref := value(branch, "$ref")
		if ref == nil {
			log.Fatalf("%s:%d: a branch without a name", from, branch.Line)
		}
		schema := value(schemas, ref.Value[len("#/components/schemas/"):])
		if only(schema, "null") {
			hasNull = true
			continue
		}
		if only(schema, "string") {
			text = schema
		}
		kept = append(kept, branch)
	}
	if !hasNull {
		return
	}
	if text == nil {
		log.Fatalf("%s:%d: no branch that is a string can be made nullable", from, list.Line)
	}
	list.Content = kept
	text.Content = append(text.Content, scalar("nullable"), &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!bool", Value: "true"})
}

// one keeps the first example that is not null, which 3.0's tools read without a type, too.
func one(n, list *yaml.Node) {
	remove(n, "examples")
	for _, example := range list.Content {
		if example.Tag != "!!null" {
			n.Content = append(n.Content, scalar("example"), example)
			return
		}
	}
}

func only(schema *yaml.Node, typ string) bool {
	t := value(schema, "type")
	return t != nil && t.Kind == yaml.ScalarNode && t.Value == typ
}

func value(n *yaml.Node, key string) *yaml.Node {
	if n == nil || n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i+1]
		}
	}
	return nil
}

func scalar(text string) *yaml.Node { return &yaml.Node{Kind: yaml.ScalarNode, Value: text} }

func set(n *yaml.Node, key, text string) {
	v := value(n, key)
	if v == nil {
		log.Fatal(fmt.Errorf("%s: no %s", from, key))
	}
	*v = *scalar(text)
}

func remove(n *yaml.Node, key string) {
	for i := 0; n != nil && i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			n.Content = append(n.Content[:i], n.Content[i+2:]...)
			return
		}
	}
}
