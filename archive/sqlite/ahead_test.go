package sqlite

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"testing"

	okchat "github.com/okchat/okchat-go"
	"github.com/okchat/okchat-go/okchattest"
)

// Were the error lost, the walk would seem to have ended and all the rest would be marked as gone.
func TestAnInterruptArrivesBehindPagesReadAhead(t *testing.T) {
	for after := range 12 {
		t.Run(fmt.Sprint(after), func(t *testing.T) {
			t.Parallel()
			srv, client := serve(t, okchattest.Synthetic(1, 200))
			path := filepath.Join(t.TempDir(), "a.sqlite")
			update(t, path, srv.ChatbotID, client, okchat.ListOptions{}, false)
			s, err := Open(t.Context(), path)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			pages := 0
			hook := okchat.WithHooks(okchat.Hooks{Page: func(context.Context, okchat.PageInfo) {
				if pages++; pages == after {
					cancel()
				}
			}})
			client, err = okchat.New(srv.Key, okchat.WithBaseURL(srv.URL), hook)
			if err != nil {
				t.Fatal(err)
			}
			if after == 0 {
				cancel()
			}
			if _, err := s.Update(ctx, client, okchat.ListOptions{Limit: 10}, false); !errors.Is(err, context.Canceled) {
				t.Errorf("the run ended with %v", err)
			}
			if got := one(t, path, "SELECT count(*), count(gone_at) FROM conversations"); got != "200|0" {
				t.Errorf("stored and gone: %s", got)
			}
		})
	}
}
