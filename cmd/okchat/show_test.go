package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/mattn/go-runewidth"

	"github.com/okchat/okchat-go/gen/okchatapi"
	"github.com/okchat/okchat-go/okchattest"
)

// talking starts a server with one conversation of these texts, and returns it with the conversation's arguments.
func talking(t *testing.T, texts ...string) (fake *okchattest.Fake, args []string) {
	fake = okchattest.New(okchattest.Key(secretKey), okchattest.Synthetic(1, 1))
	conv, _ := fake.At(0)
	var messages []okchatapi.Message
	for _, text := range texts {
		messages = append(messages, okchatapi.Message{ID: uuid.New(), SenderType: "user\x1b[2J", Content: text, CreatedAt: conv.CreatedAt,
			Attachments: []okchatapi.Attachment{{Name: "a\x1b.png", URL: "https://files.example.invalid/a\x1b]0;x\x07.png"}}})
	}
	fake.SetMessages(conv.ID, messages...)
	server := httptest.NewServer(fake)
	t.Cleanup(server.Close)
	live(t, server.URL)
	return fake, []string{"show", conv.ID.String(), "--chatbot", fake.ChatbotID}
}

func TestATranscriptFitsTheTerminalAndCannotSteerIt(t *testing.T) {
	long := strings.Repeat("지어낸 인사 ", 60) + strings.Repeat("x", 200)
	_, args := talking(t, "first\nsecond \x1b[31mred\u202e\u009b2J\r\n\nlast", long)
	for _, width := range []int{0, 30, 120} {
		code, out, errs := okchatRun(t, width, args...)
		if code != exitOK {
			t.Fatalf("exit %d: %s", code, errs)
		}
		if strings.ContainsAny(out, "\x1b\x07\u009b\u202e\r") {
			t.Errorf("a terminal of %d columns is steered by %q", width, out)
		}
		if want := "\nfirst\nsecond [31mred2J\n\nlast\nattachment a.png: https://files.example.invalid/a]0;x.png\n"; !strings.Contains(out, want) {
			t.Errorf("the lines of the text are not in\n%s", out)
		}
		most, widest := width, 0
		if width == 0 {
			most = 80
		}
		_, text, _ := strings.Cut(out, "지어낸")
		text, _, _ = strings.Cut(text, "attachment")
		for line := range strings.Lines("지어낸" + text) {
			widest = max(widest, runewidth.StringWidth(strings.TrimSuffix(line, "\n")))
		}
		if widest > most || widest < most-len("지어낸") {
			t.Errorf("the widest line is %d columns, expected about %d:\n%s", widest, most, out)
		}
		if got := strings.Count(text, "x"); got != 200 {
			t.Errorf("%d letters of the long word came, expected 200", got)
		}
	}
	if code, out, errs := okchatRun(t, 80, append(args, "--json")...); code != exitOK || strings.ContainsAny(out, "\x1b\x07") {
		t.Errorf("exit %d, %s, a terminal is steered by %q", code, errs, out)
	}
}

func TestAConversationThatCannotBeReadToItsEndIsShownAsFarAsItCame(t *testing.T) {
	for _, asJSON := range []bool{false, true} {
		fake, args := talking(t, "one", "two", "three")
		fake.OnPage(2, okchattest.Status(http.StatusTeapot, ""))
		code, out, errs := okchatRun(t, 0, append(args, "--limit=2", fmt.Sprintf("--json=%t", asJSON))...)
		if code != exitFailed || !strings.Contains(lastLine(errs), "418") {
			t.Errorf("exit %d: %s", code, errs)
		}
		if !asJSON && (!strings.Contains(out, "\none\n") || !strings.Contains(out, "\ntwo\n")) || asJSON && out != "" { // a document is complete or not there
			t.Errorf("shown was %q", out)
		}
	}
}
