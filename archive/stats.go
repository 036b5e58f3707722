package archive

import (
	"cmp"
	"context"
	"slices"
	"time"

	okchat "github.com/okchat/okchat-go"
)

// Stats counts conversations that are in the list. Make one with [NewStats] or [SQLite.Stats].
type Stats struct {
	ChatbotID string `json:"chatbot_id"`
	// Total counts all, Active those that can go on, HumanMode those that a human agent has taken over (both presumably:
	// the vendor does not explain them).
	Total     int `json:"total"`
	Active    int `json:"active"`
	HumanMode int `json:"human_mode"`
	// PerDay has a count for each day (UTC) on which a conversation started, oldest first; the others the larger first.
	PerDay      []Count `json:"per_day"`
	PerPlatform []Count `json:"per_platform"`
	PerState    []Count `json:"per_state"`

	days, platforms, states map[string]int
}

// Count is how many conversations there are of a name, or of a day such as 2025-03-07.
type Count struct {
	Name          string `json:"name"`
	Conversations int    `json:"conversations"`
}

// NewStats counts the conversations of a walk.
func NewStats(ctx context.Context, from Source, chatbotID string, opts okchat.ListOptions) (*Stats, error) {
	s := &Stats{ChatbotID: chatbotID, days: map[string]int{}, platforms: map[string]int{}, states: map[string]int{}}
	for page, err := range from.Pages(ctx, chatbotID, opts) {
		if err != nil {
			return nil, err
		}
		for i := range page.Items {
			s.count(&page.Items[i])
		}
	}
	s.PerDay, s.PerPlatform, s.PerState = counts(s.days), counts(s.platforms), counts(s.states)
	slices.SortFunc(s.PerDay, func(a, b Count) int { return cmp.Compare(a.Name, b.Name) })
	return s, nil
}

func (s *Stats) count(conv *okchat.Conversation) {
	s.Total++
	if conv.Active {
		s.Active++
	}
	if conv.IsHumanMode {
		s.HumanMode++
	}
	s.days[conv.CreatedAt.UTC().Format(time.DateOnly)]++
	s.platforms[string(conv.Platform)]++
	s.states[string(conv.State)]++
}

// counts orders the larger first.
func counts(m map[string]int) []Count {
	list := make([]Count, 0, len(m))
	for name, n := range m {
		list = append(list, Count{name, n})
	}
	slices.SortFunc(list, func(a, b Count) int {
		return cmp.Or(cmp.Compare(b.Conversations, a.Conversations), cmp.Compare(a.Name, b.Name))
	})
	return list
}

// Stats counts the conversations of the archive that were in the list when it was last brought up to date.
func (s *SQLite) Stats() (*Stats, error) {
	stats := &Stats{ChatbotID: s.chatbot}
	err := s.row("SELECT count(*), coalesce(sum(active), 0), coalesce(sum(is_human_mode), 0) FROM conversations WHERE gone_at IS NULL").
		Scan(&stats.Total, &stats.Active, &stats.HumanMode)
	if err != nil {
		return nil, s.explain(err)
	}
	for _, q := range []struct {
		into  *[]Count
		query string
	}{
		{&stats.PerDay, "SELECT day, listed FROM per_day WHERE listed > 0 ORDER BY day"},
		{&stats.PerPlatform, "SELECT platform, listed FROM per_platform WHERE listed > 0 ORDER BY listed DESC, platform"},
		{&stats.PerState, "SELECT state, listed FROM per_state WHERE listed > 0 ORDER BY listed DESC, state"},
	} {
		if *q.into, err = s.counts(q.query); err != nil {
			return nil, s.explain(err)
		}
	}
	return stats, nil
}

func (s *SQLite) counts(query string) ([]Count, error) {
	rows, err := s.conn.QueryContext(context.Background(), query)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	list := []Count{}
	for rows.Next() {
		var c Count
		if err := rows.Scan(&c.Name, &c.Conversations); err != nil {
			return nil, err
		}
		list = append(list, c)
	}
	return list, rows.Err()
}
