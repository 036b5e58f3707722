package pages

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/url"
	"path/filepath"
	"testing"
	"time"

	okchat "github.com/okchat/okchat-go"
	"github.com/okchat/okchat-go/archive"
	"github.com/okchat/okchat-go/archive/sqlite"
	"github.com/okchat/okchat-go/okchattest"
)

// BenchmarkView prints how long the first byte of each kind of page takes, of an archive of 100,000 conversations and a million
// messages: ten copies of each conversation's last message, and one rare text. Making it takes a minute or two.
func BenchmarkView(b *testing.B) {
	const conversations = 100_000
	srv := okchattest.NewServer(b, okchattest.Synthetic(1, conversations))
	client, err := okchat.New(srv.Key, okchat.WithBaseURL(srv.URL))
	if err != nil {
		b.Fatal(err)
	}
	path := filepath.Join(b.TempDir(), "a.sqlite")
	if _, err := sqlite.Export(b.Context(), path, srv.ChatbotID, client, okchat.ListOptions{Limit: 1000}, sqlite.ExportOptions{}); err != nil {
		b.Fatal(err)
	}
	change(b, path, `PRAGMA synchronous = OFF;
		WITH RECURSIVE copies (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM copies WHERE i < 9)
		INSERT INTO messages (id, session_id, created_at, sender_type, content, raw, first_seen, last_seen)
			SELECT printf('%08x-%04x-4000-8000-000000000000', n, i), id, created_at, 'user', coalesce(last_message, 'Synthetic: 환불'), '{}', first_seen, first_seen FROM conversations, copies;
		UPDATE conversations SET messages_read_at = first_seen, messages_age = 0;
		UPDATE messages SET content = content || ' quixotic 갸웃' WHERE n = 777`)
	a, err := sqlite.Open(b.Context(), path)
	if err == nil { // makes the index
		_, err = a.UpdateMessages(b.Context(), okchat.ListOptions{State: "none"}, archive.Filter{}, sqlite.MessageOptions{From: client})
	}
	if err != nil {
		b.Fatal(err)
	}
	if err := a.Close(); err != nil {
		b.Fatal(err)
	}
	conv, _ := srv.At(conversations / 2)
	server := httptest.NewUnstartedServer(nil)
	server.Config.Handler = NewViewer(path, server.Listener.Addr().String(), token, time.UTC)
	server.Start()
	defer server.Close()
	for _, page := range []struct{ name, path string }{
		{"list", ""}, {"filtered", "?platform=line&state=in_progress"}, {"conversation", "conversations/" + conv.ID.String()},
		{"search common", "?q=" + url.QueryEscape("안녕하세요")}, {"search common short", "?q=" + url.QueryEscape("안녕")},
		{"search rare", "?q=quixotic"}, {"search rare short", "?q=" + url.QueryEscape("갸웃")}, {"search none", "?q=zzzz"},
	} {
		b.Run(page.name, func(b *testing.B) {
			var first time.Duration
			for b.Loop() {
				begin := time.Now()
				trace := &httptrace.ClientTrace{GotFirstResponseByte: func() { first += time.Since(begin) }}
				request, err := http.NewRequestWithContext(httptrace.WithClientTrace(b.Context(), trace), http.MethodGet, server.URL+"/"+token+"/"+page.path, nil)
				if err != nil {
					b.Fatal(err)
				}
				response, err := server.Client().Do(request)
				if err != nil {
					b.Fatal(err)
				}
				if _, err := io.Copy(io.Discard, response.Body); err != nil || response.StatusCode != http.StatusOK {
					b.Fatal(response.StatusCode, err)
				}
				_ = response.Body.Close()
			}
			b.ReportMetric(float64(first.Microseconds())/1000/float64(b.N), "ms-to-first-byte")
		})
	}
}
