package exchange

import (
	"errors"
	"io"
	"slices"
)

// scanner cuts a JSON text into values as it is read, without a tree and without keeping more than the value at hand. It
// follows strings and brackets alone; whoever takes a value apart finds what else is wrong with it.
type scanner struct {
	r        io.Reader
	buf      []byte
	pos, end int   // what is still to be taken of buf
	err      error // of the last read
	settled  int   // the byte of buf that place is about
	place    Source
	limit    int // bytes of a value that are kept
}

// errLarge is why the rest of a value was not kept.
var errLarge = errors.New("larger than the limit")

// fill reads on. It is called when all of buf was taken.
func (s *scanner) fill() error {
	s.settle()
	if s.buf == nil {
		s.buf = make([]byte, 64<<10)
	}
	s.pos, s.end, s.settled = 0, 0, 0
	for s.end == 0 && s.err == nil {
		s.end, s.err = s.r.Read(s.buf)
	}
	if s.end > 0 {
		return nil
	}
	return s.err
}

// settle brings place up to what was taken.
func (s *scanner) settle() {
	s.place = s.place.after(s.buf[s.settled:s.pos])
	s.settled = s.pos
}

// peek returns the next byte that is no white space, without taking it.
func (s *scanner) peek() (byte, error) {
	for {
		for ; s.pos < s.end; s.pos++ {
			if c := s.buf[s.pos]; c != ' ' && c != '\n' && c != '\t' && c != '\r' {
				return c, nil
			}
		}
		if err := s.fill(); err != nil {
			return 0, err
		}
	}
}

// value takes the next value and returns its text, which is the caller's. A long string that would make the text larger than
// the limit is kept as an empty one, and where it begins is in cuts. With errLarge the text was dropped for its length all
// the same; the value was taken to its end. White space is left out where it would make the text too large, which squeezed
// reports.
func (s *scanner) value() (text []byte, cuts []int, squeezed bool, err error) {
	if _, err := s.peek(); err != nil {
		return nil, nil, false, err
	}
	s.settle()
	v := scannedValue{limit: s.limit, literal: -1}
	for {
		if s.pos == s.end {
			if err := s.fill(); err != nil {
				return v.text, v.cuts, v.squeezed, err
			}
		}
		var done bool
		s.pos, done = v.scan(s.buf, s.pos, s.end)
		if done {
			return v.text, v.cuts, v.squeezed, v.err
		}
	}
}

// scannedValue is a value while it is taken.
type scannedValue struct {
	limit    int
	text     []byte
	cuts     []int
	squeezed bool
	err      error
	depth    int
	literal  int  // where in text the string at hand begins, -1 outside of strings
	escaped  bool // the next byte is escaped by the last of the chunk before
	dropping bool // the string at hand is too long
}

// scan takes bytes of a chunk until the value or the chunk ends. It returns the offset of the next byte and whether the value
// has ended.
func (v *scannedValue) scan(buf []byte, from, end int) (next int, done bool) {
	i := from
	if v.escaped {
		i++
		v.escaped = false
	}
	for i < end && !done {
		if v.literal >= 0 {
			for i < end && buf[i] != '"' && buf[i] != '\\' {
				i++
			}
			switch {
			case i == end:
			case buf[i] == '\\':
				v.escaped = i+1 == end
				i = min(i+2, end)
			default:
				if v.dropping {
					from, v.dropping = i, false
				}
				v.literal, done = -1, v.depth == 0
				i++
			}
			continue
		}
		switch buf[i] {
		case '"':
			v.literal = len(v.text) + i - from
		case '{', '[':
			v.depth++
		case '}', ']':
			if v.depth--; v.depth < 0 {
				v.keep(buf[from:i])
				return i, true // after a number
			}
			done = v.depth == 0
		case ',', ':', ' ', '\t', '\r', '\n':
			if v.depth == 0 {
				v.keep(buf[from:i])
				return i, true // after a number
			}
		}
		i++
	}
	v.keep(buf[from:i])
	return i, done
}

// longString is how many bytes a string has at least that is cut out of a value which is too large.
const longString = 4 << 10

func (v *scannedValue) keep(p []byte) {
	if v.dropping || v.err != nil {
		return
	}
	if v.text = append(v.text, p...); len(v.text) <= v.limit {
		return
	}
	if v.literal >= 0 && len(v.text)-v.literal > longString {
		v.cuts, v.dropping = append(v.cuts, v.literal), true
		v.text = v.text[:v.literal+1]
		return
	}
	v.squeeze()
	if len(v.text) > v.limit/2 {
		v.text, v.err = nil, errLarge
	}
}

// moved notes that a string begins elsewhere.
func (v *scannedValue) moved(from, to int) {
	if v.literal == from {
		v.literal = to
	}
	if i := slices.Index(v.cuts, from); i >= 0 {
		v.cuts[i] = to
	}
}

// squeeze leaves out the white space between tokens.
func (v *scannedValue) squeeze() {
	n, quoted := 0, false
	for i := 0; i < len(v.text); i++ {
		c := v.text[i]
		switch {
		case quoted && c == '\\' && i+1 < len(v.text):
			v.text[n] = c
			n, i = n+1, i+1
			c = v.text[i]
		case c == '"':
			if quoted = !quoted; quoted {
				v.moved(i, n)
			}
		case !quoted && (c == ' ' || c == '\n' || c == '\t' || c == '\r'):
			continue
		}
		v.text[n] = c
		n++
	}
	v.text, v.squeezed = v.text[:n], true
}
