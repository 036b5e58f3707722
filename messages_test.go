package okchat

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"go.yaml.in/yaml/v3"

	"github.com/okchat/okchat-go/gen/okchatapi"
	"github.com/okchat/okchat-go/okchattest"
)

// messageScript is one random walk over the messages of a conversation that changes meanwhile.
type messageScript struct {
	seed        uint64
	n, limit    int
	newestFirst bool
	changes     int // requests among the first 40 before which something happens, one of so many
}

func messageAt(n int, at time.Time) okchatapi.Message {
	id := uuid.UUID{6: 0x40, 8: 0x80, 14: byte(n >> 8), 15: byte(n)}
	return okchatapi.Message{ID: id, SenderType: SenderType("user"), Content: fmt.Sprint("message ", n), CreatedAt: at,
		ToolCalls: json.RawMessage("null"), ToolResults: json.RawMessage("null")}
}

func (s messageScript) run(ctx context.Context) (came map[uuid.UUID]int, must map[uuid.UUID]bool, sorted bool, err error) {
	r := rand.New(rand.NewPCG(s.seed, 7))
	came, must = map[uuid.UUID]int{}, map[uuid.UUID]bool{}
	start := time.Date(2025, 3, 7, 0, 0, 0, 0, time.UTC)
	var list []okchatapi.Message
	next := 0
	add := func() {
		at := start
		if len(list) > 0 {
			at = list[len(list)-1].CreatedAt.Add(time.Duration(r.IntN(3)) * time.Second) // some at the same time
		}
		next++
		list = append(list, messageAt(next, at))
	}
	for range s.n {
		add()
		must[list[len(list)-1].ID] = true
	}
	conversation := uuid.UUID{1, 6: 0x40, 8: 0x80}
	var fake *okchattest.Fake
	opts := []okchattest.Option{okchattest.Between(func(n int) {
		if n == 1 || n > 40 || s.changes == 0 || r.IntN(s.changes) > 0 {
			return
		}
		for range r.IntN(4) {
			if len(list) > 0 && r.IntN(2) == 0 {
				gone := r.IntN(len(list))
				delete(must, list[gone].ID)
				list = append(list[:gone:gone], list[gone+1:]...)
			} else {
				add()
			}
		}
		fake.SetMessages(conversation, list...)
	})}
	if s.newestFirst {
		opts = append(opts, okchattest.NewestFirst())
	}
	fake = okchattest.New(opts...)
	fake.SetMessages(conversation, list...)
	client := clientOf(fake, 20*time.Millisecond)
	var last time.Time
	sorted = true
	for m, err := range client.Messages(ctx, fake.ChatbotID, conversation.String(), MessageOptions{Limit: s.limit}) {
		if err != nil {
			return came, must, sorted, err
		}
		came[m.ID]++
		sorted = sorted && !m.CreatedAt.Before(last)
		last = m.CreatedAt
	}
	return came, must, sorted, nil
}

// clientOf returns a client of the fake that waits for latency before each request.
func clientOf(fake *okchattest.Fake, latency time.Duration) *Client {
	client, err := New(fake.Key, WithHTTPClient(&http.Client{Transport: direct(fake, func() time.Duration { return latency })}))
	if err != nil {
		panic(err)
	}
	return client
}

func TestRandomWalksOverMessagesLoseNothingAndRepeatNothing(t *testing.T) {
	t.Parallel()
	scripts := 2000
	if testing.Short() {
		scripts = 200
	}
	var lost, twice, read int
	for seed := range uint64(scripts) {
		r := rand.New(rand.NewPCG(seed, 3))
		s := messageScript{seed: seed, n: r.IntN(40), limit: 1 + r.IntN(12), newestFirst: r.IntN(2) == 0, changes: r.IntN(12)}
		synctest.Test(t, func(t *testing.T) {
			came, must, sorted, err := s.run(t.Context())
			if err != nil {
				t.Errorf("script %+v: %v", s, err)
			}
			if !sorted {
				t.Errorf("script %+v: not sorted", s)
			}
			for id := range must {
				if came[id] == 0 {
					lost++
					t.Errorf("script %+v: lost %v", s, id)
				}
			}
			for id, n := range came {
				if read++; n > 1 {
					twice++
					t.Errorf("script %+v: %v came %d times", s, id, n)
				}
			}
		})
	}
	t.Logf("%d walks over messages, %d messages read: lost %d, twice %d", scripts, read, lost, twice)
}

func TestTenThousandMessagesComeSorted(t *testing.T) {
	t.Parallel()
	for _, order := range [][]okchattest.Option{nil, {okchattest.NewestFirst()}} {
		fake := okchattest.New(order...)
		list := make([]okchatapi.Message, 10_000)
		for i := range list {
			list[i] = messageAt(i+1, time.Unix(int64(i), 0))
		}
		conversation := uuid.UUID{2, 6: 0x40, 8: 0x80}
		fake.SetMessages(conversation, list...)
		n := 0
		for m, err := range clientOf(fake, 0).Messages(t.Context(), fake.ChatbotID, conversation.String(), MessageOptions{Limit: 1000}) {
			if err != nil {
				t.Fatal(err)
			}
			if m.ID != list[n].ID {
				t.Fatalf("message %d: got %v", n, m)
			}
			n++
		}
		if n != len(list) {
			t.Errorf("expected %d messages, got %d", len(list), n)
		}
	}
}

func TestAMessageOfAnotherConversationIsAnError(t *testing.T) {
	t.Parallel()
	body := `{"data":[{"id":"3d0c4b1e-7f52-4a0e-9c1d-5e6f7a8b9c0d","session_id":"3d0c4b1e-7f52-4a0e-9c1d-5e6f7a8b9c0e","sender_type":"user","content":"private","created_at":"2025-03-06T02:30:18+00:00"}],` +
		`"metadata":{"currentPage":1,"pageSize":10,"totalCount":1,"totalPages":1}}`
	client := newTestClient(t, roundTrip(func(*http.Request) (*http.Response, error) { return answer(http.StatusOK, mediaType, body), nil }))
	for m, err := range client.Messages(t.Context(), testBot, testBot, MessageOptions{}) {
		broken, ok := errors.AsType[*ContractError](err)
		if !ok || broken.Where != "/data/0/session_id" || m.Content != "" || strings.Contains(err.Error(), "private") {
			t.Errorf("expected an error about session_id and no message, got %v, %v", m, err)
		}
	}
}

// oddRows makes rows odd wherever they stand: those with these texts get an id that can be read and a member that cannot, and
// those of the second kind have no id at all.
func oddRows(member string, named, nameless []string) okchattest.Fault {
	return okchattest.EditJSON(func(page map[string]any) {
		rows, _ := page["data"].([]any)
		for i := range rows {
			row, _ := rows[i].(map[string]any)
			switch id := row["id"].(string); {
			case slices.Contains(named, id):
				row[member] = 7
			case slices.Contains(nameless, id):
				rows[i] = nil
			}
		}
	})
}

func TestAMessageThatCannotBeReadIsNamedOnce(t *testing.T) {
	t.Parallel()
	id := func(n int) string { return messageAt(n, time.Time{}).ID.String() }
	named, nameless := []string{id(3), id(14)}, []string{id(5), id(6), id(25)}
	for limit, requests := range map[int]int{10: 6, 100: 1} {
		conversation := uuid.UUID{2, 6: 0x40, 8: 0x80}
		fake := okchattest.New()
		var list []okchatapi.Message
		for n := range 25 {
			list = append(list, messageAt(n+1, time.Unix(int64(n), 0)))
		}
		fake.SetMessages(conversation, list...)
		fake.Every(oddRows("content", named, nameless))
		var odd []string
		items := 0
		var failure error
		for page, err := range clientOf(fake, 0).MessagePages(t.Context(), fake.ChatbotID, conversation.String(), MessageOptions{Limit: limit}) {
			if failure = err; err != nil {
				break
			}
			items += len(page.Items)
			for _, e := range page.Odd {
				odd = append(odd, fmt.Sprint(e.Page, e.Where))
			}
		}
		if len(odd) != 5 || items != 20 || fake.Count() != requests {
			t.Errorf("limit %d: expected 20 messages, 5 odd ones and %d requests, got %d, %q and %d", limit, requests, items, odd, fake.Count())
		}
		if !errors.Is(failure, ErrItems) || !strings.Contains(failure.Error(), "in all: 5;") {
			t.Errorf("limit %d: expected an error that counts 5, got %v", limit, failure)
		}
	}
}

func TestA404NamesWhatWasAskedFor(t *testing.T) {
	t.Parallel()
	fake := okchattest.New(okchattest.Synthetic(1, 1))
	client := clientOf(fake, 0)
	refuse := newTestClient(t, roundTrip(func(*http.Request) (*http.Response, error) { return answer(http.StatusNotFound, mediaType, "{}"), nil }))
	_, list := client.Page(t.Context(), noID, PageOptions{})
	_, one := client.Conversation(t.Context(), fake.ChatbotID, noID, CallOptions{})
	_, bots := refuse.Chatbots(t.Context(), CallOptions{})
	var messages error
	for _, err := range client.Messages(t.Context(), fake.ChatbotID, noID, MessageOptions{}) {
		messages = err
	}
	for want, err := range map[string]error{
		"check the chatbot id and the base URL":                        list,
		"check the conversation id, the chatbot id and the base URL":   one,
		"Found: check the base URL":                                    bots,
		": check the conversation id, the chatbot id and the base URL": messages,
	} {
		if !errors.Is(err, ErrNotFound) || !strings.HasSuffix(fmt.Sprint(err), want) {
			t.Errorf("expected %q, got %v", want, err)
		}
	}
}

// noID is an id that no fake knows.
const noID = "00000000-0000-4000-8000-0000000000ff"

func TestHooksNameTheOperationsOfTheContract(t *testing.T) {
	t.Parallel()
	fake := okchattest.New(okchattest.Synthetic(1, 3))
	seen := map[string]string{}
	client, err := New(fake.Key, WithTransport(direct(fake, func() time.Duration { return 0 })), WithHooks(Hooks{
		Try:  func(_ context.Context, i TryInfo) { seen[i.Operation] += "t" },
		Page: func(_ context.Context, i PageInfo) { seen[i.Operation] += "p" },
		Call: func(_ context.Context, i CallInfo) { seen[i.Operation] += "c" },
	}))
	if err != nil {
		t.Fatal(err)
	}
	first, _ := fake.At(0)
	_, err = collect(t, client, fake.ChatbotID, ListOptions{})
	_, err1 := client.Conversation(t.Context(), fake.ChatbotID, first.ID.String(), CallOptions{})
	_, err2 := client.Chatbots(t.Context(), CallOptions{})
	for range client.Messages(t.Context(), fake.ChatbotID, first.ID.String(), MessageOptions{Limit: 1000}) {
		break
	}
	var spec struct {
		Paths map[string]struct {
			Get struct {
				OperationID string `yaml:"operationId"`
			}
		}
	}
	if err := errors.Join(err, err1, err2, yaml.Unmarshal([]byte(OpenAPI()), &spec)); err != nil {
		t.Fatal(err)
	}
	for path, item := range spec.Paths {
		if got := seen[item.Get.OperationID]; got != "tpc" {
			t.Errorf("%s: expected a try, a page and a call of %s, got %q of %v", path, item.Get.OperationID, got, seen)
		}
	}
}

func TestAttachmentsReadAlikeInAllForms(t *testing.T) {
	t.Parallel()
	for _, form := range []string{``, `,"attachments":null`, `,"attachments":[]`} {
		var m Message
		if err := m.UnmarshalJSON([]byte(`{"id":"3d0c4b1e-7f52-4a0e-9c1d-5e6f7a8b9c0d"` + form + `}`)); err != nil || len(m.Attachments) != 0 {
			t.Errorf("%s: got %v, %v", form, m.Attachments, err)
		}
	}
	const text = `{"id":"3d0c4b1e-7f52-4a0e-9c1d-5e6f7a8b9c0d","attachments":[{"name":"a.png","url":"https://h.invalid/a.png"}],"tool_calls":[{"x":1}],"new":1}`
	var m Message
	if err := m.UnmarshalJSON([]byte(text)); err != nil || len(m.Attachments) != 1 || m.Attachments[0].Name != "a.png" || string(m.ToolCalls) != `[{"x":1}]` {
		t.Fatalf("got %+v, %v", m, err)
	}
	if back, err := json.Marshal(m); err != nil || string(back) != text || string(m.Unknown()["new"]) != "1" {
		t.Errorf("expected the same JSON, got %s, %v", back, err)
	}
}

func TestOneConversationAndTheChatbots(t *testing.T) {
	t.Parallel()
	fake := okchattest.New(okchattest.Synthetic(1, 20))
	client := clientOf(fake, 0)
	want, _ := fake.At(3)
	got, err := client.Conversation(t.Context(), fake.ChatbotID, want.ID.String(), CallOptions{})
	if err != nil || got.ID != want.ID || got.State != "" || got.Missing() != nil {
		t.Errorf("expected conversation %v without a state and nothing missing, got %v, %v, %v", want.ID, got, got.Missing(), err)
	}
	_, err = client.Conversation(t.Context(), fake.ChatbotID, testBot, CallOptions{})
	refused, ok := errors.AsType[*APIError](err)
	if !ok || refused.StatusCode != http.StatusNotFound || strings.Contains(err.Error(), "page") {
		t.Errorf("expected 404 and no word of pages, got %v", err)
	}
	bots, err := client.Chatbots(t.Context(), CallOptions{})
	if err != nil || len(bots) != 1 || bots[0].ID.String() != fake.ChatbotID {
		t.Fatalf("expected the one chatbot, got %v, %v", bots, err)
	}
	if text := fmt.Sprintf("%+v", bots); strings.Contains(text, "prompt") || strings.Contains(text, "secret") {
		t.Errorf("the chatbot's secrets were kept: %s", text)
	}
	for _, body := range []string{`{"chatbots":[{"id":"x","settings":{"prompt":"secret"}}]}`, `{"chatbots":{}}`, `{}`, `{"chatbots":[{"id":"` + testBot + `"}]}`} {
		client := newTestClient(t, roundTrip(func(*http.Request) (*http.Response, error) { return answer(http.StatusOK, mediaType, body), nil }))
		bots, err := client.Chatbots(t.Context(), CallOptions{})
		broken, ok := errors.AsType[*ContractError](err)
		if !ok || bots != nil || broken.Body != nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: expected a contract error without the body, got %v, %v", body, bots, err)
		}
	}
}
