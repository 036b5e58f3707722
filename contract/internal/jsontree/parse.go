// Package jsontree parses JSON documents into trees that know the place of each value.
//
// A tree shows what encoding/json leaves out: a member that stands twice, and strings that are not Unicode text.
package jsontree

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/okchat/okchat-go/internal/fastjson"
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

// parser is a tree under construction.
type parser struct {
	*Tree
	scanner *fastjson.Scanner
	many    bool // values came beyond MaxValues
	invalid bool // the text is not UTF-8
	garbled int  // the position of Garbled, -1 for none
}

// Parse reads exactly one JSON document that nests at most [fastjson.MaxDepth] levels. The error is a *[SyntaxError] or
// [ErrTooMany].
func Parse(body []byte) (*Tree, error) {
	if bytes.HasPrefix(body, []byte("\xef\xbb\xbf")) {
		return nil, &SyntaxError{0, "a byte order mark before it"}
	}
	// A value follows each comma and most brackets. Those in strings count too, so that this may be too many, but never too few.
	values := 1
	for _, sign := range []string{",", "{", "["} {
		values += bytes.Count(body, []byte(sign))
	}
	p := &parser{
		Tree:    &Tree{Text: string(body), Nodes: make([]Node, 0, min(values, MaxValues))},
		scanner: fastjson.NewScanner(body), invalid: !utf8.Valid(body), garbled: -1,
	}
	p.scanner.AnyBytes = true
	p.value("", 0, 0)
	switch end := p.scanner.Offset(); {
	case p.many:
		return nil, ErrTooMany
	case p.scanner.Err() != nil:
		return nil, p.refuse(p.scanner.Err())
	case p.scanner.Next() != 0 || p.scanner.Offset() < len(body):
		return nil, &SyntaxError{end, fmt.Sprintf("more than one after byte %d of %d", end, len(body))}
	}
	if p.garbled >= 0 {
		p.Garbled = &p.Nodes[p.garbled]
	}
	return p.Tree, nil
}

// look notes whether a string, which the value at a position has or is named by, is no Unicode text.
func (p *parser) look(text []byte, position int) {
	if (p.scanner.TakeLone() || p.invalid && !utf8.Valid(text)) && p.garbled < 0 {
		p.garbled = position
	}
}

// value appends the next value and all that it holds. It is the member of that name and place of a parent, or an item.
func (p *parser) value(name string, key, parent int32) {
	first := p.scanner.Next()
	if p.many = p.many || len(p.Nodes) == MaxValues; p.many {
		return
	}
	at, start := int32(len(p.Nodes)), p.scanner.Offset()
	p.Nodes = append(p.Nodes, Node{tree: p.Tree, Name: name, Key: key, Start: int32(start), Index: at, parent: parent})
	var kind Kinds
	var text string
	size := int32(0)
	switch first {
	case '{':
		kind = Object
		for more := p.scanner.Begin('{', '}'); more && !p.many; more = p.scanner.More('}') {
			p.scanner.Next()
			key := p.scanner.Offset()
			name := p.name(key)
			p.value(name, int32(key), at)
			size++
		}
	case '[':
		kind = Array
		for more := p.scanner.Begin('[', ']'); more && !p.many; more = p.scanner.More(']') {
			p.value("", 0, at)
			size++
		}
	default:
		raw := p.scanner.Skip()
		switch first {
		case 'n':
			kind = Null
		case 't', 'f':
			kind = Boolean
		case '"':
			kind = String
			if raw != nil {
				p.look(raw, int(at))
				text = unquote(p.Text[start : start+len(raw)])
			}
		default:
			kind, text = Number, p.Text[start:start+len(raw)]
			if isInteger(text) {
				kind |= Integer
			}
		}
	}
	n := &p.Nodes[at] // the slice may have moved
	n.Kind, n.Text, n.End, n.Size, n.next = kind, text, int32(p.scanner.Offset()), size, int32(len(p.Nodes))
}

// name reads a member's name, which begins at key, and the colon behind it.
func (p *parser) name(key int) string {
	name := p.scanner.Name()
	p.look(name, len(p.Nodes))
	if plain := p.Text[min(key+1, len(p.Text)):]; strings.HasPrefix(plain, string(name)) { // without memory of its own
		return plain[:len(name)]
	}
	return string(name)
}

// unquote returns the content of a string literal.
func unquote(literal string) string {
	if strings.IndexByte(literal, '\\') < 0 {
		return literal[1 : len(literal)-1]
	}
	content, _ := jsontext.AppendUnquote(nil, literal)
	return string(content)
}

// refuse returns the error that tells where the text stops to be JSON.
func (p *parser) refuse(err *fastjson.SyntaxError) error {
	at := err.Offset
	switch {
	case len(p.Text) == 0:
		return &SyntaxError{at, "an empty body"}
	case err.Truncated:
		return &SyntaxError{len(p.Text), fmt.Sprintf("a document that breaks off after %d bytes", len(p.Text))}
	case err.TooDeep:
		return &SyntaxError{at, fmt.Sprintf("more than %d levels of nesting", fastjson.MaxDepth)}
	}
	for _, word := range []string{"NaN", "Infinity", "-Infinity", "undefined"} {
		if strings.HasPrefix(p.Text[at:], word) {
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
