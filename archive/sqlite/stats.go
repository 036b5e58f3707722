package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	okchat "github.com/okchat/okchat-go"
	"github.com/okchat/okchat-go/archive"
	"github.com/okchat/okchat-go/internal/column"
)

// Stats counts the conversations of the archive that the options and the filter select. Days are those of the time zone, nil
// for UTC. Stats.AsOf is when the last run began that brought the archive up to date.
func (a *Archive) Stats(ctx context.Context, opts okchat.ListOptions, f archive.Filter, zone *time.Location) (*archive.Stats, error) {
	stats, err := a.stats(ctx, opts, f, zone)
	return stats, a.explain(err)
}

// AsOf returns when the last run began that brought the archive up to date; the zero time where none tells.
func (a *Archive) AsOf(ctx context.Context) (time.Time, error) {
	var started sql.NullString
	err := a.row(ctx, "SELECT max(started_at) FROM runs").Scan(&started)
	return timeOf(started), a.explain(err)
}

func (a *Archive) stats(ctx context.Context, opts okchat.ListOptions, f archive.Filter, zone *time.Location) (*archive.Stats, error) {
	asOf, err := a.AsOf(ctx)
	if err != nil {
		return nil, err
	}
	counter := archive.NewCounter(a.chatbot, asOf, zone)
	where, args := conditions(opts, f)
	query := "SELECT created_at, platform, state, coalesce(active, 0), coalesce(is_human_mode, 0) FROM conversations WHERE " + where //nolint:gosec // of this package
	rows, err := a.conn.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var created string
		var platform, state sql.NullString
		var active, humanMode bool
		if err := rows.Scan(&created, &platform, &state, &active, &humanMode); err != nil {
			return nil, err
		}
		at, err := time.Parse(column.TimeLayout, created)
		if err != nil {
			return nil, fmt.Errorf("%s: the time %q: %w", a.path, created, errDamaged)
		}
		counter.Add(at, named(platform), named(state), active, humanMode)
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	if a.version < 3 { // which has no messages
		return counter.Stats(), nil
	}
	if err := a.countMessages(ctx, counter, where, args); err != nil {
		return nil, err
	}
	return counter.Stats(), nil
}

// countMessages adds the messages of the conversations that match the condition to the counter.
func (a *Archive) countMessages(ctx context.Context, counter *archive.Counter, where string, args []any) error {
	//nolint:gosec // the condition is of this package
	query := fmt.Sprintf(`SELECT c.n, coalesce(is_human_mode, 0), m.created_at, coalesce(sender_type, '')
		FROM (SELECT n, id, is_human_mode FROM conversations
			WHERE (messages_read_at IS NOT NULL OR EXISTS (SELECT 1 FROM messages WHERE session_id = conversations.id)) AND %s) c
		LEFT JOIN messages m ON m.session_id = c.id ORDER BY c.n`, where)
	rows, err := a.conn.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	var of, n int64
	var human, nextHuman bool
	var messages []archive.Sent
	count := func() {
		if of != 0 {
			counter.AddMessages(messages, human)
		}
	}
	for rows.Next() {
		var created sql.NullString
		var sender string
		if err := rows.Scan(&n, &nextHuman, &created, &sender); err != nil {
			return err
		}
		if n != of {
			count()
			of, human, messages = n, nextHuman, messages[:0]
		}
		if !created.Valid {
			continue
		}
		at, err := time.Parse(column.TimeLayout, created.String)
		if err != nil {
			return fmt.Errorf("%s: the time %q of a message: %w", a.path, created.String, errDamaged)
		}
		messages = append(messages, archive.Sent{At: at, Sender: okchat.SenderType(sender)})
	}
	count()
	return rows.Err()
}

func named(s sql.NullString) archive.Count { return archive.Count{Name: s.String, Missing: !s.Valid} }
