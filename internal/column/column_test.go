package column

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	okchat "github.com/okchat/okchat-go"
	"github.com/okchat/okchat-go/gen/okchatapi"
)

// later stands for the type that a later contract generates: each kind of member that may come, in an order of its own.
type later struct {
	Zeal      *bool                `json:"zeal,omitempty"`
	Tags      *[]string            `json:"tags,omitempty"`
	ID        uuid.UUID            `json:"id"`
	Rating    *float64             `json:"rating,omitempty"`
	ChatbotID uuid.UUID            `json:"chatbot_id"`
	CreatedAt time.Time            `json:"created_at"`
	Count     *int64               `json:"count,omitempty"`
	ClosedAt  *time.Time           `json:"closed_at,omitempty"`
	Agent     *uuid.UUID           `json:"agent,omitempty"`
	Mood      *okchatapi.Platform  `json:"mood,omitempty"`
	State     okchatapi.SenderType `json:"state"`
}

func laterTable() *Table {
	return compile(reflect.TypeFor[later](), []string{"id", "chatbot_id", "created_at"}, "id", "chatbot_id", "created_at", "state", Unknown)
}

func TestAMemberThatTheContractGainsGetsAColumnBehindTheOthers(t *testing.T) {
	var got [][4]any
	for _, c := range laterTable().Columns {
		got = append(got, [4]any{c.Name, c.Type, c.NotNull, c.Truth})
	}
	want := [][4]any{
		{"id", "TEXT", true, false}, {"chatbot_id", "TEXT", true, false}, {"created_at", "TEXT", true, false}, {"state", "TEXT", false, false},
		{"unknown", "TEXT", false, false},
		{"agent", "TEXT", false, false}, {"closed_at", "TEXT", false, false}, {"count", "INTEGER", false, false}, {"mood", "TEXT", false, false},
		{"rating", "REAL", false, false}, {"tags", "TEXT", false, false}, {"zeal", "INTEGER", false, true},
	}
	if !slices.Equal(got, want) {
		t.Errorf("the columns are\n%v, expected\n%v", got, want)
	}
}

func TestEachKindOfMemberIsRead(t *testing.T) {
	raw := map[string]json.RawMessage{}
	text := `{"id":"00000000-0000-4000-8000-00000000000A","zeal":false,"tags":[ "a" ],"rating":-1.50,"count":9007199254740993,"closed_at":"2025-01-02T09:00:00+09:00",
		"agent":null,"mood":"=fine","state":"x"}`
	var value later
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(text), &raw); err != nil {
		t.Fatal(err)
	}
	want := map[string]Value{"id": {Text: "00000000-0000-4000-8000-00000000000a"}, "zeal": {Text: "false"}, "tags": {Text: `["a"]`}, "rating": {Text: "-1.50"},
		"count": {Text: "9007199254740993"}, "closed_at": {Text: "2025-01-02T00:00:00.000000Z"}, "agent": {Null: true}, "mood": {Text: "=fine"}, "state": {Text: "x"},
		"chatbot_id": {Null: true}, "created_at": {Null: true}}
	for _, c := range laterTable().Columns {
		if c.member < 0 {
			continue
		}
		if got := c.value(reflect.ValueOf(&value).Elem(), raw[c.Name]); got != want[c.Name] {
			t.Errorf("%s is %+v, expected %+v", c.Name, got, want[c.Name])
		}
	}
}

func TestEveryMemberOfTheContractHasAColumn(t *testing.T) {
	for generated, table := range map[reflect.Type]*Table{
		reflect.TypeFor[okchatapi.Conversation](): Conversations(),
		reflect.TypeFor[okchatapi.Message]():      Messages(),
	} {
		for field := range generated.Fields() {
			member, _, _ := strings.Cut(field.Tag.Get("json"), ",")
			if table.Place(member) < 0 {
				t.Errorf("there is no column for %s of %s", member, generated)
			}
		}
	}
}

func TestTheColumnsKeepTheirPlaces(t *testing.T) {
	for _, tt := range []struct {
		table *Table
		want  string
	}{
		{Conversations(), "id chatbot_id created_at updated_at platform state active is_human_mode migrated_data sns_user_id user_id session_token voice_path " +
			"last_message last_message_id last_message_sender metadata unknown"},
		{Messages(), "id session_id created_at sender_type content attachments model provider tokens_used tool_calls tool_results session_token " +
			"migrated_data metadata unknown"},
	} {
		var names []string
		for _, c := range tt.table.Columns {
			names = append(names, c.Name)
		}
		if got := strings.Join(names, " "); !strings.HasPrefix(got, tt.want) {
			t.Errorf("the columns are\n%s, expected them to begin as in the files that are there:\n%s", got, tt.want)
		}
	}
}

func TestWhatTheServerDidNotSendIsNull(t *testing.T) {
	const ids = `"id":"00000000-0000-4000-8000-000000000001","chatbot_id":"00000000-0000-4000-8000-00000000000b","created_at":"2025-03-07T10:00:00Z"`
	for raw, want := range map[string]map[string]Value{
		`{` + ids + `}`: {"id": {Text: "00000000-0000-4000-8000-000000000001"}, "created_at": {Text: "2025-03-07T10:00:00.000000Z"},
			"chatbot_id": {Text: "00000000-0000-4000-8000-00000000000b"}},
		`{` + ids + `,"active":null,"updated_at":null,"platform":null,"last_message":null,"metadata":null}`: {},
		`{` + ids + `,"active":false,"platform":"","last_message":"","metadata":{ },"user_id":"","x":null}`: {"active": {Text: "false"}, "platform": {},
			"last_message": {}, "metadata": {Text: "{}"}, "user_id": {}, "unknown": {Text: `{"x":null}`}},
		`{` + ids + `,"last_message":{"id":"00000000-0000-4000-8000-00000000000C","content":"hi","sender_type":"bot","x":1}}`: {"last_message": {Text: "hi"},
			"last_message_id": {Text: "00000000-0000-4000-8000-00000000000c"}, "last_message_sender": {Text: "bot"}},
		`{` + ids + `,"last_message":{"content":"","sender_type":null}}`: {"last_message": {}},
	} {
		var conv okchat.Conversation
		if err := json.Unmarshal([]byte(raw), &conv); err != nil {
			t.Fatal(err)
		}
		var row Row
		for range 2 { // the memory is used again
			if err := row.Read(&conv); err != nil {
				t.Fatal(err)
			}
		}
		for i, c := range Conversations().Columns {
			expected, ok := want[c.Name]
			if !ok && !c.NotNull {
				expected = Value{Null: true}
			}
			if (ok || !c.NotNull) && row.Values[i] != expected {
				t.Errorf("%s: %s is %+v, expected %+v", raw, c.Name, row.Values[i], expected)
			}
		}
	}
}

func TestAConversationThatWasMadeInGoIsRefused(t *testing.T) {
	if err := new(Row).Read(&okchat.Conversation{}); err == nil {
		t.Error("it was read")
	}
}

func TestTimesAreFormattedAsThePackageTimeDoes(t *testing.T) {
	for _, at := range []time.Time{
		{}, time.Date(2025, 3, 7, 4, 56, 9, 200005999, time.UTC), time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(9999, 12, 31, 23, 59, 59, 999999999, time.UTC),
		time.Date(2024, 2, 29, 23, 0, 0, 7000, time.FixedZone("", -5*3600)),
	} {
		if got, want := FormatTime(at), at.UTC().Format(TimeLayout); got != want {
			t.Errorf("%v is %s, expected %s", at, got, want)
		}
	}
}

func TestTimesInUTCAreTakenAsTheyCame(t *testing.T) {
	for sent, taken := range map[string]bool{
		`"2025-03-07T04:56:09.200005+00:00"`: true, `"2025-03-07T04:56:09+00:00"`: true, `"2025-03-07T04:56:09Z"`: true, `"2025-03-07T04:56:09.2Z"`: true,
		`"2025-03-07T04:56:09.123456789Z"`: true, `"2024-02-29T04:56:09.0000019+00:00"`: true,
		`"2025-03-07T04:56:09.2+09:00"`: false, `"2025-03-07T04:56:09.2-00:00"`: false, `"2025-03-07T04:56:09\u002e2Z"`: false, `"2025-03-07T04:56\u003a09Z"`: false,
	} {
		var text string
		if err := json.Unmarshal([]byte(sent), &text); err != nil {
			t.Fatal(err)
		}
		at, err := time.Parse(time.RFC3339, text)
		if err != nil {
			t.Fatal(err)
		}
		got, ok := utcText([]byte(sent))
		if ok != taken || ok && got != FormatTime(at) {
			t.Errorf("%s is %q, %v, expected %s", sent, got, ok, FormatTime(at))
		}
	}
}
