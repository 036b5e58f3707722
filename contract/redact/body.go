package redact

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/okchat/okchat-go/contract/internal/jsontree"
	"github.com/okchat/okchat-go/contract/internal/spec"
	"github.com/okchat/okchat-go/exchange"
	"github.com/okchat/okchat-go/internal/lazy"
)

// document returns a JSON document with pseudonyms.
func (r *Redactor) document(doc *spec.Validation) []byte {
	var out strings.Builder
	at := int32(0)
	put := func(start, end int32, literal string) {
		out.WriteString(doc.Text[at:start])
		out.WriteString(literal)
		at = end
	}
	for i := range doc.Nodes {
		n, s := &doc.Nodes[i], doc.Schemas[i]
		if s == nil {
			s = &spec.Schema{}
		}
		if n.Key > 0 {
			quoted := n.Quoted()
			if safe := r.member(n.Name, quoted); safe != quoted {
				put(n.Key, n.Key+int32(len(quoted)), safe)
			}
		}
		switch {
		case n.Kind == jsontree.String && isGarbled(n.Literal()):
			put(n.Start, n.End, garbled(n.Literal(), "x"))
		case n.Kind == jsontree.String && doc.Schemas[i] == nil && namesSecret(n.Name):
			// A name that the contract knows from another place stays. Beside it no pseudonym could be told from a secret.
			put(n.Start, n.End, quoteJSON(exchange.Redacted))
		case n.Kind == jsontree.String:
			if pseudonym := r.text(n.Text, s); pseudonym != n.Text {
				put(n.Start, n.End, quoteJSON(pseudonym))
			}
		case n.Kind&jsontree.Number != 0:
			if s := r.value(n.Text, doc.Schemas[i] != nil); s != n.Text {
				put(n.Start, n.End, s)
			}
		}
	}
	out.WriteString(doc.Text[at:])
	return []byte(out.String())
}

// member returns a member's name, quoted: as it is where the contract knows it, in whatever spelling.
func (r *Redactor) member(name, quoted string) string {
	switch {
	case isGarbled(quoted):
		return garbled(quoted, r.name(name))
	case r.contract.Compiled().Knows(name):
		return quoted
	}
	return quoteJSON(r.name(name))
}

// text returns the pseudonym of a string that keeps a schema, or the string itself where the contract has it.
func (r *Redactor) text(text string, s *spec.Schema) string {
	switch {
	case text == "":
		return text
	case s.Format == "date-time":
		return instant(text)
	case s.Personal == "token":
		return exchange.Redacted
	case s.Known != nil && slices.Contains(s.Known, text):
		return text
	case s.Known != nil:
		return r.name(text)
	case s.Format == "uuid", s.Personal == "id":
		return r.id(text)
	case s.Personal == "file":
		// An address stays one: all but its scheme tells where the file of a person lies.
		if rest, ok := strings.CutPrefix(text, "https://"); ok {
			return "https://" + r.id(rest)
		}
		return r.id(text)
	}
	return r.prose(text)
}

var fraction = lazy.Regexp(`\.\d{10,}`)

// instant returns a time without more digits than any clock has.
func instant(text string) string {
	return fraction().ReplaceAllStringFunc(text, func(digits string) string { return digits[:10] })
}

var plainNumber = lazy.Regexp(`^-?\d{1,19}(\.0{1,3})?([eE][+-]?\d{1,3})?$`)

// value returns a number as it is where it keeps a schema and is no longer than a whole number can be, or its pseudonym.
func (r *Redactor) value(literal string, known bool) string {
	if known && plainNumber().MatchString(literal) {
		return literal
	}
	return r.number(literal)
}

func isGarbled(literal string) bool {
	_, err := jsontext.AppendUnquote(nil, literal)
	return err != nil
}

// garbled returns a string literal of that content that is no Unicode text, of the same kind as the given one.
func garbled(literal, content string) string {
	if !utf8.ValidString(literal) {
		return `"` + content + "\xff\""
	}
	return `"` + content + `\ud800"`
}

// broken returns a text that is no JSON document with all of it masked but what JSON consists of: brackets, commas, colons,
// white space, true, false, null, and the names that the contract knows. It is no JSON document either.
func (r *Redactor) broken(body []byte) []byte {
	var out bytes.Buffer
	text := bytes.TrimPrefix(body, []byte("\xef\xbb\xbf"))
	if len(text) < len(body) {
		out.WriteString("\xef\xbb\xbf")
	}
	for len(text) > 0 {
		switch c := text[0]; {
		case c == '"':
			n := quotedLength(text)
			out.WriteString(r.brokenString(string(text[:n])))
			text = text[n:]
		case strings.IndexByte("{}[],: \t\r\n", c) >= 0:
			out.WriteByte(c)
			text = text[1:]
		default:
			n := bytes.IndexAny(text, "\"{}[],: \t\r\n")
			if n < 0 {
				n = len(text)
			}
			switch token := string(text[:n]); {
			case isLiteral(token) && strings.Trim(token, "0123456789+-.eE") == "":
				out.WriteString(r.number(token))
			case isLiteral(token):
				out.WriteString(token)
			default:
				out.WriteString("x")
			}
			text = text[n:]
		}
	}
	if json.Valid(out.Bytes()) {
		out.WriteString(" x")
	}
	return out.Bytes()
}

// quotedLength returns the length of the string literal at the beginning of a text, to the end of the text where it is not
// closed.
func quotedLength(text []byte) int {
	for i := 1; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(text)
}

func (r *Redactor) brokenString(literal string) string {
	name, err := jsontext.AppendUnquote(nil, literal)
	switch {
	case len(literal) < 2 || literal[len(literal)-1] != '"':
		return `"x` // which is not closed either
	case err == nil && r.contract.Compiled().Knows(string(name)):
		return literal
	case !jsontext.Value(literal).IsValid(jsontext.AllowInvalidUTF8(true)):
		return `"\x"`
	}
	return `"x"`
}
