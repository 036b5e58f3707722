package exchange

import (
	"bytes"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// literal is a body as it stands in its file: as it is, or quoted as a JSON string.
type literal struct {
	text   []byte
	quoted bool
}

// At returns the place of a byte of the body, or the exchange's own place where the body is not in the file as text or
// offset is negative.
func (ex *Exchange) At(offset int) Source {
	if offset < 0 || ex.body.text == nil {
		return ex.Source
	}
	if ex.body.quoted {
		offset = literalOffset(ex.body.text, offset)
	}
	return ex.Source.after(ex.body.text[:min(offset, len(ex.body.text))])
}

// AtEntry returns the place of a byte of Entry.
func (ex *Exchange) AtEntry(offset int) Source {
	if ex.squeezed {
		return ex.entrySource
	}
	return ex.entrySource.after(ex.Entry[:min(max(offset, 0), len(ex.Entry))])
}

// after returns the place behind a text that stands at s.
func (s Source) after(text []byte) Source {
	if s.Line == 0 {
		return s
	}
	s.Offset += int64(len(text))
	if n := bytes.Count(text, []byte("\n")); n > 0 {
		s.Line += n
		s.Column = 1
		text = text[bytes.LastIndexByte(text, '\n')+1:]
	}
	s.Column += units(text)
	return s
}

// units counts the UTF-16 code units of a text in UTF-8. A byte that is no part of a character counts as one where it could
// begin one.
func units(text []byte) int {
	n := 0
	for _, c := range text {
		if c&0xc0 != 0x80 {
			n++
		}
		if c >= 0xf0 {
			n++
		}
	}
	return n
}

// literalOffset returns the offset in a JSON string literal of the byte at that offset of its content.
func literalOffset(literal []byte, offset int) int {
	at := 1 // after the quotation mark
	for content := 0; content < offset && at < len(literal); {
		if literal[at] != '\\' {
			at, content = at+1, content+1
			continue
		}
		var r rune
		n := 2
		if at+6 <= len(literal) && literal[at+1] == 'u' {
			code, _ := strconv.ParseUint(string(literal[at+2:at+6]), 16, 16)
			r, n = rune(code), 6
			if utf16.IsSurrogate(r) { // half of a pair: the other half follows
				r, n = utf8.MaxRune, 12
			}
		}
		at, content = at+n, content+utf8.RuneLen(r)
	}
	return at
}
