package archive

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	okchat "github.com/okchat/okchat-go"
	"github.com/okchat/okchat-go/internal/column"
)

// Stats counts conversations, as [NewStats] or an SQLite archive does.
type Stats struct {
	ChatbotID string `json:"chatbot_id"`
	// AsOf is when the list was as it is counted; zero where no run tells.
	AsOf time.Time `json:"as_of,omitzero"`
	// TimeZone is the IANA name of the time zone of the days, such as UTC or Asia/Seoul.
	TimeZone string `json:"time_zone"`
	// Total counts all, Active those that can go on, HumanMode those that a human agent has taken over (both presumably:
	// the vendor does not explain them). A conversation whose server did not send the member counts as neither.
	Total     int `json:"total"`
	Active    int `json:"active"`
	HumanMode int `json:"human_mode"`
	// PerDay has a count for each day on which a conversation started, oldest first; the others have the larger first.
	PerDay      []Count `json:"per_day"`
	PerPlatform []Count `json:"per_platform"`
	PerState    []Count `json:"per_state"`
}

// Count is how many conversations there are of a name, or of a day such as 2025-03-07.
type Count struct {
	Name string `json:"name"`
	// Missing is set for the conversations for which the server sent no name; Name is empty then.
	Missing       bool `json:"missing,omitempty"`
	Conversations int  `json:"conversations"`
}

// NewStats counts the conversations of a walk, by days of the time zone, nil for UTC. After an error that matches
// [okchat.ErrItems] or [okchat.ErrIncomplete] the counts are those of the conversations that came; after any other there are
// none.
func NewStats(ctx context.Context, from Source, chatbotID string, opts okchat.ListOptions, zone *time.Location) (*Stats, error) {
	c := NewCounter(chatbotID, time.Now(), zone)
	var row column.Row
	var ended error
	for page, err := range from.Pages(ctx, chatbotID, opts) {
		if errors.Is(err, okchat.ErrItems) || errors.Is(err, okchat.ErrIncomplete) {
			ended = err
			break
		}
		if err != nil {
			return nil, err
		}
		for i := range page.Items {
			if err := row.Read(&page.Items[i]); err != nil {
				return nil, err
			}
			c.Add(page.Items[i].CreatedAt, named(row.Get("platform")), named(row.Get("state")), row.Get("active").Text == "true", row.Get("is_human_mode").Text == "true")
		}
	}
	return c.Stats(), ended
}

func named(v column.Value) Count { return Count{Name: v.Text, Missing: v.Null} }

// Counter adds up a [Stats] one conversation at a time. Its memory grows with the days, platforms and states that there are.
type Counter struct {
	stats                   Stats
	zone                    *time.Location
	days, platforms, states map[Count]int
}

// NewCounter returns a counter for the list of a chatbot as it was at a time, with days of the time zone, nil for UTC.
func NewCounter(chatbotID string, asOf time.Time, zone *time.Location) *Counter {
	zone = cmp.Or(zone, time.UTC)
	return &Counter{stats: Stats{ChatbotID: chatbotID, AsOf: asOf.UTC().Truncate(time.Microsecond), TimeZone: zone.String()}, zone: zone,
		days: map[Count]int{}, platforms: map[Count]int{}, states: map[Count]int{}}
}

// Add counts one conversation. The Conversations of platform and state are not used.
func (c *Counter) Add(created time.Time, platform, state Count, active, humanMode bool) {
	c.stats.Total++
	if active {
		c.stats.Active++
	}
	if humanMode {
		c.stats.HumanMode++
	}
	c.days[Count{Name: created.In(c.zone).Format(time.DateOnly)}]++
	c.platforms[platform]++
	c.states[state]++
}

// Stats returns what was counted.
func (c *Counter) Stats() *Stats {
	s := c.stats
	s.PerDay, s.PerPlatform, s.PerState = counts(c.days), counts(c.platforms), counts(c.states)
	slices.SortFunc(s.PerDay, func(a, b Count) int { return cmp.Compare(a.Name, b.Name) })
	return &s
}

// counts orders the larger first.
func counts(m map[Count]int) []Count {
	list := make([]Count, 0, len(m))
	for c, n := range m {
		c.Conversations = n
		list = append(list, c)
	}
	slices.SortFunc(list, func(a, b Count) int {
		return cmp.Or(cmp.Compare(b.Conversations, a.Conversations), cmp.Compare(a.Name, b.Name))
	})
	return list
}
