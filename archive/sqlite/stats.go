package sqlite

import (
	"cmp"
	"context"
	"database/sql"
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
	moment := len(time.DateOnly) // of created_at: what tells the day
	if zone != time.UTC {
		moment = len(time.DateTime)
	}
	for _, q := range []struct {
		into      *[]archive.Count
		by, order string
	}{
		{&stats.PerDay, "substr(created_at, 1, ?)", "1"},
		{&stats.PerPlatform, "platform", "2 DESC, 1"},
		{&stats.PerState, "state", "2 DESC, 1"},
	} {
		args := args
		if q.order == "1" {
			args = append([]any{moment}, args...)
		}
		// The views count the same, but a file from elsewhere may define them otherwise.
		*q.into, err = a.counts(ctx, "SELECT "+q.by+", count(*) FROM conversations WHERE "+where+" GROUP BY 1 ORDER BY "+q.order, args...)
		if err != nil {
			return nil, a.explain(err)
		}
	}
	if zone != time.UTC {
		stats.PerDay = daysIn(stats.PerDay, zone)
	}
	return stats, nil
}

// daysIn adds up the counts of seconds in UTC, which are in order, to days in the time zone.
func daysIn(seconds []archive.Count, zone *time.Location) []archive.Count {
	days := seconds[:0]
	for _, c := range seconds {
		if t, err := time.Parse("2006-01-02T15:04:05", c.Name); err == nil {
			c.Name = t.In(zone).Format(time.DateOnly)
		}
		if last := len(days) - 1; last >= 0 && days[last].Name == c.Name {
			days[last].Conversations += c.Conversations
			continue
		}
		days = append(days, c)
	}
	return days
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
