package okchattest_test

import (
	"testing"

	okchat "github.com/okchat/okchat-go"
	"github.com/okchat/okchat-go/okchattest"
)

// A consumer's test, whole.
func TestCountsEachConversation(t *testing.T) {
	srv := okchattest.NewServer(t, okchattest.Synthetic(1, 250))
	client, _ := okchat.New(srv.Key, okchat.WithBaseURL(srv.URL))
	n := 0
	for _, err := range client.Conversations(t.Context(), srv.ChatbotID, okchat.ListOptions{Limit: 100}) {
		if n++; err != nil {
			t.Fatal(err)
		}
	}
	if n != 250 || srv.Count() != 3 {
		t.Errorf("%d conversations in %d requests", n, srv.Count())
	}
}
