package archive

import (
	"bytes"
	"cmp"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	okchat "github.com/okchat/okchat-go"
	"github.com/okchat/okchat-go/okchattest"
)

func transcripts(t *testing.T, parallel int, script func(*okchattest.Server)) (lines []string, count int, err error) {
	t.Helper()
	var writer *Transcripts
	out, count, err := transcriptsAs(t, func(ctx context.Context, w io.Writer, client *okchat.Client) *Transcripts {
		writer = NewTranscripts(ctx, w, client, okchat.MessageOptions{Limit: 100}, parallel)
		return writer
	}, script)
	if null := strings.Count(out, `"messages":null}`); err == nil && writer.Unread() != null {
		t.Errorf("%d conversations count as unread, %d are null", writer.Unread(), null)
	}
	return strings.SplitAfter(out, "\n"), count, err
}

func transcriptsAs(t *testing.T, writer func(context.Context, io.Writer, *okchat.Client) *Transcripts, script func(*okchattest.Server)) (text string, count int, err error) {
	t.Helper()
	srv := okchattest.NewServer(t, okchattest.Synthetic(3, 60))
	client, err := okchat.New(srv.Key, okchat.WithBaseURL(srv.URL), okchat.WithRetry(okchat.RetryPolicy{MaxTries: 1}))
	if err != nil {
		t.Fatal(err)
	}
	page, err := client.Page(t.Context(), srv.ChatbotID, okchat.PageOptions{Limit: 60})
	if err != nil {
		t.Fatal(err)
	}
	if script != nil {
		script(srv)
	}
	var out bytes.Buffer
	w := writer(t.Context(), &out, client)
	err = cmp.Or(w.WritePage(page.Items), w.Flush())
	return out.String(), w.Count(), err
}

func TestEachLineOfATranscriptHoldsAllMessages(t *testing.T) {
	t.Parallel()
	for _, parallel := range []int{1, 2, 16, 100} {
		var fake *okchattest.Server
		lines, count, err := transcripts(t, parallel, func(srv *okchattest.Server) {
			fake = srv
			srv.RemoveAt(7) // after the list was read
		})
		if err != nil || len(lines) != 61 {
			t.Fatalf("%d at once: expected 60 lines, got %d and %v", parallel, len(lines)-1, err)
		}
		total := 0
		for i, line := range lines[:60] {
			var got struct {
				okchat.Conversation
			}
			if err := json.Unmarshal([]byte(line), &got); err != nil {
				t.Fatal(err)
			}
			raw := got.Unknown()["messages"]
			if i == 7 {
				if string(raw) != "null" {
					t.Errorf("expected null for a conversation that is gone, got %s", raw)
				}
				continue
			}
			var messages []okchat.Message
			if err := json.Unmarshal(raw, &messages); err != nil {
				t.Fatal(err)
			}
			want := fake.Messages(got.ID)
			if len(messages) != len(want) {
				t.Fatalf("line %d: expected %d messages, got %d", i, len(want), len(messages))
			}
			for k, m := range messages {
				if m.ID != want[k].ID || m.Content != want[k].Content || m.SessionID != got.ID {
					t.Errorf("line %d: message %d is another", i, k)
				}
			}
			total += len(messages)
		}
		if count != total || total < 100 {
			t.Errorf("expected a count of %d, got %d", total, count)
		}
	}
}

func TestEachLineOfATranscriptAsCSVHoldsOneMessage(t *testing.T) {
	t.Parallel()
	var fake *okchattest.Server
	text, count, err := transcriptsAs(t, func(ctx context.Context, w io.Writer, client *okchat.Client) *Transcripts {
		return NewCSVTranscripts(ctx, w, client, okchat.MessageOptions{Limit: 100}, 8, CSVOptions{})
	}, func(srv *okchattest.Server) { fake = srv })
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	column := func(row []string, name string) string { return row[slices.Index(rows[0], name)] }
	next := 1
	for i := range fake.Len() {
		conv, _ := fake.At(i)
		messages := fake.Messages(conv.ID)
		for range max(len(messages), 1) {
			row := rows[next]
			next++
			if got := column(row, "id"); got != conv.ID.String() {
				t.Fatalf("line %d is of conversation %s, expected %s", next, got, conv.ID)
			}
			if len(messages) == 0 {
				if got := column(row, "message_id") + column(row, "message_content"); got != "" {
					t.Errorf("a conversation without messages has %q", got)
				}
				continue
			}
			m := messages[0]
			messages = messages[1:]
			if column(row, "message_id") != m.ID.String() || column(row, "message_content") != defuse(m.Content) || column(row, "message_session_id") != conv.ID.String() {
				t.Errorf("line %d is %q, expected message %s", next, row, m.ID)
			}
		}
	}
	if next != len(rows) || count < 100 {
		t.Errorf("there are %d lines and %d messages, expected %d lines", len(rows), count, next)
	}
}

func TestAConversationWhoseMessagesDoNotComeEndsATranscript(t *testing.T) {
	t.Parallel()
	_, _, err := transcripts(t, 3, func(srv *okchattest.Server) { srv.OnPage(1, okchattest.Status(500, "broken")) })
	refused, ok := errors.AsType[*okchat.APIError](err)
	if !ok || refused.StatusCode != 500 || !strings.Contains(err.Error(), "messages of conversation ") {
		t.Errorf("expected the error of one conversation, got %v", err)
	}
}

func TestATranscriptEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	srv := okchattest.NewServer(t, okchattest.Synthetic(3, 5))
	client, err := okchat.New(srv.Key, okchat.WithBaseURL(srv.URL))
	if err != nil {
		t.Fatal(err)
	}
	page, err := client.Page(t.Context(), srv.ChatbotID, okchat.PageOptions{})
	if err != nil {
		t.Fatal(err)
	}
	w := NewTranscripts(ctx, new(bytes.Buffer), client, okchat.MessageOptions{}, 4)
	if err := cmp.Or(w.WritePage(page.Items), w.Flush()); !errors.Is(err, context.Canceled) {
		t.Errorf("expected the end of the context, got %v", err)
	}
}

func TestAMemberMessagesOfAConversationItselfIsKeptUnderAnotherName(t *testing.T) {
	t.Parallel()
	const ids = `{"id":"00000000-0000-4000-8000-000000000001","chatbot_id":"00000000-0000-4000-8000-00000000000b","created_at":"2025-03-07T10:00:00Z"`
	for given, want := range map[string]string{
		`,"messages":[{"a":"messages"}],"x":1e2}`:      `,"listed_messages":[{"a":"messages"}],"x":1e2,"messages":[]}`,
		`,"y":"messages","m\u00e4x":{"messages":[1]}}`: `,"y":"messages","mäx":{"messages":[1]},"messages":[]}`,
		`,"m\u00e4x":null}`:                            `,"m\u00e4x":null,"messages":[]}`,
	} {
		var conv okchat.Conversation
		if err := conv.UnmarshalJSON([]byte(ids + given)); err != nil {
			t.Fatal(err)
		}
		var line ndjsonTranscript
		if err := line.begin(&conv); err != nil {
			t.Fatal(err)
		}
		if got := string(line.end(true)); got != ids+want+"\n" {
			t.Errorf("%s became\n%s, expected\n%s", given, got, ids+want)
		}
	}
}
