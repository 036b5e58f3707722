package jsontree

import (
	"iter"
	"slices"
	"strconv"
	"strings"
)

// MaxValues is how many values a document may have. It bounds the memory of a tree: a page of 10,000 conversations has
// 200,000.
const MaxValues = 400_000

// Tree is one JSON document. It does not change and is safe for concurrent use.
type Tree struct {
	// Text is the document.
	Text string
	// Nodes are its values in the order of the text, the document itself first: a value's items and members follow it.
	Nodes []Node
	// Garbled is the first value that, or whose name, holds bytes that are not UTF-8 or half of a surrogate pair; nil for none.
	Garbled *Node
}

// Node is a value of a tree.
type Node struct {
	tree *Tree
	// Name is the member's name, "" for an item. Text is the content of a string, or the literal of a number.
	Name, Text string
	// Key, Start and End are byte offsets in the document: of the member's name (0 for an item), of the value, and of the
	// byte after it.
	Key, Start, End int32
	// Index is the node's position in the tree's Nodes.
	Index int32
	// Size is the number of items or members.
	Size   int32
	next   int32 // the position after all that the node holds
	parent int32 // the position of what holds it
	Kind   Kinds
}

// Kinds is a set of JSON types. An integer is a number, so that the node of one has both.
type Kinds uint8

// The JSON types.
const (
	Null Kinds = 1 << iota
	Boolean
	Integer
	Number
	String
	Array
	Object
)

var kindNames = []struct {
	kind Kinds
	name string
}{
	{Object, "object"}, {Array, "array"}, {String, "string"}, {Integer, "integer"}, {Number, "number"}, {Boolean, "boolean"}, {Null, "null"},
}

// KindOf returns the type of that name, 0 where there is none.
func KindOf(name string) Kinds {
	for _, k := range kindNames {
		if k.name == name {
			return k.kind
		}
	}
	return 0
}

// String lists the types: "object or string or null".
func (k Kinds) String() string {
	var list []string
	for _, kind := range kindNames {
		if k&kind.kind != 0 {
			list = append(list, kind.name)
		}
	}
	return strings.Join(list, " or ")
}

// Scalar returns a tree of one value that stands in no document: a string, number or boolean given as text.
func Scalar(kind Kinds, text string) *Node {
	t := &Tree{Text: text, Nodes: []Node{{Kind: kind, Text: text, End: int32(len(text)), next: 1}}}
	t.Nodes[0].tree = t
	return &t.Nodes[0]
}

// Root returns the document itself.
func (t *Tree) Root() *Node { return &t.Nodes[0] }

// All yields the items or members of a value with their position. Scalars have none.
func (n *Node) All() iter.Seq2[int, *Node] {
	return func(yield func(int, *Node) bool) {
		nodes := n.tree.Nodes
		for i, at := 0, n.Index+1; at < n.next; i++ {
			if !yield(i, &nodes[at]) {
				return
			}
			at = nodes[at].next
		}
	}
}

// Member returns the last member of that name, which is the one that most readers take, or nil.
func (n *Node) Member(name string) *Node {
	if n == nil || n.Kind != Object {
		return nil
	}
	var found *Node
	nodes := n.tree.Nodes
	for at := n.Index + 1; at < n.next; at = nodes[at].next {
		if nodes[at].Name == name {
			found = &nodes[at]
		}
	}
	return found
}

// Parent returns the object or array that holds the node; of the document itself it returns the document.
func (n *Node) Parent() *Node { return &n.tree.Nodes[n.parent] }

// Literal returns the value as it stands in the document.
func (n *Node) Literal() string { return n.tree.Text[n.Start:n.End] }

// Quoted returns the member's name as it stands in the document, with its quotation marks; "" for an item.
func (n *Node) Quoted() string {
	if n.Key == 0 {
		return ""
	}
	name := n.tree.Text[n.Key:n.Start]
	return name[:strings.LastIndexByte(name, '"')+1]
}

var escaper = strings.NewReplacer("~", "~0", "/", "~1")

// Escape returns a name as it stands in a JSON pointer.
func Escape(name string) string { return escaper.Replace(name) }

// Pointer returns the JSON pointer (RFC 6901) of a value.
func (n *Node) Pointer() string {
	var steps []string
	for ; n.Index > 0; n = n.Parent() {
		step := Escape(n.Name)
		if n.Parent().Kind == Array {
			for i, kid := range n.Parent().All() {
				if kid.Index == n.Index {
					step = strconv.Itoa(i)
					break
				}
			}
		}
		steps = append(steps, "/"+step)
	}
	slices.Reverse(steps)
	return strings.Join(steps, "")
}
