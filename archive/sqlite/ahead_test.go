package sqlite

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"path/filepath"
	"sync/atomic"
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
			var pages atomic.Int32
			hook := okchat.WithHooks(okchat.Hooks{Page: func(context.Context, okchat.PageInfo) {
				if int(pages.Add(1)) == after {
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
			if _, err := s.Update(ctx, client, okchat.ListOptions{Limit: 10, ReadAhead: 2}, false); !errors.Is(err, context.Canceled) {
				t.Errorf("the run ended with %v", err)
			}
			if got := one(t, path, "SELECT count(*), count(gone_at) FROM conversations"); got != "200|0" {
				t.Errorf("stored and gone: %s", got)
			}
		})
	}
}

func TestWhatHasComeBeforeAnInterruptIsStored(t *testing.T) {
	srv, client := serve(t, okchattest.Synthetic(1, 200))
	path := filepath.Join(t.TempDir(), "a.sqlite")
	s, err := Create(t.Context(), path, srv.ChatbotID)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ctx, cancel := context.WithCancel(t.Context())
	got, err := s.Update(ctx, interrupted{client, 3, cancel}, okchat.ListOptions{Limit: 10, ReadAhead: 2}, false)
	if stored := one(t, path, "SELECT count(*), count(gone_at) FROM conversations"); !errors.Is(err, context.Canceled) || got.Added != 30 || stored != "30|0" {
		t.Errorf("%+v, %v, and %s stored and gone; expected 30", got, err, stored)
	}
}

// interrupted is a source that calls interrupt once so many pages have come.
type interrupted struct {
	from      *okchat.Client
	after     int
	interrupt func()
}

func (i interrupted) Pages(ctx context.Context, chatbotID string, opts okchat.ListOptions) iter.Seq2[*okchat.Page[okchat.Conversation], error] {
	return func(yield func(*okchat.Page[okchat.Conversation], error) bool) {
		opts.ReadAhead = 1
		for page, err := range i.from.Pages(context.WithoutCancel(ctx), chatbotID, opts) {
			if i.after == 0 {
				i.interrupt()
				yield(nil, context.Canceled)
				return
			}
			i.after--
			if !yield(page, err) {
				return
			}
		}
	}
}
