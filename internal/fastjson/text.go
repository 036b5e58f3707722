package fastjson

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/bits"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// string reads a string into memory of its own, so that keeping it does not keep the text.
func (s *Scanner) string() string {
	inner, plain := s.quoted()
	if plain {
		return string(inner)
	}
	return string(unescape(inner))
}

// word reads a string that is likely to come again.
func (s *Scanner) word() string {
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

// quoted reads a string and returns what stands between its quotes. plain reports that this is its value, as nothing in
// it is escaped.
func (s *Scanner) quoted() (inner []byte, plain bool) {
	if s.Next() != '"' {
		s.fail(s.at)
		return nil, true
	}
	text, i := s.text, s.at+1
	plain, ascii := true, true
	for {
		i = skipPlain(text, i)
		if i >= len(text) {
			s.fail(i)
			return nil, true
		}
		switch c := text[i]; {
		case c == '"':
			inner = text[s.at+1 : i]
			if !ascii && !s.AnyBytes && !utf8.Valid(inner) {
				at := s.at + 1 + validPrefix(inner)
				s.stop(&SyntaxError{Expected: "UTF-8", Got: fmt.Sprintf("other bytes from byte %d on", at+1), Offset: at})
				return nil, true
			}
			s.at = i + 1
			return inner, plain
		case c == '\\':
			plain = false
			n, lone := escapeLength(text[i:])
			if n == 0 {
				if i += 2; i < len(text) && text[i-1] == 'u' {
					i += 4
				}
				s.fail(min(i, len(text)))
				return nil, true
			}
			s.lone = s.lone || lone
			i += n
		case c < ' ':
			s.fail(i)
			return nil, true
		default:
			ascii = false
			for i++; i < len(text) && text[i] >= utf8.RuneSelf; i++ {
			}
		}
	}
}

// validPrefix returns how many bytes at the beginning of b are UTF-8.
func validPrefix(b []byte) int {
	n := 0
	for n < len(b) {
		r, size := utf8.DecodeRune(b[n:])
		if r == utf8.RuneError && size == 1 {
			break
		}
		n += size
	}
	return n
}

// Plain reports whether text is ASCII that JSON writes unchanged between the quotes of a string.
func Plain(text []byte) bool { return skipPlain(text, 0) == len(text) }

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

// AppendString appends s as a JSON string, escaped as in the recorded samples and as SQLite does: quotes, backslashes and control
// characters alone, by their short escapes where there are such. Bytes that are not UTF-8 become U+FFFD.
func AppendString(b []byte, s string) []byte {
	b = append(b, '"')
	start := len(b)
	if b = append(b, s...); Plain(b[start:]) {
		return append(b, '"')
	}
	b = b[:start]
	if !utf8.ValidString(s) {
		s = strings.ToValidUTF8(s, "\ufffd")
	}
	done := 0
	for i := range len(s) {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		b = append(append(b, s[done:i]...), '\\')
		done = i + 1
		switch short := strings.IndexByte("\b\f\n\r\t", c); {
		case c >= ' ':
			b = append(b, c)
		case short >= 0:
			b = append(b, "bfnrt"[short])
		default:
			b = append(b, 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
	}
	return append(append(b, s[done:]...), '"')
}

const hexDigits = "0123456789abcdef"

// escapeLength returns the length of the escape at the beginning of text, 0 if there is none, and whether it is half a
// surrogate pair.
func escapeLength(text []byte) (n int, lone bool) {
	if len(text) < 2 {
		return 0, false
	}
	switch text[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2, false
	case 'u':
		r, ok := hex4(text)
		if !ok {
			return 0, false
		}
		if !utf16.IsSurrogate(r) {
			return 6, false
		}
		if low, _ := hex4(text[6:]); utf16.DecodeRune(r, low) != utf8.RuneError {
			return 12, false
		}
		return 6, true
	}
	return 0, false
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

// ReplaceLone returns a copy of a JSON text in which each half of a surrogate pair is the escape of U+FFFD.
func ReplaceLone(text []byte) []byte {
	text = bytes.Clone(text)
	for i := 0; i < len(text); {
		if text[i] != '\\' {
			i++
			continue
		}
		n, lone := escapeLength(text[i:])
		if lone {
			copy(text[i:], `\ufffd`)
		}
		i += max(n, 1)
	}
	return text
}
