package sqlite

import (
	"context"
	"fmt"
	"io"
	"iter"
	"path/filepath"
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
