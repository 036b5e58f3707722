package okchat

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf16"
	"unicode/utf8"
)

// scanner reads JSON from a body as strictly as encoding/json, and gives up where it is in doubt: from then on bad is
// set, nothing is read any more, and what it returned counts for nothing. What is odd but may be right is a doubt too.
type scanner struct {
	text  []byte
	at    int
	depth int
	bad   bool
	words [32]string // those of open sets: a page repeats them
}

func (s *scanner) fail() bool {
	s.bad, s.at = true, len(s.text)
	return false
}

// end says whether all went well, and nothing follows.
func (s *scanner) end() bool { return s.next() == 0 && s.at == len(s.text) && !s.bad }

// next skips white space and returns the byte behind it, 0 at the end.
func (s *scanner) next() byte {
	for s.at < len(s.text) {
		switch c := s.text[s.at]; c {
		case ' ', '\t', '\r', '\n':
			s.at++
		default:
			return c
		}
	}
	return 0
}

// begin steps into an object or an array and says whether there is something in it.
func (s *scanner) begin(open, end byte) bool {
	if s.depth++; s.next() != open || s.depth > maxDepth {
		return s.fail()
	}
	s.at++
	return s.next() != end || s.more(end)
}

// more steps over the comma to the next item, or out.
func (s *scanner) more(end byte) bool {
	switch s.next() {
	case end:
		s.at++
		s.depth--
		return false
	case ',':
		s.at++
		return true
	}
	return s.fail()
}

// name reads the name of a member and the colon. One with an escape in it is a doubt.
func (s *scanner) name() []byte {
	name, plain := s.quoted()
	if !plain || s.next() != ':' {
		s.fail()
		return nil
	}
	s.at++
	return name
}

// literal reads one of true, false and null.
func (s *scanner) literal(word string) bool {
	if s.next(); len(s.text)-s.at < len(word) || string(s.text[s.at:s.at+len(word)]) != word {
		return s.fail()
	}
	s.at += len(word)
	return true
}

// null steps over a null where there is one.
func (s *scanner) null() bool { return s.next() == 'n' && s.literal("null") }

func (s *scanner) boolean() bool {
	if s.next() == 't' {
		return s.literal("true")
	}
	s.literal("false")
	return false
}

// integer reads a whole number that fits for certain; all others are doubts.
func (s *scanner) integer() int {
	const digits = 9
	s.next()
	n, start := 0, s.at
	for s.at < len(s.text) && s.text[s.at]-'0' < 10 {
		n = n*10 + int(s.text[s.at]-'0')
		s.at++
		if s.at-start > digits {
			s.fail()
		}
	}
	if s.at == start || s.at-start > 1 && s.text[start] == '0' {
		s.fail()
	}
	return n // a fraction or an exponent is no end of an item
}

// string reads a string into memory of its own, so that keeping it keeps no page.
func (s *scanner) string() string {
	inner, plain := s.quoted()
	if plain {
		return string(inner)
	}
	return string(unescape(inner))
}

// word reads a string that is likely to come again.
func (s *scanner) word() string {
	inner, plain := s.quoted()
	if !plain || len(inner) == 0 {
		return string(unescape(inner))
	}
	known := &s.words[(len(inner)^int(inner[len(inner)/2]))%len(s.words)]
	if *known != string(inner) {
		*known = string(inner)
	}
	return *known
}

// quoted reads a string and returns what stands between its quotes; plain says that this is its value, as nothing is
// escaped. A string that is not UTF-8 is a doubt.
func (s *scanner) quoted() (inner []byte, plain bool) {
	if s.next() != '"' {
		return nil, s.fail()
	}
	text, i := s.text, s.at+1
	plain, ascii := true, true
	for {
		i = skipPlain(text, i)
		if i >= len(text) {
			return nil, s.fail()
		}
		switch c := text[i]; {
		case c == '"':
			inner = text[s.at+1 : i]
			if !ascii && !utf8.Valid(inner) {
				return nil, s.fail()
			}
			s.at = i + 1
			return inner, plain
		case c == '\\':
			plain = false
			n := escapeLength(text[i:])
			if n == 0 {
				return nil, s.fail()
			}
			i += n
		case c < ' ':
			return nil, s.fail()
		default:
			ascii = false
			for i++; i < len(text) && text[i] >= utf8.RuneSelf; i++ {
			}
		}
	}
}

// skipPlain returns where, from i on, the first byte stands that is not ASCII, a control character, a quote or a
// backslash. It looks at eight bytes at a time: each of the terms has the highest bit set in such a byte, and in others
// only behind one.
func skipPlain(text []byte, i int) int {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	for ; i+8 <= len(text); i += 8 {
		w := binary.LittleEndian.Uint64(text[i:])
		quote, backslash := w^'"'*ones, w^'\\'*ones
		if found := (w | (w - ' '*ones) | (quote - ones) | (backslash - ones)) & highs; found != 0 {
			return i + bits.TrailingZeros64(found)/8
		}
	}
	for ; i < len(text); i++ {
		if c := text[i]; c == '"' || c == '\\' || c < ' ' || c >= utf8.RuneSelf {
			break
		}
	}
	return i
}

// escapeLength is the length of the escape at the beginning of text, 0 where it is none.
func escapeLength(text []byte) int {
	if len(text) < 2 {
		return 0
	}
	switch text[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2
	case 'u':
		if _, ok := hex4(text); ok {
			return 6
		}
	}
	return 0
}

// hex4 reads the escape \uXXXX at the beginning of text.
func hex4(text []byte) (r rune, ok bool) {
	if len(text) < 6 || text[0] != '\\' || text[1] != 'u' {
		return 0, false
	}
	for _, c := range text[2:6] {
		switch {
		case c-'0' < 10:
			c -= '0'
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

// unescape resolves the escapes of what quoted returned. Half a surrogate pair becomes U+FFFD.
func unescape(inner []byte) []byte {
	out := make([]byte, 0, len(inner))
	for i := 0; i < len(inner); {
		if inner[i] != '\\' {
			out = append(out, inner[i])
			i++
			continue
		}
		switch c := inner[i+1]; c {
		case 'b':
			out = append(out, '\b')
		case 'f':
			out = append(out, '\f')
		case 'n':
			out = append(out, '\n')
		case 'r':
			out = append(out, '\r')
		case 't':
			out = append(out, '\t')
		case 'u':
			r, _ := hex4(inner[i:])
			i += 4
			if utf16.IsSurrogate(r) {
				low, _ := hex4(inner[i+2:])
				if r = utf16.DecodeRune(r, low); r != utf8.RuneError {
					i += 6
				}
			}
			out = utf8.AppendRune(out, r)
		default:
			out = append(out, c)
		}
		i += 2
	}
	return out
}

// skip reads any value and returns it as it stands.
func (s *scanner) skip() []byte {
	c := s.next()
	start := s.at
	switch {
	case c == '{':
		for more := s.begin('{', '}'); more; more = s.more('}') {
			if s.quoted(); s.next() == ':' {
				s.at++
				s.skip()
			} else {
				s.fail()
			}
		}
	case c == '[':
		for more := s.begin('[', ']'); more; more = s.more(']') {
			s.skip()
		}
	case c == '"':
		s.quoted()
	case c == 't':
		s.literal("true")
	case c == 'f':
		s.literal("false")
	case c == 'n':
		s.literal("null")
	default:
		s.number()
	}
	if s.bad {
		return nil
	}
	return s.text[start:s.at:s.at]
}

func (s *scanner) number() {
	if s.peek() == '-' {
		s.at++
	}
	if s.peek() == '0' {
		s.at++
	} else {
		s.digits()
	}
	if s.peek() == '.' {
		s.at++
		s.digits()
	}
	if s.peek()|0x20 == 'e' {
		s.at++
		if c := s.peek(); c == '+' || c == '-' {
			s.at++
		}
		s.digits()
	}
}

func (s *scanner) digits() {
	if s.peek()-'0' > 9 {
		s.fail()
	}
	for s.peek()-'0' < 10 {
		s.at++
	}
}

func (s *scanner) peek() byte {
	if s.at < len(s.text) {
		return s.text[s.at]
	}
	return 0
}
