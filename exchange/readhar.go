package exchange

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// errStop ends the reading early because the consumer has enough.
var errStop = errors.New("stop")

// harReader takes a file apart.
type harReader struct {
	name    string
	maxBody int   // of a body
	files   fs.FS // that entries may name, nil where there are none
	scan    scanner
	window  window
	found   bool // log.entries
	index   int  // of the entry at hand, counted from 1
	// What the members before the entries say of all of them.
	synthetic, shareable bool
}

func (h *harReader) errorf(format string, args ...any) error {
	return fmt.Errorf("%s: %w", h.name, fmt.Errorf(format, args...))
}

func (h *harReader) read(r io.Reader) error {
	text, skipped, err := plainText(r)
	if err != nil {
		return h.broken(err)
	}
	// A body may double where JSON escapes it; what else an entry holds gets as much room.
	h.scan = scanner{r: text, place: Source{File: h.name, Line: 1, Column: 1, Offset: skipped}, limit: 2*h.maxBody + 1<<20}
	err = h.object("a JSON object with the member log", func(name string) (bool, error) {
		if name != "log" {
			return false, nil
		}
		return true, h.object("an object with the member entries", func(name string) (bool, error) {
			if name != "entries" {
				return false, nil
			}
			h.found = true
			return true, h.sequence('[', ']', "the array log.entries", func() error {
				h.index++
				return h.part(&Part{Source: Source{Entry: h.index}})
			})
		})
	})
	switch {
	case err != nil:
		return err
	case !h.found:
		return h.errorf("expected the members log and entries of a HAR file, got other JSON: record it again as HAR 1.2")
	case h.index == 0:
		return h.errorf("expected at least one entry in log.entries, got none: record a request and its response")
	}
	_, err = h.scan.peek()
	switch {
	case err == nil:
		return h.unexpected("the end of the file after the JSON document")
	case !errors.Is(err, io.EOF):
		return h.broken(err)
	}
	return nil
}

// object reads an object and calls read for each member; where that does not take the value, it is handed on as a part.
func (h *harReader) object(what string, read func(name string) (bool, error)) error {
	return h.sequence('{', '}', what, func() error {
		quoted, _, _, err := h.scan.value()
		if err != nil {
			return h.broken(err)
		}
		name, err := jsontext.AppendUnquote(nil, quoted)
		if err != nil || quoted[0] != '"' {
			return h.unexpected("the name of a member")
		}
		if err := h.expect(':', "a colon"); err != nil {
			return err
		}
		took, err := read(string(name))
		if err != nil || took {
			return err
		}
		return h.part(&Part{Name: string(name)})
	})
}

func (h *harReader) sequence(begin, end byte, what string, read func() error) error {
	if err := h.expect(begin, what); err != nil {
		return err
	}
	for first := true; ; first = false {
		c, err := h.scan.peek()
		switch {
		case err != nil:
			return h.broken(err)
		case c == end:
			h.scan.pos++
			return nil
		case !first:
			if err := h.expect(',', "a comma"); err != nil {
				return err
			}
		}
		if err := read(); err != nil {
			return err
		}
	}
}

func (h *harReader) expect(want byte, what string) error {
	c, err := h.scan.peek()
	switch {
	case err != nil:
		return h.broken(err)
	case c != want:
		return h.unexpected(what)
	}
	h.scan.pos++
	return nil
}

// part reads the next value as a part and hands it on.
func (h *harReader) part(p *Part) error {
	if _, err := h.scan.peek(); err != nil {
		return h.broken(err)
	}
	h.scan.settle()
	number := p.Source.Entry
	p.Source = h.scan.place
	p.Source.Entry = number
	var err error
	p.Text, p.cuts, p.squeezed, err = h.scan.value()
	switch {
	case errors.Is(err, errLarge):
		err = fmt.Errorf("expected at most %d bytes beside its long strings, got more: raise the limit of a body, or remove it", h.scan.limit)
		if p.err = err; !p.IsEntry() {
			return h.errorf("byte %d: member %.40q: %w", p.Source.Offset, p.Name, err)
		}
	case err != nil:
		return h.broken(err)
	case len(p.Text) == 0:
		return h.unexpected("JSON")
	}
	p.maxBody = h.maxBody
	if p.IsEntry() {
		p.synthetic, p.shareable = h.synthetic, h.shareable
		if p.attach(h.files, h.maxBody); !h.window.add(p) {
			return errStop
		}
		return nil
	}
	if !isJSON(p.Text) {
		return h.errorf("byte %d: expected JSON, got something else: record it again as HAR 1.2", p.Source.Offset)
	}
	if bytes.Equal(p.Text, []byte("true")) {
		h.synthetic = h.synthetic || p.Name == "_synthetic"
		h.shareable = h.shareable || p.Name == "_published" || p.Name == "_redacted"
	}
	if !h.window.yield(p, nil) {
		return errStop
	}
	return nil
}

// unexpected tells what was expected where something else stands.
func (h *harReader) unexpected(what string) error {
	h.scan.settle()
	return h.errorf("byte %d: expected %s, got something else: record it again as HAR 1.2", h.scan.place.Offset, what)
}

// broken tells at which byte the file breaks off, or why it cannot be read on.
func (h *harReader) broken(err error) error {
	h.scan.settle()
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return h.errorf("byte %d: expected more JSON, got the end of the file: it was cut off, record it again", h.scan.place.Offset)
	}
	return fmt.Errorf("%s: byte %d: expected to read on, got: %w: check the file and its permissions", h.name, h.scan.place.Offset, err)
}

// window puts the entries of a recording in the order of their times, as far as those that belong together stand within
// its bounds.
type window struct {
	yield func(*Part, error) bool
	list  []timed
	bytes int
	last  time.Time // of the entry read last
	late  bool      // whether some entry came after one of a later time
}

type timed struct {
	part *Part
	time time.Time
}

const (
	orderly        = 48  // entries, while all came in order
	maxWindow      = 256 // entries, afterwards
	maxWindowBytes = 4 << 20
)

// add takes an entry, and hands on what the window has no more room for. It returns false when the consumer has enough.
func (w *window) add(p *Part) bool {
	if t := startedIn(p.Text); !t.IsZero() {
		w.last = t
	}
	w.list = append(w.list, timed{p, w.last})
	for i := len(w.list) - 1; i > 0 && w.list[i].time.Before(w.list[i-1].time); i-- {
		w.list[i], w.list[i-1] = w.list[i-1], w.list[i]
		w.late = true
	}
	most := orderly
	if w.late {
		most = maxWindow
	}
	for w.bytes += len(p.Text); len(w.list) > 0 && (len(w.list) > most || w.bytes > maxWindowBytes); {
		if !w.pop() {
			return false
		}
	}
	return true
}

func (w *window) pop() bool {
	p := w.list[0].part
	w.list[0].part = nil
	w.list = w.list[1:]
	w.bytes -= len(p.Text)
	return w.yield(p, nil)
}

// flush hands on what is left.
func (w *window) flush() bool {
	for len(w.list) > 0 {
		if !w.pop() {
			return false
		}
	}
	return true
}
