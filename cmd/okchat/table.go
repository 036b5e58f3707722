package main

import (
	"cmp"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/mattn/go-runewidth"

	okchat "github.com/okchat/okchat-go"
	"github.com/okchat/okchat-go/internal/pages"
	"github.com/okchat/okchat-go/internal/terminal"
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
		{"USER", 14, 6, func(c *okchat.Conversation, _ string) string { return cmp.Or(pages.UserOf(c), "-") }},
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
		cells[i] = terminal.Line(cell(c))
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
