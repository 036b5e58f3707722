package sqlite

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	okchat "github.com/okchat/okchat-go"
	"github.com/okchat/okchat-go/archive"
	"github.com/okchat/okchat-go/internal/column"
	"github.com/okchat/okchat-go/okchattest"
)

const pageSize = 10

// update runs once and fails the test where that fails.
func update(t *testing.T, path, chatbotID string, from archive.Source, opts okchat.ListOptions, newOnly bool) Result {
	t.Helper()
	result, err := tryUpdate(t, path, chatbotID, from, opts, newOnly)
	if err != nil {
		t.Fatal(err)
	}
	return result
}

func tryUpdate(t *testing.T, path, chatbotID string, from archive.Source, opts okchat.ListOptions, newOnly bool) (Result, error) {
	t.Helper()
	s, err := Create(t.Context(), path, chatbotID)
	if err != nil {
		t.Fatal(err)
	}
	opts.Limit = pageSize
	result, err := s.Update(t.Context(), from, opts, newOnly)
	if closing := s.Close(); closing != nil {
		t.Error(closing)
	}
	return result, err
}

func TestAnUpdateBringsWhatIsNewAndChangedAndMarksWhatIsGone(t *testing.T) {
	srv, client := serve(t, okchattest.Synthetic(1, 95))
	path := filepath.Join(t.TempDir(), "a.sqlite")
	if got, want := update(t, path, srv.ChatbotID, client, okchat.ListOptions{}, false), (Result{Pages: 10, Added: 95}); got != want {
		t.Errorf("the first run did %+v, expected %+v", got, want)
	}
	gone, _ := srv.At(40)
	changed, _ := srv.At(50)
	srv.Remove(gone.ID)
	srv.SetState(changed.ID, "synthetic_other")
	srv.AddNew(12)
	if got, want := update(t, path, srv.ChatbotID, client, okchat.ListOptions{}, false), (Result{Pages: 11, Added: 12, Changed: 1, Gone: 1}); got != want {
		t.Errorf("the second run did %+v, expected %+v", got, want)
	}
	equalsFresh(t, path, srv.ChatbotID, client)
	if got := one(t, path, "SELECT id FROM conversations WHERE gone_at = (SELECT max(started_at) FROM runs)"); got != gone.ID.String() {
		t.Errorf("gone is %q, expected %s", got, gone.ID)
	}
	if got := one(t, path, "SELECT state, first_seen < (SELECT started_at FROM runs JOIN seen ON run = id WHERE seen.n = c.n) FROM conversations c WHERE id = '"+changed.ID.String()+"'"); got != "synthetic_other|1" {
		t.Errorf("the changed one is %s", got)
	}
	if got, want := update(t, path, srv.ChatbotID, client, okchat.ListOptions{}, false), (Result{Pages: 11}); got != want {
		t.Errorf("a run without news did %+v, expected %+v", got, want)
	}
	srv.Insert(gone)
	if got := update(t, path, srv.ChatbotID, client, okchat.ListOptions{}, false); got.Added != 0 || got.Gone != 0 {
		t.Errorf("the run that saw one come back did %+v", got)
	}
	if got := one(t, path, "SELECT count(*) FROM conversations WHERE gone_at IS NOT NULL"); got != "0" {
		t.Errorf("%s are gone after one came back", got)
	}
}

func TestNewOnlyEndsAtTheFirstPageWithoutNews(t *testing.T) {
	srv, client := serve(t, okchattest.Synthetic(1, 95))
	path := filepath.Join(t.TempDir(), "a.sqlite")
	update(t, path, srv.ChatbotID, client, okchat.ListOptions{}, false)
	for _, tt := range []struct{ added, pages int }{{0, 1}, {1, 2}, {9, 2}, {10, 2}, {25, 4}} {
		srv.AddNew(tt.added)
		oldest, _ := srv.At(srv.Len() - 1)
		srv.Remove(oldest.ID)
		if got, want := update(t, path, srv.ChatbotID, client, okchat.ListOptions{}, true), (Result{Pages: tt.pages, Added: tt.added}); got != want {
			t.Errorf("after %d started the run did %+v, expected %+v", tt.added, got, want)
		}
	}
	if got := update(t, path, srv.ChatbotID, client, okchat.ListOptions{}, false); got.Gone != 5 {
		t.Errorf("a whole run found %d gone, expected 5", got.Gone)
	}
	equalsFresh(t, path, srv.ChatbotID, client)
}

// A run that is cut short stores what is newest first, so there is a gap behind it.
func TestNewOnlyClosesTheGapOfARunThatWasCutShort(t *testing.T) {
	for name, first := range map[string]int{"after a whole run": -1, "after none": 3} {
		t.Run(name, func(t *testing.T) {
			srv, client := serve(t, okchattest.Synthetic(1, 95))
			path := filepath.Join(t.TempDir(), "a.sqlite")
			if _, err := tryUpdate(t, path, srv.ChatbotID, cut{client, first}, okchat.ListOptions{}, false); first >= 0 && err == nil {
				t.Fatal("the run was not cut short")
			}
			for i := range 3 {
				srv.AddNew(30)
				if _, err := tryUpdate(t, path, srv.ChatbotID, cut{client, i}, okchat.ListOptions{}, true); !errors.Is(err, context.Canceled) {
					t.Fatal(err)
				}
			}
			update(t, path, srv.ChatbotID, client, okchat.ListOptions{}, true)
			equalsFresh(t, path, srv.ChatbotID, client)
			if got := update(t, path, srv.ChatbotID, client, okchat.ListOptions{}, true); got.Pages != 1 {
				t.Errorf("with the gap closed the next run read %d pages, expected 1", got.Pages)
			}
		})
	}
}

func TestNothingIsMarkedByAWalkThatDidNotEnd(t *testing.T) {
	srv, client := serve(t, okchattest.Synthetic(1, 95))
	path := filepath.Join(t.TempDir(), "a.sqlite")
	update(t, path, srv.ChatbotID, client, okchat.ListOptions{}, false)
	srv.OnPage(5, okchattest.Status(500, "broken"))
	result, err := tryUpdate(t, path, srv.ChatbotID, client, okchat.ListOptions{}, false)
	if apiError := (*okchat.APIError)(nil); !errors.As(err, &apiError) || result.Pages != 4 {
		t.Errorf("the run did %+v, %v", result, err)
	}
	if got := one(t, path, "SELECT count(*), count(gone_at) FROM conversations"); got != "95|0" {
		t.Errorf("stored and gone: %s", got)
	}
	if got := one(t, path, "SELECT pages, ended_at IS NULL FROM runs ORDER BY started_at DESC LIMIT 1"); got != "4|1" {
		t.Errorf("the run is noted as %s", got)
	}
}

func TestARunSinceATimeMarksOnlyWhatIsNewer(t *testing.T) {
	srv, client := serve(t, okchattest.Synthetic(1, 95))
	path := filepath.Join(t.TempDir(), "a.sqlite")
	update(t, path, srv.ChatbotID, client, okchat.ListOptions{}, false)
	young, _ := srv.At(5)
	old, _ := srv.At(80)
	limit, _ := srv.At(30)
	srv.Remove(young.ID)
	srv.Remove(old.ID)
	got := update(t, path, srv.ChatbotID, client, okchat.ListOptions{CreatedAfter: limit.CreatedAt}, false)
	if got.Gone != 1 || one(t, path, "SELECT id FROM conversations WHERE gone_at IS NOT NULL") != young.ID.String() {
		t.Errorf("the run did %+v", got)
	}
	if gap := one(t, path, "SELECT gap_since FROM archive"); gap != "<nil>" {
		t.Errorf("there is a gap since %s", gap)
	}
	// A walk that ends above what was there leaves one.
	srv.AddNew(50)
	limit, _ = srv.At(20)
	update(t, path, srv.ChatbotID, client, okchat.ListOptions{CreatedAfter: limit.CreatedAt}, false)
	if got := update(t, path, srv.ChatbotID, client, okchat.ListOptions{}, true); got.Added != 30 {
		t.Errorf("the run behind the gap did %+v, expected 30 added", got)
	}
}

func TestAnExportOfOneStateIsCompletedByAnUpdate(t *testing.T) {
	srv, client := serve(t, okchattest.Synthetic(1, 95))
	path := filepath.Join(t.TempDir(), "a.sqlite")
	if _, err := Export(t.Context(), path, srv.ChatbotID, client, okchat.ListOptions{State: okchattest.StateClosed}, ExportOptions{}); err != nil {
		t.Fatal(err)
	}
	if got := one(t, path, "SELECT state, conversations FROM per_state"); got != string(okchattest.StateClosed)+"|24" {
		t.Errorf("the archive holds %s", got)
	}
	update(t, path, srv.ChatbotID, client, okchat.ListOptions{}, true)
	equalsFresh(t, path, srv.ChatbotID, client)
}

func TestAnyScriptOfRunsEndsEqualToAFreshExport(t *testing.T) {
	scripts := uint64(60)
	if testing.Short() {
		scripts = 4
	}
	for seed := range scripts {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			random := rand.New(rand.NewPCG(seed, 1))
			options := []okchattest.Option{okchattest.Synthetic(seed, random.IntN(60))}
			if seed%2 == 0 {
				options = append(options, okchattest.Ties())
			}
			srv, client := serve(t, options...)
			path := filepath.Join(t.TempDir(), "a.sqlite")
			for range 6 {
				srv.AddNew(random.IntN(25))
				newOnly, opts := random.IntN(2) == 0, okchat.ListOptions{ReadAhead: random.IntN(4)}
				// An archive that begins with a time reaches back no further.
				if _, err := os.Stat(path); err == nil && srv.Len() > 0 && random.IntN(3) == 0 {
					limit, _ := srv.At(random.IntN(srv.Len()))
					opts.CreatedAfter = limit.CreatedAt
				}
				from := archive.Source(client)
				if random.IntN(2) == 0 {
					from = cut{client, random.IntN(5)}
				}
				if _, err := tryUpdate(t, path, srv.ChatbotID, from, opts, newOnly); err != nil && !errors.Is(err, context.Canceled) {
					t.Fatal(err)
				}
			}
			// Nothing left and nothing changed, so a run for what is new alone has to bring all.
			update(t, path, srv.ChatbotID, client, okchat.ListOptions{}, true)
			missing := one(t, path, "SELECT count(*) FROM conversations WHERE gone_at IS NULL")
			if missing != fmt.Sprint(srv.Len()) {
				t.Errorf("%s conversations, expected %d", missing, srv.Len())
			}
			for n := srv.Len(); n > 0 && random.IntN(4) > 0; n-- {
				leaving, _ := srv.At(random.IntN(srv.Len()))
				srv.Remove(leaving.ID)
			}
			update(t, path, srv.ChatbotID, client, okchat.ListOptions{}, false)
			equalsFresh(t, path, srv.ChatbotID, client)
		})
	}
}

func TestAnArchiveBelongsToOneChatbot(t *testing.T) {
	srv, client := serve(t, okchattest.Synthetic(1, 5))
	dir := t.TempDir()
	path := filepath.Join(dir, "a? #%.sqlite")
	update(t, path, srv.ChatbotID, client, okchat.ListOptions{}, false)
	if _, err := Create(t.Context(), path, "00000000-0000-4000-8000-000000000000"); !errors.Is(err, ErrOtherChatbot) {
		t.Errorf("another chatbot: %v", err)
	}
	for name, content := range map[string]string{"text": "some text that is long enough to be a header of a hundred bytes, and then a little more than that, too", "empty": ""} {
		other := filepath.Join(dir, name)
		if err := os.WriteFile(other, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(t.Context(), other); !errors.Is(err, ErrNotArchive) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 3 {
		t.Errorf("%v, %v in the directory, expected three files", entries, err)
	}
	s, err := Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.exec(fmt.Sprintf("PRAGMA user_version = %d", schemaVersion+1)); err != nil {
		t.Fatal(err)
	}
	s.Close()
	if _, err := Open(t.Context(), path); err == nil || errors.Is(err, ErrNotArchive) {
		t.Errorf("a newer schema: %v", err)
	}
}

func TestRunsAreToldApartWhateverTheClockSays(t *testing.T) {
	srv, client := serve(t, okchattest.Synthetic(1, 15))
	path := filepath.Join(t.TempDir(), "a.sqlite")
	update(t, path, srv.ChatbotID, client, okchat.ListOptions{}, false)
	s, err := Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	future := column.FormatTime(time.Now().AddDate(1, 0, 0))
	if err := s.exec("UPDATE runs SET started_at = ?; ", future); err != nil {
		t.Fatal(err)
	}
	if err := s.exec("UPDATE conversations SET first_seen = ?1", future); err != nil {
		t.Fatal(err)
	}
	s.Close()
	first, _ := srv.At(0)
	srv.Remove(first.ID)
	if got := update(t, path, srv.ChatbotID, client, okchat.ListOptions{}, false); got.Gone != 1 {
		t.Errorf("the run did %+v, expected one gone", got)
	}
}
