package archive

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	okchat "github.com/okchat/okchat-go"
	"github.com/okchat/okchat-go/okchattest"
)

// page is a page of conversations that came as these JSON texts.
func page(t testing.TB, raws ...string) []okchat.Conversation {
	t.Helper()
	var list []okchat.Conversation
	for _, raw := range raws {
		var conv okchat.Conversation
		if err := json.Unmarshal([]byte(raw), &conv); err != nil {
			t.Fatal(err)
		}
		list = append(list, conv)
	}
	return list
}

const odd = `{ "id": "00000000-0000-4000-8000-000000000001", "chatbot_id": "00000000-0000-4000-8000-00000000000b",
	"created_at": "2025-03-07T10:00:00.5+09:00", "updated_at": "2025-03-07T02:00:00Z", "platform": "@fax", "state": "=1+1",
	"active": true, "is_human_mode": false, "migrated_data": false, "sns_user_id": "+821012345678901234567890",
	"user_id": "", "session_token": null, "voice_path": "'-x", "last_message": "a,\"b\"\r\n\u00e9 <&> \ud83d\ude00",
	"metadata": {"anonymous": true, "n": 12345678901234567890.10}, "later": {"<": [1.0, 2e3]} }`

func written(t testing.TB, make func(*bytes.Buffer) Writer, pages ...[]okchat.Conversation) string {
	t.Helper()
	var b bytes.Buffer
	w := make(&b)
	for _, p := range pages {
		if err := w.WritePage(p); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func toNDJSON(b *bytes.Buffer) Writer { return NewNDJSON(b) }
func toCSV(b *bytes.Buffer) Writer    { return NewCSV(b) }

func TestNDJSONCarriesWhatCame(t *testing.T) {
	got := written(t, toNDJSON, page(t, odd), nil, page(t, odd))
	var want bytes.Buffer
	if err := json.Compact(&want, []byte(odd)); err != nil {
		t.Fatal(err)
	}
	if line := want.String() + "\n"; got != line+line {
		t.Errorf("got\n%s, expected twice\n%s", got, line)
	}
}

func TestCSVHasTheColumnsOfTheDocument(t *testing.T) {
	got, err := csv.NewReader(strings.NewReader(written(t, toCSV, page(t, odd)))).ReadAll()
	if err != nil || len(got) != 2 {
		t.Fatal(got, err)
	}
	want := []string{"00000000-0000-4000-8000-000000000001", "00000000-0000-4000-8000-00000000000b",
		"2025-03-07T01:00:00.500000Z", "2025-03-07T02:00:00.000000Z", "'@fax", "'=1+1", "true", "false", "false",
		"'+821012345678901234567890", "", "", "''-x", "a,\"b\"\né <&> 😀", "", "", // Go reads CR LF as LF
		`{"anonymous":true,"n":12345678901234567890.10}`, `{"later":{"<":[1.0,2e3]}}`}
	for i, name := range csvColumns {
		if got[0][i] != name || got[1][i] != want[i] {
			t.Errorf("column %s is %q, expected %q", got[0][i], got[1][i], want[i])
		}
	}
	document, err := os.ReadFile("../docs/archive.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range csvColumns {
		if !bytes.Contains(document, []byte("| `"+name+"` |")) {
			t.Errorf("docs/archive.md says nothing of the column %s", name)
		}
	}
}

func FuzzDefuse(f *testing.F) {
	for _, s := range []string{"", "'", "=1", "'=1", "''+", "a=1", "\t", "'a", "\r\n", "-", "@"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := defuse(s)
		if got != "" && strings.ContainsRune("=+-@\t\r", rune(got[0])) {
			t.Errorf("%q became %q", s, got)
		}
		// The way back, as docs/archive.md has it.
		back := got
		if rest := strings.TrimLeft(got, "'"); rest != got && rest != "" && strings.ContainsRune("=+-@\t\r", rune(rest[0])) {
			back = got[1:]
		}
		if back != s {
			t.Errorf("%q became %q, which leads back to %q", s, got, back)
		}
	})
}

// tool runs a parser that is not ours on a file; the test is skipped where it is not installed.
func tool(t testing.TB, name string, args ...string) string {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		t.Skipf("%s is not installed", name)
	}
	out, err := exec.Command(name, args...).Output()
	if err != nil {
		if exit, ok := errors.AsType[*exec.ExitError](err); ok {
			t.Fatalf("%s: %v: %s", name, err, exit.Stderr)
		}
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

const readCSV = `
import csv, sys
rows = list(csv.DictReader(open(sys.argv[1], newline="", encoding="utf-8"), strict=True))
assert all(None not in r and None not in r.values() for r in rows)
assert [r["created_at"] for r in rows] == sorted((r["created_at"] for r in rows), reverse=True)
print(len(rows), ",".join(r["id"] for r in rows[:1]))
`

func TestOtherParsersReadNoneOneAndManyPages(t *testing.T) {
	for name, n := range map[string]int{"no page": 0, "one page": 7, "many pages": 230} {
		t.Run(name, func(t *testing.T) {
			srv, client := serve(t, okchattest.Synthetic(3, n))
			dir, first := t.TempDir(), ""
			if newest, ok := srv.At(0); ok {
				first = newest.ID.String()
			}
			var pages [][]okchat.Conversation
			for p, err := range client.Pages(t.Context(), srv.ChatbotID, okchat.ListOptions{Limit: 20}) {
				if err != nil {
					t.Fatal(err)
				}
				pages = append(pages, p.Items)
			}
			count := func(format, got string) {
				t.Helper()
				want := strings.TrimSpace(strings.TrimSpace(intText(n) + " " + first))
				if strings.TrimSpace(got) != want {
					t.Errorf("%s: got %q, expected %q", format, got, want)
				}
			}
			file := func(name, content string) string {
				path := filepath.Join(dir, name)
				if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
					t.Fatal(err)
				}
				return path
			}
			t.Run("jq", func(t *testing.T) {
				count("ndjson", tool(t, "jq", "-rs", `"\(length) \(.[0].id // "")"`, file("a.ndjson", written(t, toNDJSON, pages...))))
			})
			t.Run("python3", func(t *testing.T) {
				count("csv", tool(t, "python3", "-c", readCSV, file("a.csv", written(t, toCSV, pages...))))
			})
			t.Run("sqlite3", func(t *testing.T) {
				path := filepath.Join(dir, "a.sqlite")
				if _, err := ExportSQLite(t.Context(), path, srv.ChatbotID, client, okchat.ListOptions{Limit: 20}); err != nil {
					t.Fatal(err)
				}
				got := tool(t, "sqlite3", path, "PRAGMA integrity_check; SELECT count(*), coalesce((SELECT id FROM conversations ORDER BY created_at DESC LIMIT 1), '') FROM conversations")
				count("sqlite", strings.TrimPrefix(strings.ReplaceAll(got, "|", " "), "ok\n"))
			})
		})
	}
}

func intText(n int) string { b, _ := json.Marshal(n); return string(b) }

func TestTheViewsAnswer(t *testing.T) {
	srv, client := serve(t, okchattest.Synthetic(1, 2000))
	path := filepath.Join(t.TempDir(), "a.sqlite")
	if _, err := ExportSQLite(t.Context(), path, srv.ChatbotID, client, okchat.ListOptions{Limit: 500}); err != nil {
		t.Fatal(err)
	}
	for question, want := range map[string]string{
		"SELECT sum(conversations), sum(listed) FROM per_day":                                                                        "2000|2000",
		"SELECT sum(conversations), count(*) FROM per_platform":                                                                      "2000|7",
		"SELECT state, conversations FROM per_state LIMIT 1":                                                                         "in_progress|1500",
		"SELECT (SELECT count(*) FROM open_conversations) = sum(active) FROM conversations":                                          "1",
		"SELECT (SELECT count(*) FROM messages) = count(last_message) FROM conversations":                                            "1",
		"SELECT count(*) FROM conversations WHERE platform = 'voice' AND last_message IS NOT NULL":                                   "0",
		"SELECT count(*) FROM conversations WHERE json_extract(raw, '$.id') <> id":                                                   "0",
		"SELECT count(*) FROM conversations WHERE julianday(created_at) IS NULL":                                                     "0",
		"SELECT DISTINCT typeof(active) || typeof(sns_user_id) FROM conversations WHERE platform = 'whatsapp'":                       "integertext",
		"SELECT count(*) FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND name NOT LIKE 'sqlite%' AND NOT strict": "0",
	} {
		if got := one(t, path, question); got != want {
			t.Errorf("%s is %s, expected %s", question, got, want)
		}
	}
	for _, tt := range []struct{ question, index string }{
		{"SELECT id FROM conversations WHERE created_at >= '2025-03-01' ORDER BY created_at", "conversations_by_created_at"},
		{"SELECT id FROM conversations WHERE platform = 'web' ORDER BY created_at DESC LIMIT 5", "conversations_by_platform"},
		{"SELECT id FROM conversations WHERE sns_user_id = '9000000000000001'", "conversations_by_user"},
	} {
		if plan := one(t, path, "EXPLAIN QUERY PLAN "+tt.question); !strings.Contains(plan, tt.index) {
			t.Errorf("%s does without the index: %s", tt.question, plan)
		}
	}
}
