package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"strconv"
	"strings"
	"time"

	okchat "github.com/okchat/okchat-go"
	"github.com/okchat/okchat-go/archive"
	"github.com/okchat/okchat-go/internal/column"
)

// ErrNoConversation matches the error of [Archive.Conversation] where no id, or more than one, begins as asked for.
var ErrNoConversation = errors.New("no such conversation")

// Conversation is a conversation as the archive keeps it.
type Conversation struct {
	okchat.Conversation
	// GoneAt is when the run began that no longer saw it in the list; zero while it is there.
	GoneAt time.Time
	// Unread reports whether the archive has no messages of it because they were never read, or not to the end.
	Unread bool
	// Position is where it stands in the list of [Archive.Newest].
	Position Position
}

// Message is a message as the archive keeps it.
type Message struct {
	okchat.Message
	// GoneAt is when its conversation was read that no longer had it; zero while it is there.
	GoneAt time.Time
}

// Position is a place in a list that has the newest first. The zero value is its beginning.
type Position struct {
	at  string // a time by column.TimeLayout
	row int64  // orders what has the same time, descending
}

// String returns the position as text for [ParsePosition], empty for the beginning.
func (p Position) String() string {
	if p.at == "" {
		return ""
	}
	return p.at + "," + strconv.FormatInt(p.row, 10)
}

// ParsePosition is the inverse of [Position.String].
func ParsePosition(text string) (Position, error) {
	if text == "" {
		return Position{}, nil
	}
	at, row, _ := strings.Cut(text, ",")
	number, err := strconv.ParseInt(row, 10, 64)
	if err == nil {
		_, err = time.Parse(column.TimeLayout, at)
	}
	if err != nil {
		return Position{}, fmt.Errorf("the position is %q, expected one that Position.String returned", text)
	}
	return Position{at, number}, nil
}

// behind returns the condition that selects what comes behind the position, for the columns of a time and of a number.
func (p Position) behind(at, row string) (condition string, args []any) {
	if p.at == "" {
		return "true", nil
	}
	return "(" + at + ", " + row + ") < (?, ?)", []any{p.at, p.row}
}

// stored returns the columns that scanConversation reads.
func (a *Archive) stored() string {
	unread := "messages_read_at IS NULL AND NOT EXISTS (SELECT 1 FROM messages WHERE session_id = conversations.id)"
	if a.version < 3 {
		unread = "true"
	}
	return "rowid, created_at, raw, gone_at, " + unread
}

func (a *Archive) scanConversation(rows interface{ Scan(dest ...any) error }) (*Conversation, error) {
	var c Conversation
	var raw []byte
	var gone sql.NullString
	if err := rows.Scan(&c.Position.row, &c.Position.at, &raw, &gone, &c.Unread); err != nil {
		return nil, err
	}
	if err := c.UnmarshalJSON(raw); err != nil {
		return nil, fmt.Errorf("%s: the JSON of a conversation: %w: %w", a.path, err, errDamaged)
	}
	c.GoneAt = timeOf(gone)
	return &c, nil
}

// timeOf returns the time that a column holds, zero for null and for what is no time.
func timeOf(text sql.NullString) time.Time {
	t, _ := time.Parse(column.TimeLayout, text.String)
	return t
}

// Newest returns up to limit of the conversations that the options and the filter select, newest first, from behind a
// position on. It takes as long for the last of them as for the first.
func (a *Archive) Newest(ctx context.Context, opts okchat.ListOptions, f archive.Filter, after Position, limit int) ([]Conversation, error) {
	where, args := conditions(opts, f)
	behind, place := after.behind("created_at", "rowid")
	query := "SELECT " + a.stored() + " FROM conversations WHERE " + where + " AND " + behind + " ORDER BY created_at DESC, rowid DESC LIMIT ?"
	return a.conversations(ctx, query, append(append(args, place...), limit)...)
}

func (a *Archive) conversations(ctx context.Context, query string, args ...any) (list []Conversation, err error) {
	rows, err := a.conn.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, a.explain(err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		c, err := a.scanConversation(rows)
		if err != nil {
			return nil, a.explain(err)
		}
		list = append(list, *c)
	}
	return list, a.explain(rows.Err())
}

// Conversation returns the conversation whose id is, or alone begins with, id. Otherwise the error matches
// [ErrNoConversation]. Hexadecimal digits are taken in either case.
func (a *Archive) Conversation(ctx context.Context, id string) (*Conversation, error) {
	id = strings.ToLower(id)
	if id == "" || len(id) > 36 || strings.Trim(id, "0123456789abcdef-") != "" {
		return nil, fmt.Errorf("%w: the id is %q, expected the first digits of a UUID or all of it", okchat.ErrArgument, id)
	}
	const few = 4
	list, err := a.conversations(ctx, "SELECT "+a.stored()+" FROM conversations WHERE id >= ?1 AND id < ?1 || 'g' ORDER BY id LIMIT ?2", id, few)
	switch {
	case err != nil:
		return nil, err
	case len(list) == 0:
		return nil, fmt.Errorf("%w in %s: no id begins with %s", ErrNoConversation, a.path, id)
	case len(list) > 1:
		var ids []string
		for _, c := range list {
			ids = append(ids, c.ID.String())
		}
		if len(ids) == few {
			ids[few-1] = "more"
		}
		return nil, fmt.Errorf("%w: in %s the ids of %s and %s begin with %s, so give more of it",
			ErrNoConversation, a.path, strings.Join(ids[:len(ids)-1], ", "), ids[len(ids)-1], id)
	}
	return &list[0], nil
}

// Transcript returns the messages of a conversation, oldest first, with those that were taken back. There are none where they
// were never read. The sequence ends after an error.
func (a *Archive) Transcript(ctx context.Context, conversationID string) iter.Seq2[Message, error] {
	return func(yield func(Message, error) bool) {
		if err := a.transcript(ctx, conversationID, yield); err != nil {
			yield(Message{}, a.explain(err))
		}
	}
}

func (a *Archive) transcript(ctx context.Context, conversationID string, yield func(Message, error) bool) error {
	if a.version < 3 {
		return nil
	}
	rows, err := a.conn.QueryContext(ctx, "SELECT raw, gone_at FROM messages WHERE session_id = ? ORDER BY created_at, n", strings.ToLower(conversationID))
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var m Message
		var raw []byte
		var gone sql.NullString
		if err := rows.Scan(&raw, &gone); err != nil {
			return err
		}
		if err := m.UnmarshalJSON(raw); err != nil {
			return fmt.Errorf("%s: the JSON of a message: %w: %w", a.path, err, errDamaged)
		}
		m.GoneAt = timeOf(gone)
		if !yield(m, nil) {
			return nil
		}
	}
	return rows.Err()
}

// Messages implements [archive.MessageSource] by [Archive.Transcript], without a look at the options. Messages that are gone
// are left out, unless the filter selects what is gone. Where the messages of the conversation were never read, the error
// matches [okchat.ErrNotFound]. It may be used within the pages.
func (s *Selection) Messages(ctx context.Context, _, conversationID string, _ okchat.MessageOptions) iter.Seq2[okchat.Message, error] {
	return func(yield func(okchat.Message, error) bool) {
		a := s.archive
		conv, err := a.Conversation(ctx, conversationID)
		if errors.Is(err, ErrNoConversation) || err == nil && conv.Unread {
			err = fmt.Errorf("%s has no messages of conversation %s: %w", a.path, conversationID, okchat.ErrNotFound)
		}
		if err != nil {
			yield(okchat.Message{}, err)
			return
		}
		for m, err := range a.Transcript(ctx, conversationID) {
			if err == nil && !m.GoneAt.IsZero() && !s.filter.Gone {
				continue
			}
			if !yield(m.Message, err) {
				return
			}
		}
	}
}
