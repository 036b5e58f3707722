// Package terminal keeps text from outside from steering a terminal.
package terminal

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

const zeroWidthJoiner = '\u200d' // joins emoji

// harmless reports whether a terminal shows r and does nothing else.
func harmless(r rune) bool { return unicode.IsGraphic(r) || r == zeroWidthJoiner }

// Line returns s on one line, with white space as single spaces and without characters that could steer a terminal.
func Line(s string) string {
	return strings.Join(strings.Fields(strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case !harmless(r):
			return -1
		}
		return r
	}, s)), " ")
}

// Guard returns out, or a writer in front of it if it is a terminal. Through that, what could steer the terminal comes as \u and
// four hexadecimal digits, which in a JSON string means the same; new lines and tabs pass. A Write may end within a character.
func Guard(out io.Writer, isTerminal bool) io.Writer {
	if isTerminal {
		return &writer{out: out}
	}
	return out
}

type writer struct {
	out  io.Writer
	rest []byte // of a character that was cut off
}

func (w *writer) Write(p []byte) (int, error) {
	text := slices.Concat(w.rest, p)
	var safe []byte
	for len(text) > 0 && (utf8.FullRune(text) || len(text) >= utf8.UTFMax) {
		r, size := utf8.DecodeRune(text)
		if text = text[size:]; r != '\n' && r != '\t' && !harmless(r) {
			for _, unit := range utf16.Encode([]rune{r}) {
				safe = fmt.Appendf(safe, "\\u%04x", unit)
			}
			continue
		}
		safe = utf8.AppendRune(safe, r)
	}
	w.rest = bytes.Clone(text)
	if _, err := w.out.Write(safe); err != nil {
		return 0, err
	}
	return len(p), nil
}
