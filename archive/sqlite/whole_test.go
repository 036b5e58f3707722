package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	okchat "github.com/okchat/okchat-go"
	"github.com/okchat/okchat-go/archive"
	"github.com/okchat/okchat-go/internal/column"
	"github.com/okchat/okchat-go/okchattest"
)

func init() { busyFor = 300 * time.Millisecond }

// killed makes an archive at path as a run leaves it that is killed in its middle: a log stands beside it.
func killed(t *testing.T, path string, srv *okchattest.Server, client *okchat.Client) {
	t.Helper()
	there := filepath.Join(t.TempDir(), "a.sqlite")
	update(t, there, srv.ChatbotID, client, okchat.ListOptions{}, false)
	for i := range 20 {
		c, _ := srv.At(i)
		srv.SetState(c.ID, "before_the_kill")
	}
	a, err := Open(t.Context(), there)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	if _, err := a.Update(t.Context(), cut{client, 2}, okchat.ListOptions{Limit: pageSize}, false); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if err := os.WriteFile(path+suffix, []byte(readFile(t, there+suffix)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if info, err := os.Stat(path + "-wal"); err != nil || info.Size() == 0 {
		t.Fatal("there is no log", err)
	}
}

func TestALogThatAKilledRunLeftDoesNotGetIntoANewFile(t *testing.T) {
	for name, prepare := range map[string]func(t *testing.T, file string) (path string){
		"the old file is there": func(_ *testing.T, file string) string { return file },
		"the old file was removed": func(t *testing.T, file string) string {
			if err := os.Remove(file); err != nil {
				t.Fatal(err)
			}
			return file
		},
		"through a symbolic link": func(t *testing.T, file string) string {
			link := filepath.Join(t.TempDir(), "link")
			if err := os.Symlink(file, link); err != nil {
				t.Fatal(err)
			}
			return link
		},
		"the old file is text": func(t *testing.T, file string) string {
			if err := os.WriteFile(file, []byte("text"), 0o600); err != nil {
				t.Fatal(err)
			}
			return file
		},
	} {
		t.Run(name, func(t *testing.T) {
			srv, client := serve(t, okchattest.Synthetic(1, 95))
			dir := t.TempDir()
			file := filepath.Join(dir, "a.sqlite")
			killed(t, file, srv, client)
			if err := os.WriteFile(file+"-journal", []byte("of an older program"), 0o600); err != nil {
				t.Fatal(err)
			}
			path := prepare(t, file)
			for range 90 {
				srv.RemoveAt(0)
			}
			if _, err := Export(t.Context(), path, srv.ChatbotID, client, okchat.ListOptions{}, ExportOptions{Force: true}); err != nil {
				t.Fatal(err)
			}
			if left := namesIn(t, dir); !slices.Equal(left, []string{"a.sqlite"}) {
				t.Errorf("%v are there", left)
			}
			equalsFresh(t, file, srv.ChatbotID, client)
		})
	}
}

func namesIn(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func TestAnExportDoesNotReplaceAFileThatARunIsUpdating(t *testing.T) {
	srv, client := serve(t, okchattest.Synthetic(1, 95))
	path := filepath.Join(t.TempDir(), "a.sqlite")
	update(t, path, srv.ChatbotID, client, okchat.ListOptions{}, false)
	a, err := Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	for _, force := range []bool{true, false} {
		_, err := Export(t.Context(), path, srv.ChatbotID, client, okchat.ListOptions{}, ExportOptions{Force: force})
		if force && !errors.Is(err, errInUse) || !force && !errors.Is(err, ErrKept) {
			t.Errorf("force %v: %v", force, err)
		}
	}
	srv.AddNew(3)
	if r, err := a.Update(t.Context(), client, okchat.ListOptions{}, false); err != nil || r.Added != 3 {
		t.Errorf("the run went on with %+v, %v", r, err)
	}
	if left := namesIn(t, filepath.Dir(path)); slices.ContainsFunc(left, func(name string) bool { return filepath.Ext(name) == ".part" }) {
		t.Errorf("%v are there", left)
	}
}

func TestAnArchiveWithAHistoryIsReplacedByForceAlone(t *testing.T) {
	srv, client := serve(t, okchattest.Synthetic(1, 15))
	path := filepath.Join(t.TempDir(), "a.sqlite")
	export := func(force bool) error {
		_, err := Export(t.Context(), path, srv.ChatbotID, client, okchat.ListOptions{}, ExportOptions{Force: force})
		return err
	}
	for range 2 { // a new file has no history
		if err := export(false); err != nil {
			t.Fatal(err)
		}
	}
	update(t, path, srv.ChatbotID, client, okchat.ListOptions{}, false)
	if err := export(false); !errors.Is(err, ErrKept) {
		t.Errorf("without force: %v", err)
	}
	if got := one(t, path, "SELECT count(*) FROM runs"); got != "2" {
		t.Errorf("%s runs are left, expected 2", got)
	}
	// One that another run begins while this one reads is looked at again at the end.
	other := filepath.Join(t.TempDir(), "b.sqlite")
	meanwhile := during{client, func() { update(t, other, srv.ChatbotID, client, okchat.ListOptions{}, false) }}
	if _, err := Export(t.Context(), other, srv.ChatbotID, meanwhile, okchat.ListOptions{}, ExportOptions{}); !errors.Is(err, ErrKept) {
		t.Errorf("one begun meanwhile: %v", err)
	}
	// What cannot be read may be the last copy.
	if err := os.WriteFile(other, []byte(readFile(t, path)[:5000]), 0o600); err != nil {
		t.Fatal(err)
	}
	if kept, err := Kept(t.Context(), other); !kept || err != nil {
		t.Errorf("a damaged one: %v, %v", kept, err)
	}
	if err := export(true); err != nil {
		t.Error(err)
	}
	if got := one(t, path, "SELECT count(*) FROM runs"); got != "1" {
		t.Errorf("%s runs are left, expected 1", got)
	}
}

// during is a source that does something once the first page came.
type during struct {
	from archive.Source
	do   func()
}

func (d during) Pages(ctx context.Context, chatbotID string, opts okchat.ListOptions) iter.Seq2[*okchat.Page[okchat.Conversation], error] {
	return func(yield func(*okchat.Page[okchat.Conversation], error) bool) {
		first := true
		for page, err := range d.from.Pages(ctx, chatbotID, opts) {
			if first {
				d.do()
				first = false
			}
			if !yield(page, err) {
				return
			}
		}
	}
}

func TestAFirstRunThatFailsLeavesWhatAnotherHasStored(t *testing.T) {
	srv, client := serve(t, okchattest.Synthetic(1, 15))
	for name, before := range map[string]func(path string){"no file": func(string) {}, "an empty file": func(path string) { _ = os.WriteFile(path, nil, 0o600) }} {
		path := filepath.Join(t.TempDir(), "a.sqlite")
		before(path)
		if _, err := tryUpdate(t, path, srv.ChatbotID, cut{client, 0}, okchat.ListOptions{}, false); !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		if info, err := os.Stat(path); name == "no file" && !errors.Is(err, fs.ErrNotExist) || name == "an empty file" && (err != nil || info.Size() != 0) {
			t.Errorf("%s: the run that failed left %v, %v", name, info, err)
		}
		from := failing{during{client, func() { update(t, path, srv.ChatbotID, client, okchat.ListOptions{}, false) }}}
		if _, err := tryUpdate(t, path, srv.ChatbotID, from, okchat.ListOptions{}, false); !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		if got := one(t, path, "SELECT count(*) FROM conversations"); got != "15" {
			t.Errorf("%s: %s conversations are left of 15", name, got)
		}
	}
}

// failing is a source that fails instead of handing out its first page.
type failing struct{ from archive.Source }

func (f failing) Pages(ctx context.Context, chatbotID string, opts okchat.ListOptions) iter.Seq2[*okchat.Page[okchat.Conversation], error] {
	return func(yield func(*okchat.Page[okchat.Conversation], error) bool) {
		for range f.from.Pages(ctx, chatbotID, opts) {
			yield(nil, context.Canceled)
			return
		}
	}
}

func TestFirstRunsAtOnceAllEndWell(t *testing.T) {
	// They wait for each other, on a busy machine longer than the tests that expect a file to stay in use.
	defer func(usual time.Duration) { busyFor = usual }(busyFor)
	busyFor = time.Minute
	srv, client := serve(t, okchattest.Synthetic(1, 95))
	path := filepath.Join(t.TempDir(), "a.sqlite")
	var runs sync.WaitGroup
	for range 4 {
		runs.Go(func() {
			if _, err := tryUpdate(t, path, srv.ChatbotID, client, okchat.ListOptions{}, false); err != nil {
				t.Error(err)
			}
		})
	}
	runs.Wait()
	if got := one(t, path, "SELECT count(*), count(gone_at) FROM conversations"); got != "95|0" {
		t.Errorf("stored and gone: %s", got)
	}
	if got := one(t, path, "SELECT count(*) FROM runs WHERE ended_at IS NOT NULL"); got != "4" {
		t.Errorf("%s runs ended", got)
	}
}

// The walk of the first run has read all there was when the second run stores part of what has started since.
func TestAFirstRunNeitherMarksNorCompletesWhatARunThatBeganLaterHasSeen(t *testing.T) {
	srv, client := serve(t, okchattest.Synthetic(1, 5))
	path := filepath.Join(t.TempDir(), "a.sqlite")
	from := during{client, func() {
		srv.AddNew(25)
		if _, err := tryUpdate(t, path, srv.ChatbotID, cut{client, 1}, okchat.ListOptions{}, false); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	}}
	update(t, path, srv.ChatbotID, from, okchat.ListOptions{}, false)
	if got := one(t, path, "SELECT count(gone_at) FROM conversations"); got != "0" {
		t.Errorf("%s were marked as gone", got)
	}
	update(t, path, srv.ChatbotID, client, okchat.ListOptions{}, true)
	equalsFresh(t, path, srv.ChatbotID, client)
}

func TestAFileThatIsReplacedDuringARunIsNoticed(t *testing.T) {
	srv, client := serve(t, okchattest.Synthetic(1, 35))
	path := filepath.Join(t.TempDir(), "a.sqlite")
	update(t, path, srv.ChatbotID, client, okchat.ListOptions{}, false)
	srv.AddNew(5)
	_, err := tryUpdate(t, path, srv.ChatbotID, during{client, func() { _ = os.Remove(path) }}, okchat.ListOptions{}, false)
	if !errors.Is(err, errMoved) {
		t.Errorf("the run ended with %v", err)
	}
}

func TestAnArchiveWithoutAPageIsGivenToAnotherChatbot(t *testing.T) {
	srv, client := serve(t, okchattest.Synthetic(1, 15))
	path := filepath.Join(t.TempDir(), "a.sqlite")
	update(t, path, srv.ChatbotID, client, okchat.ListOptions{}, false)
	if _, err := Create(t.Context(), path, "00000000-0000-4000-8000-000000000000"); !errors.Is(err, ErrOtherChatbot) {
		t.Fatal(err)
	}
	a, err := Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.exec("DELETE FROM conversations; UPDATE runs SET pages = 0; UPDATE archive SET chatbot_id = '00000000-0000-4000-8000-000000000000'"); err != nil {
		t.Fatal(err)
	}
	a.Close()
	update(t, path, srv.ChatbotID, client, okchat.ListOptions{}, false)
	equalsFresh(t, path, srv.ChatbotID, client)
	if a, err = Create(t.Context(), path, ""); err != nil || a.ChatbotID() != srv.ChatbotID {
		t.Errorf("it belongs to %v, %v", a, err)
	}
	a.Close()
}

func TestCapitalsInAChatbotIDAreTheSameChatbot(t *testing.T) {
	const lower, upper = "5afe16ed-5fd2-4552-a993-903bc9c32bb6", "5AFE16ED-5FD2-4552-A993-903BC9C32BB6"
	for name, first := range map[string]string{"begun with small letters": lower, "begun with capitals": upper} {
		path := filepath.Join(t.TempDir(), "a.sqlite")
		for _, id := range []string{first, lower, upper} {
			a, err := Create(t.Context(), path, id)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if _, err := a.Update(t.Context(), held{{Items: nil}}, okchat.ListOptions{}, false); err != nil || a.ChatbotID() != lower {
				t.Errorf("%s: %s, %v", name, a.ChatbotID(), err)
			}
			a.Close()
		}
	}
	path := filepath.Join(t.TempDir(), "a.sqlite")
	if _, err := Export(t.Context(), path, upper, held{}, okchat.ListOptions{}, ExportOptions{}); err != nil {
		t.Fatal(err)
	}
	if got := one(t, path, "SELECT chatbot_id FROM archive"); got != lower {
		t.Errorf("an export belongs to %s", got)
	}
}

func TestARunDoesNotWaitForAReader(t *testing.T) {
	srv, client := serve(t, okchattest.Synthetic(1, 35))
	path := filepath.Join(t.TempDir(), "a.sqlite")
	update(t, path, srv.ChatbotID, client, okchat.ListOptions{}, false)
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	reading, err := db.Begin()
	if err != nil {
		t.Fatal(err)
	}
	defer reading.Rollback()
	count := func() (n int) {
		t.Helper()
		if err := reading.QueryRow("SELECT count(*) FROM conversations").Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	count()
	srv.AddNew(5)
	if r := update(t, path, srv.ChatbotID, client, okchat.ListOptions{}, false); r.Added != 5 {
		t.Errorf("the run did %+v", r)
	}
	if n := count(); n != 35 {
		t.Errorf("the reader sees %d conversations in its transaction, expected 35", n)
	}
}

func TestTemporaryFilesOfSQLiteStayInMemory(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.sqlite")
	if _, err := Export(t.Context(), path, "5afe16ed-5fd2-4552-a993-903bc9c32bb6", held{}, okchat.ListOptions{}, ExportOptions{}); err != nil {
		t.Fatal(err)
	}
	for name, open := range map[string]func(context.Context, string) (*Archive, error){"writing": Open, "reading": Read} {
		a, err := open(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		var store int
		if err := a.row(t.Context(), "PRAGMA temp_store").Scan(&store); err != nil || store != 2 {
			t.Errorf("%s: PRAGMA temp_store is %d, %v, expected 2", name, store, err)
		}
		a.Close()
	}
}

func TestARunAfterOneWithTheClockAheadHasItsOwnTime(t *testing.T) {
	srv, client := serve(t, okchattest.Synthetic(1, 15))
	path := filepath.Join(t.TempDir(), "a.sqlite")
	update(t, path, srv.ChatbotID, client, okchat.ListOptions{}, false)
	a, err := Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	future := column.FormatTime(time.Now().AddDate(1, 0, 0))
	if err := a.exec("UPDATE runs SET started_at = ?1, ended_at = ?1; UPDATE conversations SET first_seen = ?1", future); err != nil {
		t.Fatal(err)
	}
	a.Close()
	srv.RemoveAt(0)
	srv.AddNew(1)
	before := column.FormatTime(time.Now())
	if got := update(t, path, srv.ChatbotID, client, okchat.ListOptions{}, false); got.Gone != 1 || got.Added != 1 {
		t.Errorf("the run did %+v, expected one gone and one added", got)
	}
	after := column.FormatTime(time.Now())
	got := one(t, path, fmt.Sprintf(`SELECT count(*) FROM runs, conversations c WHERE runs.id = 2 AND started_at BETWEEN '%s' AND ended_at AND ended_at <= '%s'
		AND ((SELECT run FROM seen WHERE seen.n = c.n) = runs.id OR c.gone_at = started_at)`, before, after))
	if got != "16" {
		t.Errorf("%s of 16 conversations have the time of the last run", got)
	}
}

// ends is a source that ends with an error.
type ends struct {
	from archive.Source
	err  error
}

func (e ends) Pages(ctx context.Context, chatbotID string, opts okchat.ListOptions) iter.Seq2[*okchat.Page[okchat.Conversation], error] {
	return func(yield func(*okchat.Page[okchat.Conversation], error) bool) {
		for page, err := range e.from.Pages(ctx, chatbotID, opts) {
			if !yield(page, err) {
				return
			}
		}
		yield(nil, e.err)
	}
}

func TestAWalkThatEndsWithAnErrorIsStoredAndMarksNothing(t *testing.T) {
	for _, ended := range []error{okchat.ErrItems, okchat.ErrIncomplete, errors.Join(okchat.ErrIncomplete, okchat.ErrItems)} {
		t.Run(ended.Error(), func(t *testing.T) {
			srv, client := serve(t, okchattest.Synthetic(1, 15))
			dir := t.TempDir()
			path, fresh := filepath.Join(dir, "a.sqlite"), filepath.Join(dir, "fresh.sqlite")
			update(t, path, srv.ChatbotID, client, okchat.ListOptions{}, false)
			srv.RemoveAt(3)
			srv.AddNew(2)
			for range 2 {
				if r, err := tryUpdate(t, path, srv.ChatbotID, ends{client, ended}, okchat.ListOptions{}, false); !errors.Is(err, ended) || r.Gone != 0 {
					t.Errorf("the run did %+v, %v", r, err)
				}
			}
			if got := one(t, path, "SELECT count(*), count(gone_at) FROM conversations"); got != "17|0" {
				t.Errorf("stored and gone: %s", got)
			}
			for _, partial := range []bool{false, true} {
				_, err := Export(t.Context(), fresh, srv.ChatbotID, ends{client, ended}, okchat.ListOptions{}, ExportOptions{Partial: partial})
				_, missing := os.Stat(fresh)
				if written := partial || !errors.Is(ended, okchat.ErrIncomplete); !errors.Is(err, ended) || (missing == nil) != written {
					t.Errorf("export, partial %v: %v, the file: %v", partial, err, missing)
				}
			}
		})
	}
}

func TestAWaitForAnotherProgramEndsWithTheContextOrInTime(t *testing.T) {
	srv, client := serve(t, okchattest.Synthetic(1, 5))
	path := filepath.Join(t.TempDir(), "a.sqlite")
	update(t, path, srv.ChatbotID, client, okchat.ListOptions{}, false)
	a, err := Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	if _, err := db.Exec("BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Update(t.Context(), client, okchat.ListOptions{}, false); !errors.Is(err, errInUse) {
		t.Errorf("while another program writes it ended with %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := a.Update(ctx, client, okchat.ListOptions{}, false); !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted it ended with %v", err)
	}
	if _, err := db.Exec("ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Update(t.Context(), client, okchat.ListOptions{}, false); err != nil {
		t.Errorf("afterwards it ended with %v", err)
	}
}

// An export adds the column raw to tables that are full, and indexes at its end; an update has raw from the beginning.
func TestAnExportAndAnUpdateMakeTheSameSchema(t *testing.T) {
	srv, client := serve(t, okchattest.Synthetic(1, 15))
	dir := t.TempDir()
	exported, updated := filepath.Join(dir, "exported.sqlite"), filepath.Join(dir, "updated.sqlite")
	if _, err := Export(t.Context(), exported, srv.ChatbotID, client, okchat.ListOptions{}, ExportOptions{}); err != nil {
		t.Fatal(err)
	}
	update(t, updated, srv.ChatbotID, client, okchat.ListOptions{}, false)
	const schema = "SELECT type, name, sql FROM sqlite_schema ORDER BY type, name"
	if got, want := one(t, exported, schema), one(t, updated, schema); got != want {
		t.Errorf("an export has\n%s\nexpected what an update has:\n%s", got, want)
	}
}

func TestAConversationThatComesAgainIsExportedOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.sqlite")
	first, again := conversation(`"state":"open"`), conversation(`"state":"closed"`)
	other := strings.Replace(first, "00000000000a", "00000000000b", 1)
	result, err := Export(t.Context(), path, bot, pages(t, first, other, again), okchat.ListOptions{}, ExportOptions{})
	if got := one(t, path, "SELECT group_concat(state) FROM (SELECT state FROM conversations ORDER BY id)"); err != nil || result.Added != 2 || got != "closed,open" {
		t.Errorf("%+v, %v, and the states %s; expected 2 conversations, and of the one that came again what came last", result, err, got)
	}
}
