package contract

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"unicode/utf8"

	"cel.dev/cel-go/common/types/ref"
	"github.com/go-json-experiment/json/jsontext"
)

// tree is one JSON document with the place of each value in its text: what encoding/json leaves out, a member that
// stands twice and text that is no UTF-8, can still be seen.
type tree struct {
	text string
	// nodes are the document's values in the order of the text: a value's items and members follow it, up to next.
	nodes []node
	// broken says that some string is not Unicode text.
	broken bool
}

// node is a value of a tree.
type node struct {
	tree *tree
	// name is the member's, undecoded where it has no escapes; text is a string's content.
	name, text string
	// key, start and end are offsets in the document's text: of the member's name, of the value and of its end.
	key, start, end int32
	// at and next are indices in the tree's nodes: this one's, and the one after all that it holds.
	at, next int32
	size     int32 // items or members
	kind     kinds
	schema   *schema // the one that a string or number keeps, set by the validation
	value    ref.Val // the value as a rule sees it, made when first asked for
}

// kinds is a set of JSON types. An integer is a number, so its nodes carry both.
type kinds uint8

const (
	null kinds = 1 << iota
	boolean
	integer
	number
	text
	array
	object
)

var kindNames = []struct {
	kind kinds
	name string
}{
	{object, "object"}, {array, "array"}, {text, "string"}, {integer, "integer"}, {number, "number"}, {boolean, "boolean"}, {null, "null"},
}

// maxDepth bounds the nesting of a document, as the client does: deeper ones are refused, not followed.
const maxDepth = 1000

// syntaxError says why a text is not one JSON document, and where. It quotes nothing.
type syntaxError struct {
	offset int
	got    string
}

func (e *syntaxError) Error() string { return e.got }

var decoders = sync.Pool{New: func() any { return jsontext.NewDecoder(bytes.NewReader(nil)) }}

// parse reads exactly one JSON document.
func parse(body []byte) (*tree, error) {
	if bytes.HasPrefix(body, []byte("\xef\xbb\xbf")) {
		return nil, &syntaxError{0, "a byte order mark before it"}
	}
	t := &tree{text: string(body), nodes: make([]node, 0, 16+len(body)/28), broken: !utf8.Valid(body)}
	dec := decoders.Get().(*jsontext.Decoder)
	defer decoders.Put(dec)
	dec.Reset(bytes.NewBuffer(body), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	if err := t.read(dec, ""); err != nil {
		return nil, t.refuse(dec, err)
	}
	end := dec.InputOffset()
	if _, err := dec.ReadToken(); !errors.Is(err, io.EOF) {
		return nil, &syntaxError{int(end), fmt.Sprintf("more than one after byte %d of %d", end, len(body))}
	}
	for i := range t.nodes {
		t.nodes[i].tree = t
	}
	return t, nil
}

var errDepth = errors.New("nested too deeply")

// read appends the next value and all that it holds.
func (t *tree) read(dec *jsontext.Decoder, name string) error {
	if dec.StackDepth() > maxDepth {
		return errDepth
	}
	at := int32(len(t.nodes))
	t.nodes = append(t.nodes, node{name: name, at: at})
	n := &t.nodes[at]
	switch kind := dec.PeekKind(); kind {
	case '{', '[':
		if _, err := dec.ReadToken(); err != nil {
			return err
		}
		n.start = int32(dec.InputOffset()) - 1
		n.kind = array
		if kind == '{' {
			n.kind = object
		}
		size := int32(0)
		for ; dec.PeekKind() != kind+2; size++ { // ']' is '['+2, '}' is '{'+2
			key, name := int32(0), ""
			if kind == '{' {
				raw, err := dec.ReadValue()
				if err != nil {
					return err
				}
				end := int(dec.InputOffset())
				key = int32(end - len(raw))
				name = t.unquote(end-len(raw), end)
			}
			child := len(t.nodes)
			if err := t.read(dec, name); err != nil {
				return err
			}
			t.nodes[child].key = key
		}
		if _, err := dec.ReadToken(); err != nil {
			return err
		}
		n = &t.nodes[at] // the slice may have moved
		n.size = size
		n.end = int32(dec.InputOffset())
	default:
		raw, err := dec.ReadValue()
		if err != nil {
			return err
		}
		end := int(dec.InputOffset())
		n.start, n.end = int32(end-len(raw)), int32(end)
		switch kind {
		case 'n':
			n.kind = null
		case 't', 'f':
			n.kind = boolean
		case '"':
			n.kind, n.text = text, t.unquote(end-len(raw), end)
		default:
			n.kind, n.text = number, t.text[n.start:n.end]
			if isInteger(n.text) {
				n.kind |= integer
			}
		}
	}
	n.next = int32(len(t.nodes))
	return nil
}

// unquote returns the content of the string literal that stands at text[start:end].
func (t *tree) unquote(start, end int) string {
	literal := t.text[start:end]
	if strings.IndexByte(literal, '\\') < 0 {
		return literal[1 : len(literal)-1]
	}
	content, err := jsontext.AppendUnquote(nil, literal)
	t.broken = t.broken || err != nil // half of a surrogate pair
	return string(content)
}

// refuse says where a text stops to be JSON.
func (t *tree) refuse(dec *jsontext.Decoder, err error) error {
	at := int(dec.InputOffset())
	if syntax, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		at = int(syntax.ByteOffset)
	}
	switch {
	case errors.Is(err, errDepth):
		return &syntaxError{at, fmt.Sprintf("more than %d levels of nesting", maxDepth)}
	case len(t.text) == 0:
		return &syntaxError{0, "an empty body"}
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return &syntaxError{len(t.text), fmt.Sprintf("a document that breaks off after %d bytes", len(t.text))}
	}
	rest := t.text[min(at, len(t.text)):]
	for _, word := range []string{"NaN", "Infinity", "-Infinity", "undefined"} {
		if strings.HasPrefix(rest, word) {
			return &syntaxError{at, fmt.Sprintf("%s at byte %d of %d, which JSON has not", word, at, len(t.text))}
		}
	}
	return &syntaxError{at, fmt.Sprintf("a syntax error at byte %d of %d", at, len(t.text))}
}

// kids calls do for each item or member until it returns false.
func (n *node) kids(do func(i int, kid *node) bool) {
	nodes := n.tree.nodes
	for i, at := 0, n.at+1; at < n.next; i++ {
		if !do(i, &nodes[at]) {
			return
		}
		at = nodes[at].next
	}
}

// member returns the last member of that name, which is the one that most readers take, or nil.
func (n *node) member(name string) *node {
	var found *node
	if n == nil || n.kind != object {
		return nil
	}
	nodes := n.tree.nodes
	for at := n.at + 1; at < n.next; at = nodes[at].next {
		if nodes[at].name == name {
			found = &nodes[at]
		}
	}
	return found
}

// pointer returns the JSON pointer (RFC 6901) of a value.
func (n *node) pointer() string {
	var b strings.Builder
	nodes := n.tree.nodes
	for holder := &nodes[0]; holder.at != n.at; {
		holder.kids(func(i int, kid *node) bool {
			if n.at >= kid.next {
				return true
			}
			b.WriteByte('/')
			if holder.kind == array {
				fmt.Fprint(&b, i)
			} else {
				b.WriteString(escape(kid.name))
			}
			holder = kid
			return false
		})
	}
	return b.String()
}

// garbled returns the first value that, or whose name, is not Unicode text, or nil.
func (t *tree) garbled() *node {
	for i := range t.nodes {
		if t.nodes[i].garbled() {
			return &t.nodes[i]
		}
	}
	return nil
}

// garbled says whether a string, or a member's name, holds bytes that are not UTF-8 or half of a surrogate pair.
func (n *node) garbled() bool {
	name := ""
	if n.key > 0 {
		name = n.tree.text[n.key:n.start]
		name = name[:strings.LastIndexByte(name, '"')+1]
	}
	content := ""
	if n.kind == text {
		content = n.literal()
	}
	for _, literal := range []string{name, content} {
		if literal == "" {
			continue
		}
		if _, err := jsontext.AppendUnquote(nil, literal); err != nil {
			return true
		}
	}
	return false
}

// form is the format of a string as its schema has it, setForm of a value of a set, or numberForm; "" where no schema
// says anything.
func (n *node) form() string {
	switch {
	case n.schema == nil:
		return ""
	case n.kind != text:
		return numberForm
	case n.schema.known != nil:
		return setForm
	}
	return n.schema.format
}

const (
	setForm    = "set"
	numberForm = "number"
)

// personal is the kind of personal data that the contract says a string is.
func (n *node) personal() string {
	if n.schema == nil {
		return ""
	}
	return n.schema.personal
}

// literal is the value as it stands in the document.
func (n *node) literal() string { return n.tree.text[n.start:n.end] }

// isInteger says whether a JSON number has a whole value: 1, 1.0 and 1e2 have.
func isInteger(s string) bool {
	mantissa, exponent, _ := strings.Cut(strings.ToLower(s), "e")
	whole, fraction, _ := strings.Cut(mantissa, ".")
	fraction = strings.TrimRight(fraction, "0")
	if exponent == "" {
		return fraction == ""
	}
	e := 0
	if _, err := fmt.Sscanf(exponent, "%d", &e); err != nil || e > 308 || e < -308 {
		return strings.Trim(whole+fraction, "-0") == ""
	}
	if e >= 0 {
		return len(fraction) <= e
	}
	return fraction == "" && (strings.Trim(whole, "-0") == "" || len(whole)-len(strings.TrimRight(whole, "0")) >= -e)
}
