package spec

import (
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/okchat/okchat-go/contract/internal/words"
)

// Document is a contract's text as YAML nodes, which know their lines and columns.
type Document struct {
	// Name is the name of its file in messages.
	Name string
	// Lines are its lines with their ends, for excerpts and patches.
	Lines []string
	root  *yaml.Node
}

func newDocument(text []byte, name string) (*Document, error) {
	var root yaml.Node
	if err := yaml.Unmarshal(text, &root); err != nil {
		return nil, err
	}
	if len(root.Content) == 0 {
		return nil, fmt.Errorf("%s is empty", name)
	}
	return &Document{Name: name, root: root.Content[0], Lines: slices.Collect(strings.Lines(string(text)))}, nil
}

// maxReferences is how many references lead from a node to another one at most: those in a circle lead nowhere.
const maxReferences = 32

// resolve follows aliases and references within the document. It returns nil where they lead nowhere.
func (d *Document) resolve(n *yaml.Node) *yaml.Node {
	left := maxReferences
	return d.follow(n, &left)
}

func (d *Document) follow(n *yaml.Node, left *int) *yaml.Node {
	for n != nil {
		ref := ""
		if n.Kind != yaml.AliasNode {
			if ref = Scalar(Value(n, "$ref")); ref == "" {
				return n
			}
		}
		if *left--; *left < 0 {
			return nil
		}
		if ref == "" {
			n = n.Alias
		} else {
			n = d.find(strings.TrimPrefix(ref, "#"), left)
		}
	}
	return nil
}

// at returns the node that a JSON pointer names, references on the way followed, or nil.
func (d *Document) at(pointer string) *yaml.Node {
	left := maxReferences
	return d.find(pointer, &left)
}

func (d *Document) find(pointer string, left *int) *yaml.Node {
	n := d.root
	for token := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		n = d.follow(Value(n, unescaper.Replace(token)), left)
	}
	return n
}

// unique returns an error for a key that stands in a mapping twice, here or further down.
func (d *Document) unique(n *yaml.Node) error {
	seen := map[string]bool{}
	for i, part := range n.Content {
		if n.Kind == yaml.MappingNode && i%2 == 0 {
			if seen[part.Value] {
				return d.Errorf(part, "the key %q stands twice", words.Shorten(part.Value, 60))
			}
			seen[part.Value] = true
		}
		if err := d.unique(part); err != nil {
			return err
		}
	}
	return nil
}

// Value returns the value of a mapping's key, or nil.
func Value(n *yaml.Node, key string) *yaml.Node {
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

// entries yields the keys and values of a mapping.
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

// Scalar returns a scalar's text, "" for any other node.
func Scalar(n *yaml.Node) string {
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
		list = append(list, Scalar(item))
	}
	return list
}

// Errorf returns an error that names the place of a node and what to do next.
func (d *Document) Errorf(n *yaml.Node, format string, args ...any) error {
	place := d.Name
	if n != nil {
		place += fmt.Sprintf(":%d:%d", n.Line, n.Column)
	}
	return fmt.Errorf("%s: the contract cannot be checked against: %s: correct it there and run the command again",
		place, fmt.Sprintf(format, args...))
}

var unescaper = strings.NewReplacer("~1", "/", "~0", "~")

// known returns an error for a key of a mapping that no check reads: it would be passed over in silence.
func (d *Document) known(n *yaml.Node, what string, keys ...string) error {
	for k := range entries(n) {
		if !slices.Contains(keys, k.Value) && !slices.Contains(annotations, k.Value) && !strings.HasPrefix(k.Value, "x-") {
			return d.Errorf(k, "no check reads %s of %s: say it with other keywords", k.Value, what)
		}
	}
	return nil
}

// annotations are the keywords that only tell people something.
var annotations = []string{"title", "summary", "description", "default", "example", "examples", "deprecated", "externalDocs", "$comment"}

// Items returns the nodes of a sequence, nil for any other node.
func Items(n *yaml.Node) []*yaml.Node {
	if n == nil || n.Kind != yaml.SequenceNode {
		return nil
	}
	return n.Content
}

// fold reduces a name to what all its spellings have in common.
func fold(name string) string {
	return strings.Map(func(r rune) rune {
		if r == '_' || r == '-' || r == ' ' {
			return -1
		}
		return r
	}, strings.ToLower(name))
}
