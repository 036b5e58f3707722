package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	okchat "github.com/okchat/okchat-go"
	"github.com/okchat/okchat-go/archive"
	"github.com/okchat/okchat-go/internal/column"
	"github.com/okchat/okchat-go/okchattest"
)

// serve starts a fake and a client that leads to it.
func serve(t testing.TB, opts ...okchattest.Option) (*okchattest.Server, *okchat.Client) {
	t.Helper()
	srv := okchattest.NewServer(t, opts...)
	client, err := okchat.New(srv.Key, okchat.WithBaseURL(srv.URL), okchat.WithRetry(okchat.RetryPolicy{MaxTries: 1}))
	if err != nil {
		t.Fatal(err)
	}
	return srv, client
}

// cut is a source that breaks off after so many pages, as if the program were killed there.
type cut struct {
	from  archive.Source
	after int
}

func (c cut) Pages(ctx context.Context, chatbotID string, opts okchat.ListOptions) iter.Seq2[*okchat.Page[okchat.Conversation], error] {
	return func(yield func(*okchat.Page[okchat.Conversation], error) bool) {
		n := 0
		for page, err := range c.from.Pages(ctx, chatbotID, opts) {
			if n == c.after {
				yield(nil, context.Canceled)
				return
			}
			n++
			if !yield(page, err) {
				return
			}
		}
	}
}

// query returns the rows as lines, with | between columns.
func query(t testing.TB, path, text string) []string {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	rows, err := db.Query(text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for rows.Next() {
		values := make([]any, len(columns))
		for i := range values {
			values[i] = new(any)
		}
		if err := rows.Scan(values...); err != nil {
			t.Fatal(err)
		}
		var cells []string
		for _, v := range values {
			cells = append(cells, fmt.Sprint(*v.(*any)))
		}
		lines = append(lines, strings.Join(cells, "|"))
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return lines
}

func one(t testing.TB, path, text string) string {
	t.Helper()
	return strings.Join(query(t, path, text), "\n")
}

// content selects what a fresh export of the same list would hold, too.
var content = func() string {
	var names []string
	for _, c := range column.Conversations().Columns {
		names = append(names, quote(c.Name))
	}
	return "SELECT " + strings.Join(names, ", ") + ", raw FROM conversations WHERE gone_at IS NULL ORDER BY created_at, id"
}()

// equalsFresh fails where the archive at path does not hold what the server has now.
func equalsFresh(t testing.TB, path, chatbotID string, from archive.Source) {
	t.Helper()
	fresh := filepath.Join(t.TempDir(), "fresh.sqlite")
	if _, err := Export(context.Background(), fresh, chatbotID, from, okchat.ListOptions{Limit: 100}, ExportOptions{}); err != nil {
		t.Fatal(err)
	}
	if got, want := query(t, path, content), query(t, fresh, content); !slices.Equal(got, want) {
		t.Errorf("the archive lists %d conversations, a fresh export %d, or they differ", len(got), len(want))
	}
	if got := one(t, path, "PRAGMA integrity_check"); got != "ok" {
		t.Errorf("the integrity check says %s", got)
	}
}

func readFile(t testing.TB, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
