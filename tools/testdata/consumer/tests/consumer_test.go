package tests

import (
	"testing"

	"github.com/okchat/okchat-go"
	"github.com/okchat/okchat-go/contract"
	"github.com/okchat/okchat-go/okchattest"
)

func TestFromOutside(t *testing.T) {
	rules, err := contract.New()
	if err != nil {
		t.Fatal(err)
	}
	srv := okchattest.NewServer(t, okchattest.Synthetic(1, 25))
	client, err := okchat.New(srv.Key, okchat.WithBaseURL(srv.URL), okchat.WithTransport(rules.Transport(t, nil)))
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, err := range client.Conversations(t.Context(), srv.ChatbotID, okchat.ListOptions{Limit: 10}) {
		if n++; err != nil {
			t.Fatal(err)
		}
	}
	if n != 25 {
		t.Fatal(n)
	}
}
