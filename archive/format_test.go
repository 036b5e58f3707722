package archive

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
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
	"active": true, "is_human_mode": false, "sns_user_id": "+821012345678901234567890",
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
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func toNDJSON(b *bytes.Buffer) Writer { return NewNDJSON(b) }
func toCSV(b *bytes.Buffer) Writer    { return NewCSV(b, CSVOptions{}) }

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
	want := map[string]string{"id": "00000000-0000-4000-8000-000000000001", "chatbot_id": "00000000-0000-4000-8000-00000000000b",
		"created_at": "2025-03-07T01:00:00.500000Z", "updated_at": "2025-03-07T02:00:00.000000Z", "platform": "'@fax", "state": "'=1+1",
		"active": "true", "is_human_mode": "false", "migrated_data": "", "sns_user_id": "'+821012345678901234567890", "user_id": "",
		"session_token": "", "voice_path": "''-x", "last_message": "a,\"b\"\né <&> 😀", // Go reads CR LF as LF
		"metadata": `{"anonymous":true,"n":12345678901234567890.10}`, "unknown": `{"later":{"<":[1.0,2e3]}}`}
	for i, name := range got[0] {
		if got[1][i] != want[name] {
			t.Errorf("column %s is %q, expected %q", name, got[1][i], want[name])
		}
	}
	if documented := columnsIn(t, "../docs/archive.md"); !slices.Equal(documented, got[0]) {
		t.Errorf("docs/archive.md describes the columns\n%q, expected\n%q", documented, got[0])
	}
}

// columnsIn returns the names that the first table of columns in a document describes.
func columnsIn(t *testing.T, path string) (names []string) {
	t.Helper()
	document, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(document), "| column | holds |\n| --- | --- |\n")
	for line := range strings.Lines(table) {
		_, name, ok := strings.Cut(line, "| `")
		if !ok {
			break
		}
		name, _, _ = strings.Cut(name, "`")
		names = append(names, name)
	}
	return names
}

func TestTextThatASpreadsheetWouldRunIsDefused(t *testing.T) {
	for _, s := range []string{"=1", "+1", "-1", "@SUM(1)", "\t=1", "\tx", "\r=1", "\n=1", " =1", "  =cmd|' /C calc'!A0", "＝1+1", "＋1", "－1", "＠SUM(1)",
		"\ufeff=1", "\u200b=1", "\u00a0=1", "\x00=1", "\u2028＝1", "'=1", "''=1", "' =1", "\u202e=1",
		"\x7f=1", "\u0301=1", "\u034f=1", "\ufe0f=1", "\u3164=1", "\u115f=1", "\uffa0=1"} {
		if got := defuse(s); got != "'"+s {
			t.Errorf("%q became %q", s, got)
		}
	}
	for _, s := range []string{"", "'", "a=1", "1", " 1", "\na", "a\u2028=1", "안녕", "''", "{}", "`", "e=", "😀=1"} {
		if got := defuse(s); got != s {
			t.Errorf("%q became %q", s, got)
		}
	}
}

func FuzzDefuse(f *testing.F) {
	for _, s := range []string{"", "'", "=1", "'=1", "''+", "a=1", "\t", "'a", "\r\n", "-", "@", " ＝", "\ufeff'="} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := defuse(s)
		// As spreadsheets trim: no formula may be left.
		if first := strings.TrimSpace(strings.Trim(got, "\ufeff")); first != "" && strings.ContainsRune("=+-@＝＋－＠", []rune(first)[0]) {
			t.Errorf("%q became %q", s, got)
		}
		// The way back, as docs/archive.md has it.
		back := strings.TrimPrefix(got, "'")
		if back != got && defuse(back) != got {
			back = got
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
		})
	}
}

func intText(n int) string { b, _ := json.Marshal(n); return string(b) }

func TestLinesOfCSVAreThoseOfEncodingCSV(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 8))
	pieces := []string{"", "a", "text", " ", ",", `"`, "\n", "\r", "\r\n", "\t", `\.`, `\`, "안녕", "\u00a0", "\u2028", "\ufeff", "\x00", "\xff"}
	for range 5000 {
		cells := make([]string, 1+random.IntN(4))
		for i := range cells {
			for range random.IntN(4) {
				cells[i] += pieces[random.IntN(len(pieces))]
			}
		}
		var got, want bytes.Buffer
		w := &csvWriter{CSVOptions: CSVOptions{Excel: random.IntN(2) == 0}, out: &got, cells: cells}
		if err := w.write(); err != nil {
			t.Fatal(err)
		}
		stock := csv.NewWriter(&want)
		stock.UseCRLF = w.Excel
		if err := stock.Write(cells); err != nil {
			t.Fatal(err)
		}
		if stock.Flush(); got.String() != want.String() {
			t.Errorf("the cells %q are the line %q, expected %q", cells, &got, &want)
		}
	}
}
