package archive

import (
	"reflect"
	"testing"
	"time"

	"github.com/okchat/okchat-go/gen/okchatapi"
)

func TestMessagesAreCountedPerDayAndSender(t *testing.T) {
	at := func(day, second int) time.Time { return time.Date(2025, 3, day, 12, 0, second, 0, time.UTC) }
	const user, bot = okchatapi.SenderTypeUser, okchatapi.SenderTypeBot
	c := NewCounter("x", time.Time{}, nil)
	c.AddMessages([]Sent{{at(2, 0), bot}, {at(2, 3), user}, {at(2, 4), user}, {at(2, 13), bot}, {at(3, 0), "agent"}}, false) // 10 s, not sorted by luck
	c.AddMessages([]Sent{{at(4, 20), bot}, {at(4, 0), user}}, false)                                                         // 20 s
	c.AddMessages([]Sent{{at(4, 0), user}}, true)                                                                            // no answer
	c.AddMessages(nil, false)
	want := &MessageStats{Conversations: 4, Total: 8, User: 4, Bot: 3, Answered: 2, FirstAnswer: 15, Human: 2, PerDay: []MessageCount{
		{Day: "2025-03-02", User: 2, Bot: 2}, {Day: "2025-03-03", Other: 1}, {Day: "2025-03-04", User: 2, Bot: 1},
	}}
	if got := c.Stats().Messages; !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, expected %+v", got, want)
	}
}

func TestWithoutMessagesThereAreNoNumbersOfThem(t *testing.T) {
	if got := NewCounter("x", time.Time{}, nil).Stats().Messages; got != nil {
		t.Errorf("got %+v", got)
	}
}
