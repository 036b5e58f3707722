package contract

import (
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// document is the contract's text as YAML nodes, which know their lines and columns.
type document struct {
	name string
	root *yaml.Node
	// lines are the document's, for excerpts and patches.
	lines []string
}

func newDocument(spec []byte, name string) (*document, error) {
	var root yaml.Node
	if err := yaml.Unmarshal(spec, &root); err != nil {
		return nil, err
	}
	if len(root.Content) == 0 {
		return nil, fmt.Errorf("%s is empty", name)
	}
	return &document{name: name, root: root.Content[0], lines: slices.Collect(strings.Lines(string(spec)))}, nil
}

// resolve follows aliases and references within the document, which kin-openapi has seen to lead somewhere.
func (d *document) resolve(n *yaml.Node) *yaml.Node {
	for range 32 { // references that lead in a circle are invalid
		if n == nil {
			return nil
		}
		if n.Kind == yaml.AliasNode {
			n = n.Alias
			continue
		}
		ref := scalar(value(n, "$ref"))
		if ref == "" {
			return n
		}
		n = d.at(strings.TrimPrefix(ref, "#"))
	}
	return nil
}

// at returns the node that a JSON pointer names, references on the way followed, or nil.
func (d *document) at(pointer string) *yaml.Node {
	n := d.root
	for token := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		n = d.resolve(value(n, unescaper.Replace(token)))
	}
	return n
}

// value returns the value of a mapping's key, or nil.
func value(n *yaml.Node, key string) *yaml.Node {
	_, v := entry(n, key)
	return v
}

// entry returns a mapping's key and its value, or nil.
func entry(n *yaml.Node, key string) (k, v *yaml.Node) {
	if n == nil || n.Kind != yaml.MappingNode {
		return nil, nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i], n.Content[i+1]
		}
	}
	return nil, nil
}

// entries returns the keys and values of a mapping.
func entries(n *yaml.Node) func(func(k, v *yaml.Node) bool) {
	return func(yield func(k, v *yaml.Node) bool) {
		if n == nil || n.Kind != yaml.MappingNode {
			return
		}
		for i := 0; i+1 < len(n.Content); i += 2 {
			if !yield(n.Content[i], n.Content[i+1]) {
				return
			}
		}
	}
}

// scalar returns a scalar's text, "" for any other node.
func scalar(n *yaml.Node) string {
	if n == nil || n.Kind != yaml.ScalarNode {
		return ""
	}
	return n.Value
}

// scalars returns the texts of a sequence, or of a scalar that stands for a sequence of one.
func scalars(n *yaml.Node) []string {
	if n == nil {
		return nil
	}
	if n.Kind == yaml.ScalarNode {
		return []string{n.Value}
	}
	var list []string
	for _, item := range n.Content {
		list = append(list, scalar(item))
	}
	return list
}

// errorAt names the place of a node.
func (d *document) errorAt(n *yaml.Node, format string, args ...any) error {
	place := d.name
	if n != nil {
		place += fmt.Sprintf(":%d:%d", n.Line, n.Column)
	}
	return fmt.Errorf("%s: the contract cannot be checked against: %s: correct it there and run the command again",
		place, fmt.Sprintf(format, args...))
}

var (
	escaper   = strings.NewReplacer("~", "~0", "/", "~1")
	unescaper = strings.NewReplacer("~1", "/", "~0", "~")
)

func escape(token string) string { return escaper.Replace(token) }
