package sqlite

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/okchat/okchat-go/contract_test/recordings"
	"github.com/okchat/okchat-go/internal/column"
	"github.com/okchat/okchat-go/internal/fastjson"
)

// table is a table of items in memory.
type table struct {
	*rows
	insert, look, empty *sql.Stmt
	row                 column.Row
}

func newTable(t testing.TB, r *rows) *table {
	t.Helper()
	db, err := sql.Open("sqlite", ":memory:?_pragma=trusted_schema(off)")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	db.SetMaxOpenConns(1)
	if _, err := db.Exec(r.definition(true, r.names())); err != nil {
		t.Fatal(err)
	}
	if r == conversationRows {
		if _, err := db.Exec(uniqueIDs); err != nil {
			t.Fatal(err)
		}
	}
	tb := &table{rows: r}
	for stmt, query := range map[**sql.Stmt]string{&tb.insert: r.put(""), &tb.look: "SELECT raw, verbatim IS NULL FROM " + r.name, &tb.empty: "DELETE FROM " + r.name} {
		if *stmt, err = db.Prepare(query); err != nil {
			t.Fatal(err)
		}
	}
	return tb
}

// keeps stores an item that came as this JSON, fails where the table has other bytes for it then, and reports whether they are
// computed. What the client refuses is not stored.
func (tb *table) keeps(t testing.TB, came string) (computed, stored bool) {
	t.Helper()
	item := tb.item()
	if item.UnmarshalJSON([]byte(came)) != nil || tb.row.Read(item) != nil {
		return false, false
	}
	want := string(fastjson.AppendCompact(nil, []byte(came)))
	also := []any{"", ""}
	if tb.rows == conversationRows {
		also = also[:1]
	}
	if _, err := tb.insert.Exec(tb.values(&tb.row, []byte(want), also...)...); err != nil {
		t.Fatalf("%s: %v", came, err)
	}
	var got string
	if err := tb.look.QueryRow().Scan(&got, &computed); err != nil {
		t.Fatal(err)
	}
	if got != want {
		t.Errorf("raw is\n%s, expected\n%s", got, want)
	}
	if _, err := tb.empty.Exec(); err != nil {
		t.Fatal(err)
	}
	return computed, true
}

// forms makes JSON, one time in so many in another form than that of the samples.
type forms struct {
	*rand.Rand
	odd int
}

// pick returns one of the values, the first one most often.
func (f forms) pick(values ...string) string {
	if f.IntN(f.odd) > 0 {
		return values[0]
	}
	return values[f.IntN(len(values))]
}

func (f forms) text() string {
	pieces := []string{"a", "text", "Ω", "안녕", "😀", `\n`, `\"`, `\\`, `\t`, `\b`, `\f`, `\r`, `\u001f`, "<b>", "&", "'", "/", "\u007f", "\u2028", "\ufffd",
		`\u001F`, `\u000a`, `\u0022`, `\u0000`, `\u00e9`, `\/`, `\ud83d\ude00`, `\ud800`, `\udc00x`, `\u0041`}
	text := ""
	for range f.IntN(5) {
		most := len(pieces)
		if f.IntN(f.odd) > 0 {
			most = 20 // those that SQLite writes itself
		}
		text += pieces[f.IntN(most)]
	}
	return `"` + text + `"`
}

func (f forms) uuid() string {
	id := fmt.Sprintf("%08x-0000-4000-8000-%012x", f.Uint32(), f.Uint32())
	return f.pick(`"`+id+`"`, `"`+strings.ToUpper(id)+`"`)
}

// randomItem returns an item of a table in one of the many forms that JSON has, most often in that of the samples.
func randomItem(random *rand.Rand, columns []column.Column) string {
	f := forms{random, 4}
	if random.IntN(4) > 0 {
		f.odd = 80
	}
	var members []string
	for _, c := range columns {
		if c.Name == column.Unknown || c.Name == "last_message_id" || c.Name == "last_message_sender" {
			continue
		}
		value := f.text()
		switch {
		case c.Name == "last_message" && random.IntN(3) > 0:
			value = `{"content":` + f.text() + f.pick(`,`, ` , "more":1, `) + `"id":` + f.uuid() + `,"sender_type":` + f.text() + `}`
		case c.UUID:
			value = f.uuid()
		case c.Time:
			value = `"2025-03-07T04:` + f.pick("56:09.200005+00:00", "56:09+00:00", "56:09.000000+00:00", "56:09.2+00:00", "56:09Z", "56:09.200005-09:00", "56:09.2000051+00:00") + `"`
		case c.Truth:
			value = f.pick("true", "false")
		case c.Name == "attachments":
			value = f.pick(`[]`, `[{"name":"a","url":"b"}]`, `[{ "url":"b","more":1.0}]`)
		case c.JSON:
			value = f.pick(`{"anonymous":true}`, `{ "a" : [1.0, "\u00e9"] }`, `[]`, `{}`, `"text"`, "1e400", `{"a":1,"a":2}`)
		case c.Type == "INTEGER":
			value = f.pick("12", "0", "-0", "1e2", "1.0", "9007199254740993", "9223372036854775808", "-7")
		case c.Type == "REAL":
			value = f.pick("1.5", "1.50", "1e-7", "0.1")
		}
		if !c.NotNull {
			value = []string{value, value, "null"}[random.IntN(3)]
		}
		if !c.NotNull && random.IntN(15*f.odd) == 0 {
			continue
		}
		members = append(members, f.pick("", " ")+`"`+c.Name+`":`+value)
		if random.IntN(50*f.odd) == 0 {
			members = append(members, members[random.IntN(len(members))], `"later":[null]`)
		}
	}
	// The columns come in another order than members do.
	if random.IntN(f.odd) > 0 {
		slices.Sort(members)
	}
	return "{" + strings.Join(members, ",") + "}"
}

func TestRawHasTheBytesThatCame(t *testing.T) {
	n := 5_000
	if testing.Short() {
		n = 500
	}
	random := rand.New(rand.NewPCG(1, 2))
	for _, r := range items {
		tb := newTable(t, r)
		computed, stored := 0, 0
		for range n {
			c, s := tb.keeps(t, randomItem(random, r.columns().Columns))
			if c {
				computed++
			}
			if s {
				stored++
			}
		}
		t.Logf("%s: %d stored, %d computed", r.name, stored, computed)
		if stored < n/2 || computed < n/10 || computed > stored*9/10 {
			t.Errorf("%s: of %d items %d were stored, of %d raw is computed: the test does not show both", r.name, n, stored, computed)
		}
	}
}

func TestRawIsComputedForItemsInTheFormOfTheSamples(t *testing.T) {
	for file, r := range map[string]*rows{"page-1.har": conversationRows, "page-2.har": conversationRows, "messages.har": messageRows} {
		text, err := fs.ReadFile(recordings.FS(), file)
		if err != nil {
			t.Fatal(err)
		}
		var har struct {
			Log struct {
				Entries []struct {
					Response struct{ Content struct{ Text string } }
				}
			}
		}
		if err := json.Unmarshal(text, &har); err != nil {
			t.Fatal(err)
		}
		tb, n := newTable(t, r), 0
		for _, entry := range har.Log.Entries {
			var page struct{ Data []json.RawMessage }
			if json.Unmarshal([]byte(entry.Response.Content.Text), &page) != nil {
				continue
			}
			for _, item := range page.Data {
				computed, stored := tb.keeps(t, string(item))
				if n++; !stored || !computed && !strings.HasPrefix(string(item), `{"content"`) { // a message that lacks attachments
					t.Errorf("%s: stored: %v, computed: %v: %s", file, stored, computed, item)
				}
			}
		}
		if n == 0 {
			t.Errorf("%s has no items", file)
		}
	}
}

func FuzzRaw(f *testing.F) {
	for _, r := range items {
		f.Add(randomItem(rand.New(rand.NewPCG(3, 4)), r.columns().Columns))
	}
	var tables []*table
	for _, r := range items {
		tables = append(tables, newTable(f, r))
	}
	f.Fuzz(func(t *testing.T, came string) {
		for _, tb := range tables {
			tb.keeps(t, came)
		}
	})
}
