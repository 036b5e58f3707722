// Package jsontree parses JSON documents into trees that know the place of each value.
//
// A tree shows what encoding/json leaves out: a member that stands twice, and strings that are not Unicode text.
package jsontree

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// SyntaxError says why a text is not one JSON document, and where. It quotes nothing of the text.
type SyntaxError struct {
	// Offset is the byte at which the text stops to be JSON.
	Offset int
	// Got says what stands there.
	Got string
}

// Error returns what the text is instead.
func (e *SyntaxError) Error() string { return e.Got }

// ErrTooMany is the error of Parse for a document of more than MaxValues values.
var ErrTooMany = fmt.Errorf("a document of more than %d values", MaxValues)

var errDepth = errors.New("nested too deeply")

var decoders = sync.Pool{New: func() any { return jsontext.NewDecoder(bytes.NewReader(nil)) }}

// parser is a tree under construction.
type parser struct {
	*Tree
	dec   *jsontext.Decoder
	depth int
}

// Parse reads exactly one JSON document that nests at most depth levels. The error is a *[SyntaxError] or [ErrTooMany].
func Parse(body []byte, depth int) (*Tree, error) {
	if bytes.HasPrefix(body, []byte("\xef\xbb\xbf")) {
		return nil, &SyntaxError{0, "a byte order mark before it"}
	}
	p := &parser{
		Tree:  &Tree{Text: string(body), Nodes: make([]Node, 0, 16+min(len(body)/40, MaxValues)), Broken: !utf8.Valid(body)},
		dec:   decoders.Get().(*jsontext.Decoder),
		depth: depth,
	}
	defer decoders.Put(p.dec)
	p.dec.Reset(bytes.NewBuffer(body), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	if err := p.value(""); err != nil {
		return nil, p.refuse(err)
	}
	end := p.dec.InputOffset()
	if _, err := p.dec.ReadToken(); !errors.Is(err, io.EOF) {
		return nil, &SyntaxError{int(end), fmt.Sprintf("more than one after byte %d of %d", end, len(body))}
	}
	for i := range p.Nodes {
		p.Nodes[i].tree = p.Tree
	}
	return p.Tree, nil
}

// value appends the next value and all that it holds.
func (p *parser) value(name string) error {
	if p.dec.StackDepth() > p.depth {
		return errDepth
	}
	if len(p.Nodes) == MaxValues {
		return ErrTooMany
	}
	at := int32(len(p.Nodes))
	p.Nodes = append(p.Nodes, Node{Name: name, Index: at})
	kind := p.dec.PeekKind()
	var n *Node
	if kind == '{' || kind == '[' {
		if err := p.values(at, kind); err != nil {
			return err
		}
		n = &p.Nodes[at]
	} else {
		raw, err := p.dec.ReadValue()
		if err != nil {
			return err
		}
		end := int(p.dec.InputOffset())
		n = &p.Nodes[at]
		n.Start, n.End = int32(end-len(raw)), int32(end)
		switch kind {
		case 'n':
			n.Kind = Null
		case 't', 'f':
			n.Kind = Boolean
		case '"':
			n.Kind, n.Text = String, p.unquote(end-len(raw), end)
		default:
			n.Kind, n.Text = Number, p.Text[n.Start:n.End]
			if isInteger(n.Text) {
				n.Kind |= Integer
			}
		}
	}
	n.next = int32(len(p.Nodes))
	return nil
}

// values reads the object or array whose node is already there.
func (p *parser) values(at int32, kind jsontext.Kind) error {
	if _, err := p.dec.ReadToken(); err != nil {
		return err
	}
	start, size := int32(p.dec.InputOffset())-1, int32(0)
	for ; p.dec.PeekKind() != kind+2; size++ { // ']' is '['+2, '}' is '{'+2
		key, name := int32(0), ""
		if kind == '{' {
			raw, err := p.dec.ReadValue()
			if err != nil {
				return err
			}
			end := int(p.dec.InputOffset())
			key = int32(end - len(raw))
			name = p.unquote(end-len(raw), end)
		}
		child := len(p.Nodes)
		if err := p.value(name); err != nil {
			return err
		}
		p.Nodes[child].Key, p.Nodes[child].parent = key, at
	}
	if _, err := p.dec.ReadToken(); err != nil {
		return err
	}
	n := &p.Nodes[at] // the slice may have moved
	n.Kind, n.Start, n.End, n.Size = Array, start, int32(p.dec.InputOffset()), size
	if kind == '{' {
		n.Kind = Object
	}
	return nil
}

// unquote returns the content of the string literal that stands at Text[start:end].
func (p *parser) unquote(start, end int) string {
	literal := p.Text[start:end]
	if strings.IndexByte(literal, '\\') < 0 {
		return literal[1 : len(literal)-1]
	}
	content, err := jsontext.AppendUnquote(nil, literal)
	p.Broken = p.Broken || err != nil // half of a surrogate pair
	return string(content)
}

// refuse returns the error that tells where the text stops to be JSON.
func (p *parser) refuse(err error) error {
	at := int(p.dec.InputOffset())
	if syntax, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		at = int(syntax.ByteOffset)
	}
	switch {
	case errors.Is(err, ErrTooMany):
		return ErrTooMany
	case errors.Is(err, errDepth):
		return &SyntaxError{at, fmt.Sprintf("more than %d levels of nesting", p.depth)}
	case len(p.Text) == 0:
		return &SyntaxError{0, "an empty body"}
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return &SyntaxError{len(p.Text), fmt.Sprintf("a document that breaks off after %d bytes", len(p.Text))}
	}
	rest := p.Text[min(at, len(p.Text)):]
	for _, word := range []string{"NaN", "Infinity", "-Infinity", "undefined"} {
		if strings.HasPrefix(rest, word) {
			return &SyntaxError{at, fmt.Sprintf("%s at byte %d of %d, which JSON has not", word, at, len(p.Text))}
		}
	}
	return &SyntaxError{at, fmt.Sprintf("a syntax error at byte %d of %d", at, len(p.Text))}
}

// isInteger reports whether a JSON number has a whole value, as 1, 1.0 and 1e2 have.
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
