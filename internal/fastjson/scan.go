// Package fastjson reads JSON into generated struct types, as strictly as RFC 8259 asks and several times as fast as
// encoding/json. [Compile] derives from a type how its members are read; a [Scanner] walks over the text.
//
// Unlike encoding/json it compares names exactly, lets the last of two members with one name win, refuses bytes that are
// not UTF-8, and does not stop at a value of a wrong type: it notes where the first one stands, so that a list can lose
// one item and keep the others.
package fastjson

import (
	"bytes"
	"fmt"
	"strings"
)

// MaxDepth is how deep the JSON may nest that a [Scanner] reads.
const MaxDepth = 64

// Scanner reads a JSON text from its beginning to its end. After a syntax error it stands at the end, returns zero
// values, and Err tells why.
type Scanner struct {
	text  []byte
	at    int
	depth int
	err   *SyntaxError

	mismatch      Mismatch // the first since the last TakeMismatch
	mismatchDepth int      // how many of the containers around it are not yet in mismatch.Where; 0 without a mismatch
	missing       uint64   // bits of required members, see Type
	lone          bool     // half a surrogate pair was read
	extra         bool     // a member was skipped
	room          int      // bytes that values of open objects and lists may still take

	root  *object   // the type that was read last
	after [65]uint8 // which of its fields came after each one, and first

	words [32]string // values of open sets, which a page repeats

	// AnyBytes lets strings hold bytes that are not UTF-8.
	AnyBytes bool
}

// NewScanner returns a scanner of text, which must not change while what the scanner returned is in use.
func NewScanner(text []byte) *Scanner {
	return &Scanner{text: text, room: newRoom(text)}
}

func newRoom(text []byte) int { return 1<<20 + 2*len(text) }

// From returns the text from offset start up to where the scanner stands.
func (s *Scanner) From(start int) []byte { return s.text[start:s.at:s.at] }

// SyntaxError describes why a text is not read: it is not JSON, not UTF-8, or nests too deep.
type SyntaxError struct {
	// Expected and Got hold nothing of the text.
	Expected, Got string
	// Truncated reports that the text is JSON as far as it goes, but ends early.
	Truncated bool
	// TooDeep reports that the text nests too deep.
	TooDeep bool
	// Offset is where the text stops to be JSON or UTF-8, or nests too deep.
	Offset int
}

func (e *SyntaxError) Error() string { return "expected " + e.Expected + ", got " + e.Got }

// Mismatch is a value whose type is not the one of its member.
type Mismatch struct {
	// Where is the JSON pointer to the value, from the value that was read on.
	Where string
	// Expected and Got describe the types. They hold nothing of the value.
	Expected, Got string
}

// Err returns the syntax error that ended the scan, or nil.
func (s *Scanner) Err() *SyntaxError { return s.err }

// Offset returns how many bytes were read.
func (s *Scanner) Offset() int { return s.at }

// End reads what follows a document: white space alone is no syntax error.
func (s *Scanner) End() {
	if s.Next(); s.err == nil && s.at < len(s.text) {
		s.fail(s.at)
	}
}

// TakeMismatch returns the first mismatch since it was called last, and forgets it.
func (s *Scanner) TakeMismatch() (Mismatch, bool) {
	if s.mismatch.Expected == "" {
		return Mismatch{}, false
	}
	m := s.mismatch
	s.mismatch, s.mismatchDepth = Mismatch{}, 0
	return m, true
}

// Mismatch steps over a value of any type and notes that expected should stand there.
func (s *Scanner) Mismatch(expected string) {
	got := Describe(s.Next())
	if s.Skip(); s.err == nil {
		s.note(expected, got)
	}
}

func (s *Scanner) note(expected, got string) {
	if s.mismatch.Expected == "" {
		s.mismatch, s.mismatchDepth = Mismatch{Expected: expected, Got: got}, s.depth
	}
}

// placeIn adds name, which may be an index, to the pointer of a mismatch in the value just read of the container that is
// open. Each container does so on the way out.
func (s *Scanner) placeIn(name string) {
	if s.depth == s.mismatchDepth {
		s.prefix(name)
	}
}

func (s *Scanner) prefix(name string) {
	s.mismatch.Where = "/" + pointerEscaper.Replace(name) + s.mismatch.Where
	s.mismatchDepth--
}

var pointerEscaper = strings.NewReplacer("~", "~0", "/", "~1")

// Describe names the type of the value that begins with first.
func Describe(first byte) string {
	switch first {
	case '{':
		return "an object"
	case '[':
		return "an array"
	case '"':
		return "a string"
	case 't', 'f':
		return "a boolean"
	case 'n':
		return "null"
	default:
		return "a number"
	}
}

// TakeLone reports whether half a surrogate pair (the escape \ud800, say) was read since it was called last.
func (s *Scanner) TakeLone() bool {
	lone := s.lone
	s.lone = false
	return lone
}

// TakeExtra reports whether a member that its type does not have was skipped since it was called last.
func (s *Scanner) TakeExtra() bool {
	extra := s.extra
	s.extra = false
	return extra
}

// fail ends the scan where the text is no longer JSON.
func (s *Scanner) fail(at int) {
	if s.err != nil {
		return
	}
	e := &SyntaxError{Expected: "one JSON document", Got: fmt.Sprintf("something else at byte %d", at+1), Offset: at}
	if at >= len(s.text) {
		e.Truncated, e.Got = true, fmt.Sprintf("one that ends early, after %d bytes", len(s.text))
		if len(bytes.TrimSpace(s.text)) == 0 {
			e.Got = "an empty body"
		}
	}
	s.stop(e)
}

func (s *Scanner) stop(e *SyntaxError) {
	if s.err == nil {
		s.err = e
	}
	s.at = len(s.text)
}

// Next skips white space and returns the byte behind it, 0 at the end of the text.
func (s *Scanner) Next() byte {
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

// Begin steps into an object or array, given its opening and closing bracket, and reports whether it holds anything.
func (s *Scanner) Begin(open, end byte) bool {
	if s.Next() != open {
		s.fail(s.at)
		return false
	}
	if s.depth++; s.depth > MaxDepth {
		s.stop(&SyntaxError{Expected: fmt.Sprintf("at most %d levels of JSON", MaxDepth), Got: "more", TooDeep: true, Offset: s.at})
		return false
	}
	s.at++
	if s.Next() == end {
		return s.More(end)
	}
	return s.err == nil
}

// More steps over the comma before the next member or item and returns true, or over the closing bracket and returns false.
func (s *Scanner) More(end byte) bool {
	switch s.Next() {
	case end:
		s.at++
		s.depth--
		return false
	case ',':
		s.at++
		return true
	}
	s.fail(s.at)
	return false
}

// Name reads the name of a member and the colon behind it. The result may share memory with the text.
func (s *Scanner) Name() []byte {
	inner, plain := s.quoted()
	if s.Next() != ':' {
		s.fail(s.at)
		return nil
	}
	s.at++
	if !plain {
		inner = unescape(inner)
	}
	return inner
}

// literal reads one of true, false and null.
func (s *Scanner) literal(word string) {
	for i := range len(word) {
		if s.at+i >= len(s.text) || s.text[s.at+i] != word[i] {
			s.fail(s.at + i)
			return
		}
	}
	s.at += len(word)
}

// Skip reads any value and returns its text, which is part of the scanner's.
func (s *Scanner) Skip() []byte {
	c := s.Next()
	start := s.at
	switch c {
	case '{':
		for more := s.Begin('{', '}'); more; more = s.More('}') {
			s.skipMember()
		}
	case '[':
		for more := s.Begin('[', ']'); more; more = s.More(']') {
			s.Skip()
		}
	case '"':
		s.quoted()
	case 't':
		s.literal("true")
	case 'f':
		s.literal("false")
	case 'n':
		s.literal("null")
	default:
		s.number()
	}
	if s.err != nil {
		return nil
	}
	return s.text[start:s.at:s.at]
}

func (s *Scanner) skipMember() {
	if s.quoted(); s.Next() != ':' {
		s.fail(s.at)
		return
	}
	s.at++
	s.Skip()
}

func (s *Scanner) number() {
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

func (s *Scanner) digits() {
	if s.peek()-'0' > 9 {
		s.fail(s.at)
	}
	for s.peek()-'0' < 10 {
		s.at++
	}
}

func (s *Scanner) peek() byte {
	if s.at < len(s.text) {
		return s.text[s.at]
	}
	return 0
}
