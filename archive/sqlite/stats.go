package sqlite

import (
	"context"

	"github.com/okchat/okchat-go/archive"
)

// Stats counts the conversations of the archive that were in the list when it was last brought up to date.
func (a *Archive) Stats(ctx context.Context) (*archive.Stats, error) {
	stats := &archive.Stats{ChatbotID: a.chatbot}
	err := a.row(ctx, "SELECT count(*), coalesce(sum(active), 0), coalesce(sum(is_human_mode), 0) FROM conversations WHERE gone_at IS NULL").
		Scan(&stats.Total, &stats.Active, &stats.HumanMode)
	if err != nil {
		return nil, a.explain(err)
	}
	for _, q := range []struct {
		into      *[]archive.Count
		by, order string
	}{
		{&stats.PerDay, "substr(created_at, 1, 10)", "1"},
		{&stats.PerPlatform, "platform", "2 DESC, 1"},
		{&stats.PerState, "state", "2 DESC, 1"},
	} {
		// The views count the same, but a file from elsewhere may define them otherwise.
		*q.into, err = a.counts(ctx, "SELECT "+q.by+", count(*) FROM conversations WHERE gone_at IS NULL GROUP BY 1 ORDER BY "+q.order)
		if err != nil {
			return nil, a.explain(err)
		}
	}
	return stats, nil
}

func (a *Archive) counts(ctx context.Context, query string) ([]archive.Count, error) {
	rows, err := a.conn.QueryContext(ctx, query)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	list := []archive.Count{}
	for rows.Next() {
		var name *string
		c := archive.Count{}
		if err := rows.Scan(&name, &c.Conversations); err != nil {
			return nil, err
		}
		if name != nil {
			c.Name = *name
		} else {
			c.Missing = true
		}
		list = append(list, c)
	}
	return list, rows.Err()
}
