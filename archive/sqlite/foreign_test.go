package sqlite

import (
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	okchat "github.com/okchat/okchat-go"
	"github.com/okchat/okchat-go/archive"
	"github.com/okchat/okchat-go/okchattest"
)

// change runs SQL on the file as a program does that is not ours.
func change(t *testing.T, path, statements string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(statements); err != nil {
		t.Fatal(err)
	}
}

func TestNothingInAForeignFileRunsOrIsReliedOn(t *testing.T) {
	srv, client := serve(t, okchattest.Synthetic(1, 15))
	whole := filepath.Join(t.TempDir(), "a.sqlite")
	update(t, whole, srv.ChatbotID, client, okchat.ListOptions{}, false)
	for name, tt := range map[string]struct{ change, says string }{
		"a trigger":              {"CREATE TRIGGER \"\x1b[2J\nx\" AFTER UPDATE ON conversations BEGIN DELETE FROM conversations; END", `\x1b[2J\nx`},
		"a view for a table":     {"DROP TABLE changes; CREATE VIEW changes AS SELECT 1", "no table changes"},
		"a virtual table":        {"DROP TABLE changes; CREATE VIRTUAL TABLE changes USING fts5(a)", "no table changes"},
		"a computed column":      {"ALTER TABLE runs ADD COLUMN x BLOB AS (zeroblob(1000000000))", "no table runs"},
		"a column of the future": {"ALTER TABLE conversations ADD COLUMN \"\x1b]0;x\x07\" TEXT", "use the one that made it"},
		"another raw":            {"PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = replace(sql, 'coalesce(verbatim', 'coalesce(zeroblob(1000000000)') WHERE name = 'messages'", "did not make"},
		"a raw of another table": {"ALTER TABLE runs ADD COLUMN raw BLOB AS (zeroblob(1000000000))", "no table runs"},
		"another id":             {"PRAGMA application_id = 1", "not an archive"},
		"a version to come":      {fmt.Sprintf("PRAGMA user_version = %d", schemaVersion+1), fmt.Sprint("schema version ", schemaVersion+1)},
		"version 0":              {"PRAGMA user_version = 0", "schema version 0"},
		"a chatbot that is none": {"UPDATE archive SET chatbot_id = '\x1b[31m'", "damaged"},
		"no chatbot":             {"DELETE FROM archive", "damaged"},
		"a page that is damaged": {"PRAGMA writable_schema = ON; UPDATE sqlite_schema SET rootpage = 2 WHERE name = 'runs'", "damaged"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "a.sqlite")
			if err := os.WriteFile(path, []byte(readFile(t, whole)), 0o600); err != nil {
				t.Fatal(err)
			}
			change(t, path, tt.change)
			before := readFile(t, path)
			for _, open := range []func() (*Archive, error){
				func() (*Archive, error) { return Open(t.Context(), path) },
				func() (*Archive, error) {
					a, err := Read(t.Context(), path)
					if err == nil {
						defer a.Close()
						err = a.Check(t.Context())
					}
					return a, err
				},
				func() (*Archive, error) { return Create(t.Context(), path, srv.ChatbotID) },
			} {
				_, err := open()
				if err == nil || !strings.Contains(err.Error(), tt.says) || strings.ContainsAny(err.Error(), "\x1b\n\a") {
					t.Errorf("it was opened, or not with %q: %q", tt.says, err)
				}
			}
			if readFile(t, path) != before {
				t.Error("the file was changed")
			}
		})
	}
}

func TestViewsOfAForeignFileAreNotAsked(t *testing.T) {
	srv, client := serve(t, okchattest.Synthetic(1, 15))
	path := filepath.Join(t.TempDir(), "a.sqlite")
	update(t, path, srv.ChatbotID, client, okchat.ListOptions{}, false)
	change(t, path, "DROP VIEW per_day; CREATE VIEW per_day AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i AS day, 1 AS listed FROM n")
	a, err := Read(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	if s, err := a.Stats(t.Context(), okchat.ListOptions{}, archive.Filter{}, nil); err != nil || s.Total != 15 {
		t.Errorf("%+v, %v", s, err)
	}
}

func TestAFileThatIsCutOffIsRefusedWhereverThatIs(t *testing.T) {
	srv, client := serve(t, okchattest.Synthetic(1, 60))
	dir := t.TempDir()
	whole, path := filepath.Join(dir, "whole.sqlite"), filepath.Join(dir, "a.sqlite")
	update(t, whole, srv.ChatbotID, client, okchat.ListOptions{}, false)
	content := readFile(t, whole)
	var lengths []int
	for n := 1024; n < len(content); n += 1024 { // whole pages, too
		lengths = append(lengths, n, n+1)
	}
	for _, n := range lengths {
		if err := os.WriteFile(path, []byte(content[:n]), 0o600); err != nil {
			t.Fatal(err)
		}
		if a, err := Read(t.Context(), path); err == nil {
			a.Close()
			t.Errorf("%d of %d bytes were read as an archive", n, len(content))
		}
	}
}

// The archive of version 2 is that of version 1 after a run that saw a conversation closed.
func TestAnArchiveOfAnEarlierVersionIsBroughtToTheColumnsOfToday(t *testing.T) {
	const listed = 11
	for file, messages := range map[string]string{"version1.sqlite": "0", "version2.sqlite": "0", "version3.sqlite": "24"} {
		t.Run(file, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "a.sqlite")
			if err := os.WriteFile(path, []byte(readFile(t, "testdata/"+file)), 0o600); err != nil {
				t.Fatal(err)
			}
			change(t, path, `CREATE VIEW mine AS SELECT id, platform FROM conversations; CREATE INDEX my_index ON conversations (platform, id); CREATE INDEX conversations_mine ON conversations (user_id, platform);
				CREATE INDEX by_type ON conversations (json_extract(raw, '$.metadata.type'));
				CREATE VIEW types AS SELECT json_extract(raw, '$.metadata.type') AS type FROM conversations; CREATE VIEW of_messages AS SELECT * FROM messages`)
			rawsOf := func() (raws []string) {
				raws = query(t, path, "SELECT id, raw FROM conversations ORDER BY id")
				if messages != "0" {
					raws = append(raws, query(t, path, "SELECT session_id, id, raw FROM messages ORDER BY session_id, id")...)
				}
				return raws
			}
			change(t, path, `UPDATE conversations SET last_message = char(97, 0, 98), raw = json_set(raw, '$.last_message.content', 'a' || char(1) || 'b') WHERE rowid = 1;
				UPDATE conversations SET raw = replace(raw, '\u0001', '\u0000') WHERE rowid = 1`)
			before := rawsOf()
			a, err := Read(t.Context(), path) // which changes nothing
			if err != nil {
				t.Fatal(err)
			}
			if s, err := a.Stats(t.Context(), okchat.ListOptions{}, archive.Filter{}, nil); err != nil || s.Total != listed {
				t.Errorf("%+v, %v", s, err)
			}
			a.Close()
			if _, err := Export(t.Context(), path, bot, held{}, okchat.ListOptions{}, ExportOptions{}); !errors.Is(err, ErrKept) {
				t.Errorf("an export over it: %v", err)
			}
			raws := query(t, path, "SELECT raw FROM conversations WHERE gone_at IS NULL ORDER BY created_at DESC")
			if a, err = Open(t.Context(), path); err != nil {
				t.Fatal(err)
			}
			a.Close()
			if after := rawsOf(); !slices.Equal(after, before) {
				t.Errorf("raw is\n%s, expected\n%s", strings.Join(after, "\n"), strings.Join(before, "\n"))
			}
			raws[0] = strings.Replace(raws[0], `"in_progress"`, `"closed"`, 1)
			update(t, path, bot, pages(t, raws...), okchat.ListOptions{}, false)
			for question, want := range map[string]string{
				"PRAGMA user_version":    fmt.Sprint(schemaVersion),
				"PRAGMA integrity_check": "ok",
				"SELECT count(*) FROM conversations WHERE instr(verbatim, '\\u0000')":                       "1",
				"SELECT count(DISTINCT id) = max(id) AND max(id) >= 3 FROM runs WHERE ended_at IS NOT NULL": "1",
				"SELECT count(*) FROM mine": "12",
				"SELECT count(*) FROM sqlite_schema WHERE name IN ('my_index', 'by_type')":                                         "2",
				"SELECT type, count(*) FROM types":                                                                                 "x|12",
				"SELECT count(*) FROM of_messages":                                                                                 messages,
				"SELECT count(*), count(DISTINCT n) FROM conversations":                                                            "12|12",
				"SELECT count(*) FROM conversations WHERE gone_at = (SELECT started_at FROM runs WHERE id = 2)":                    "1",
				"SELECT changed_at = (SELECT started_at FROM runs WHERE id = 3), state FROM changes":                               "1|in_progress",
				"SELECT gap_since, kept FROM archive":                                                                              "<nil>|1",
				"SELECT updated_at, voice_path, migrated_data FROM conversations WHERE json_type(raw, '$.updated_at') IS NULL":     "<nil>|<nil>|<nil>",
				"SELECT count(*) FROM conversations WHERE platform IS NULL AND json_type(raw, '$.platform') = 'null'":              "1",
				"SELECT unknown FROM conversations WHERE unknown IS NOT NULL":                                                      `{"mood":"good","nested":{"b":1,"a":[1.0]}}`,
				"SELECT count(*) FROM pragma_table_list WHERE schema = 'main' AND type IN ('table', 'view') AND name LIKE '%old%'": "0",
			} {
				if got := one(t, path, question); got != want {
					t.Errorf("%s is %s, expected %s", question, got, want)
				}
			}
			change(t, path, "DROP VIEW mine; DROP VIEW types; DROP VIEW of_messages; DROP INDEX my_index; DROP INDEX conversations_mine; DROP INDEX by_type")
			fresh := filepath.Join(t.TempDir(), "fresh.sqlite")
			update(t, fresh, bot, pages(t, raws...), okchat.ListOptions{}, false)
			const schema = `SELECT type, name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%' AND name <> 'archive'
				AND name NOT LIKE '%\_search%' ESCAPE '\' AND name NOT LIKE '%\_text' ESCAPE '\' ORDER BY type, name`
			if got, want := one(t, path, schema), one(t, fresh, schema); got != want {
				t.Errorf("the schema is\n%s, expected that of a new archive\n%s", got, want)
			}
			if got, want := one(t, path, content), one(t, fresh, content); got != want {
				t.Errorf("it lists\n%s, expected\n%s", got, want)
			}
		})
	}
}

func TestAColumnThatAnArchiveLacksIsFilledFromTheJSON(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.sqlite")
	raws := []string{
		conversation(`"state":"open","voice_path":"a.ogg","active":true,"mood":"good"`),
		strings.Replace(conversation(`"state":"open"`), "00000000000a", "00000000000b", 1),
	}
	update(t, path, bot, pages(t, raws...), okchat.ListOptions{}, false)
	// As it is when the contract does not have the members yet.
	names := slices.DeleteFunc(conversationRows.names(), func(name string) bool { return name == "voice_path" || name == "active" })
	list := strings.Join(names, ", ")
	change(t, path, "PRAGMA legacy_alter_table = ON; ALTER TABLE conversations RENAME TO before; "+conversationRows.definition(true, names)+
		"INSERT INTO conversations ("+list+") SELECT "+list+" FROM before; DROP TABLE before;"+
		`UPDATE conversations SET unknown = '{"active":true,"mood":"good","voice_path":"a.ogg"}' WHERE unknown IS NOT NULL;`+indexes)
	a, err := Read(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	if list, err := a.Newest(t.Context(), okchat.ListOptions{}, archive.Filter{}, Position{}, 9); err != nil || len(list) != 2 {
		t.Errorf("read as it is: %d conversations, %v", len(list), err)
	}
	a.Close()
	if got := update(t, path, bot, pages(t, raws...), okchat.ListOptions{}, false); got.Changed != 0 {
		t.Errorf("the run did %+v", got)
	}
	for question, want := range map[string]string{
		"SELECT voice_path, active, unknown FROM conversations WHERE unknown IS NOT NULL": `a.ogg|1|{"mood":"good"}`,
		"SELECT raw FROM conversations ORDER BY id":                                       strings.Join(raws, "\n"),
	} {
		if got := one(t, path, question); got != want {
			t.Errorf("%s is %s, expected %s", question, got, want)
		}
	}
}

func TestAConstraintOfAForeignFileIsNotComputed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.sqlite")
	update(t, path, bot, pages(t, conversation(`"state":"open"`)), okchat.ListOptions{}, false)
	change(t, path, `PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = replace(sql, 'CHECK (new_only IN (0, 1))', 'CHECK (abs(-9223372036854775808) > 0)')
		WHERE name = 'runs'`) // which is an error wherever it is computed
	a, err := Read(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	if err := a.Check(t.Context()); err != nil {
		t.Errorf("the check says %v", err)
	}
}
