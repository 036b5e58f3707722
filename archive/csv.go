package archive

import (
	"bufio"
	"cmp"
	"io"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	okchat "github.com/okchat/okchat-go"
	"github.com/okchat/okchat-go/internal/column"
	"github.com/okchat/okchat-go/internal/lazy"
)

// CSVOptions select a variant of CSV. The zero value selects the one that [NewCSV] describes.
type CSVOptions struct {
	// Zone is the time zone of times, which then end in their offset such as +09:00; nil for UTC and a Z.
	Zone *time.Location
	// Excel makes a file that Excel opens by a double click as it is meant: a byte order mark, CRLF, times such as
	// 2025-03-07 13:56:09 that it takes for dates, and texts of digits as formulas such as ="0012", so that they stay texts.
	Excel bool
	// Append leaves out the line of column names, for an output that has it already.
	Append bool
}

// NewCSV returns a writer of comma-separated values (RFC 4180, UTF-8) under a line of column names: times in UTC with six
// digits of fraction, which sort as text; null as an empty cell; objects as JSON. No cell can start a formula in a
// spreadsheet: docs/archive.md tells how, and the way back.
func NewCSV(w io.Writer, opts CSVOptions) Writer {
	return newCSVWriter(bufio.NewWriterSize(w, bufferSize), column.Conversations().Columns, opts)
}

func newCSVWriter(buffered *bufio.Writer, columns []column.Column, opts CSVOptions) *csvWriter {
	c := &csvWriter{columns: columns, cells: make([]string, len(columns)), CSVOptions: opts, out: buffered, buffered: buffered}
	if opts.Excel && !opts.Append {
		_, _ = buffered.WriteString("\ufeff") // an error comes back with the next one
	}
	return c
}

type csvWriter struct {
	CSVOptions

	out      io.Writer
	buffered *bufio.Writer // to flush
	columns  []column.Column
	row      column.Row
	cells    []string
	line     []byte
}

// write writes the cells as a line. It does what encoding/csv does, in a third of the time.
func (c *csvWriter) write() error {
	c.line = c.line[:0]
	for i, cell := range c.cells {
		if i > 0 {
			c.line = append(c.line, ',')
		}
		if !needsQuotes(cell) {
			c.line = append(c.line, cell...)
			continue
		}
		c.line = append(c.line, '"')
		if c.Excel {
			cell = crlf.Replace(cell)
		}
		for at := strings.IndexByte(cell, '"'); at >= 0; at = strings.IndexByte(cell, '"') {
			c.line = append(append(c.line, cell[:at]...), `""`...)
			cell = cell[at+1:]
		}
		c.line = append(append(c.line, cell...), '"')
	}
	if c.Excel {
		c.line = append(c.line, '\r')
	}
	c.line = append(c.line, '\n')
	_, err := c.out.Write(c.line)
	return err
}

// crlf makes the ends of lines those of Windows.
var crlf = strings.NewReplacer("\r", "", "\n", "\r\n")

// needsQuotes reports whether a reader would take the text for something else without quotes: one of several cells or lines, one
// without the space that it begins with, or the end of the data that PostgreSQL knows.
func needsQuotes(cell string) bool {
	if cell == "" {
		return false
	}
	for _, b := range []byte(",\"\n\r") {
		if strings.IndexByte(cell, b) >= 0 {
			return true
		}
	}
	if b := cell[0]; b > ' ' && b < utf8.RuneSelf {
		return cell == `\.`
	}
	first, _ := utf8.DecodeRuneInString(cell)
	return unicode.IsSpace(first)
}

func (c *csvWriter) WritePage(page []okchat.Conversation) error {
	if err := c.begin(); err != nil {
		return err
	}
	for i := range page {
		if err := c.fill(0, &page[i]); err != nil {
			return err
		}
		if err := c.write(); err != nil {
			return err
		}
	}
	return nil
}

// fill fills the cells from a place on with the columns of an item.
func (c *csvWriter) fill(from int, item column.Item) error {
	if err := c.row.Read(item); err != nil {
		return err
	}
	for i, value := range c.row.Values {
		c.cells[from+i] = c.cell(&c.columns[from+i], value)
	}
	return nil
}

func (c *csvWriter) cell(of *column.Column, value column.Value) string {
	switch {
	case of.Time && !value.Null && (c.Excel || c.Zone != nil):
		layout := time.DateTime
		if !c.Excel {
			layout = "2006-01-02T15:04:05.000000Z07:00"
		}
		return parseTime(value.Text).In(cmp.Or(c.Zone, time.UTC)).Format(layout)
	case of.Free && c.Excel && isNumber(value.Text):
		return `="` + value.Text + `"`
	case of.Free:
		return defuse(value.Text)
	}
	return value.Text
}

// parseTime reads a time that a column of times holds.
func parseTime(text string) time.Time {
	t, _ := time.Parse(column.TimeLayout, text) // which the column has written
	return t
}

// begin writes the names of the columns, which an empty list has, too.
func (c *csvWriter) begin() error {
	if c.Append {
		return nil
	}
	c.Append = true
	for i := range c.columns {
		c.cells[i] = c.columns[i].Name
	}
	return c.write()
}

func (c *csvWriter) Flush() error {
	if err := c.begin(); err != nil {
		return err
	}
	return c.buffered.Flush()
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
	if s == "" || s[0] > '@' && s[0] < '\x7f' || s[0] >= '0' && s[0] <= '9' {
		return false // most texts
	}
	if s[0] == '\t' || s[0] == '\r' {
		return true
	}
	s = strings.TrimLeftFunc(s, func(r rune) bool {
		return unicode.IsSpace(r) || unicode.In(r, unicode.Cc, unicode.Cf, unicode.Mn, unicode.Me, unicode.Other_Default_Ignorable_Code_Point)
	})
	return strings.IndexAny(s, "=+-@＝＋－＠") == 0
}

// isNumber reports whether Excel may take s for a number, an amount, a date or a time and would not give it back as it was. Of
// months it knows the English names. The text of a formula is at most 255 characters long.
func isNumber(s string) bool {
	return len(s) <= 255 && strings.ContainsAny(s, "0123456789") && !isFormula(s) && likeNumber().MatchString(s)
}

var likeNumber = lazy.Regexp(`(?i)^(?:[0-9.,:/%+\-() $€£¥₩]|e|am|pm|jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)+$`)
