package okchat

import (
	"errors"
	"strconv"
	"strings"
)

const scrubbed = "[key]"

// shortKey is the length from which on a key is taken out wherever it stands. A shorter one may be part of any word and is
// taken out only where it stands alone.
const shortKey = 8

// scrub takes the key out of text that came from outside: a server may echo it, in any letter case, and escaped as in JSON
// or a Go string, in a URL, or in HTML.
func (k secret) scrub(s string) string {
	s = k.scrubAs(s, escaping{})
	for _, e := range escapings {
		s = k.scrubAs(s, e)
	}
	return s
}

// escaping is a way to write characters: some by name, and others by number.
type escaping struct {
	names   []string // each with the character behind it
	numbers []numbering
}

type numbering struct {
	before       string
	base, digits int // any number of digits up to 7 if digits is 0
	after        string
}

var escapings = []escaping{
	{[]string{`\\\`, `\""`, `\//`, `\''`}, []numbering{{`\u`, 16, 4, ""}, {`\x`, 16, 2, ""}}},
	{nil, []numbering{{"%", 16, 2, ""}}},
	{[]string{"&amp;&", "&lt;<", "&gt;>", `&quot;"`, "&apos;'"}, []numbering{{"&#x", 16, 0, ";"}, {"&#", 10, 0, ";"}}},
}

// read returns the character that the beginning of s stands for, or one beyond ASCII for any such, and its length.
func (e escaping) read(s string) (byte, int) {
	for _, name := range e.names {
		if n := len(name) - 1; strings.HasPrefix(s, name[:n]) {
			return name[n], n
		}
	}
	for _, n := range e.numbers {
		digits, ok := strings.CutPrefix(s, n.before)
		if ok && n.digits == 0 {
			digits, _, ok = strings.Cut(digits[:min(len(digits), 8)], n.after)
		} else if ok = ok && len(digits) >= n.digits; ok {
			digits = digits[:n.digits]
		}
		if c, err := strconv.ParseUint(digits, n.base, 32); ok && err == nil {
			return byte(min(c, 0x80)), len(n.before) + len(digits) + len(n.after)
		}
	}
	return s[0], 1
}

// scrubAs takes the key out of s, in which characters may be escaped. What is no printable ASCII does not count: an echo of
// the key stays one if it is interspersed with it.
func (k secret) scrubAs(s string, e escaping) string {
	key := strings.ToLower(k.reveal())
	var characters []byte
	var begins, ends []int // where in s each of them stands
	for i := 0; i < len(s); {
		c, n := e.read(s[i:])
		if c >= ' ' && c <= '~' {
			characters, begins, ends = append(characters, c), append(begins, i), append(ends, i+n)
		}
		i += n
	}
	text := strings.ToLower(string(characters))
	var clean strings.Builder
	kept := 0 // what stands before is written
	for from := 0; ; {
		i := strings.Index(text[from:], key)
		if i < 0 {
			return clean.String() + s[kept:]
		}
		begin, end := from+i, from+i+len(key)
		from = begin + 1
		if len(key) < shortKey && (begin > 0 && isWord(text[begin-1]) || end < len(text) && isWord(text[end])) {
			continue
		}
		clean.WriteString(s[kept:begins[begin]] + scrubbed)
		kept, from = ends[end-1], end
	}
}

func isWord(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c == '_' || c == '-'
}

// scrubError returns err itself where its text is clean, so that errors.Is and As go on working.
func (k secret) scrubError(err error) error {
	text := err.Error()
	if clean := k.scrub(text); clean != text {
		return errors.New(clean)
	}
	return err
}
