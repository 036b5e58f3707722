package sqlite

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	okchat "github.com/okchat/okchat-go"
	"github.com/okchat/okchat-go/archive"
	"github.com/okchat/okchat-go/gen/okchatapi"
	"github.com/okchat/okchat-go/okchattest"
)

// bring updates the archive at path with its messages, and returns the error of either walk.
func bring(t *testing.T, path, chatbotID string, client *okchat.Client, opts MessageOptions) (MessageResult, error) {
	t.Helper()
	a, err := Create(t.Context(), path, chatbotID)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	}()
	if _, err := a.Update(t.Context(), client, okchat.ListOptions{Limit: 100}, false); err != nil {
		return MessageResult{}, err
	}
	if opts.From == nil {
		opts.From = client
	}
	opts.Limit = 10
	return a.UpdateMessages(t.Context(), okchat.ListOptions{}, archive.Filter{}, opts)
}

// holdsMessages fails where the archive does not hold each message that the server has, as it has it.
func holdsMessages(t *testing.T, path string, srv *okchattest.Server) {
	t.Helper()
	want := map[string]string{}
	for i := range srv.Len() {
		conv, _ := srv.At(i)
		for _, m := range srv.Messages(conv.ID) {
			want[conv.ID.String()+"|"+m.ID.String()] = fmt.Sprint(m.SenderType, "|", m.Content, "|", len(m.Attachments))
		}
	}
	for _, line := range query(t, path, `SELECT session_id || '|' || id, sender_type, content, (SELECT count(*) FROM attachments WHERE message = messages.n)
		FROM messages WHERE gone_at IS NULL AND session_id IN (SELECT id FROM conversations WHERE gone_at IS NULL)`) {
		id, rest := line[:73], line[74:]
		if rest != want[id] {
			t.Errorf("message %s is %q, expected %q", id, rest, want[id])
		}
		delete(want, id)
	}
	if len(want) > 0 {
		t.Errorf("%d messages are missing", len(want))
	}
	for question, want := range map[string]string{
		"PRAGMA integrity_check":   "ok",
		"PRAGMA foreign_key_check": "",
		"SELECT count(*) FROM messages GROUP BY session_id, id HAVING count(*) > 1":                            "",
		"SELECT count(*) FROM conversations WHERE gone_at IS NULL AND messages_read_at IS NULL":                "0",
		"SELECT count(*) FROM messages WHERE json_extract(raw, '$.id') <> id OR julianday(created_at) IS NULL": "0",
	} {
		if got := one(t, path, question); got != want {
			t.Errorf("%s is %s, expected %s", question, got, want)
		}
	}
}

// finds returns how many rows the full-text tables give for a text, and how many hold it.
func finds(t *testing.T, path, text string) (found, there string) {
	t.Helper()
	for _, name := range []string{"messages_search", "conversations_search"} { // compares each row with its text
		change(t, path, "INSERT INTO "+name+" ("+name+", rank) VALUES ('integrity-check', 1)")
	}
	found = one(t, path, fmt.Sprintf(`SELECT (SELECT count(*) FROM messages_search WHERE content MATCH '"%s"') || ' ' ||
		(SELECT count(*) FROM conversations_search WHERE last_message MATCH '"%[1]s"')`, text))
	there = one(t, path, fmt.Sprintf(`SELECT (SELECT count(*) FROM messages WHERE instr(lower(content), '%s')) || ' ' ||
		(SELECT count(*) FROM conversations WHERE instr(lower(last_message), '%[1]s'))`, text))
	return found, there
}

func TestAnExportHoldsAllMessages(t *testing.T) {
	srv, client := serve(t, okchattest.Synthetic(3, 150))
	path := filepath.Join(t.TempDir(), "a.sqlite")
	calls := 0
	result, err := Export(t.Context(), path, srv.ChatbotID, client, okchat.ListOptions{Limit: 100}, ExportOptions{Messages: &MessageOptions{From: client, Parallel: 8,
		Progress: func(read, all int) {
			if calls++; read != calls || all != 150 {
				t.Errorf("call %d says %d of %d", calls, read, all)
			}
		}}})
	if err != nil {
		t.Fatal(err)
	}
	if got := result.Messages; got.Conversations != 150 || calls != 150 || got.Unknown+got.Gone+got.Left != 0 || fmt.Sprint(got.Added) != one(t, path, "SELECT count(*) FROM messages") {
		t.Errorf("the export did %+v", result)
	}
	holdsMessages(t, path, srv)
	if found, there := finds(t, path, "하세요"); found != there || strings.HasPrefix(found, "0 ") {
		t.Errorf("the search finds %s, expected %s", found, there)
	}
}

func TestAnUpdateReadsOnlyWhatMayHaveChanged(t *testing.T) {
	srv, client := serve(t, okchattest.Synthetic(3, 120))
	path := filepath.Join(t.TempDir(), "a.sqlite")
	opts := MessageOptions{Parallel: 4, Recheck: 48 * time.Hour}
	if got, err := bring(t, path, srv.ChatbotID, client, opts); err != nil || got.Conversations != 120 {
		t.Fatalf("the first run did %+v, %v", got, err)
	}
	before := srv.Count()
	if got, err := bring(t, path, srv.ChatbotID, client, opts); err != nil || got != (MessageResult{}) {
		t.Errorf("a run over an unchanged list did %+v, %v", got, err)
	}
	if list := srv.Count() - before; list != 2 {
		t.Errorf("it sent %d requests, expected the 2 of the list", list)
	}
	changed, _ := srv.At(50)
	srv.SetState(changed.ID, "synthetic_other")
	srv.AddNew(3)
	young, _ := srv.At(60)
	young.ID, young.CreatedAt = uuid.New(), time.Now().Add(-time.Hour)
	young.UpdatedAt = young.CreatedAt
	young.LastMessage = okchatapi.LastMessage{}
	srv.Insert(young)
	for _, want := range []int{5, 1} { // the young one may go on without a word in the list
		before := srv.Count()
		got, err := bring(t, path, srv.ChatbotID, client, opts)
		if err != nil || got.Conversations != want {
			t.Fatalf("the run did %+v, %v, expected %d conversations", got, err, want)
		}
		t.Logf("%d of %d conversations were read, with %d requests", got.Conversations, srv.Len(), srv.Count()-before)
		srv.SetMessages(young.ID, srv.Messages(changed.ID)...)
	}
	holdsMessages(t, path, srv)
	if got := one(t, path, "SELECT count(*) FROM conversations WHERE messages_age < 172800 AND id = '"+young.ID.String()+"'"); got != "1" {
		t.Errorf("the young conversation is not to be read again")
	}
	if found, there := finds(t, path, "하세요"); found != there {
		t.Errorf("the search finds %s, expected %s", found, there)
	}
}

func TestAMessageThatIsGoneIsMarkedAndOneThatComesBackIsNot(t *testing.T) {
	srv, client := serve(t, okchattest.Synthetic(3, 20))
	path := filepath.Join(t.TempDir(), "a.sqlite")
	opts := MessageOptions{Recheck: 1e6 * time.Hour}
	if _, err := bring(t, path, srv.ChatbotID, client, opts); err != nil {
		t.Fatal(err)
	}
	conv, all := busiest(srv)
	srv.SetMessages(conv.ID, append(slices.Clone(all[:2]), all[3:]...)...)
	if got, err := bring(t, path, srv.ChatbotID, client, opts); err != nil || got.Gone != 1 || got.Added != 0 {
		t.Fatalf("the run did %+v, %v, expected one that is gone", got, err)
	}
	if got := one(t, path, "SELECT id FROM messages WHERE gone_at IS NOT NULL"); got != all[2].ID.String() {
		t.Errorf("gone is %s, expected %s", got, all[2].ID)
	}
	edited := slices.Clone(all)
	edited[1].Content = "an edited text"
	srv.SetMessages(conv.ID, edited...)
	if got, err := bring(t, path, srv.ChatbotID, client, opts); err != nil || got.Gone != 0 || got.Added != 0 {
		t.Fatalf("the run did %+v, %v", got, err)
	}
	holdsMessages(t, path, srv)
	if found, there := finds(t, path, "edited"); found != "1 0" || there != found {
		t.Errorf("the search finds %s, there are %s", found, there)
	}
}

// busiest returns the conversation with the most messages.
func busiest(srv *okchattest.Server) (conv okchatapi.Conversation, messages []okchatapi.Message) {
	for i := range srv.Len() {
		c, _ := srv.At(i)
		if m := srv.Messages(c.ID); len(m) > len(messages) {
			conv, messages = c, m
		}
	}
	return conv, messages
}

// breaking is a client that breaks off after so many pages of messages.
type breaking struct {
	*okchat.Client

	pages *atomic.Int64
}

func (b breaking) MessagePages(ctx context.Context, chatbotID, id string, opts okchat.MessageOptions) iter.Seq2[*okchat.Page[okchat.Message], error] {
	return func(yield func(*okchat.Page[okchat.Message], error) bool) {
		for page, err := range b.Client.MessagePages(ctx, chatbotID, id, opts) {
			if b.pages.Add(-1) < 0 {
				page, err = nil, okchat.ErrUnauthorized
			}
			if !yield(page, err) || err != nil {
				return
			}
		}
	}
}

func TestRunsThatAreCutShortLoseNoMessageAndReadNoConversationTwice(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	n := 150
	if testing.Short() {
		n = 40
	}
	srv, client := serve(t, okchattest.Synthetic(3, n))
	path := filepath.Join(t.TempDir(), "a.sqlite")
	read := 0
	for runs := 0; ; runs++ {
		var left atomic.Int64
		left.Store(random.Int64N(60))
		got, err := bring(t, path, srv.ChatbotID, client, MessageOptions{From: breaking{client, &left}, Parallel: 1 + random.IntN(8)})
		read += got.Conversations
		if runs%3 == 0 {
			srv.AddNew(1)
		}
		if err == nil && runs%3 != 0 {
			break
		}
		if err != nil && !errors.Is(err, okchat.ErrUnauthorized) {
			t.Fatal(err)
		}
		if runs == 200 {
			t.Fatal("it comes to no end")
		}
	}
	if read != srv.Len() {
		t.Errorf("%d conversations were read whole, of %d", read, srv.Len())
	}
	holdsMessages(t, path, srv)
}

func TestAConversationThatFailsIsLeftToTheNextRun(t *testing.T) {
	srv, client := serve(t, okchattest.Synthetic(3, 40))
	path := filepath.Join(t.TempDir(), "a.sqlite")
	if _, err := bring(t, path, srv.ChatbotID, client, MessageOptions{NoIndex: true}); err != nil {
		t.Fatal(err)
	}
	bad, _ := srv.At(10)
	unknown, _ := srv.At(11)
	srv.SetState(bad.ID, "x")
	srv.SetState(unknown.ID, "x")
	srv.AddNew(3)
	failing := refusing{client, map[string]error{bad.ID.String(): &okchat.APIError{StatusCode: 500}, unknown.ID.String(): okchat.ErrNotFound}}
	got, err := bring(t, path, srv.ChatbotID, client, MessageOptions{From: failing, NoIndex: true})
	if err == nil || !strings.Contains(err.Error(), bad.ID.String()) || got.Left != 1 || got.Unknown != 1 || got.Conversations != 4 {
		t.Errorf("the run did %+v, %v", got, err)
	}
	if got, err := bring(t, path, srv.ChatbotID, client, MessageOptions{NoIndex: true}); err != nil || got.Conversations != 2 {
		t.Errorf("the next run did %+v, %v, expected the two that failed", got, err)
	}
	holdsMessages(t, path, srv)
	srv.AddNew(20)
	got, err = bring(t, path, srv.ChatbotID, client, MessageOptions{From: refusing{client, nil}, NoIndex: true})
	if err == nil || got.Conversations != 0 || got.Left != 20 || !strings.Contains(err.Error(), "500") {
		t.Errorf("where all fail the run did %+v, %v, expected none read", got, err)
	}
}

// refusing is a client that answers for some conversations with an error, or for all if there is no list.
type refusing struct {
	*okchat.Client

	errors map[string]error
}

func (r refusing) MessagePages(ctx context.Context, chatbotID, id string, opts okchat.MessageOptions) iter.Seq2[*okchat.Page[okchat.Message], error] {
	err := r.errors[id]
	if r.errors == nil {
		err = &okchat.APIError{StatusCode: 500}
	}
	if err != nil {
		return func(yield func(*okchat.Page[okchat.Message], error) bool) { yield(nil, err) }
	}
	return r.Client.MessagePages(ctx, chatbotID, id, opts)
}

func TestTheIndexComesAndGoesAsItIsAskedFor(t *testing.T) {
	srv, client := serve(t, okchattest.Synthetic(3, 30))
	path := filepath.Join(t.TempDir(), "a.sqlite")
	for _, none := range []bool{true, false, false, true, false} {
		if _, err := bring(t, path, srv.ChatbotID, client, MessageOptions{NoIndex: none}); err != nil {
			t.Fatal(err)
		}
		if got := one(t, path, "SELECT count(*) FROM sqlite_schema WHERE name IN ('messages_search', 'conversations_search')") == "0"; got != none {
			t.Errorf("without an index: %v, expected %v", got, none)
		}
		srv.AddNew(2)
		conv, _ := srv.At(srv.Len() - 1)
		srv.Remove(conv.ID)
		text := "하세요 changed to " + fmt.Sprint(srv.Len())
		conv.LastMessage = okchatapi.LastMessage{Text: &text}
		srv.Insert(conv)
		update(t, path, srv.ChatbotID, client, okchat.ListOptions{}, false) // keeps the index of last messages
		if none {
			continue
		}
		if found, there := finds(t, path, "하세요"); found != there {
			t.Errorf("the search finds %s, expected %s", found, there)
		}
	}
}

func TestTheColumnsOfMessagesAreDocumented(t *testing.T) {
	_, section, _ := strings.Cut(readFile(t, "../../docs/archive.md"), "\n### Messages\n")
	section, _, _ = strings.Cut(section, "\n## ")
	for _, c := range messageRows.columns().Columns {
		if !strings.Contains(section, "`"+c.Name+"`") {
			t.Errorf("docs/archive.md says nothing of the column %s", c.Name)
		}
	}
}

// indexing is a source that has another run make the full-text tables between two pages.
type indexing struct {
	archive.Source

	between func()
}

func (i indexing) Pages(ctx context.Context, chatbotID string, opts okchat.ListOptions) iter.Seq2[*okchat.Page[okchat.Conversation], error] {
	return func(yield func(*okchat.Page[okchat.Conversation], error) bool) {
		n := 0
		for page, err := range i.Source.Pages(ctx, chatbotID, opts) {
			if !yield(page, err) {
				return
			}
			if n++; n == 2 {
				i.between()
			}
		}
	}
}

func TestARunFollowsAnIndexThatAnotherOneMakesMeanwhile(t *testing.T) {
	srv, client := serve(t, okchattest.Synthetic(3, 60))
	path := filepath.Join(t.TempDir(), "a.sqlite")
	if _, err := bring(t, path, srv.ChatbotID, client, MessageOptions{NoIndex: true}); err != nil {
		t.Fatal(err)
	}
	for i := range 60 {
		conv, _ := srv.At(i)
		srv.RemoveAt(i)
		text := "하세요 " + fmt.Sprint(i)
		conv.LastMessage = okchatapi.LastMessage{Text: &text}
		srv.InsertAt(i, conv)
	}
	update(t, path, srv.ChatbotID, indexing{client, func() {
		a, err := Open(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		defer a.Close()
		if _, err := a.UpdateMessages(t.Context(), okchat.ListOptions{}, archive.Filter{}, MessageOptions{From: client}); err != nil {
			t.Fatal(err)
		}
	}}, okchat.ListOptions{}, false)
	if found, there := finds(t, path, "하세요"); found != there || !strings.HasSuffix(found, " 60") {
		t.Errorf("the search finds %s, expected %s", found, there)
	}
}

func TestAnExportWithAnOddMessageHasItsIndexAndShowsTheRest(t *testing.T) {
	srv, client := serve(t, okchattest.Synthetic(3, 30))
	path := filepath.Join(t.TempDir(), "a.sqlite")
	conv, all := busiest(srv)
	srv.Every(okchattest.EditRow(1, func(row map[string]any) {
		if row["session_id"] == conv.ID.String() {
			row["content"] = 5
		}
	}))
	options := ExportOptions{Messages: &MessageOptions{From: client, MessageOptions: okchat.MessageOptions{Limit: 100}}}
	if _, err := Export(t.Context(), path, srv.ChatbotID, client, okchat.ListOptions{Limit: 100}, options); !errors.Is(err, okchat.ErrItems) {
		t.Fatalf("the export ended with %v", err)
	}
	if found, there := finds(t, path, "하세요"); found != there {
		t.Errorf("the search finds %s, expected %s", found, there)
	}
	a, err := Read(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	got, err := a.Conversation(t.Context(), conv.ID.String())
	if err != nil || got.Unread {
		t.Errorf("unread: %v, %v", got.Unread, err)
	}
	s, err := a.Stats(t.Context(), okchat.ListOptions{}, archive.Filter{}, nil)
	if err != nil || s.Messages.Conversations != 30 {
		t.Errorf("the statistics rest on %d conversations, %v", s.Messages.Conversations, err)
	}
	count := 0
	for _, err := range a.Select(archive.Filter{}).Messages(t.Context(), srv.ChatbotID, conv.ID.String(), okchat.MessageOptions{}) {
		if err != nil {
			t.Fatal(err)
		}
		count++
	}
	if count != len(all)-1 {
		t.Errorf("%d messages are there, expected all but one of %d", count, len(all))
	}
}

func TestMessagesThatAreGoneAreSelectedAsConversationsAre(t *testing.T) {
	srv, client := serve(t, okchattest.Synthetic(3, 20))
	path := filepath.Join(t.TempDir(), "a.sqlite")
	if _, err := bring(t, path, srv.ChatbotID, client, MessageOptions{}); err != nil {
		t.Fatal(err)
	}
	conv, all := busiest(srv)
	change(t, path, "UPDATE messages SET gone_at = first_seen WHERE id = '"+all[1].ID.String()+"'")
	a, err := Read(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	for gone, want := range map[bool]int{false: len(all) - 1, true: len(all)} {
		count := 0
		for _, err := range a.Select(archive.Filter{Gone: gone}).Messages(t.Context(), srv.ChatbotID, conv.ID.String(), okchat.MessageOptions{}) {
			if err != nil {
				t.Fatal(err)
			}
			count++
		}
		if count != want {
			t.Errorf("with those that are gone: %v: %d messages, expected %d", gone, count, want)
		}
	}
}

func TestTheMakingOfAnIndexEndsWithItsContext(t *testing.T) {
	srv, client := serve(t, okchattest.Synthetic(3, 10))
	path := filepath.Join(t.TempDir(), "a.sqlite")
	if _, err := bring(t, path, srv.ChatbotID, client, MessageOptions{NoIndex: true}); err != nil {
		t.Fatal(err)
	}
	change(t, path, `INSERT INTO messages (id, session_id, created_at, content, verbatim, first_seen, last_seen)
		WITH RECURSIVE k (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM k WHERE i < 50000)
		SELECT 'made-up-' || i, (SELECT id FROM conversations), '2025-01-01', hex(randomblob(200)), '{}', '', '' FROM k`)
	a, err := Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	ctx, cancel := context.WithCancel(t.Context())
	err = a.transaction(t.Context(), func() error {
		time.AfterFunc(50*time.Millisecond, cancel) // long before so much is indexed
		return a.setFullText(ctx, true)
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("the error is %v, expected the end of the context", err)
	}
	if there, err := a.hasFullText(t.Context()); there || err != nil {
		t.Errorf("afterwards: %v, %v", there, err)
	}
}
