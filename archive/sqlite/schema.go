package sqlite

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	okchat "github.com/okchat/okchat-go"
	"github.com/okchat/okchat-go/internal/column"
)

// applicationID stands in the header of each archive and tells it from other SQLite files: "okcA".
const applicationID = 0x6f6b6341

// schemaVersion is raised by a change that an older program cannot cope with. A column that is added is none: see migrate.
// Version 1 had no table changes, no run ids, and no nulls for members that were not sent; version 2 had no messages, and no
// row numbers that last; version 3 stored raw as it came, and the last run of each conversation in a row.
const schemaVersion = 4

// tables returns the statements for the tables, which docs/archive.md describes. Times are UTC with six digits of fraction,
// so that they sort as text and SQLite's date functions accept them. Without raw the column of that name is left out, which
// [rows.addRaw] adds: rows are inserted faster without it.
func tables(raw bool) string {
	return `
CREATE TABLE archive (
	one        INTEGER PRIMARY KEY CHECK (one = 1),
	chatbot_id TEXT NOT NULL,
	gap_since  TEXT, -- runs.started_at of the first run since which something may be missing, null where nothing is
	kept       INTEGER NOT NULL DEFAULT 0 CHECK (kept IN (0, 1)) -- whether it was brought up to date, and so has a history
) STRICT;
` + runsTable + conversationRows.definition(raw, conversationRows.names()) + sightingsTable + messageRows.definition(raw, messageRows.names()) + changesTable()
}

const runsTable = `
CREATE TABLE runs (
	id         INTEGER PRIMARY KEY, -- in the order in which they began, whatever the clock said
	started_at TEXT NOT NULL UNIQUE,
	ended_at   TEXT, -- null where it was cut short
	new_only   INTEGER NOT NULL CHECK (new_only IN (0, 1)),
	state      TEXT, -- null for all
	since      TEXT, -- null for all
	pages      INTEGER NOT NULL DEFAULT 0,
	added      INTEGER NOT NULL DEFAULT 0,
	changed    INTEGER NOT NULL DEFAULT 0,
	gone       INTEGER NOT NULL DEFAULT 0
) STRICT;
`

// rows describes a table that holds one item from the server a row: the number n of the row, which is the same in the
// full-text index, the columns that follow from the contract, what they do not tell, and columns of the archive's own.
type rows struct {
	name    string
	columns func() *column.Table
	item    func() decodable
	own     []string // definitions
	key     string   // the columns that name an item
	also    string   // constraints
	text    string   // the column that the full-text index holds
}

// decodable is an item that can be decoded from its JSON once more.
type decodable interface {
	column.Item
	json.Unmarshaler
}

var conversationRows = &rows{
	name: "conversations", columns: column.Conversations, item: func() decodable { return new(okchat.Conversation) }, key: "id", text: "last_message",
	own: []string{
		"first_seen TEXT NOT NULL", // runs.started_at
		"gone_at TEXT",             // runs.started_at of the run that missed it, null while it is in the list
		"messages_read_at TEXT",    // when all its messages were last read, null for never
		"messages_age INTEGER",     // seconds from its last sign of life to that reading; null where it has to be read again
	},
}

// The times of a message are conversations.messages_read_at, as it was then.
var messageRows = &rows{
	name: "messages", columns: column.Messages, item: func() decodable { return new(okchat.Message) }, key: "session_id, id", text: "content",
	also: ",\n\tUNIQUE (session_id, id), FOREIGN KEY (session_id) REFERENCES conversations (id)",
	own:  []string{"first_seen TEXT NOT NULL", "last_seen TEXT NOT NULL", "gone_at TEXT"},
}

// items are the tables of items from the server.
var items = []*rows{conversationRows, messageRows}

// sightingsTable holds the id of the last run that saw each conversation in the list: that of the row with the greatest first up
// to the conversation's n. A run over a list without news changes a row or two.
const sightingsTable = `
CREATE TABLE sightings (
	first INTEGER PRIMARY KEY, -- conversations.n
	run   INTEGER NOT NULL -- runs.id, for all from first up to that of the next row
) STRICT;
`

// names returns the names of the columns that are stored.
func (r *rows) names() []string {
	names := []string{"n", "fingerprint"}
	for _, c := range r.columns().Columns {
		names = append(names, c.Name)
	}
	names = append(names, "verbatim")
	for _, own := range r.own {
		name, _, _ := strings.Cut(own, " ")
		names = append(names, name)
	}
	return names
}

// definition returns the statement that creates the table, as far as its columns are among names.
func (r *rows) definition(raw bool, names []string) string {
	var b strings.Builder
	// What came last: a fingerprint of it, which is null where that is not known or the item is gone, and the JSON itself
	// where raw cannot be computed from the columns.
	fmt.Fprintf(&b, "CREATE TABLE %s (\n\tn INTEGER PRIMARY KEY,\n\tfingerprint INTEGER,\n", r.name)
	for _, c := range r.columns().Columns {
		if slices.Contains(names, c.Name) {
			fmt.Fprintf(&b, "\t%s,\n", definition(c))
		}
	}
	fmt.Fprintf(&b, "\tverbatim TEXT,\n\t%s", strings.Join(r.own, ",\n\t"))
	if raw {
		b.WriteString(", " + r.raw(names)) // where ALTER TABLE puts it
	}
	b.WriteString(r.also + ") STRICT;\n")
	return b.String()
}

// raw returns the definition of the column raw: the JSON of an item, byte for byte as it came but for white space between tokens.
// A check of the file would compute a column of type TEXT for each row.
func (r *rows) raw(names []string) string {
	return "raw ANY GENERATED ALWAYS AS (coalesce(verbatim, " + r.columns().RawSQL(names) + "))"
}

// addRaw returns the statement that adds the column raw.
func (r *rows) addRaw() string {
	return "ALTER TABLE " + r.name + " ADD COLUMN " + r.raw(r.names()) + ";\n"
}

// insert returns the statement that stores the values of [rows.values], and when the item was seen, first and, where the table
// has that, last.
func (r *rows) insert() string {
	statement, _ := r.putting()
	return statement
}

// put returns the statement that does so also where the item is there already, and makes the assignments in also then.
func (r *rows) put(also string) string {
	insert, set := r.putting()
	return fmt.Sprintf("%s ON CONFLICT (%s) DO UPDATE SET %s, gone_at = NULL%s", insert, r.key, set, also)
}

func (r *rows) putting() (insert, update string) {
	names, values, set := []string{}, []string{}, []string{}
	for _, name := range r.names() {
		if slices.Contains([]string{"n", "gone_at", "messages_read_at", "messages_age"}, name) {
			continue
		}
		names = append(names, quote(name))
		values = append(values, "?")
		if name != "id" && name != "first_seen" {
			set = append(set, fmt.Sprintf("%s = excluded.%[1]s", quote(name)))
		}
	}
	return fmt.Sprintf("INSERT INTO %s (%s) VALUES (%s)", r.name, strings.Join(names, ", "), strings.Join(values, ", ")), strings.Join(set, ", ")
}

// values returns the fingerprint of an item, its columns, and its JSON where they do not tell all of it, in the order of
// [rows.names]. The row must have been read from the item, and raw be its JSON without white space.
func (r *rows) values(row *column.Row, raw []byte, also ...any) []any {
	values := make([]any, 0, len(row.Values)+2+len(also))
	values = append(values, fingerprint(raw))
	for i, c := range row.Columns() {
		switch v := &row.Values[i]; {
		case v.Null:
			values = append(values, nil)
		case c.Truth:
			values = append(values, v.Text == "true")
		default: // becomes a number where the column is one
			values = append(values, v.Text)
		}
	}
	var verbatim any
	if !row.Rebuilds(raw) {
		verbatim = string(raw)
	}
	return append(append(values, verbatim), also...)
}

// fingerprint returns a number that differs wherever JSON differs, but for accidents of one in 2^64.
func fingerprint(raw []byte) int64 {
	sum := sha256.Sum256(raw)
	return int64(binary.LittleEndian.Uint64(sum[:]))
}

// definition returns how a CREATE TABLE or ALTER TABLE statement defines the column.
func definition(c column.Column) string {
	text := quote(c.Name) + " " + c.Type
	if c.NotNull {
		text += " NOT NULL"
	}
	if c.Truth {
		text += fmt.Sprintf(" CHECK (%s IN (0, 1))", quote(c.Name))
	}
	return text
}

func changesTable() string {
	var b strings.Builder
	b.WriteString(`
CREATE TABLE changes (
	conversation_id TEXT NOT NULL,
	changed_at      TEXT NOT NULL, -- runs.started_at of the run that saw it changed
	last_seen       TEXT NOT NULL, -- runs.started_at of the last run that saw it as follows
`)
	for _, c := range column.History() {
		fmt.Fprintf(&b, "\t%s,\n", definition(c))
	}
	b.WriteString("\tPRIMARY KEY (changed_at, conversation_id)\n) STRICT, WITHOUT ROWID;\n")
	return b.String()
}

// uniqueIDs is an index and no constraint, which would slow down an export: ids come in no order.
const uniqueIDs = `
CREATE UNIQUE INDEX IF NOT EXISTS conversations_by_id ON conversations (id);
`

// indexes come last, as a table is filled faster without them.
const indexes = uniqueIDs + `
CREATE INDEX IF NOT EXISTS conversations_by_created_at ON conversations (created_at, n, fingerprint);
CREATE INDEX IF NOT EXISTS conversations_by_last_sign ON conversations (` + lastSign + `);
CREATE INDEX IF NOT EXISTS conversations_by_platform ON conversations (platform, created_at);
CREATE INDEX IF NOT EXISTS conversations_by_state ON conversations (state, created_at);
CREATE INDEX IF NOT EXISTS conversations_by_user ON conversations (sns_user_id) WHERE sns_user_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS conversations_by_user_id ON conversations (user_id) WHERE user_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS conversations_gone ON conversations (gone_at) WHERE gone_at IS NOT NULL;
CREATE INDEX IF NOT EXISTS messages_by_created_at ON messages (created_at);
CREATE INDEX IF NOT EXISTS changes_by_conversation ON changes (conversation_id);
`

func views() string {
	return `
CREATE VIEW seen AS
	SELECT n, (SELECT run FROM sightings WHERE first <= n ORDER BY first DESC LIMIT 1) AS run FROM conversations;

CREATE VIEW per_day AS
	SELECT substr(created_at, 1, 10) AS day, count(*) AS conversations, count(*) FILTER (WHERE gone_at IS NULL) AS listed
	FROM conversations GROUP BY day ORDER BY day;

CREATE VIEW per_platform AS
	SELECT platform, count(*) AS conversations, count(*) FILTER (WHERE gone_at IS NULL) AS listed
	FROM conversations GROUP BY platform ORDER BY conversations DESC, platform;

CREATE VIEW per_state AS
	SELECT state, count(*) AS conversations, count(*) FILTER (WHERE gone_at IS NULL) AS listed
	FROM conversations GROUP BY state ORDER BY conversations DESC, state;

CREATE VIEW open_conversations AS
	SELECT * FROM conversations WHERE active = 1 AND gone_at IS NULL ORDER BY created_at DESC;

CREATE VIEW last_messages AS
	SELECT id AS conversation_id, updated_at, platform, last_message_sender AS sender, last_message AS text
	FROM conversations WHERE last_message IS NOT NULL ORDER BY updated_at DESC;
` + attachmentsView()
}

// attachmentsView returns the statement for the view of the attachments, one a row, with a column for each member that the
// contract knows.
func attachmentsView() string {
	var members strings.Builder
	for _, name := range column.AttachmentMembers() {
		fmt.Fprintf(&members, ", value ->> '%s' AS %s", name, quote(name))
	}
	return `
CREATE VIEW attachments AS
	SELECT n AS message, messages.id AS message_id, session_id, created_at, key AS position` + members.String() + `
	FROM messages, json_each(attachments) WHERE attachments IS NOT NULL;
`
}

// quote quotes a name for SQL.
func quote(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }
