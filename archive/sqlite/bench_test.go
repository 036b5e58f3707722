package sqlite

import (
	"bufio"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"iter"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	okchat "github.com/okchat/okchat-go"
	"github.com/okchat/okchat-go/archive"
	"github.com/okchat/okchat-go/okchattest"
)

// held is a source that has its pages in memory.
type held []*okchat.Page[okchat.Conversation]

func (h held) Pages(context.Context, string, okchat.ListOptions) iter.Seq2[*okchat.Page[okchat.Conversation], error] {
	return func(yield func(*okchat.Page[okchat.Conversation], error) bool) {
		for _, p := range h {
			if !yield(p, nil) {
				return
			}
		}
	}
}

// hold reads n conversations anew, so that nobody has asked for their JSON yet.
func hold(b *testing.B, client *okchat.Client, chatbotID string) (pages held) {
	for p, err := range client.Pages(b.Context(), chatbotID, okchat.ListOptions{Limit: 100}) {
		if err != nil {
			b.Fatal(err)
		}
		pages = append(pages, p)
	}
	return pages
}

// BenchmarkWriters prints what each format costs a conversation beside the reading.
func BenchmarkWriters(b *testing.B) {
	const n = 20_000
	srv, client := serve(b, okchattest.Synthetic(1, n))
	for name, write := range map[string]func(held) error{
		"ndjson": func(pages held) error { return writeAll(archive.NewNDJSON(io.Discard), pages) },
		"csv":    func(pages held) error { return writeAll(archive.NewCSV(io.Discard, archive.CSVOptions{}), pages) },
		"xlsx":   func(pages held) error { return writeAll(archive.NewXLSX(io.Discard, nil), pages) },
		"sqlite": func(pages held) error {
			_, err := Export(b.Context(), filepath.Join(b.TempDir(), "a.sqlite"), srv.ChatbotID, pages, okchat.ListOptions{}, ExportOptions{})
			return err
		},
	} {
		b.Run(fmt.Sprint(name), func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				pages := hold(b, client, srv.ChatbotID)
				b.StartTimer()
				if err := write(pages); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/conversation")
		})
	}
}

func writeAll(w archive.Writer, pages held) error {
	for _, p := range pages {
		if err := w.WritePage(p.Items); err != nil {
			return err
		}
	}
	return w.Flush()
}

// BenchmarkSearch prints what a search over 200,000 messages takes, newest hits first, beside LIKE over all of them and grep over
// the same as NDJSON. The texts are made of 20,000 Korean words, few of them common.
func BenchmarkSearch(b *testing.B) {
	srv, client := serve(b, okchattest.Synthetic(1, 16_500))
	dir := b.TempDir()
	path, lines := filepath.Join(dir, "a.sqlite"), filepath.Join(dir, "a.ndjson")
	options := MessageOptions{From: client, Parallel: 4, MessageOptions: okchat.MessageOptions{Limit: 100}}
	if _, err := Export(b.Context(), path, srv.ChatbotID, client, okchat.ListOptions{Limit: 100}, ExportOptions{Messages: &options}); err != nil {
		b.Fatal(err)
	}
	random := rand.New(rand.NewPCG(1, 0))
	words := make([]string, 20_000)
	for i := range words {
		for range 2 + random.IntN(3) {
			words[i] += string(rune('가' + random.IntN(2350)))
		}
	}
	common := rand.NewZipf(random, 1.1, 10, uint64(len(words)-1))
	db, err := sql.Open("sqlite", path)
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	var messages int
	var text strings.Builder
	file, err := os.Create(lines)
	if err != nil {
		b.Fatal(err)
	}
	out := bufio.NewWriter(file)
	if err := db.QueryRow("BEGIN; SELECT count(*) FROM messages").Scan(&messages); err != nil {
		b.Fatal(err)
	}
	for n := 1; n <= messages; n++ {
		text.Reset()
		for range 4 + random.IntN(20) {
			text.WriteString(words[common.Uint64()] + " ")
		}
		if _, err := db.Exec("UPDATE messages SET content = ? WHERE n = ?", text.String(), n); err != nil {
			b.Fatal(err)
		}
		fmt.Fprintf(out, "{\"content\":%q}\n", text.String())
	}
	if _, err := db.Exec("INSERT INTO messages_search (messages_search) VALUES ('rebuild'); COMMIT"); err != nil {
		b.Fatal(err)
	}
	if err := errors.Join(out.Flush(), file.Close(), db.Close()); err != nil {
		b.Fatal(err)
	}
	a, err := Read(b.Context(), path)
	if err != nil {
		b.Fatal(err)
	}
	defer a.Close()
	three := ""
	for _, w := range words[15_000:] { // a rare one
		if r := []rune(w); three == "" && len(r) >= 3 {
			three = string(r[:3])
		}
	}
	for name, text := range map[string]string{"rare of 3": three, "rare of 2": string([]rune(three)[:2]), "common of 2": string([]rune(words[0])[:2])} {
		var found int
		if err := a.row(b.Context(), "SELECT count(*) FROM messages WHERE content LIKE ?", "%"+text+"%").Scan(&found); err != nil {
			b.Fatal(err)
		}
		b.Run(name+"/search", func(b *testing.B) {
			for b.Loop() {
				hits, err := a.Search(b.Context(), text, okchat.ListOptions{}, archive.Filter{}, Position{}, 100)
				if err != nil || len(hits) != min(found, 100) {
					b.Fatalf("%d hits, %v, expected %d", len(hits), err, found)
				}
			}
			b.ReportMetric(float64(found), "hits")
			b.ReportMetric(float64(messages), "messages")
		})
		b.Run(name+"/like", func(b *testing.B) {
			for b.Loop() {
				if err := a.row(b.Context(), "SELECT count(*) FROM messages WHERE content LIKE ?", "%"+text+"%").Scan(&found); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(name+"/grep", func(b *testing.B) {
			for b.Loop() {
				if out, err := exec.Command("grep", "-c", text, lines).Output(); err != nil || strings.TrimSpace(string(out)) != fmt.Sprint(found) {
					b.Fatalf("grep finds %s, %v, expected %d", out, err, found)
				}
			}
		})
	}
}
