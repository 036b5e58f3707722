package archive

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"testing"

	okchat "github.com/okchat/okchat-go"
	"github.com/okchat/okchat-go/okchattest"
)

func TestAheadHandsOutWhatTheSourceDoes(t *testing.T) {
	srv, client := serve(t, okchattest.Synthetic(1, 95))
	srv.OnPage(8, okchattest.Status(500, "broken"))
	for _, tt := range []struct{ most, want int }{{1, 1}, {3, 3}, {100, 7}} {
		n := 0
		var last error
		for p, err := range Ahead(client, 4).Pages(t.Context(), srv.ChatbotID, okchat.ListOptions{Limit: 10}) {
			if last = err; err != nil {
				break
			}
			if n++; p.Metadata.CurrentPage != n {
				t.Errorf("page %d came, expected %d", p.Metadata.CurrentPage, n)
			}
			if n == tt.most {
				break
			}
		}
		if n != tt.want || (last != nil) != (tt.most == 100) {
			t.Errorf("%d pages and %v, expected %d", n, last, tt.want)
		}
	}
}

// Were the error lost, the walk would seem to have ended and all the rest would be marked as gone.
func TestAnInterruptArrivesBehindPagesReadAhead(t *testing.T) {
	for after := range 12 {
		t.Run(fmt.Sprint(after), func(t *testing.T) {
			t.Parallel()
			srv, client := serve(t, okchattest.Synthetic(1, 200))
			path := filepath.Join(t.TempDir(), "a.sqlite")
			update(t, path, srv.ChatbotID, client, okchat.ListOptions{}, false)
			s, err := OpenSQLite(path)
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
			if _, err := s.Update(ctx, Ahead(client, 4), okchat.ListOptions{Limit: 10}, false); !errors.Is(err, context.Canceled) {
				t.Errorf("the run ended with %v", err)
			}
			if got := one(t, path, "SELECT count(*), count(gone_at) FROM conversations"); got != "200|0" {
				t.Errorf("stored and gone: %s", got)
			}
		})
	}
}
