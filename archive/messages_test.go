package archive

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	okchat "github.com/okchat/okchat-go"
	"github.com/okchat/okchat-go/okchattest"
)

func transcripts(t *testing.T, parallel int, script func(*okchattest.Server)) (lines []string, count int, err error) {
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
	w := NewTranscripts(t.Context(), &out, client, okchat.MessageOptions{Limit: 100}, parallel)
	err = cmp.Or(w.WritePage(page.Items), w.Flush())
	return strings.SplitAfter(out.String(), "\n"), w.Count(), err
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
