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

// minMessage is the width of the message on a narrow terminal.
const minMessage = 16

// table writes rows as they come: columns fitted to a terminal, or tab-separated text for programs.
type table struct {
	out    io.Writer
	width  int // the terminal's, 0 where there is none
	origin bool
	now    time.Time
}

var columnWidths = [...]int{len("2006-01-02"), len("facebook-messenger"), len("in_progress"), len("synthetic")}

func newTable(out io.Writer, width int, origin bool) *table {
	t := &table{out: out, width: width, origin: origin, now: time.Now()}
	_ = t.write("CREATED", "PLATFORM", "STATE", "ORIGIN", "LAST MESSAGE")
	return t
}

func (t *table) row(conv okchat.Conversation, origin string) error {
	message, ok := conv.LastMessage.Content()
	if !ok {
		message = "-"
	}
	created := conv.CreatedAt.UTC().Format(time.RFC3339)
	if t.width > 0 {
		created = ago(t.now, conv.CreatedAt)
	}
	return t.write(created, string(conv.Platform), string(conv.State), origin, message)
}

func (t *table) write(created, platform, state, origin, message string) error {
	cells := []string{created, platform, state, origin, message}
	if !t.origin {
		cells = append(cells[:3], message)
	}
	for i := range cells {
		cells[i] = plain(cells[i])
	}
	if t.width > 0 {
		rest, last := t.width, len(cells)-1
		for i, width := range columnWidths[:last] {
			cells[i] = runewidth.FillRight(runewidth.Truncate(cells[i], width, "…"), width)
			rest -= width + len("  ")
		}
		cells[last] = runewidth.Truncate(cells[last], max(rest, minMessage), "…")
		_, err := io.WriteString(t.out, strings.Join(cells, "  ")+"\n")
		return err
	}
	_, err := io.WriteString(t.out, strings.Join(cells, "\t")+"\n")
	return err
}

// ago returns how long ago t was, or its day if that is a month or more.
func ago(now, t time.Time) string {
	switch d := now.Sub(t); {
	case d < 0 || d >= 30*24*time.Hour:
		return t.UTC().Format(time.DateOnly)
	case d < time.Minute:
		return "now"
	case d < time.Hour:
		return fmt.Sprintf("%d min ago", d/time.Minute)
	case d < 24*time.Hour:
		return fmt.Sprintf("%d h ago", d/time.Hour)
	default:
		return fmt.Sprintf("%d d ago", d/(24*time.Hour))
	}
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
