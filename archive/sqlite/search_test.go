package sqlite

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	okchat "github.com/okchat/okchat-go"
	"github.com/okchat/okchat-go/archive"
	"github.com/okchat/okchat-go/gen/okchatapi"
	"github.com/okchat/okchat-go/okchattest"
)

// Each way to search finds what a look at every message does: with the index and without, common texts and rare ones, in pages of
// any size.
func TestEachWayToSearchFindsWhatEveryOtherDoes(t *testing.T) {
	if testing.Short() {
		t.Skip("one goroutine asks again and again")
	}
	srv, client := serve(t, okchattest.Synthetic(3, 60))
	first, _ := srv.At(0)
	path := filepath.Join(t.TempDir(), "a.sqlite")
	if _, err := bring(t, path, srv.ChatbotID, client, MessageOptions{}); err != nil {
		t.Fatal(err)
	}
	// Some conversations have been read long ago: their last message is known from the list alone, or not by its id.
	change(t, path, `DELETE FROM messages_search WHERE rowid IN (SELECT n FROM messages WHERE session_id IN (SELECT id FROM conversations WHERE n % 5 = 0));
		DELETE FROM messages WHERE session_id IN (SELECT id FROM conversations WHERE n % 5 = 0);
		UPDATE conversations SET gone_at = first_seen WHERE n % 7 = 0; UPDATE messages SET gone_at = '2025-03-08T00:00:00.000000Z' WHERE n % 11 = 0;
		UPDATE conversations SET last_message_id = NULL WHERE n % 4 = 0`)
	everything := query(t, path, `SELECT m.created_at, m.session_id, m.gone_at IS NOT NULL OR c.gone_at IS NOT NULL, c.platform, c.sns_user_id, m.content
			FROM messages m JOIN conversations c ON c.id = m.session_id
		UNION ALL SELECT coalesce(updated_at, created_at), id, gone_at IS NOT NULL, platform, sns_user_id, last_message FROM conversations c
			WHERE last_message IS NOT NULL AND NOT EXISTS (SELECT 1 FROM messages WHERE session_id = c.id AND (id = last_message_id OR last_message_id IS NULL AND content = last_message))`)
	plain := filepath.Join(t.TempDir(), "plain.sqlite")
	writeFile(t, plain, readFile(t, path))
	change(t, plain, "DROP TABLE messages_search; DROP TABLE conversations_search")

	user, since, until := *first.SNSUserID, first.CreatedAt.Add(-20*time.Hour), first.CreatedAt.Add(-2*time.Hour)
	defer func(n int) { common = n }(common)
	found := 0
	for _, path := range []string{path, plain} {
		a := reader(t, path)
		for _, common = range []int{0, 5, 100_000} {
			for _, text := range []string{"e", "th", "the", "안녕", "안녕하세요", "😀", " 😀", "요?", "what do you cost", "<b>marked", "zzz"} {
				for _, f := range []archive.Filter{{}, {Gone: true}, {Platform: first.Platform, Gone: true}, {User: user, Gone: true}} {
					for _, opts := range []okchat.ListOptions{{}, {CreatedAfter: since, CreatedBefore: until}} {
						var want []string
						for _, line := range everything {
							part := strings.SplitN(line, "|", 6)
							at, _ := time.Parse(time.RFC3339, part[0])
							if strings.Contains(strings.ToLower(part[5]), text) && (f.Gone || part[2] == "0") &&
								(f.Platform == "" || part[3] == string(f.Platform)) && (f.User == "" || part[4] == f.User) &&
								(opts.CreatedAfter.IsZero() || at.After(since) && !at.After(until)) {
								want = append(want, part[0]+" "+part[1]+" "+part[2])
							}
						}
						slices.SortFunc(want, func(a, b string) int { return cmp.Compare(b, a) })
						for _, size := range []int{1000, 17} {
							var got []string
							var after Position
							for more := true; more; {
								hits, err := a.Search(t.Context(), text, opts, f, after, size)
								if err != nil {
									t.Fatal(err)
								}
								for _, h := range hits {
									gone := map[bool]int{true: 1}[h.Gone]
									got = append(got, fmt.Sprint(h.At.Format("2006-01-02T15:04:05.000000Z"), " ", h.ConversationID, " ", gone))
									after = h.Position
								}
								more = len(hits) == size
							}
							found += len(got)
							slices.SortFunc(got, func(a, b string) int { return cmp.Compare(b, a) }) // those of one time are in any order
							if !slices.Equal(got, want) {
								t.Fatalf("%s, common from %d on, %q, %+v, %+v, pages of %d: %d found, expected %d", filepath.Base(path), common, text, f, opts, size, len(got), len(want))
							}
						}
					}
				}
			}
		}
	}
	if found < 10_000 {
		t.Errorf("only %d were found altogether", found)
	}
}

func TestHitsComeNewestFirst(t *testing.T) {
	if testing.Short() {
		t.Skip("one goroutine asks again and again")
	}
	srv, client := serve(t, okchattest.Synthetic(3, 30))
	path := filepath.Join(t.TempDir(), "a.sqlite")
	if _, err := bring(t, path, srv.ChatbotID, client, MessageOptions{}); err != nil {
		t.Fatal(err)
	}
	a := reader(t, path)
	hits, err := a.Search(t.Context(), "e", okchat.ListOptions{}, archive.Filter{}, Position{}, 1000)
	if err != nil || len(hits) < 30 || !slices.IsSortedFunc(hits, func(x, y Hit) int { return y.At.Compare(x.At) }) {
		t.Errorf("%d hits, or out of order: %v", len(hits), err)
	}
}

func TestATranscriptIsTheConversation(t *testing.T) {
	srv, client := serve(t, okchattest.Synthetic(3, 20))
	path := filepath.Join(t.TempDir(), "a.sqlite")
	if _, err := bring(t, path, srv.ChatbotID, client, MessageOptions{}); err != nil {
		t.Fatal(err)
	}
	change(t, path, "UPDATE messages SET gone_at = '2025-03-08T00:00:00.000000Z' WHERE n % 2 = 0")
	a := reader(t, path)
	count, gone := 0, 0
	for i := range srv.Len() {
		conv, _ := srv.At(i)
		want := srv.Messages(conv.ID)
		slices.SortStableFunc(want, func(a, b okchatapi.Message) int { return a.CreatedAt.Compare(b.CreatedAt) })
		for m, err := range a.Transcript(t.Context(), strings.ToUpper(conv.ID.String())) {
			if err != nil || m.ID != want[0].ID || m.Content != want[0].Content || len(m.Attachments) != len(want[0].Attachments) {
				t.Fatalf("%v, expected message %v: %v", m, want[0].ID, err)
			}
			want = want[1:]
			count++
			if !m.GoneAt.IsZero() {
				gone++
			}
		}
		if len(want) > 0 {
			t.Errorf("%d messages did not come", len(want))
		}
	}
	if count < 50 || gone < 20 {
		t.Errorf("only %d messages, %d of them gone", count, gone)
	}
}

func writeFile(t testing.TB, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestLettersBeyondASCIIAreFoundInEitherCaseByTheIndex(t *testing.T) {
	srv, client := serve(t, okchattest.Synthetic(3, 5))
	path := filepath.Join(t.TempDir(), "a.sqlite")
	if _, err := bring(t, path, srv.ChatbotID, client, MessageOptions{}); err != nil {
		t.Fatal(err)
	}
	change(t, path, "UPDATE messages SET content = 'ÉCOLE ÀB 5 µg ας' WHERE n < 4; INSERT INTO messages_search (messages_search) VALUES ('rebuild')")
	defer func(n int) { common = n }(common)
	a := reader(t, path)
	for _, common = range []int{0, 100} {
		for _, text := range []string{"école", "É", "àb", "ÀB", "µg", "µ", "ας", "ς", "Σ"} {
			if hits, err := a.Search(t.Context(), text, okchat.ListOptions{}, archive.Filter{}, Position{}, 10); err != nil || len(hits) != 3 {
				t.Errorf("%q, common from %d on: %d were found: %v", text, common, len(hits), err)
			}
		}
	}
}
