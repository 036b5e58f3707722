package sqlite

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	okchat "github.com/okchat/okchat-go"
	"github.com/okchat/okchat-go/archive"
	"github.com/okchat/okchat-go/gen/okchatapi"
	"github.com/okchat/okchat-go/okchattest"
)

// The words of an end user stand in conversations, messages, attachments, the history and the index. In the index they are
// three characters at a time, without those that an entry shares with the one before it.
var words = []string{"뷁뷃뷅뷇", "zyxwvut", "person-8c1f", "qjxkqzv.png", "뷃뷅", "뷅뷇", "wvut"}

func TestNothingOfAForgottenUserIsLeftInTheFile(t *testing.T) {
	srv, client := serve(t, okchattest.Synthetic(1, 40))
	path := filepath.Join(t.TempDir(), "a.sqlite")
	theirs, _ := srv.At(7)
	srv.Remove(theirs.ID)
	user, token := "person-8c1f", "token of person-8c1f"
	theirs.SNSUserID, theirs.SessionToken = &user, &token
	theirs.UserID = nil
	for round := range 3 {
		words := fmt.Sprintf("뷁뷃뷅뷇 zyxwvut %d", round)
		var messages []okchatapi.Message
		for i := range 10 * (round + 1) {
			messages = append(messages, okchatapi.Message{ID: uuid.NewSHA1(theirs.ID, []byte{byte(i)}), SessionID: theirs.ID, SenderType: "user", CreatedAt: theirs.CreatedAt,
				Content: words, Attachments: []okchatapi.Attachment{{Name: "qjxkqzv.png", URL: "https://storage.example.invalid/qjxkqzv.png"}}})
		}
		theirs.UpdatedAt = theirs.UpdatedAt.AddDate(0, 0, 1)
		theirs.LastMessage = okchatapi.LastMessage{Text: &words}
		srv.Remove(theirs.ID)
		srv.Insert(theirs)
		srv.SetMessages(theirs.ID, messages...)
		if _, err := bring(t, path, srv.ChatbotID, client, MessageOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	srv.Remove(theirs.ID)
	if _, err := bring(t, path, srv.ChatbotID, client, MessageOptions{}); err != nil { // it has left the list, and is kept
		t.Fatal(err)
	}
	for _, word := range words[:4] {
		if n := strings.Count(readFile(t, path), word); n == 0 {
			t.Fatalf("%q is not in the file to begin with", word)
		}
	}
	mode := os.FileMode(0o640)
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
	others := "SELECT (SELECT count(*) FROM conversations), (SELECT count(*) FROM messages), (SELECT count(*) FROM changes), (SELECT count(*) FROM runs), (SELECT count(*) FROM messages_search), (SELECT count(*) FROM conversations_search)"
	var before, after [6]int
	scan := func(counts *[6]int) {
		if _, err := fmt.Sscanf(one(t, path, others), "%d|%d|%d|%d|%d|%d", &counts[0], &counts[1], &counts[2], &counts[3], &counts[4], &counts[5]); err != nil {
			t.Fatal(err)
		}
	}
	scan(&before)
	for _, name := range []string{".a.sqlite.123.part", ".a.sqlite.123.part-journal"} { // a run that was killed left its copy
		if err := os.WriteFile(filepath.Join(filepath.Dir(path), name), []byte(readFile(t, path)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	gone, err := Forget(t.Context(), path, user)
	if err != nil || gone != (Forgotten{Conversations: 1, Messages: 30, Changes: 2}) {
		t.Fatalf("%+v, %v", gone, err)
	}
	scan(&after)
	if want := [6]int{before[0] - 1, before[1] - 30, before[2] - 2, before[3], before[4] - 30, before[5] - 1}; after != want || after[0] == 0 || after[1] == 0 {
		t.Errorf("there are %d rows of each kind left, expected %d", after, want)
	}
	left, err := filepath.Glob(filepath.Join(filepath.Dir(path), "*"))
	if hidden, _ := filepath.Glob(filepath.Join(filepath.Dir(path), ".*")); err != nil || len(left) != 1 || len(hidden) > 0 {
		t.Errorf("%v, %v are in the folder: %v", left, hidden, err)
	}
	for _, word := range words {
		if strings.Contains(readFile(t, path), word) {
			t.Errorf("%q is still in the file", word)
		}
	}
	for _, question := range []string{"PRAGMA integrity_check", "PRAGMA foreign_key_check", "SELECT n FROM seen EXCEPT SELECT n FROM conversations", "INSERT INTO messages_search (messages_search) VALUES ('integrity-check') RETURNING 'ok'"} {
		if got := one(t, path, question); got != "ok" && got != "" {
			t.Errorf("%s: %s", question, got)
		}
	}
	if info, err := os.Stat(path); err != nil || info.Mode() != mode {
		t.Errorf("its mode is %v: %v", info.Mode(), err)
	}

	// What is left is an archive like any other; there is nothing more to remove.
	if gone, err = Forget(t.Context(), path, user); err != nil || gone != (Forgotten{}) {
		t.Errorf("once more: %+v, %v", gone, err)
	}
	if _, err := bring(t, path, srv.ChatbotID, client, MessageOptions{}); err != nil {
		t.Fatal(err)
	}
	holdsMessages(t, path, srv)
	if hits, err := reader(t, path).Search(t.Context(), "뷁뷃뷅", okchat.ListOptions{}, archive.Filter{Gone: true}, Position{}, 10); err != nil || len(hits) > 0 {
		t.Errorf("found %v, %v", hits, err)
	}
}

func TestAnArchiveThatIsOpenElsewhereIsNotChangedByForget(t *testing.T) {
	srv, client := serve(t, okchattest.Synthetic(1, 40))
	path := filepath.Join(t.TempDir(), "a.sqlite")
	update(t, path, srv.ChatbotID, client, okchat.ListOptions{}, false)
	defer func(d time.Duration) { busyFor = d }(busyFor)
	busyFor = 0
	a := reader(t, path)
	before := one(t, path, "SELECT count(*) FROM conversations")
	user := one(t, path, "SELECT sns_user_id FROM conversations WHERE sns_user_id IS NOT NULL LIMIT 1")
	if err := a.exec("BEGIN; SELECT count(*) FROM conversations"); err != nil {
		t.Fatal(err)
	}
	if _, err := Forget(t.Context(), path, user); !errors.Is(err, errInUse) {
		t.Errorf("while another reads: %v", err)
	}
	if got := one(t, path, "SELECT count(*) FROM conversations"); got != before {
		t.Errorf("%s conversations are left of %s", got, before)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	if gone, err := Forget(t.Context(), path, user); err != nil || gone.Conversations == 0 {
		t.Errorf("after it has closed the file: %+v, %v", gone, err)
	}
	if _, err := Forget(t.Context(), path, ""); !errors.Is(err, okchat.ErrArgument) {
		t.Errorf("nobody: %v", err)
	}
	if _, err := Forget(t.Context(), path+"x", user); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}
