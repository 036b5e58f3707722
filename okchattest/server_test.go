package okchattest_test

import (
	"context"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/okchat/okchat-go/gen/okchatapi"
	"github.com/okchat/okchat-go/okchattest"
)

// call asks for one page through the generated client, which is what a consumer without okchat would do.
func call(t testing.TB, s *okchattest.Server, params okchatapi.ListConversationsParams) (*okchatapi.ListConversationsResponse, error) {
	t.Helper()
	c, err := okchatapi.NewClientWithResponses(s.URL, okchatapi.WithHTTPClient(s.Client()))
	if err != nil {
		t.Fatal(err)
	}
	var id okchatapi.Conversation
	if err := id.ChatbotID.UnmarshalText([]byte(s.ChatbotID)); err != nil {
		t.Fatal(err)
	}
	return c.ListConversationsWithResponse(context.Background(), id.ChatbotID, &params, func(_ context.Context, r *http.Request) error {
		r.Header.Set("x-api-key", s.Key)
		return nil
	})
}

func TestAPageIsServedOverLoopbackAndInMemory(t *testing.T) {
	check := func(t *testing.T, s *okchattest.Server) {
		r, err := call(t, s, okchatapi.ListConversationsParams{})
		if err != nil || r.JSON200 == nil {
			t.Fatal(err, r)
		}
		want := okchatapi.PageMetadata{CurrentPage: 1, PageSize: 10, TotalCount: 250, TotalPages: 25}
		if r.JSON200.Metadata != want || len(r.JSON200.Data) != 10 {
			t.Errorf("got %+v and %d conversations, want %+v and 10", r.JSON200.Metadata, len(r.JSON200.Data), want)
		}
	}
	check(t, okchattest.NewServer(t, okchattest.Synthetic(1, 250)))
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		check(t, okchattest.NewMemoryServer(t, okchattest.Synthetic(1, 250), okchattest.Latency(time.Hour)))
		if took := time.Since(start); took != time.Hour {
			t.Errorf("took %v, want 1h", took)
		}
	})
}
