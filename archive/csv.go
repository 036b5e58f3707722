package archive

import (
	"bufio"
	"encoding/csv"
	"io"
	"strings"
	"unicode"

	okchat "github.com/okchat/okchat-go"
	"github.com/okchat/okchat-go/archive/internal/column"
)

// NewCSV returns a writer of comma-separated values (RFC 4180, UTF-8) under a line of column names: times in UTC with six
// digits of fraction, which sort as text; null as an empty cell; objects as JSON. No cell can start a formula in a
// spreadsheet: docs/archive.md tells how, and the way back.
func NewCSV(w io.Writer) Writer {
	c := &csvWriter{out: csv.NewWriter(bufio.NewWriterSize(w, bufferSize)), columns: column.Table()}
	c.cells = make([]string, len(c.columns))
	return c
}

// AppendCSV is [NewCSV] for an output that has the line of column names, and maybe more, already.
func AppendCSV(w io.Writer) Writer {
	c := NewCSV(w).(*csvWriter)
	c.begun = true
	return c
}

type csvWriter struct {
	out     *csv.Writer
	columns []column.Column
	row     column.Row
	cells   []string
	begun   bool
}

func (c *csvWriter) WritePage(page []okchat.Conversation) error {
	if err := c.begin(); err != nil {
		return err
	}
	for i := range page {
		if err := c.row.Read(&page[i]); err != nil {
			return err
		}
		for j, value := range c.row.Values {
			c.cells[j] = value.Text
			if c.columns[j].Free {
				c.cells[j] = defuse(value.Text)
			}
		}
		if err := c.out.Write(c.cells); err != nil {
			return err
		}
	}
	return nil
}

// begin writes the names of the columns, which an empty list has, too.
func (c *csvWriter) begin() error {
	if c.begun {
		return nil
	}
	c.begun = true
	for i := range c.columns {
		c.cells[i] = c.columns[i].Name
	}
	return c.out.Write(c.cells)
}

func (c *csvWriter) Flush() error {
	if err := c.begin(); err != nil {
		return err
	}
	c.out.Flush()
	return c.out.Error()
}

// defuse puts an apostrophe before text that a spreadsheet would run as a formula. Text of the same kind that has
// apostrophes there already gets one more, so that taking one away always brings the text back.
func defuse(s string) string {
	if isFormula(strings.TrimLeft(s, "'")) {
		return "'" + s
	}
	return s
}

// isFormula reports whether a spreadsheet may run s as a formula: one that drops white space and characters without a
// width before it, and takes full-width signs for plain ones, included.
func isFormula(s string) bool {
	if s == "" || s[0] > '@' && s[0] < utf8Start {
		return false // most texts
	}
	if s[0] == '\t' || s[0] == '\r' {
		return true
	}
	s = strings.TrimLeftFunc(s, func(r rune) bool { return unicode.IsSpace(r) || unicode.In(r, unicode.Cc, unicode.Cf) })
	return strings.IndexAny(s, "=+-@＝＋－＠") == 0
}

// utf8Start is less than the first byte of any character outside of ASCII.
const utf8Start = 0x80
