package main

import (
	"io"
	"strings"
	"unicode"

	"github.com/mattn/go-runewidth"

	okchat "github.com/okchat/okchat-go"
)

const (
	timeFormat = "2006-01-02 15:04"
	// pipedWidth is for readers without a terminal, and minMessage what the message gets on a narrow one.
	pipedWidth = 120
	minMessage = 16
)

// table writes rows of fixed columns as they come; the last message takes what is left of the line.
type table struct {
	out     io.Writer
	origin  bool
	message int
}

var columnWidths = [...]int{len(timeFormat), len("facebook-messenger"), len("in_progress"), len("synthetic")}

func newTable(out io.Writer, width int, origin bool) *table {
	if width == 0 {
		width = pipedWidth
	}
	t := &table{out: out, origin: origin}
	for _, w := range t.widths() {
		width -= w + len("  ")
	}
	t.message = max(width, minMessage)
	_ = t.write("TIME (UTC)", "PLATFORM", "STATE", "ORIGIN", "LAST MESSAGE")
	return t
}

func (t *table) widths() []int {
	if t.origin {
		return columnWidths[:]
	}
	return columnWidths[:len(columnWidths)-1]
}

func (t *table) row(conv okchat.Conversation, origin string) error {
	message, ok := conv.LastMessage.Content()
	if !ok {
		message = "-"
	}
	return t.write(conv.CreatedAt.UTC().Format(timeFormat), string(conv.Platform), string(conv.State), origin, message)
}

func (t *table) write(created, platform, state, origin, message string) error {
	cells := [...]string{created, platform, state, origin}
	var line strings.Builder
	for i, width := range t.widths() {
		cell := runewidth.Truncate(plain(cells[i]), width, "…")
		line.WriteString(runewidth.FillRight(cell, width))
		line.WriteString("  ")
	}
	line.WriteString(runewidth.Truncate(plain(message), t.message, "…"))
	line.WriteByte('\n')
	_, err := io.WriteString(t.out, line.String())
	return err
}

// plain puts text from outside on one line, and keeps it from steering the terminal.
func plain(s string) string {
	return strings.Join(strings.Fields(strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case !unicode.IsGraphic(r) && r != '\u200d': // emoji are joined by it
			return -1
		}
		return r
	}, s)), " ")
}
