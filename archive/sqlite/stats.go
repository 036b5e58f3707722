package sqlite

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"time"

	okchat "github.com/okchat/okchat-go"
	"github.com/okchat/okchat-go/archive"
	"github.com/okchat/okchat-go/archive/internal/column"
)

// Stats counts the conversations of the archive that the options and the filter select. Days are those of the time zone, nil
// for UTC. Stats.AsOf is when the last run began that brought the archive up to date.
func (a *Archive) Stats(ctx context.Context, opts okchat.ListOptions, f archive.Filter, zone *time.Location) (*archive.Stats, error) {
	zone = cmp.Or(zone, time.UTC)
	stats := &archive.Stats{ChatbotID: a.chatbot, TimeZone: zone.String()}
	var asOf sql.NullString
	where, args := conditions(opts, f)
	err := a.row(ctx, `SELECT count(*), coalesce(sum(active), 0), coalesce(sum(is_human_mode), 0), (SELECT max(started_at) FROM runs)
		FROM conversations WHERE `+where, args...).Scan(&stats.Total, &stats.Active, &stats.HumanMode, &asOf)
	if err != nil {
		return nil, a.explain(err)
	}
	stats.AsOf, _ = time.Parse(column.TimeLayout, asOf.String)
	if stats.PerDay, err = a.days(ctx, where, args, zone); err != nil {
		return nil, a.explain(err)
	}
	for _, q := range []struct {
		into *[]archive.Count
		by   string
	}{{&stats.PerPlatform, "platform"}, {&stats.PerState, "state"}} {
		// The views count the same, but a file from elsewhere may define them otherwise.
		*q.into, err = a.counts(ctx, "SELECT "+q.by+", count(*) FROM conversations WHERE "+where+" GROUP BY 1 ORDER BY 2 DESC, 1", args...)
		if err != nil {
			return nil, a.explain(err)
		}
	}
	return stats, nil
}

// days counts the conversations of each day in the time zone. SQLite knows days in UTC alone.
func (a *Archive) days(ctx context.Context, where string, args []any, zone *time.Location) ([]archive.Count, error) {
	if zone == time.UTC {
		return a.counts(ctx, "SELECT substr(created_at, 1, 10), count(*) FROM conversations WHERE "+where+" GROUP BY 1 ORDER BY 1", args...)
	}
	rows, err := a.conn.QueryContext(ctx, "SELECT created_at FROM conversations WHERE "+where, args...) //nolint:gosec // of this package
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	counted := map[string]int{}
	for rows.Next() {
		var created string
		if err := rows.Scan(&created); err != nil {
			return nil, err
		}
		t, err := time.Parse(column.TimeLayout, created)
		if err != nil {
			return nil, fmt.Errorf("%s: the time %q: %w", a.path, created, errDamaged)
		}
		counted[t.In(zone).Format(time.DateOnly)]++
	}
	days := []archive.Count{}
	for _, day := range slices.Sorted(maps.Keys(counted)) {
		days = append(days, archive.Count{Name: day, Conversations: counted[day]})
	}
	return days, rows.Err()
}

func (a *Archive) counts(ctx context.Context, query string, args ...any) ([]archive.Count, error) {
	rows, err := a.conn.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	list := []archive.Count{}
	for rows.Next() {
		var name sql.NullString
		c := archive.Count{}
		if err := rows.Scan(&name, &c.Conversations); err != nil {
			return nil, err
		}
		c.Name, c.Missing = name.String, !name.Valid
		list = append(list, c)
	}
	return list, rows.Err()
}
