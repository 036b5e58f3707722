package main

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/mattn/go-runewidth"

	okchat "github.com/okchat/okchat-go"
)

// table writes rows as they come: columns fitted to a terminal, or tab-separated text for programs. The line of names comes
// with the first row.
type table struct {
	out     io.Writer
	width   int // the terminal's, 0 where there is none
	zone    *time.Location
	columns []tableColumn
	begun   bool
}

// tableColumn is a column with its width on a terminal, which shrinks to least where there is little room. The last column
// takes what the others leave.
type tableColumn struct {
	name         string
	width, least int
	cell         func(conv *okchat.Conversation, origin string) string
}

func newTable(out io.Writer, width int, origin bool, zone *time.Location) *table {
	t := &table{out: out, width: width, zone: zone, columns: []tableColumn{
		{"CREATED", len("2006-01-02 15:04"), len("2006-01-02 15:04"), func(c *okchat.Conversation, _ string) string {
			if width > 0 {
				return c.CreatedAt.In(zone).Format("2006-01-02 15:04")
			}
			return c.CreatedAt.In(zone).Format(time.RFC3339)
		}},
		{"ID", 8, 8, func(c *okchat.Conversation, _ string) string {
			id := c.ID.String()
			if width > 0 {
				id = id[:8]
			}
			return id
		}},
		{"PLATFORM", len("facebook-messenger"), 6, func(c *okchat.Conversation, _ string) string { return string(c.Platform) }},
		{"USER", 14, 6, func(c *okchat.Conversation, _ string) string {
			for _, id := range []*string{c.SNSUserID, c.UserID} {
				if id != nil {
					return *id
				}
			}
			return "-"
		}},
		{"STATE", len("in_progress"), 6, func(c *okchat.Conversation, _ string) string { return string(c.State) }},
		{"ORIGIN", len("synthetic"), len("synthetic"), func(_ *okchat.Conversation, origin string) string { return origin }},
		{"LAST MESSAGE", 16, 16, func(c *okchat.Conversation, _ string) string {
			if text, ok := c.LastMessage.Content(); ok {
				return text
			}
			return "-"
		}},
	}}
	if !origin {
		t.columns = slices.DeleteFunc(t.columns, func(c tableColumn) bool { return c.name == "ORIGIN" })
	}
	if width > 0 {
		t.columns[0].name += " " + time.Now().In(zone).Format("MST")
		t.fit()
	}
	return t
}

// fit makes the columns as wide as the terminal together. The widest shrink first; where that does not do, those before the
// message go, from the right.
func (t *table) fit() {
	for {
		last := len(t.columns) - 1
		room, widest := t.width-len("  ")*last, -1
		for i, c := range t.columns {
			room -= c.width
			if c.width > c.least && (widest < 0 || c.width > t.columns[widest].width) {
				widest = i
			}
		}
		switch {
		case room >= 0 || last == 0:
			t.columns[last].width = max(t.columns[last].width+room, 1)
			return
		case widest >= 0:
			t.columns[widest].width--
		default:
			t.columns = slices.Delete(t.columns, last-1, last)
		}
	}
}

func (t *table) row(conv *okchat.Conversation, origin string) error {
	if !t.begun {
		t.begun = true
		if err := t.write(func(c tableColumn) string { return c.name }); err != nil {
			return err
		}
	}
	return t.write(func(c tableColumn) string { return c.cell(conv, origin) })
}

func (t *table) write(cell func(tableColumn) string) error {
	cells, gap := make([]string, len(t.columns)), "\t"
	for i, c := range t.columns {
		cells[i] = plain(cell(c))
		if t.width > 0 {
			cells[i], gap = runewidth.Truncate(cells[i], c.width, "…"), "  "
			if i < len(cells)-1 {
				cells[i] = runewidth.FillRight(cells[i], c.width)
			}
		}
	}
	_, err := io.WriteString(t.out, strings.Join(cells, gap)+"\n")
	return err
}

// terminal writes text from outside to a terminal. What could steer it stands as \u and four hexadecimal digits, which in a
// JSON string means the same.
type terminal struct {
	out  io.Writer
	rest []byte // of a character that was cut off
}

// forTerminal returns out, or a writer in front of it if it is a terminal.
func forTerminal(out io.Writer, is bool) io.Writer {
	if is {
		return &terminal{out: out}
	}
	return out
}

func (t *terminal) Write(p []byte) (int, error) {
	text := slices.Concat(t.rest, p)
	var safe []byte
	for len(text) > 0 && (utf8.FullRune(text) || len(text) >= utf8.UTFMax) {
		r, size := utf8.DecodeRune(text)
		if text = text[size:]; r != '\n' && r != '\t' && r != ' ' && r != zeroWidthJoiner && !unicode.IsGraphic(r) {
			for _, unit := range utf16.Encode([]rune{r}) {
				safe = fmt.Appendf(safe, "\\u%04x", unit)
			}
			continue
		}
		safe = utf8.AppendRune(safe, r)
	}
	t.rest = bytes.Clone(text)
	if _, err := t.out.Write(safe); err != nil {
		return 0, err
	}
	return len(p), nil
}

const zeroWidthJoiner = '\u200d' // joins emoji

// plain returns text from outside on one line and without characters that could steer a terminal.
func plain(s string) string {
	return strings.Join(strings.Fields(strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case !unicode.IsGraphic(r) && r != zeroWidthJoiner:
			return -1
		}
		return r
	}, s)), " ")
}
