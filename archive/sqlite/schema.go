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
// Version 1 had no table changes, no run ids, and no nulls for members that were not sent.
const schemaVersion = 2

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
` + runsTable + conversationsTable() + changesTable()
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

// ownColumns names the columns of the table conversations that are not a conversation's own.
var ownColumns = []string{"raw", "first_seen", "last_seen", "gone_at"}

func conversationsTable() string {
	var b strings.Builder
	b.WriteString("CREATE TABLE conversations (\n")
	for _, c := range column.Conversations().Columns {
		fmt.Fprintf(&b, "\t%s,\n", definition(c))
	}
	b.WriteString(`	raw        TEXT NOT NULL, -- JSON: all that came
	first_seen TEXT NOT NULL, -- runs.started_at
	last_seen  TEXT NOT NULL, -- runs.started_at
	gone_at    TEXT -- runs.started_at of the run that missed it, null while it is in the list
) STRICT;
`)
	return b.String()
}

// definition returns how a CREATE TABLE or ALTER TABLE statement defines the column.
func definition(c column.Column) string {
	text := quote(c.Name) + " " + c.Type
	if c.Name == "id" {
		text += " PRIMARY KEY"
	}
	if c.NotNull {
		text += " NOT NULL"
	}
	if c.Truth {
		text += fmt.Sprintf(" CHECK (%s IN (0, 1))", quote(c.Name))
	}
	return text
}

// historyNames names the columns whose earlier values the table changes keeps.
var historyNames = []string{"created_at", "updated_at", "state", "last_message", "last_message_id", "last_message_sender"}

func history() (columns []column.Column) {
	for _, c := range column.Conversations().Columns {
		if slices.Contains(historyNames, c.Name) {
			c.NotNull = false
			columns = append(columns, c)
		}
	}
	return columns
}

func changesTable() string {
	var b strings.Builder
	b.WriteString(`
CREATE TABLE changes (
	conversation_id TEXT NOT NULL,
	changed_at      TEXT NOT NULL, -- runs.started_at of the run that saw it changed
	last_seen       TEXT NOT NULL, -- runs.started_at of the last run that saw it as follows
`)
	for _, c := range history() {
		fmt.Fprintf(&b, "\t%s,\n", definition(c))
	}
	b.WriteString("\tPRIMARY KEY (changed_at, conversation_id)\n) STRICT, WITHOUT ROWID;\n")
	return b.String()
}

// indexesAndViews come last, as a table is filled faster without them.
const indexesAndViews = `
CREATE INDEX conversations_by_created_at ON conversations (created_at);
CREATE INDEX conversations_by_platform ON conversations (platform, created_at);
CREATE INDEX conversations_by_state ON conversations (state, created_at);
CREATE INDEX conversations_by_user ON conversations (sns_user_id) WHERE sns_user_id IS NOT NULL;
CREATE INDEX conversations_gone ON conversations (gone_at) WHERE gone_at IS NOT NULL;
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

CREATE VIEW messages AS
	SELECT id AS conversation_id, updated_at, platform, last_message_sender AS sender, last_message AS text
	FROM conversations WHERE last_message IS NOT NULL ORDER BY updated_at DESC;
`

// fromVersion1 turns an archive of version 1 into one of version 2, but for its rows: each has to be derived from its JSON
// once more, as version 1 stored zero values for members that were not sent.
func fromVersion1(columns []string) string {
	for i := range columns {
		columns[i] = quote(columns[i])
	}
	list := strings.Join(columns, ", ")
	return `
DROP VIEW IF EXISTS per_day;
DROP VIEW IF EXISTS per_platform;
DROP VIEW IF EXISTS per_state;
DROP VIEW IF EXISTS open_conversations;
DROP VIEW IF EXISTS messages;
ALTER TABLE archive ADD COLUMN kept INTEGER NOT NULL DEFAULT 1 CHECK (kept IN (0, 1));
ALTER TABLE runs RENAME TO old_runs;
ALTER TABLE conversations RENAME TO old_conversations;
` + runsTable + conversationsTable() + changesTable() + `
INSERT INTO runs (started_at, ended_at, new_only, state, since, pages, added, changed, gone)
	SELECT started_at, ended_at, new_only, state, since, pages, added, changed, gone FROM old_runs ORDER BY started_at;
INSERT INTO conversations (` + list + `) SELECT ` + list + ` FROM old_conversations;
DROP TABLE old_runs;
DROP TABLE old_conversations;
` + indexesAndViews
}

// migrate brings an archive of this or an earlier version to the columns of this program, within a transaction. A column
// that the contract has gained is filled from the JSON of each conversation.
func (a *Archive) migrate(ctx context.Context) error {
	there, err := a.columns(ctx, "conversations")
	if err != nil {
		return err
	}
	if a.version < schemaVersion {
		if err := a.exec(fromVersion1(there) + fmt.Sprintf("PRAGMA user_version = %d", schemaVersion)); err != nil {
			return err
		}
		a.version = schemaVersion
		return a.derive(ctx, "true")
	}
	gained := false
	for _, c := range column.Conversations().Columns {
		if slices.Contains(there, c.Name) {
			continue
		}
		gained = true
		if err := a.exec("ALTER TABLE conversations ADD COLUMN " + definition(c)); err != nil {
			return err
		}
	}
	if !gained {
		return nil
	}
	return a.derive(ctx, "unknown IS NOT NULL") // where such a member stood until now
}

// derive fills the columns of the conversations that match the condition from their JSON. JSON that is not a conversation
// leaves its row as it is.
func (a *Archive) derive(ctx context.Context, condition string) error {
	var set []string
	for i, c := range column.Conversations().Columns {
		set = append(set, fmt.Sprintf("%s = ?%d", quote(c.Name), i+2))
	}
	update, err := a.conn.PrepareContext(ctx, "UPDATE conversations SET "+strings.Join(set, ", ")+" WHERE rowid = ?1") //nolint:gosec // names of columns
	if err != nil {
		return err
	}
	defer func() { _ = update.Close() }()
	const batch = 500 // a connection cannot write while it reads
	var row column.Row
	for last := int64(-1 << 63); ; {
		ids, raws, err := a.rawsAfter(ctx, last, condition, batch)
		if err != nil {
			return err
		}
		for i, raw := range raws {
			last = ids[i]
			var conv okchat.Conversation
			if json.Unmarshal(raw, &conv) != nil || row.Read(&conv) != nil {
				continue
			}
			if _, err := update.ExecContext(ctx, append([]any{last}, arguments(&row)...)...); err != nil {
				return err
			}
		}
		if len(ids) < batch {
			return nil
		}
	}
}

func (a *Archive) rawsAfter(ctx context.Context, last int64, condition string, limit int) (ids []int64, raws [][]byte, err error) {
	query := "SELECT rowid, raw FROM conversations WHERE rowid > ? AND " + condition + " ORDER BY rowid LIMIT ?" //nolint:gosec // of this package
	rows, err := a.conn.QueryContext(ctx, query, last, limit)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var id int64
		var raw []byte
		if err := rows.Scan(&id, &raw); err != nil {
			return nil, nil, err
		}
		ids, raws = append(ids, id), append(raws, raw)
	}
	return ids, raws, rows.Err()
}

// arguments returns the values of a row as SQL takes them. Text becomes a number where the column is one.
func arguments(row *column.Row) []any {
	values := make([]any, len(row.Values), len(row.Values)+3)
	for i, c := range column.Conversations().Columns {
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
