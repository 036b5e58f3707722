package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	okchat "github.com/okchat/okchat-go"
	"github.com/okchat/okchat-go/archive"
	"github.com/okchat/okchat-go/archive/sqlite"
	"github.com/okchat/okchat-go/internal/column"
	"github.com/okchat/okchat-go/okchattest"
)

func rowsOf(t *testing.T, db *sql.DB, query string) (lines []string) {
	t.Helper()
	rows, err := db.Query(query)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var line sql.NullString
		if err := rows.Scan(&line); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, line.String)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return lines
}

func openSQLite(t *testing.T, path string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// rawOf returns a query for all rows of a table as JSON, but for the times of the run.
func rawOf(columns []column.Column, table string) string {
	names := []string{"raw", "gone_at"}
	for _, c := range columns {
		names = append(names, c.Name)
	}
	return fmt.Sprintf("SELECT json_array(%s) FROM %s ORDER BY id", strings.Join(names, ", "), table)
}

func TestAnSQLiteFleetWritesTheArchivesOfExport(t *testing.T) {
	s := setup{Sizes: []int{130, 0, 3}}
	up := inProcess(t, s)
	dir := t.TempDir()
	fleetDB := filepath.Join(dir, "fleet.db")
	for range 2 { // the second run finds nothing new
		if _, errs, err := fleetCommand(t, "run", "--chatbots", membersFile(t, s), "--messages", "--db", "sqlite:"+fleetDB); err != nil {
			t.Fatalf("%v: %s", err, errs)
		}
	}
	client, err := okchat.NewFromEnv()
	if err != nil {
		t.Fatal(err)
	}
	for i := range s.Sizes {
		id := s.id(i).String()
		path := filepath.Join(dir, "own.sqlite")
		_ = os.Remove(path)
		a, err := sqlite.Create(t.Context(), path, id)
		if err != nil {
			t.Fatal(err)
		}
		_, err = a.Update(t.Context(), client, okchat.ListOptions{}, false)
		if err == nil {
			_, err = a.UpdateMessages(t.Context(), okchat.ListOptions{}, archive.Filter{}, sqlite.MessageOptions{From: client})
		}
		if err = errors.Join(err, a.Close()); err != nil {
			t.Fatal(err)
		}
		own, theirs := openSQLite(t, path), openSQLite(t, filepath.Join(fleetDB+".archives", id+".sqlite"))
		for _, query := range []string{
			rawOf(column.Conversations().Columns, "conversations"), rawOf(column.Messages().Columns, "messages"),
			"SELECT sql FROM sqlite_schema ORDER BY name", "SELECT messages_age IS NULL FROM conversations ORDER BY id",
		} {
			got, want := rowsOf(t, theirs, query), rowsOf(t, own, query)
			if strings.Join(got, "\n") != strings.Join(want, "\n") {
				t.Errorf("chatbot %d: %s: got %d rows, expected the %d of an archive that is written alone", i, query, len(got), len(want))
			}
		}
		_ = own.Close()
		if n, want := value[int](t, theirs, "SELECT count(*) FROM conversations"), up.fakes[id].Len(); n != want {
			t.Errorf("chatbot %d: %d conversations, expected %d", i, n, want)
		}
	}
	out, _, err := fleetCommand(t, "status", "--json", "--db", "sqlite:"+fleetDB)
	var got status
	if err == nil {
		err = json.Unmarshal([]byte(out), &got)
	}
	if err != nil || got.Done != 3 || got.Conversations != 133 || got.ToRead != 0 {
		t.Errorf("status %+v, %v: expected 3 chatbots done, 133 conversations and none to read again", got, err)
	}
}

func TestPostgresHoldsTheRowsOfAnArchive(t *testing.T) {
	pg := startPostgres(t)
	s := setup{Sizes: []int{300, 7}}
	up := inProcess(t, s)
	url, db := pg.database(t)
	odd, _ := up.fakes[s.id(0).String()].At(3)
	odd.ID, odd.SNSUserID, odd.LastMessage = uuid.New(), new(strings.Repeat("0123456789", 1000)), okchat.LastMessage{Text: new("a NUL: \x00")}
	up.fakes[s.id(0).String()].Insert(odd)
	run := func() {
		t.Helper()
		if _, errs, err := fleetCommand(t, "run", "--all", "--messages", "--db", url); err != nil {
			t.Fatalf("%v: %s", err, errs)
		}
	}
	run()
	client, err := okchat.NewFromEnv()
	if err != nil {
		t.Fatal(err)
	}
	var row column.Row
	for conv, err := range client.Conversations(t.Context(), s.id(0).String(), okchat.ListOptions{}) {
		if err == nil {
			err = row.Read(&conv)
		}
		if err != nil {
			t.Fatal(err)
		}
		for i, c := range column.Conversations().Columns {
			got := value[sql.NullString](t, db, fmt.Sprintf("SELECT CASE WHEN %[1]q IS NULL THEN NULL ELSE %[2]s END FROM conversations WHERE id = $1", c.Name, asText(c)), conv.ID.String())
			if want := row.Values[i]; got.Valid == want.Null || got.String != strings.ReplaceAll(want.Text, "\x00", "\uFFFD") {
				t.Fatalf("conversation %v: %s is %v, expected %v", conv.ID, c.Name, got, want)
			}
		}
	}
	for i := range s.Sizes {
		for k := range up.fakes[s.id(i).String()].Len() {
			conv, _ := up.fakes[s.id(i).String()].At(k)
			want := len(up.fakes[s.id(i).String()].Messages(conv.ID))
			if got := value[int](t, db, "SELECT count(*) FROM messages WHERE session_id = $1", conv.ID.String()); got != want {
				t.Fatalf("conversation %v has %d messages, expected %d", conv.ID, got, want)
			}
		}
	}

	// The tables have the columns of an archive, but for those from which it computes raw and tells what has not changed.
	path := filepath.Join(t.TempDir(), "own.sqlite")
	if _, err := sqlite.Export(t.Context(), path, s.id(1).String(), client, okchat.ListOptions{}, sqlite.ExportOptions{}); err != nil {
		t.Fatal(err)
	}
	a, err := sqlite.Open(t.Context(), path)
	if err == nil {
		_, err = a.Update(t.Context(), client, okchat.ListOptions{}, false)
	}
	if err = errors.Join(err, a.Close()); err != nil {
		t.Fatal(err)
	}
	own := openSQLite(t, path)
	for _, table := range []string{"conversations", "messages", "seen", "changes", "attachments"} {
		want := rowsOf(t, own, "SELECT name FROM pragma_table_xinfo('"+table+"') WHERE name NOT IN ('verbatim', 'fingerprint') ORDER BY name")
		got := rowsOf(t, db, "SELECT attname FROM pg_attribute WHERE attrelid = '"+table+"'::regclass AND attnum > 0 ORDER BY attname COLLATE \"C\"")
		if !slices.Equal(got, want) {
			t.Errorf("table %s has the columns %v, expected %v", table, got, want)
		}
	}

	// The list changes: one leaves, one comes, and one gets another state.
	fake := up.fakes[s.id(0).String()]
	left, _ := fake.RemoveAt(5)
	came := fake.AddNew(1)[0]
	closed, _ := fake.At(9)
	fake.SetState(closed.ID, "synthetic_other")
	voices := value[int](t, db, "SELECT count(voice_path) FROM conversations WHERE gone_at IS NULL")
	if _, err := db.Exec(`UPDATE conversations SET unknown = json_build_object('voice_path', voice_path) WHERE voice_path IS NOT NULL;
		ALTER TABLE conversations DROP COLUMN voice_path`); err != nil { // as if the contract had gained it
		t.Fatal(err)
	}
	run()
	if got := value[int](t, db, "SELECT count(voice_path) FROM conversations"); got < voices-1 || voices == 0 {
		t.Errorf("a column that was added has %d values, expected about %d", got, voices)
	}
	for query, want := range map[string]string{
		"SELECT id::text FROM conversations WHERE gone_at IS NOT NULL": left.ID.String(),
		"SELECT string_agg(DISTINCT c.id::text, ' ') FROM messages m JOIN conversations c ON c.id = session_id WHERE m.first_seen > (SELECT max(started_at) FROM runs)": came.ID.String(),
		"SELECT conversation_id::text FROM changes": closed.ID.String(),
		"SELECT state FROM changes":                 string(closed.State),
		"SELECT string_agg(added || ' ' || changed || ' ' || gone, ', ' ORDER BY id) FROM runs WHERE chatbot_id = '" + s.id(0).String() + "'": "301 0 0, 1 1 1",
		"SELECT count(*)::text FROM attachments":                                value[string](t, db, "SELECT sum(json_array_length(attachments))::text FROM messages WHERE json_typeof(attachments) = 'array'"),
		"SELECT count(*)::text FROM pg_indexes WHERE indexname LIKE '%_search'": "2",
	} {
		if got := value[string](t, db, query); got != want {
			t.Errorf("%s: got %q, expected %q", query, got, want)
		}
	}

	// Nothing of conversations or the key stands in jobs and progress.
	for _, table := range []string{"river_job", "fleet_chatbots", "fleet_keys", "fleet_workers"} {
		all := strings.Join(rowsOf(t, db, "SELECT t::text FROM "+table+" t"), "\n")
		for name, text := range map[string]string{"the key": testKey, "an id of a conversation": closed.ID.String()[:8], "a text": "Synthetic"} {
			if strings.Contains(all, text) {
				t.Errorf("%s holds %s", table, name)
			}
		}
	}
}

// asText returns an expression for a column's value as an archive writes it.
func asText(c column.Column) string {
	switch {
	case c.Time:
		return fmt.Sprintf(`to_char(%q AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`, c.Name)
	default:
		return fmt.Sprintf("%q::text", c.Name)
	}
}

func TestAConversationWhoseMessagesDoNotComeLosesNoneAndStopsNoOther(t *testing.T) {
	pg := startPostgres(t)
	s := setup{Sizes: []int{40}}
	fake := inProcess(t, s).fakes[s.id(0).String()]
	url, db := pg.database(t)
	run := func() error {
		_, _, err := fleetCommand(t, "run", "--chatbots", membersFile(t, s), "--messages", "--db", url)
		return err
	}
	if err := run(); err != nil {
		t.Fatal(err)
	}
	answers := map[string]okchattest.Fault{} // by the conversation
	for i, fault := range []okchattest.Fault{
		okchattest.Status(http.StatusNotFound, "{}"),
		okchattest.EditRow(0, func(m map[string]any) { m["content"] = 5 }),
		okchattest.EditJSON(func(page map[string]any) { page["data"] = 5 }),
	} {
		conv, _ := fake.At(4 * i)
		for k := 4 * i; len(fake.Messages(conv.ID)) < 2; k++ {
			conv, _ = fake.At(k)
		}
		answers[conv.ID.String()] = fault
	}
	if len(answers) != 3 {
		t.Fatalf("%d conversations are to fail, expected 3", len(answers))
	}
	var mended atomic.Bool
	fake.Every(func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			parts := strings.Split(r.URL.Path, "/")
			if fault := answers[parts[len(parts)-2]]; fault != nil && !mended.Load() {
				fault(next).ServeHTTP(w, r)
				return
			}
			next.ServeHTTP(w, r)
		})
	})
	for i := range fake.Len() {
		conv, _ := fake.At(i)
		fake.SetState(conv.ID, "synthetic_other") // so that each is read again
	}
	if err := run(); err == nil {
		t.Error("the run ended well, expected a problem")
	}
	const due, gone = "SELECT count(*) FROM conversations WHERE messages_age IS NULL", "SELECT count(*) FROM messages WHERE gone_at IS NOT NULL"
	if got, lost := value[int](t, db, due), value[int](t, db, gone); got != 3 || lost != 0 {
		t.Errorf("%d conversations are due and %d messages marked, expected 3 and 0", got, lost)
	}
	mended.Store(true)
	if err := run(); err != nil {
		t.Fatal(err)
	}
	if got, lost := value[int](t, db, due), value[int](t, db, gone); got != 0 || lost != 0 {
		t.Errorf("%d conversations are due and %d messages marked, expected none", got, lost)
	}
}

func TestAFurtherRunLeavesWhatTheFirstOneAskedFor(t *testing.T) {
	s := setup{Sizes: []int{3}}
	inProcess(t, s)
	url := "sqlite:" + filepath.Join(t.TempDir(), "fleet.db")
	stop := background(t, "run", "--chatbots", membersFile(t, s), "--messages", "--every", "1h", "--db", url)
	db := openSQLite(t, strings.TrimPrefix(url, "sqlite:"))
	until(t, db, "SELECT count(*) > 0 FROM sqlite_schema WHERE name = 'fleet_chatbots'")
	until(t, db, "SELECT count(*) > 0 FROM fleet_chatbots WHERE state = 'done'")
	_ = stop()
	if _, errs, err := fleetCommand(t, "run", "--chatbots", membersFile(t, s), "--db", url); err != nil {
		t.Fatalf("%v: %s", err, errs)
	}
	if got := value[string](t, db, "SELECT every || ' ' || with_messages FROM fleet_chatbots"); got != "3600.0 1" {
		t.Errorf("every and with_messages are %s, expected those of the first run", got)
	}
}

func TestBadInputIsNamedAndTheOthersGoOn(t *testing.T) {
	pg := startPostgres(t)
	s := setup{Sizes: []int{20, 20, 20}}
	inProcess(t, s)
	t.Setenv("OKCHAT_KEY_OF_ANOTHER", "fake-key-that-is-wrong")
	write := func(text string) string {
		name := filepath.Join(t.TempDir(), "chatbots.txt")
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	for _, kind := range []string{"PostgreSQL", "SQLite"} {
		t.Run("one wrong key, one missing key and one chatbot that vanished, in "+kind, func(t *testing.T) {
			url := "sqlite:" + filepath.Join(t.TempDir(), "fleet.db")
			if kind == "PostgreSQL" {
				url, _ = pg.database(t)
			}
			file := write(fmt.Sprintf("# ours\n%s\n%s OKCHAT_KEY_OF_ANOTHER\n%s OKCHAT_KEY_OF_NOBODY\n00000000-0000-4000-8000-000000000001\n", s.id(0), s.id(1), s.id(2)))
			_, errs, err := fleetCommand(t, "run", "--chatbots", file, "--db", url)
			if err == nil || !strings.Contains(err.Error(), "3 of the chatbots") {
				t.Errorf("error %v, expected one that counts 3 chatbots", err)
			}
			for _, want := range []string{
				s.id(1).String() + ": the key was refused", s.id(2).String() + ": there is no key: set OKCHAT_KEY_OF_NOBODY",
				"00000000-0000-4000-8000-000000000001: the server knows no such chatbot", "1 done, 0 at work, 0 waiting, 3 with a problem", "conversations  20\n",
			} {
				if !strings.Contains(errs, want) {
					t.Errorf("expected %q in:\n%s", want, errs)
				}
			}
		})
	}
	t.Run("before anything is read", func(t *testing.T) {
		taken, db := pg.database(t)
		if _, err := db.Exec("CREATE TABLE messages (text text)"); err != nil {
			t.Fatal(err)
		}
		other, db := pg.database(t)
		if _, err := db.Exec("CREATE TABLE fleet_schema (version INTEGER); INSERT INTO fleet_schema VALUES (99)"); err != nil {
			t.Fatal(err)
		}
		fine := write(s.id(0).String())
		sqliteURL := "sqlite:" + filepath.Join(t.TempDir(), "fleet.db")
		for _, c := range []struct {
			name, want string
			args       []string
		}{
			{"a database of another version", "has version 99 of the fleet's tables, expected 1", []string{"run", "--chatbots", fine, "--db", other}},
			{"a database that others use", "has a table messages that no fleet has made", []string{"run", "--chatbots", fine, "--db", taken}},
			{"its status", "has version 99 of the fleet's tables, expected 1", []string{"status", "--db", other}},
			{"a database that is not there", "cannot reach the database nowhere at 127.0.0.1:1", []string{"run", "--chatbots", fine, "--db", "postgres://me:secret@127.0.0.1:1/nowhere"}},
			{"a URL that does not parse", "expected postgres://USER@HOST/NAME", []string{"run", "--chatbots", fine, "--db", "postgres://me:secret@[/nowhere"}},
			{"no database", "--db names no database", []string{"run", "--chatbots", fine, "--db", ""}},
			{"a folder that is not there", "cannot reach the database", []string{"run", "--chatbots", fine, "--db", "sqlite:/dev/null/fleet.db"}},
			{"the status of a database without a fleet", "is no database of a fleet", []string{"status", "--db", sqliteURL}},
			{"a key in the file", "never a key", []string{"run", "--chatbots", write(s.id(0).String() + " secret-0123"), "--db", sqliteURL}},
			{"no id", ":1: no chatbot id", []string{"run", "--chatbots", write("secret"), "--db", sqliteURL}},
			{"an id twice", ":2: chatbot", []string{"run", "--chatbots", write(s.id(0).String() + "\n" + s.id(0).String()), "--db", sqliteURL}},
			{"an empty file", "names no chatbot", []string{"run", "--chatbots", write("\n"), "--db", sqliteURL}},
			{"a rate below 0", "--rate is -3", []string{"run", "--rate", "-3", "--db", sqliteURL}},
			{"no jobs", "--jobs is 0", []string{"run", "--jobs", "0", "--db", sqliteURL}},
		} {
			out, errs, err := fleetCommand(t, c.args...)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: error %v, expected one with %q", c.name, err, c.want)
			}
			if err != nil && strings.Contains(out+errs+err.Error(), "secret") {
				t.Errorf("%s: the error tells a secret: %v", c.name, err)
			}
		}
	})
}

func TestAJobThatWasGivenToAnotherWorkerDoesNothing(t *testing.T) {
	pg := startPostgres(t)
	url, _ := pg.database(t)
	db, err := openDatabase(t.Context(), url, 4)
	if err == nil {
		err = db.prepare(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	f, err := newFleet(t.Context(), db, 1, 0, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	inserted, err := f.river.Insert(t.Context(), listArgs{}, queued(listArgs{}, 0, 0).InsertOpts)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, state string
		attempt     int
	}{
		{"it waits to be given to somebody again", "available", 1},
		{"somebody else works on it", "running", 2},
		{"somebody else has done it", "completed", 1},
	} {
		if _, err := db.Exec("UPDATE river_job SET state = $1::river_job_state, attempt = $2, finalized_at = CASE WHEN $1 = 'completed' THEN now() END", c.state, c.attempt); err != nil {
			t.Fatal(err)
		}
		row := *inserted.Job
		row.Attempt, row.State = 1, rivertype.JobStateRunning
		if err := commit(t.Context(), f, &river.Job[listArgs]{JobRow: &row}, func(w *work) {
			t.Errorf("%s: the job was done", c.name)
			w.err = errors.New("done")
		}, nil); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
	}

	// What the database refuses is tried again, and given up in the end.
	for errorsBefore, want := range []string{maxErrors - 2: "", maxErrors - 1: "the database refused what came: SQLSTATE 22012 "} {
		if _, err := db.Exec("UPDATE river_job SET state = 'running', attempt = 1, finalized_at = NULL"); err != nil {
			t.Fatal(err)
		}
		row := *inserted.Job
		row.Attempt, row.State, row.Errors = 1, rivertype.JobStateRunning, make([]rivertype.AttemptError, errorsBefore)
		given := ""
		err := commit(t.Context(), f, &river.Job[listArgs]{JobRow: &row}, func(w *work) { w.exec("SELECT 1 / 0") }, func(w *work, problem string) {
			given, w.err = problem, errors.New("no worker is there to complete it")
		})
		if given != want || err == nil {
			t.Errorf("after %d errors: given up with %q and the error %v, expected %q", errorsBefore, given, err, want)
		}
	}
}

// background runs the command until the test ends, or stop is called, which returns its error.
func background(t *testing.T, args ...string) (stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cmd := command(io.Discard, io.Discard)
	cmd.SetArgs(args)
	ended := make(chan error, 1)
	go func() { ended <- cmd.ExecuteContext(ctx) }()
	stop = sync.OnceValue(func() error {
		cancel()
		return <-ended
	})
	t.Cleanup(func() { _ = stop() })
	return stop
}

// until waits until the query, which may fail until then, returns true.
func until(t *testing.T, db *sql.DB, query string, args ...any) {
	t.Helper()
	for {
		var there sql.NullBool
		if err := db.QueryRowContext(t.Context(), query, args...).Scan(&there); err == nil && there.Bool {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func TestSmallChatbotsDoNotWaitForALargeOne(t *testing.T) {
	pg := startPostgres(t)
	s := setup{Sizes: []int{4000}}
	for range 12 {
		s.Sizes = append(s.Sizes, 5)
	}
	inProcess(t, s)
	url, db := pg.database(t)
	args := []string{"run", "--chatbots", membersFile(t, setup{Sizes: s.Sizes[:1]}), "--messages", "--limit", "200", "--jobs", "4", "--db", url}
	background(t, args...)
	until(t, db, "SELECT to_read > 2000 FROM fleet_chatbots")
	args[2] = membersFile(t, s)
	background(t, args...)
	until(t, db, "SELECT count(*) = 12 FROM fleet_chatbots WHERE state = 'done'")
	if read := value[int](t, db, "SELECT max(have_read) FROM fleet_chatbots"); read > 1500 {
		t.Errorf("%d conversations of the large chatbot were read before the small ones were done, expected about 1,000", read)
	}
}

func TestAFleetThatRepeatsItselfBringsWhatIsNew(t *testing.T) {
	pg := startPostgres(t)
	s := setup{Sizes: []int{15, 4}}
	up := inProcess(t, s)
	url, db := pg.database(t)
	stop := background(t, "run", "--all", "--every", "1s", "--db", url)
	until(t, db, "SELECT min(round) >= 1 FROM fleet_chatbots")
	came := up.fakes[s.id(1).String()].AddNew(1)[0]
	until(t, db, "SELECT min(round) >= 2 FROM fleet_chatbots")
	if n := len(rowsOf(t, db, "SELECT id FROM fleet_workers")); n != 1 {
		t.Errorf("%d workers are noted, expected the one", n)
	}
	answer := httptest.NewRecorder()
	open, err := openDatabase(t.Context(), url, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = open.Close() }()
	open.serveMetrics(answer, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	for _, want := range []string{"okchat_fleet_conversations 2", "okchat_fleet_workers 1\n", "# TYPE okchat_fleet_jobs_waiting gauge\n", "okchat_fleet_problems 0\n"} {
		if !strings.Contains(answer.Body.String(), want) {
			t.Errorf("metrics: expected %q in:\n%s", want, answer.Body)
		}
	}
	if n := value[int](t, db, "SELECT count(*) FROM conversations WHERE id = $1", came.ID.String()); n != 1 {
		t.Errorf("a conversation that came between two runs is there %d times, expected once", n)
	}
	if err := stop(); err == nil || !strings.Contains(err.Error(), "interrupted") {
		t.Errorf("the worker ended with %v, expected to be interrupted", err)
	}
	if n := value[int](t, db, "SELECT count(*) FROM fleet_workers"); n != 0 {
		t.Errorf("%d workers are noted after the only one has ended, expected none", n)
	}
}
