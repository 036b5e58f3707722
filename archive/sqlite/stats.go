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

func (a *Archive) stats(ctx context.Context, opts okchat.ListOptions, f archive.Filter, zone *time.Location) (*archive.Stats, error) {
	var started sql.NullString
	if err := a.row(ctx, "SELECT max(started_at) FROM runs").Scan(&started); err != nil {
		return nil, err
	}
	asOf, _ := time.Parse(column.TimeLayout, started.String) // the zero time where none tells
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
	return counter.Stats(), rows.Err()
}

func named(s sql.NullString) archive.Count { return archive.Count{Name: s.String, Missing: !s.Valid} }
