package archive

import (
	"encoding/csv"
	"io"
	"strconv"
	"strings"

	okchat "github.com/okchat/okchat-go"
)

// csvColumns are stable: new ones come last. docs/archive.md says what each holds.
var csvColumns = []string{
	"id", "chatbot_id", "created_at", "updated_at", "platform", "state", "active", "is_human_mode", "migrated_data",
	"sns_user_id", "user_id", "session_token", "voice_path",
	"last_message", "last_message_id", "last_message_sender", "metadata", "unknown",
}

// NewCSV makes a writer of comma-separated values (RFC 4180, UTF-8) under a line of column names: times in UTC with six
// digits of fraction, which sort as text; null as an empty cell; objects as JSON. No cell can start a formula in a
// spreadsheet: see docs/archive.md for how, and for the way back.
func NewCSV(w io.Writer) Writer {
	return &csvWriter{out: csv.NewWriter(w)}
}

type csvWriter struct {
	out    *csv.Writer
	begun  bool
	record []string
}

func (c *csvWriter) WritePage(page []okchat.Conversation) error {
	if err := c.begin(); err != nil {
		return err
	}
	for i := range page {
		r, err := rowOf(&page[i])
		if err != nil {
			return err
		}
		c.record = append(c.record[:0],
			r.id, r.chatbotID, r.createdAt, r.updatedAt, defuse(r.platform), defuse(r.state),
			strconv.FormatBool(r.active), strconv.FormatBool(r.humanMode), strconv.FormatBool(r.migrated),
			cell(r.snsUserID), cell(r.userID), cell(r.sessionToken), cell(r.voicePath),
			cell(r.lastMessage), cell(r.lastMessageID), cell(r.lastMessageSender), cell(r.metadata), cell(r.unknown))
		if err := c.out.Write(c.record); err != nil {
			return err
		}
	}
	return nil
}

func (c *csvWriter) begin() error {
	if c.begun {
		return nil
	}
	c.begun = true
	return c.out.Write(csvColumns)
}

func (c *csvWriter) Close() error {
	// An empty list has columns too.
	if err := c.begin(); err != nil {
		return err
	}
	c.out.Flush()
	return c.out.Error()
}

func cell(s *string) string {
	if s == nil {
		return ""
	}
	return defuse(*s)
}

// defuse puts an apostrophe before text that a spreadsheet would run as a formula. Text that has apostrophes there
// already gets one more, so that taking one away always brings the text back.
func defuse(s string) string {
	if rest := strings.TrimLeft(s, "'"); rest != "" && strings.ContainsRune("=+-@\t\r", rune(rest[0])) {
		return "'" + s
	}
	return s
}
