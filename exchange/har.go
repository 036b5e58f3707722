package exchange

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"iter"

	"github.com/go-json-experiment/json/jsontext"
)

// ReadHAR reads the exchanges of a recording in the HAR 1.2 format, which browsers and proxies write, one at a time: it
// never holds more of the file than one entry. name is what errors and [Exchange.Source] call the file. A member
// "_published", "_redacted" or "_synthetic" that is true marks an entry, or all entries where it stands in the log before
// them.
//
// An error ends the sequence. It tells on one line what was expected, what came, at which byte or entry, and what to do:
// the file is not JSON or breaks off, has no log or no entries, or an entry lacks its request or response. r is not
// closed.
func ReadHAR(r io.Reader, name string) iter.Seq2[*Exchange, error] {
	return func(yield func(*Exchange, error) bool) {
		for part, err := range readParts(r, Recording{Name: name}) {
			var ex *Exchange
			switch {
			case err == nil && !part.IsEntry():
				continue
			case err == nil:
				ex, err = part.Exchange()
				if err != nil {
					ex = nil
				}
			}
			if !yield(ex, err) || err != nil {
				return
			}
		}
	}
}

// Part is a piece of a recording: an entry, or another member of the file or of its log.
type Part struct {
	// Source is where the piece begins.
	Source Source
	// Name is the member's, empty for an entry.
	Name string
	// Text is the piece's JSON value as it stands in the file.
	Text []byte

	recording Recording
	marks     map[string]bool // the members of the log that are true
}

// IsEntry reports whether the part is an entry of the log: only those have an Exchange.
func (p *Part) IsEntry() bool { return p.Source.Entry > 0 }

// readParts cuts a recording into its parts, in the order of the file.
func readParts(r io.Reader, recording Recording) iter.Seq2[*Part, error] {
	return func(yield func(*Part, error) bool) {
		h := &harReader{recording: recording, marks: make(map[string]bool), yield: yield}
		buffered := bufio.NewReaderSize(r, 64<<10)
		// HAR's specification has readers ignore a byte order mark.
		if mark, _ := buffered.Peek(3); string(mark) == "\xef\xbb\xbf" {
			buffered.Discard(3)
			h.skipped = 3
		}
		h.lines.r = buffered
		h.dec = jsontext.NewDecoder(&h.lines, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
		found := false
		err := h.object("log", func(key string) (bool, error) {
			if key != "log" {
				return false, nil
			}
			return true, h.object("entries", func(key string) (bool, error) {
				switch {
				case key == "entries":
					found = true
					return true, h.entries()
				case h.dec.PeekKind() == 't':
					h.marks[key] = true
				}
				return false, nil
			})
		})
		switch {
		case errors.Is(err, errStop):
		case err != nil:
			yield(nil, err)
		case !found:
			yield(nil, h.errorf("expected the members log and entries of a HAR file, got other JSON: record it again as HAR 1.2"))
		case h.index == 0:
			yield(nil, h.errorf("expected at least one entry in log.entries, got none: record a request and its response"))
		}
	}
}

// errStop ends the reading early because the consumer has enough.
var errStop = errors.New("stop")

// harReader walks a file's tokens.
type harReader struct {
	recording Recording
	yield     func(*Part, error) bool
	dec       *jsontext.Decoder
	lines     lines
	skipped   int64 // bytes before the decoder's first
	index     int   // of the next entry
	marks     map[string]bool
}

func (h *harReader) errorf(format string, args ...any) error {
	return fmt.Errorf("%s: %s", h.recording.Name, fmt.Sprintf(format, args...))
}

// object reads an object and calls read for each member; where that does not take the value, it is skipped.
func (h *harReader) object(member string, read func(key string) (bool, error)) error {
	if err := h.open('{', "an object with the member "+member); err != nil {
		return err
	}
	for h.dec.PeekKind() != '}' {
		key, err := h.dec.ReadToken()
		if err != nil {
			return h.broken(err)
		}
		name := key.String()
		took, err := read(name)
		if err != nil {
			return err
		}
		if !took {
			if err := h.part(&Part{Name: name}); err != nil {
				return err
			}
		}
	}
	if _, err := h.dec.ReadToken(); err != nil {
		return h.broken(err)
	}
	return nil
}

func (h *harReader) open(want jsontext.Kind, what string) error {
	token, err := h.dec.ReadToken()
	if err != nil {
		return h.broken(err)
	}
	if token.Kind() != want {
		return h.errorf("byte %d: expected %s, got other JSON: record it again as HAR 1.2", h.skipped+h.dec.InputOffset(), what)
	}
	return nil
}

func (h *harReader) entries() error {
	if err := h.open('[', "the array log.entries"); err != nil {
		return err
	}
	for h.dec.PeekKind() != ']' {
		h.index++
		if err := h.part(&Part{Source: Source{Entry: h.index}}); err != nil {
			return err
		}
	}
	if _, err := h.dec.ReadToken(); err != nil {
		return h.broken(err)
	}
	return nil
}

// part reads the next value as a part and hands it on.
func (h *harReader) part(p *Part) error {
	text, err := h.dec.ReadValue()
	if err != nil {
		return h.broken(err)
	}
	p.Text, p.recording, p.marks = text.Clone(), h.recording, h.marks
	p.Source.File = h.recording.Name
	p.Source.Offset = h.skipped + h.dec.InputOffset() - int64(len(text))
	p.Source.Line, p.Source.Column = h.lines.place(h.dec.InputOffset() - int64(len(text)))
	if !h.yield(p, nil) {
		return errStop
	}
	return nil
}

// broken tells at which byte the file stops to be the JSON that was expected.
func (h *harReader) broken(err error) error {
	at := h.skipped + h.dec.InputOffset()
	var syntax *jsontext.SyntacticError
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return h.errorf("byte %d: expected more JSON, got the end of the file: it was cut off, record it again", h.skipped+h.lines.read)
	case errors.As(err, &syntax):
		return h.errorf("byte %d: expected JSON, got something else: record it again as HAR 1.2", h.skipped+syntax.ByteOffset)
	default:
		return fmt.Errorf("%s: byte %d: expected to read on, got: %w: check the file and its permissions", h.recording.Name, at, err)
	}
}

// lines is a reader that knows where the lines begin of what is still to be taken from it.
type lines struct {
	r     io.Reader
	read  int64   // bytes so far
	ends  []int64 // offsets of line ends that place has not passed
	line  int     // line ends that it has
	start int64   // offset of that line's first byte
}

func (l *lines) Read(p []byte) (int, error) {
	n, err := l.r.Read(p)
	for i, c := range p[:n] {
		if c == '\n' {
			l.ends = append(l.ends, l.read+int64(i))
		}
	}
	l.read += int64(n)
	return n, err
}

// place returns the line and column of a byte, counted from 1. Offsets must not go back.
func (l *lines) place(offset int64) (line, column int) {
	passed := 0
	for passed < len(l.ends) && l.ends[passed] < offset {
		l.start = l.ends[passed] + 1
		passed++
	}
	l.ends = l.ends[passed:]
	l.line += passed
	return l.line + 1, int(offset-l.start) + 1
}
