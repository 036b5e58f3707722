package sqlite_test

import (
	"context"
	"fmt"
	"log"
	"net/http/httptest"
	"os"
	"path/filepath"
	"time"

	okchat "github.com/okchat/okchat-go"
	"github.com/okchat/okchat-go/archive"
	"github.com/okchat/okchat-go/archive/sqlite"
	"github.com/okchat/okchat-go/okchattest"
)

// An archive that each run brings up to date, with messages, is searched and read.
func Example() {
	fake := okchattest.New(okchattest.Synthetic(1, 50)) // stands in for OKChat
	server := httptest.NewServer(fake)
	defer server.Close()
	client, err := okchat.New(fake.Key, okchat.WithBaseURL(server.URL))
	if err != nil {
		log.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "archive")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)

	ctx := context.Background()
	kept, err := sqlite.Create(ctx, filepath.Join(dir, "conversations.sqlite"), fake.ChatbotID)
	if err != nil {
		log.Fatal(err)
	}
	defer kept.Close()
	for range 2 {
		result, err := kept.Update(ctx, client, okchat.ListOptions{Limit: 100}, false)
		if err != nil {
			log.Fatal(err)
		}
		messages, err := kept.UpdateMessages(ctx, okchat.ListOptions{}, archive.Filter{}, sqlite.MessageOptions{From: client, Parallel: 4})
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(result.Added, "new conversations,", messages.Added, "new messages")

		hits, err := kept.Search(ctx, "안녕", okchat.ListOptions{}, archive.Filter{}, sqlite.Position{}, 1)
		if err != nil {
			log.Fatal(err)
		}
		for _, hit := range hits {
			fmt.Printf("%s %s: %s[%s]%s\n", hit.At.Format(time.DateTime), hit.Sender, hit.Before, hit.Match, hit.After)
			said := map[okchat.SenderType]int{}
			for message, err := range kept.Transcript(ctx, hit.ConversationID) {
				if err != nil {
					log.Fatal(err)
				}
				said[message.SenderType]++
			}
			fmt.Println(said)
		}
	}
	// Output:
	// 50 new conversations, 447 new messages
	// 2025-03-07 05:02:33 user: 지어낸 인사: [안녕]하세요! 무엇을 도와드릴까요? 😀
	// map[bot:9 user:8]
	// 0 new conversations, 0 new messages
	// 2025-03-07 05:02:33 user: 지어낸 인사: [안녕]하세요! 무엇을 도와드릴까요? 😀
	// map[bot:9 user:8]
}
