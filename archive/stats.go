package archive

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	okchat "github.com/okchat/okchat-go"
	"github.com/okchat/okchat-go/gen/okchatapi"
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
	// Messages counts the messages of these conversations; nil where none were read.
	Messages *MessageStats `json:"messages,omitempty"`
}

// MessageStats counts the messages that are stored of the conversations of a [Stats].
type MessageStats struct {
	// Conversations is on how many conversations the numbers rest: those whose messages were read, at any time.
	Conversations int `json:"conversations"`
	// Total counts messages, those that are gone included; User and Bot those of the two senders that the samples show.
	Total int `json:"total"`
	User  int `json:"user"`
	Bot   int `json:"bot"`
	// Answered counts the conversations in which somebody else wrote after the user's first message, and FirstAnswer is the
	// median of the seconds from that message to the first one after it of another sender; 0 where there are none.
	Answered    int     `json:"answered"`
	FirstAnswer float64 `json:"first_answer_seconds"`
	// Human counts the conversations that show that a human took part: is_human_mode is set, or somebody wrote who is neither
	// user nor bot (assumed, as no recording shows a human's message).
	Human int `json:"human"`
	// PerDay has a count for each day on which a message was sent, oldest first.
	PerDay []MessageCount `json:"per_day"`
}

// MessageCount is how many messages were sent on a day such as 2025-03-07, and by whom.
type MessageCount struct {
	Day   string `json:"day"`
	User  int    `json:"user"`
	Bot   int    `json:"bot"`
	Other int    `json:"other"`
}

// Count is how many conversations there are of a name, or of a day such as 2025-03-07.
type Count struct {
	Name string `json:"name"`
	// Missing is set for the conversations for which the server sent no name; Name is empty then.
	Missing       bool `json:"missing,omitempty"`
	Conversations int  `json:"conversations"`
}

// String returns the name, or (missing) where the server sent none.
func (c Count) String() string {
	if c.Missing {
		return "(missing)"
	}
	return c.Name
}

// Largest returns the largest number of the counts, 0 if there are none.
func Largest(counts []Count) (most int) {
	for _, c := range counts {
		most = max(most, c.Conversations)
	}
	return most
}

// String puts the numbers into words, and tells what they rest on.
func (m *MessageStats) String() string {
	text := fmt.Sprintf("%d messages in the %d conversations that were read: %d by users, %d by the bot", m.Total, m.Conversations, m.User, m.Bot)
	if other := m.Total - m.User - m.Bot; other > 0 {
		text += fmt.Sprintf(", %d by others", other)
	}
	if m.Answered > 0 {
		text += fmt.Sprintf("; the first answer after %v, the median of %d", time.Duration(m.FirstAnswer*float64(time.Second)).Round(100*time.Millisecond), m.Answered)
	}
	return text + fmt.Sprintf("; a human took part in %d, as far as is_human_mode and the senders show", m.Human)
}

// Days returns how many messages were sent each day, in the form of the counts of conversations.
func (m *MessageStats) Days() []Count {
	counts := make([]Count, len(m.PerDay))
	for i, day := range m.PerDay {
		counts[i] = Count{Name: day.Day, Conversations: day.User + day.Bot + day.Other}
	}
	return counts
}

// NewStats counts the conversations of a walk, by days of the time zone, nil for UTC. After an error that matches
// [okchat.ErrItems] or [okchat.ErrIncomplete] the counts are those of the conversations that came; after any other there are
// none.
func NewStats(ctx context.Context, from Source, chatbotID string, opts okchat.ListOptions, zone *time.Location) (*Stats, error) {
	c := NewCounter(chatbotID, time.Now(), zone)
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
			if err := c.AddConversation(&page.Items[i]); err != nil {
				return nil, err
			}
		}
	}
	return c.Stats(), ended
}

// Counter adds up a [Stats] one conversation at a time. Its memory grows with the days, platforms and states that there are, and
// by eight bytes for each conversation with messages.
type Counter struct {
	stats                   Stats
	zone                    *time.Location
	days, platforms, states map[Count]int
	messageDays             map[string]*MessageCount
	waits                   []float64 // seconds from a user's first message to the answer
	row                     column.Row
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

// AddConversation counts a conversation that was decoded from JSON by [Counter.Add].
func (c *Counter) AddConversation(conv *okchat.Conversation) error {
	if err := c.row.Read(conv); err != nil {
		return err
	}
	named := func(column string) Count {
		v := c.row.Get(column)
		return Count{Name: v.Text, Missing: v.Null}
	}
	c.Add(conv.CreatedAt, named("platform"), named("state"), c.row.Get("active").Text == "true", c.row.Get("is_human_mode").Text == "true")
	return nil
}

// Sent is when a message was sent, and by whom.
type Sent struct {
	At     time.Time
	Sender okchat.SenderType
}

// AddMessages counts the messages of one conversation, which [Counter.Add] has counted with the same humanMode. It sorts them by
// their time.
func (c *Counter) AddMessages(messages []Sent, humanMode bool) {
	slices.SortStableFunc(messages, func(a, b Sent) int { return a.At.Compare(b.At) })
	if c.stats.Messages == nil {
		c.stats.Messages, c.messageDays = &MessageStats{}, map[string]*MessageCount{}
	}
	m := c.stats.Messages
	m.Conversations++
	human := humanMode
	var asked, answered time.Time
	for _, message := range messages {
		name := message.At.In(c.zone).Format(time.DateOnly)
		day := c.messageDays[name]
		if day == nil {
			day = &MessageCount{Day: name}
			c.messageDays[name] = day
		}
		m.Total++
		switch message.Sender {
		case okchatapi.SenderTypeUser:
			m.User++
			day.User++
			if asked.IsZero() {
				asked = message.At
			}
			continue
		case okchatapi.SenderTypeBot:
			m.Bot++
			day.Bot++
		default:
			day.Other++
			human = true
		}
		if !asked.IsZero() && answered.IsZero() {
			answered = message.At
			c.waits = append(c.waits, answered.Sub(asked).Seconds())
		}
	}
	if human {
		m.Human++
	}
}

// Stats returns what was counted.
func (c *Counter) Stats() *Stats {
	s := c.stats
	s.PerDay, s.PerPlatform, s.PerState = counts(c.days), counts(c.platforms), counts(c.states)
	slices.SortFunc(s.PerDay, func(a, b Count) int { return cmp.Compare(a.Name, b.Name) })
	if s.Messages != nil {
		m := *s.Messages
		m.PerDay, m.Answered = make([]MessageCount, 0, len(c.messageDays)), len(c.waits)
		for _, day := range slices.Sorted(maps.Keys(c.messageDays)) {
			m.PerDay = append(m.PerDay, *c.messageDays[day])
		}
		if n := len(c.waits); n > 0 {
			slices.Sort(c.waits)
			m.FirstAnswer = (c.waits[(n-1)/2] + c.waits[n/2]) / 2
		}
		s.Messages = &m
	}
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
