package okchat

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
)

func TestAConversationKeepsWhatTheContractDoesNotKnow(t *testing.T) {
	raw := strings.Trim(with(`"last_message":"hello"`, `"last_message":{"id":"00000000-0000-4000-8000-00000000000a","content":"x","sender_type":"robot","lang":"ko"},"mood":{"a":[1.0]}`), "[]")
	client := newTestClient(t, roundTrip(body(mediaType, pageOf("["+raw+"]", goodMetadata))))
	page, err := client.Page(t.Context(), testBot, PageOptions{})
	if err != nil {
		t.Fatal(err)
	}
	conv := page.Items[0]
	if got := string(conv.Raw()); got != raw {
		t.Errorf("raw is %s, expected %s", got, raw)
	}
	if got := conv.Unknown(); len(got) != 1 || string(got["mood"]) != `{"a":[1.0]}` {
		t.Errorf("unknown members are %s", got)
	}
	if conv.LastMessage.Message.SenderType.Valid() || !conv.Platform.Valid() {
		t.Error("known and unknown values are not told apart")
	}
	encoded, err := json.Marshal(conv)
	if err != nil || string(encoded) != raw {
		t.Errorf("encoded %s, %v, expected the bytes that came", encoded, err)
	}

	var stored Conversation
	if err := json.Unmarshal(encoded, &stored); err != nil || string(stored.Raw()) != raw || stored.ID != conv.ID {
		t.Errorf("read back as %s, %v", stored.Raw(), err)
	}
	stored.State = "resolved"
	encoded, err = json.Marshal(&stored)
	if err != nil {
		t.Fatal(err)
	}
	var got, want map[string]any
	if json.Unmarshal(encoded, &got) != nil || json.Unmarshal([]byte(strings.Replace(raw, "in_progress", "resolved", 1)), &want) != nil {
		t.Fatalf("encoded %s", encoded)
	}
	if !equalJSON(got, want) {
		t.Errorf("changed and encoded as %s", encoded)
	}

	made := Conversation{}
	made.ID = uuid.MustParse(testBot)
	if encoded, err := json.Marshal(made); err != nil || made.Raw() != nil || made.Unknown() != nil || !strings.Contains(string(encoded), testBot) {
		t.Errorf("made in Go and encoded as %s, %v", encoded, err)
	}
}

func TestHalfASurrogatePairIsNoText(t *testing.T) {
	const lone, replaced = `{"id":"00000000-0000-4000-8000-00000000000a","content":"a\ud83d","sender_type":"bot","\ude00":1}`, `{"id":"00000000-0000-4000-8000-00000000000a","content":"a\ufffd","sender_type":"bot","\ufffd":1}`
	raw := strings.Trim(with(`"hello"`, lone), "[]")
	want := strings.Trim(with(`"hello"`, replaced), "[]")
	text := pageOf("["+conversationJSON(1)+","+raw+"]", `{"currentPage":1,"pageSize":2,"totalCount":2,"totalPages":1}`)
	client := newTestClient(t, roundTrip(body(mediaType, text)))
	page, err := client.Page(t.Context(), testBot, PageOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if got := page.Items[1]; got.LastMessage.Message.Content != "a\ufffd" || string(got.Raw()) != want {
		t.Errorf("the text is %q, raw %s", got.LastMessage.Message.Content, got.Raw())
	}
	if string(page.Body) != text || string(page.Items[0].Raw()) != conversationJSON(1) {
		t.Error("the body was changed")
	}
	var stored Conversation
	if err := json.Unmarshal([]byte(raw), &stored); err != nil || string(stored.Raw()) != want {
		t.Errorf("read from an archive: raw %s, %v", stored.Raw(), err)
	}
}

func TestMembersThatDidNotComeAreTold(t *testing.T) {
	tests := []struct {
		name, raw string
		want      []string
	}{
		{"all came", conversationJSON(0), nil},
		{"one is missing", strings.Trim(with(`"state":"in_progress",`, ``), "[]"), []string{"state"}},
		{"one is null that cannot be", strings.Trim(with(`"active":true`, `"active":null`), "[]"), []string{"active"}},
		{"one is null that can be", strings.Trim(with(`"last_message":"hello"`, `"last_message":null`), "[]"), nil},
		{"one is missing that can be null", strings.Trim(with(`"last_message":"hello",`, ``), "[]"), []string{"last_message"}},
		{"several", strings.Trim(with(`"active":true,"is_human_mode":false,"migrated_data":false,`, `"metadata":null,`), "[]"), []string{"active", "is_human_mode", "migrated_data"}},
	}
	for _, tt := range tests {
		var conv Conversation
		if err := json.Unmarshal([]byte(tt.raw), &conv); err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
		if got := conv.Missing(); !slices.Equal(got, tt.want) {
			t.Errorf("%s: missing are %q, expected %q", tt.name, got, tt.want)
		}
	}
	if got := new(Conversation).Missing(); got != nil {
		t.Errorf("of a conversation made in Go %q is missing", got)
	}
}

func TestPrintingLeavesOutTextsAndBodies(t *testing.T) {
	client := newTestClient(t, roundTrip(body(mediaType, pageOf(with(`"web"`, `"web\u001b[2J\n"`), goodMetadata))))
	page, err := client.Page(t.Context(), testBot, PageOptions{})
	if err != nil {
		t.Fatal(err)
	}
	const want = "conversation 00000000-0000-4000-8000-000000000001 (web[2J, in_progress, 2025-03-07T04:00:59.5Z)"
	conv := page.Items[0]
	for _, got := range []string{fmt.Sprint(conv), fmt.Sprint(&conv), fmt.Sprintf("%v", conv), fmt.Sprintf("%+v", conv), strings.Trim(fmt.Sprint(page.Items), "[]")} {
		if got != want && got != strings.Trim(want, "[]") {
			t.Errorf("printed as %q, expected %q", got, want)
		}
	}
	if got := fmt.Sprintf("%v %+v", page, *page); got != "page 1 of 1 with 1 items page 1 of 1 with 1 items" {
		t.Errorf("the page is printed as %q", got)
	}
}

func TestNoVerbPrintsTheBodyOfAnError(t *testing.T) {
	const secret = "what somebody wrote"
	client := newTestClient(t, roundTrip(body(mediaType, pageOf(with(`"id":"00000000`, `"voice_path":"`+secret+`","id":"xx`), goodMetadata))))
	_, err := client.Page(t.Context(), testBot, PageOptions{})
	var broken *ContractError
	if !errors.As(err, &broken) || !strings.Contains(string(broken.Body), secret) || broken.Header.Get("Content-Type") != mediaType || broken.StatusCode != 200 {
		t.Fatalf("error %v, expected one that carries the answer", err)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x"} {
		for _, text := range []string{fmt.Sprintf(verb, broken), fmt.Sprintf(verb, *broken)} {
			if strings.Contains(text, secret) || text != err.Error() {
				t.Errorf("%s prints %s", verb, text)
			}
		}
	}
	if encoded, err := json.Marshal(broken); err != nil || strings.Contains(string(encoded), secret) {
		t.Errorf("JSON is %s, %v", encoded, err)
	}
}
