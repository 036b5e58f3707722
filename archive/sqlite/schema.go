package sqlite

import (
	"context"
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
// row numbers that last.
const schemaVersion = 3

// tables returns the statements for the tables, which docs/archive.md describes. Times are UTC with six digits of fraction,
// so that they sort as text and SQLite's date functions accept them.
func tables() string {
	return `
CREATE TABLE archive (
	one        INTEGER PRIMARY KEY CHECK (one = 1),
	chatbot_id TEXT NOT NULL,
	gap_since  TEXT, -- runs.started_at of the first run since which something may be missing, null where nothing is
	kept       INTEGER NOT NULL DEFAULT 0 CHECK (kept IN (0, 1)) -- whether it was brought up to date, and so has a history
) STRICT;
` + runsTable + conversationRows.definition() + seenTable + messageRows.definition() + changesTable()
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
// full-text index, the columns that follow from the contract, all that came as JSON, and columns of the archive's own.
type rows struct {
	name    string
	columns func() *column.Table
	item    func() decodable
	own     []string // definitions
	key     string   // the columns that name an item
	also    string   // a further constraint
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
		"raw TEXT NOT NULL",        // JSON: all that came
		"first_seen TEXT NOT NULL", // runs.started_at
		"gone_at TEXT",             // runs.started_at of the run that missed it, null while it is in the list
		"messages_read_at TEXT",    // when all its messages were last read, null for never
		"messages_age INTEGER",     // seconds from its last sign of life to that reading; null where it has to be read again
	},
}

// The times of a message are conversations.messages_read_at, as it was then.
var messageRows = &rows{
	name: "messages", columns: column.Messages, item: func() decodable { return new(okchat.Message) }, key: "session_id, id", text: "content",
	also: ", FOREIGN KEY (session_id) REFERENCES conversations (id)",
	own:  []string{"raw TEXT NOT NULL", "first_seen TEXT NOT NULL", "last_seen TEXT NOT NULL", "gone_at TEXT"},
}

// seenTable stands apart from conversations since each run writes it: rows of this kind are a hundredth of the size.
const seenTable = `
CREATE TABLE seen (
	n   INTEGER PRIMARY KEY REFERENCES conversations (n) ON DELETE CASCADE,
	run INTEGER NOT NULL -- runs.id of the last run that saw the conversation in the list
) STRICT;
`

// definition returns the statement that creates the table.
func (r *rows) definition() string {
	var b strings.Builder
	fmt.Fprintf(&b, "CREATE TABLE %s (\n\tn INTEGER PRIMARY KEY,\n", r.name)
	for _, c := range r.columns().Columns {
		fmt.Fprintf(&b, "\t%s,\n", definition(c))
	}
	for _, own := range r.own {
		fmt.Fprintf(&b, "\t%s,\n", own)
	}
	fmt.Fprintf(&b, "\tUNIQUE (%s)%s\n) STRICT;\n", r.key, r.also)
	return b.String()
}

// has reports whether the table has a column of this name.
func (r *rows) has(name string) bool {
	own := func(definition string) bool { return strings.HasPrefix(definition, name+" ") }
	return name == "n" || r.columns().Place(name) >= 0 || slices.ContainsFunc(r.own, own)
}

// put returns the statement that stores an item: its columns, its JSON, and when it was seen, first and, where the table says
// so, last. Where the item is there already, the assignments in also are made, too.
func (r *rows) put(also string) string {
	names, values, set := []string{}, []string{}, []string{}
	add := func(name string, update bool) {
		names = append(names, quote(name))
		values = append(values, fmt.Sprintf("?%d", len(names)))
		if update {
			set = append(set, fmt.Sprintf("%s = excluded.%[1]s", quote(name)))
		}
	}
	for _, c := range r.columns().Columns {
		add(c.Name, c.Name != "id")
	}
	add("raw", true)
	add("first_seen", false)
	if r.has("last_seen") {
		add("last_seen", true)
	}
	return fmt.Sprintf("INSERT INTO %s (%s) VALUES (%s) ON CONFLICT (%s) DO UPDATE SET %s, gone_at = NULL%s",
		r.name, strings.Join(names, ", "), strings.Join(values, ", "), r.key, strings.Join(set, ", "), also)
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

// indexesAndViews come last, as a table is filled faster without them.
func indexesAndViews() string {
	return `
CREATE INDEX conversations_by_created_at ON conversations (created_at);
CREATE INDEX conversations_by_last_sign ON conversations (` + lastSign + `);
CREATE INDEX conversations_by_platform ON conversations (platform, created_at);
CREATE INDEX conversations_by_state ON conversations (state, created_at);
CREATE INDEX conversations_by_user ON conversations (sns_user_id) WHERE sns_user_id IS NOT NULL;
CREATE INDEX conversations_by_user_id ON conversations (user_id) WHERE user_id IS NOT NULL;
CREATE INDEX conversations_gone ON conversations (gone_at) WHERE gone_at IS NOT NULL;
CREATE INDEX messages_by_created_at ON messages (created_at);
CREATE INDEX changes_by_conversation ON changes (conversation_id);

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

// fromEarlier turns an archive of version 1 or 2 into one of version 3 with the columns that were there. The statements of
// indexes that somebody has made are carried out again. The rows of
// version 1 have to be derived from their JSON once more, as it stored zero values for members that were not sent.
func fromEarlier(version int, columns, indexes []string) string {
	var names []string
	for _, name := range columns {
		if name != "last_seen" {
			names = append(names, quote(name))
		}
	}
	list := strings.Join(names, ", ")
	// Names in views that somebody has made stay as they are.
	statements := `
PRAGMA legacy_alter_table = ON;
DROP VIEW IF EXISTS per_day;
DROP VIEW IF EXISTS per_platform;
DROP VIEW IF EXISTS per_state;
DROP VIEW IF EXISTS open_conversations;
DROP VIEW IF EXISTS messages;
DROP INDEX IF EXISTS changes_by_conversation;
`
	if version == 1 {
		statements += `
ALTER TABLE archive ADD COLUMN kept INTEGER NOT NULL DEFAULT 1 CHECK (kept IN (0, 1));
ALTER TABLE runs RENAME TO old_runs;
` + runsTable + changesTable() + `
INSERT INTO runs (started_at, ended_at, new_only, state, since, pages, added, changed, gone)
	SELECT started_at, ended_at, new_only, state, since, pages, added, changed, gone FROM old_runs ORDER BY started_at;
DROP TABLE old_runs;
`
	}
	return statements + "ALTER TABLE conversations RENAME TO old_conversations;\n" + conversationRows.definition() + `
INSERT INTO conversations (` + list + `) SELECT ` + list + ` FROM old_conversations ORDER BY rowid;
` + seenTable + `
INSERT INTO seen SELECT n, coalesce((SELECT runs.id FROM runs WHERE started_at = last_seen), 0)
	FROM conversations JOIN old_conversations ON old_conversations.id = conversations.id;
DROP TABLE old_conversations;
PRAGMA legacy_alter_table = OFF;
` + messageRows.definition() + indexesAndViews() + strings.Join(indexes, ";\n") + fmt.Sprintf(";\nPRAGMA user_version = %d", schemaVersion)
}

// migrate brings an archive of this or an earlier version to the columns of this program, within a transaction. A column
// that the contract has gained is filled from the JSON of each item.
func (a *Archive) migrate(ctx context.Context) error {
	for _, r := range []*rows{conversationRows, messageRows} {
		there, err := a.columns(ctx, r.name)
		if err != nil {
			return err
		}
		gained := slices.DeleteFunc(slices.Clone(r.columns().Columns), func(c column.Column) bool { return slices.Contains(there, c.Name) })
		condition := "unknown IS NOT NULL" // where such a member stood until now
		if a.version < schemaVersion {
			own, err := a.names(ctx, `SELECT sql FROM sqlite_schema WHERE type = 'index' AND tbl_name = 'conversations' AND sql IS NOT NULL
				AND name NOT LIKE 'conversations\_%' ESCAPE '\' AND sql NOT LIKE '%last_seen%'`)
			if err != nil {
				return err
			}
			if err := a.exec(fromEarlier(a.version, there, own)); err != nil {
				return err
			}
			if a.version == 1 {
				condition = "true"
			}
		} else {
			for _, c := range gained {
				if err := a.exec("ALTER TABLE " + r.name + " ADD COLUMN " + definition(c)); err != nil {
					return err
				}
			}
		}
		if len(gained) > 0 || condition == "true" {
			if err := a.derive(ctx, r, condition); err != nil {
				return err
			}
		}
		a.version = schemaVersion
	}
	return nil
}

// derive fills the columns of the rows that match the condition from their JSON. JSON that is not such an item leaves its row
// as it is.
func (a *Archive) derive(ctx context.Context, r *rows, condition string) error {
	var set []string
	for i, c := range r.columns().Columns {
		set = append(set, fmt.Sprintf("%s = ?%d", quote(c.Name), i+2))
	}
	update, err := a.conn.PrepareContext(ctx, "UPDATE "+r.name+" SET "+strings.Join(set, ", ")+" WHERE n = ?1") //nolint:gosec // names of columns
	if err != nil {
		return err
	}
	defer func() { _ = update.Close() }()
	const batch = 500 // a connection cannot write while it reads
	var row column.Row
	for last := int64(-1 << 63); ; {
		numbers, raws, err := a.rawsAfter(ctx, r, last, condition, batch)
		if err != nil {
			return err
		}
		for i, raw := range raws {
			last = numbers[i]
			item := r.item()
			if json.Unmarshal(raw, item) != nil || row.Read(item) != nil {
				continue
			}
			if _, err := update.ExecContext(ctx, append([]any{last}, arguments(&row)...)...); err != nil {
				return err
			}
		}
		if len(numbers) < batch {
			return nil
		}
	}
}

func (a *Archive) rawsAfter(ctx context.Context, r *rows, last int64, condition string, limit int) (numbers []int64, raws [][]byte, err error) {
	query := "SELECT n, raw FROM " + r.name + " WHERE n > ? AND " + condition + " ORDER BY n LIMIT ?" //nolint:gosec // of this package
	found, err := a.conn.QueryContext(ctx, query, last, limit)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = found.Close() }()
	for found.Next() {
		var n int64
		var raw []byte
		if err := found.Scan(&n, &raw); err != nil {
			return nil, nil, err
		}
		numbers, raws = append(numbers, n), append(raws, raw)
	}
	return numbers, raws, found.Err()
}

// arguments returns the values of a row as SQL takes them. Text becomes a number where the column is one.
func arguments(row *column.Row) []any {
	values := make([]any, len(row.Values), len(row.Values)+3)
	for i, c := range row.Columns() {
		switch v := row.Values[i]; {
		case v.Null:
		case c.Truth:
			values[i] = v.Text == "true"
		default:
			values[i] = v.Text
		}
	}
	return values
}

// quote quotes a name for SQL.
func quote(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }
