package sqlite

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	okchat "github.com/okchat/okchat-go"
)

const bot = "5afe16ed-5fd2-4552-a993-903bc9c32bb6"

// pages returns a source of one page of conversations that came as these JSON texts.
func pages(t *testing.T, raws ...string) held {
	t.Helper()
	page := &okchat.Page[okchat.Conversation]{}
	for _, raw := range raws {
		var conv okchat.Conversation
		if err := json.Unmarshal([]byte(raw), &conv); err != nil {
			t.Fatal(err)
		}
		page.Items = append(page.Items, conv)
	}
	return held{page}
}

// conversation returns the JSON of a conversation whose members between its ids and its end are more.
func conversation(more string) string {
	return `{"id":"00000000-0000-4000-8000-00000000000a","chatbot_id":"` + bot + `","created_at":"2025-03-07T10:00:00Z",` + more + `}`
}

func TestAChangedConversationKeepsItsEarlierValues(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.sqlite")
	for _, raw := range []string{
		conversation(`"state":"open","updated_at":"2025-03-07T10:00:00Z","last_message":{"id":"00000000-0000-4000-8000-0000000000aa","content":"first","sender_type":"user"}`),
		conversation(`"state":"open","updated_at":"2025-03-07T11:00:00Z","last_message":"second"`),
		conversation(`"state":"open","updated_at":"2025-03-07T11:00:00Z","last_message":"second","voice_path":"a.ogg"`), // nothing that is kept
		conversation(`"state":"closed","updated_at":"2025-03-07T11:00:00Z","last_message":null,"voice_path":"a.ogg"`),
	} {
		update(t, path, bot, pages(t, raw), okchat.ListOptions{}, false)
	}
	got := query(t, path, `SELECT r.id, s.id, c.updated_at, c.state, c.last_message, c.last_message_id, c.last_message_sender FROM changes c
		JOIN runs r ON r.started_at = c.changed_at JOIN runs s ON s.started_at = c.last_seen ORDER BY r.id`)
	want := []string{
		"2|1|2025-03-07T10:00:00.000000Z|open|first|00000000-0000-4000-8000-0000000000aa|user",
		"4|3|2025-03-07T11:00:00.000000Z|open|second|<nil>|<nil>",
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("the history is\n%s, expected\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if got := one(t, path, "SELECT changed FROM runs WHERE id > 1"); got != "1\n1\n1" {
		t.Errorf("the runs changed %s", got)
	}
}

func TestOnlyWhatTheJSONMeansIsAChange(t *testing.T) {
	const before = `"state":"open","later":{"a":1.0,"b":["\u00e9",null],"id":"00000000-0000-4000-8000-00000000000b"}`
	for name, tt := range map[string]struct {
		raw  string
		want int
	}{
		"the order of members":    {`{"later":{"id":"00000000-0000-4000-8000-00000000000b","b":["\u00e9",null],"a":1.0},` + conversation(`"state":"open"`)[1:], 0},
		"white space":             {conversation(` "state" : "open" , "later": { "a" : 1.0, "b":[ "\u00e9" , null ],"id":"00000000-0000-4000-8000-00000000000b"} `), 0},
		"an escape":               {conversation(strings.ReplaceAll(before, `\u00e9`, "é")), 0},
		"capitals in a UUID":      {strings.NewReplacer("00000000000a", "00000000000A", "00000000000b", "00000000000B").Replace(conversation(before)), 0},
		"a number":                {conversation(strings.ReplaceAll(before, "1.0", "1.1")), 1},
		"capitals in other texts": {conversation(strings.ReplaceAll(before, "open", "Open")), 1},
		"a member that left":      {conversation(`"state":"open"`), 1},
		"null for nothing":        {conversation(before + `,"voice_path":null`), 1},
	} {
		path := filepath.Join(t.TempDir(), "a.sqlite")
		update(t, path, bot, pages(t, conversation(before)), okchat.ListOptions{}, false)
		if got := update(t, path, bot, pages(t, tt.raw), okchat.ListOptions{}, false); got.Changed != tt.want || got.Added != 0 {
			t.Errorf("%s: the run did %+v, expected %d changed", name, got, tt.want)
		}
	}
}
