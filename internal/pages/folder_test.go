package pages

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	okchat "github.com/okchat/okchat-go"
	"github.com/okchat/okchat-go/archive"
	"github.com/okchat/okchat-go/archive/sqlite"
	"github.com/okchat/okchat-go/okchattest"
)

// from returns the options of a folder whose conversations and messages come from a client.
func from(t *testing.T, srv *okchattest.Server, client *okchat.Client) FolderOptions {
	return FolderOptions{Name: "<b>", ChatbotID: srv.ChatbotID, Zone: time.UTC, Parallel: 4, Whole: func(conv *okchat.Conversation) (Whole, error) {
		return Whole{Conversation: conv, Messages: func(yield func(sqlite.Message, error) bool) {
			for m, err := range client.Messages(t.Context(), srv.ChatbotID, conv.ID.String(), okchat.MessageOptions{}) {
				if !yield(sqlite.Message{Message: m}, err) {
					return
				}
			}
		}}, nil
	}}
}

// fill writes all conversations into a folder.
func fill(t *testing.T, client *okchat.Client, chatbotID string, opts FolderOptions) (dir string, count int, err error) {
	dir = t.TempDir()
	f := NewFolder(dir, opts)
	for page, err := range client.Pages(t.Context(), chatbotID, okchat.ListOptions{Limit: 90}) {
		if err != nil {
			t.Fatal(err)
		}
		if err := f.WritePage(page.Items); err != nil {
			return dir, f.Count(), err
		}
	}
	return dir, f.Count(), f.Flush()
}

func read(t *testing.T, path ...string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(path...))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func start(t *testing.T, n int) (*okchattest.Server, *okchat.Client) {
	srv := okchattest.NewServer(t, okchattest.Synthetic(1, n))
	client, err := okchat.New(srv.Key, okchat.WithBaseURL(srv.URL), okchat.WithRetry(okchat.RetryPolicy{MaxTries: 1}))
	if err != nil {
		t.Fatal(err)
	}
	return srv, client
}

func TestEachLinkOfTheFolderLeadsToAFileAndEachConversationIsThere(t *testing.T) {
	const n = 2*partSize + 10
	srv, client := start(t, n)
	opts := from(t, srv, client)
	opts.Whole = func(conv *okchat.Conversation) (Whole, error) { return Whole{Conversation: conv, Unread: true}, nil }
	dir, _, err := fill(t, client, srv.ChatbotID, opts)
	if err != nil {
		t.Fatal(err)
	}
	link := regexp.MustCompile(`href="([^"#]+)"`)
	seen, todo := map[string]bool{"index.html": true}, []string{"index.html"}
	conversations := 0
	for len(todo) > 0 {
		name := todo[0]
		todo = todo[1:]
		body := read(t, dir, name)
		if strings.HasPrefix(name, "conversations"+string(filepath.Separator)) {
			conversations++
		}
		for _, m := range link.FindAllStringSubmatch(body, -1) {
			if m[1] == "data:," {
				continue
			}
			to := filepath.Join(filepath.Dir(name), filepath.FromSlash(m[1]))
			if info, err := os.Stat(filepath.Join(dir, to)); err != nil || info.Mode().Perm() != 0o600 {
				t.Fatalf("%s leads to %s: %v", name, to, err)
			}
			if !seen[to] && strings.HasSuffix(to, ".html") {
				seen[to], todo = true, append(todo, to)
			}
		}
	}
	if conversations != n || !seen["index-2.html"] || !seen["index-3.html"] || seen["index-4.html"] || !seen["statistics.html"] {
		t.Errorf("%d conversations are reached", conversations)
	}
	if got := strings.Count(read(t, dir, "index-2.html"), "<li><a "); got != partSize {
		t.Errorf("the second part has %d lines", got)
	}
	if body := read(t, dir, "statistics.html"); !strings.Contains(body, fmt.Sprintf("<dd>%d</dd>", n)) || strings.Contains(body, "Messages per") || !strings.Contains(body, "&lt;b&gt;") {
		t.Errorf("the statistics are\n%s", body)
	}
}

func TestPagesInAFolderAreThoseOfTheViewer(t *testing.T) {
	path := made(t, 25, nil)
	change(t, path, "UPDATE messages SET gone_at = '2025-03-08T00:00:00.000000Z' WHERE n % 3 = 0; UPDATE conversations SET gone_at = '2025-03-08T00:00:00.000000Z' WHERE n = 1")
	a, err := sqlite.Read(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	dir := t.TempDir()
	f := NewFolder(dir, FolderOptions{Name: "a.sqlite", ChatbotID: a.ChatbotID(), Zone: time.UTC, Whole: func(conv *okchat.Conversation) (Whole, error) {
		c, err := a.Conversation(t.Context(), conv.ID.String())
		if err != nil {
			return Whole{}, err
		}
		return WholeOf(t.Context(), a, c), nil
	}})
	v := NewViewer(path, host, token, time.UTC)
	n := 0
	for page, err := range a.Select(archive.Filter{Gone: true}).Pages(t.Context(), a.ChatbotID(), okchat.ListOptions{}) {
		if err != nil {
			t.Fatal(err)
		}
		if err := f.WritePage(page.Items); err != nil {
			t.Fatal(err)
		}
		for _, c := range page.Items {
			n++
			id := c.ID.String()
			_, served, _ := get(t, v, "conversations/"+id)
			written := read(t, dir, "conversations", id[:2], id+".html")
			body := func(page string) string { return page[strings.Index(page, "<h1>"):] }
			if body(served) != body(written) {
				t.Errorf("the file is\n%s\nand the page\n%s", written, served)
			}
		}
	}
	if n != 25 || f.Flush() != nil {
		t.Errorf("%d conversations", n)
	}
}

func TestWhatCannotBeReadOfAConversation(t *testing.T) {
	srv, client := start(t, 5)
	all := 0
	for i := range 5 {
		conv, _ := srv.At(i)
		all += len(srv.Messages(conv.ID))
	}
	if _, count, err := fill(t, client, srv.ChatbotID, from(t, srv, client)); err != nil || count != all || all < 10 {
		t.Errorf("%d messages of %d: %v", count, all, err)
	}
	lost, _ := srv.At(2)
	for name, tt := range map[string]struct {
		err   error
		want  error
		shows string
	}{
		"unknown to the server": {okchat.ErrNotFound, nil, "Its messages are not here"},
		"odd":                   {okchat.ErrItems, okchat.ErrItems, "The rest cannot be read"},
		"refused":               {okchat.ErrUnauthorized, okchat.ErrUnauthorized, ""},
	} {
		opts := from(t, srv, client)
		whole := opts.Whole
		opts.Whole = func(conv *okchat.Conversation) (Whole, error) {
			w, err := whole(conv)
			if conv.ID == lost.ID {
				w.Messages = func(yield func(sqlite.Message, error) bool) { yield(sqlite.Message{}, tt.err) }
			}
			return w, err
		}
		dir, _, err := fill(t, client, srv.ChatbotID, opts)
		if !errors.Is(err, tt.want) || tt.want == nil && err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if id := lost.ID.String(); tt.shows != "" && !strings.Contains(read(t, dir, "conversations", id[:2], id+".html"), tt.shows) {
			t.Errorf("%s: the page does not say %q", name, tt.shows)
		}
	}
}
