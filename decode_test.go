package okchat

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
)

// pageOf is a page with the given data and metadata, each as JSON.
func pageOf(data, metadata string) string { return `{"data":` + data + `,"metadata":` + metadata + `}` }

const goodMetadata = `{"currentPage":1,"pageSize":10,"totalCount":1,"totalPages":1}`

// with returns the first conversation with one piece of its JSON replaced.
func with(old, new string) string {
	conv := conversationJSON(0)
	if !strings.Contains(conv, old) {
		panic("no " + old)
	}
	return "[" + strings.Replace(conv, old, new, 1) + "]"
}

func TestAnAnswerThatIsNotTheContractsSaysWhere(t *testing.T) {
	one := "[" + conversationJSON(0) + "]"
	tests := []struct {
		name, body string
		where      string
		got        string
	}{
		{"no data", `{"metadata":` + goodMetadata + `}`, "/data", "none"},
		{"data is null", pageOf(`null`, goodMetadata), "/data", "none"},
		{"data is an object", pageOf(`{}`, goodMetadata), "/data", "an object that does not fit"},
		{"no metadata", `{"data":` + one + `}`, "/metadata/currentPage", "none"},
		{"metadata is null", pageOf(one, `null`), "/metadata/currentPage", "none"},
		{"no current page", pageOf(one, `{"pageSize":10,"totalCount":1,"totalPages":1}`), "/metadata/currentPage", "none"},
		{"no page size", pageOf(one, `{"currentPage":1,"totalCount":1,"totalPages":1}`), "/metadata/pageSize", "none"},
		{"no total", pageOf(one, `{"currentPage":1,"pageSize":10,"totalPages":1}`), "/metadata/totalCount", "none"},
		{"no total of an empty list", pageOf(`[]`, `{"currentPage":1,"pageSize":10,"totalPages":0}`), "/metadata/totalCount", "none"},
		{"no number of pages", pageOf(one, `{"currentPage":1,"pageSize":10,"totalCount":1}`), "/metadata/totalPages", "none"},
		{"a total that is null", pageOf(one, `{"currentPage":1,"pageSize":10,"totalCount":null,"totalPages":1}`), "/metadata/totalCount", "none"},
		{"a page size of 0", pageOf(one, `{"currentPage":1,"pageSize":0,"totalCount":1,"totalPages":1}`), "/metadata/pageSize", "0"},
		{"a negative total", pageOf(one, `{"currentPage":1,"pageSize":10,"totalCount":-7,"totalPages":1}`), "/metadata/totalCount", "-7"},
		{"a total that is text", pageOf(one, `{"currentPage":1,"pageSize":10,"totalCount":"1","totalPages":1}`), "/metadata/totalCount", "another string"},
		{"a total with a fraction", pageOf(one, `{"currentPage":1,"pageSize":10,"totalCount":1.5,"totalPages":1}`), "/metadata/totalCount", "a number"},
		{"another page", pageOf(one, `{"currentPage":2,"pageSize":10,"totalCount":11,"totalPages":2}`), "/metadata/currentPage", "2"},
		{"too many pages", pageOf(one, `{"currentPage":1,"pageSize":10,"totalCount":1,"totalPages":2}`), "/metadata/totalPages", "2"},
		{"too few pages", pageOf(one, `{"currentPage":1,"pageSize":10,"totalCount":11,"totalPages":1}`), "/metadata/totalPages", "1"},
		{"a page size over the limit", pageOf(one, `{"currentPage":1,"pageSize":11,"totalCount":1,"totalPages":1}`), "/metadata/pageSize", "11"},
		{"more on the page than its size", pageOf("["+conversationJSON(0)+","+conversationJSON(1)+"]", `{"currentPage":1,"pageSize":1,"totalCount":2,"totalPages":2}`), "/data", "2"},
		{"more on the page than in all", pageOf(one, `{"currentPage":1,"pageSize":10,"totalCount":0,"totalPages":0}`), "/metadata/totalCount", "0"},
		{"no id", pageOf(with(`"id":"00000000-0000-4000-8000-000000000001",`, ``), goodMetadata), "/data/0/id", "none"},
		{"no time", pageOf(with(`"created_at":"2025-03-07T04:00:59.5+00:00",`, ``), goodMetadata), "/data/0/created_at", "none"},
		{"an id that is none", pageOf(with(`00000000-0000-4000-8000-000000000001`, `42`), goodMetadata), "/data/0/id", "another string"},
		{"a time that is none", pageOf(with(`2025-03-07T04:00:59.5+00:00`, `2025-02-30T04:00:00Z`), goodMetadata), "/data/0/created_at", "another string"},
		{"a flag that is a number", pageOf(with(`"active":true`, `"active":1`), goodMetadata), "/data/0/active", "a number"},
		{"a message that is a number", pageOf(with(`"hello"`, `7`), goodMetadata), "/data/0/last_message", "a number"},
		{"a flag in the notes that is text", pageOf(with(`"anonymous":true`, `"anonymous":"yes"`), goodMetadata), "/data/0/metadata/anonymous", "another string"},
		{"a user id that is a number", pageOf(with(`"sns_user_id":null`, `"sns_user_id":7`), goodMetadata), "/data/0/sns_user_id", "a number"},
		{"an empty body", ``, "body", "an empty body"},
		{"a body cut short", `{"data":[`, "body", "one that ends early, after 9 bytes"},
		{"two documents", pageOf(one, goodMetadata) + `{}`, "body", ""},
		{"an array", `[]`, "body", "an array"},
		{"null", `null`, "/data", "none"},
		{"nesting without end", strings.Repeat(`[`, 100_000), "body", "more"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			client := newTestClient(t, roundTrip(body(mediaType, tt.body)), WithRetry(RetryPolicy{MaxTries: 1}))
			_, err := client.Page(t.Context(), testBot, PageOptions{Limit: 10})
			if tt.name == "more on the page than its size" {
				_, err = client.Page(t.Context(), testBot, PageOptions{})
			}
			var broken *ContractError
			if !errors.As(err, &broken) {
				t.Fatalf("error %v, expected a ContractError", err)
			}
			if broken.Where != tt.where || tt.got != "" && broken.Got != tt.got || broken.Expected == "" || broken.Page != 1 {
				t.Errorf("%v, expected it at %s with got %q", err, tt.where, tt.got)
			}
		})
	}
}

func TestAnAnswerOfTheContractIsTaken(t *testing.T) {
	for name, text := range map[string]string{
		"an empty list of no page":     pageOf(`[]`, `{"currentPage":1,"pageSize":10,"totalCount":0,"totalPages":0}`),
		"an empty list of one page":    pageOf(`[]`, `{"currentPage":1,"pageSize":10,"totalCount":0,"totalPages":1}`),
		"an empty page of a list":      pageOf(`[]`, `{"currentPage":1,"pageSize":10,"totalCount":40,"totalPages":4}`),
		"a page size under the limit":  pageOf(`[]`, `{"currentPage":1,"pageSize":5,"totalCount":0,"totalPages":0}`),
		"an unknown platform":          pageOf(with(`"web"`, `"kakaotalk"`), goodMetadata),
		"an unknown member":            pageOf(with(`"active"`, `"mood":"fine","active"`), goodMetadata),
		"a time in another zone":       pageOf(with(`04:00:59.5+00:00`, `04:00:59+09:00`), goodMetadata),
		"white space around":           " \n" + pageOf(`[]`, `{"currentPage":1,"pageSize":10,"totalCount":0,"totalPages":0}`) + "\n",
		"a media type with parameters": pageOf(`[]`, `{"currentPage":1,"pageSize":10,"totalCount":0,"totalPages":0}`),
	} {
		client := newTestClient(t, roundTrip(body("application/json; charset=utf-8", text)))
		if _, err := client.Page(t.Context(), testBot, PageOptions{Limit: 10}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

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

func equalJSON(a, b any) bool {
	x, err1 := json.Marshal(a)
	y, err2 := json.Marshal(b)
	return err1 == nil && err2 == nil && string(x) == string(y)
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(pageJSON(1, 3)), "application/json", 1, 10)
	f.Add([]byte(pageOf(with(`"hello"`, `null`), goodMetadata)), "application/json; charset=utf-8", 1, 0)
	f.Add([]byte(`{"data":[`), "", 2, 1)
	f.Fuzz(func(t *testing.T, text []byte, contentType string, page, limit int) {
		q := query{page: max(1, page), limit: max(0, limit)}
		got, broken := decodePage(conversationsOp(t), q, &http.Response{StatusCode: 200, Header: http.Header{"Content-Type": {contentType}}}, text)
		if (got == nil) == (broken == nil) {
			t.Fatalf("page %v and error %v", got, broken)
		}
		if broken != nil {
			if broken.Where == "" || broken.Expected == "" || broken.Got == "" || strings.Contains(broken.Error(), "\n") {
				t.Errorf("the error is %q", broken)
			}
			return
		}
		for i := range got.Items {
			conv := &got.Items[i]
			var again Conversation
			if err := json.Unmarshal(conv.Raw(), &again); err != nil || again.ID != conv.ID {
				t.Errorf("conversation %d does not read back from its raw JSON: %v", i, err)
			}
			if _, err := json.Marshal(conv); err != nil {
				t.Errorf("conversation %d does not encode: %v", i, err)
			}
		}
	})
}

func FuzzCheckMetadata(f *testing.F) {
	f.Add(1, 10, 1, 10, 20, 2, 10)
	f.Add(3, 0, 3, 1, 1<<62, 1<<62, 1)
	f.Fuzz(func(t *testing.T, page, limit, current, size, total, pages, count int) {
		m := PageMetadata{CurrentPage: current, PageSize: size, TotalCount: total, TotalPages: pages}
		err := checkMetadata(query{page: page, limit: limit}, m, count)
		if err != nil {
			return
		}
		if current != page || size < 1 || total < 0 || count > size || count > total || limit > 0 && size > limit {
			t.Errorf("%+v with %d conversations was taken for page %d of limit %d", m, count, page, limit)
		}
		if full := pages - 1; total > 0 && (full < 0 || total-1 < 0 || (total-1)/size != full) {
			t.Errorf("%+v was taken", m)
		}
	})
}
