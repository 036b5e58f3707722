package main

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"time"

	okchat "github.com/okchat/okchat-go"
	"github.com/okchat/okchat-go/internal/column"
	"github.com/okchat/okchat-go/internal/fastjson"
)

// The tables for conversations and messages in PostgreSQL have the columns of an SQLite archive, which docs/archive.md
// describes, for all chatbots together. The columns follow from the contract.

// own are the columns of both tables that are the archive's own.
const own = "n bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, raw text NOT NULL, first_seen timestamptz NOT NULL, gone_at timestamptz, "

// archiveTables returns the statements that make the tables or, where they are there, add the columns that the contract has
// gained. There are none where nothing is missing, as they would wait for all who work. Tables of these names in a database
// without a fleet belong to somebody else.
func (d *database) archiveTables(ctx context.Context, ours bool) (string, error) {
	var b strings.Builder
	missing := false
	for _, t := range []struct {
		name    string
		columns []column.Column
		rest    string
	}{
		{"conversations", column.Conversations().Columns, own + "messages_read_at timestamptz, messages_age bigint, UNIQUE (id)"},
		{"messages", column.Messages().Columns, own + "last_seen timestamptz NOT NULL, UNIQUE (session_id, id), FOREIGN KEY (session_id) REFERENCES conversations (id)"},
		{"changes", column.History(), "conversation_id uuid NOT NULL, changed_at timestamptz NOT NULL, last_seen timestamptz NOT NULL, PRIMARY KEY (changed_at, conversation_id)"},
	} {
		var there string
		if err := d.QueryRowContext(ctx, "SELECT coalesce(string_agg(attname, ' '), '') FROM pg_attribute WHERE attrelid = to_regclass($1)", t.name).Scan(&there); err != nil {
			return "", err
		}
		if there != "" && !ours {
			return "", fmt.Errorf("the database %s has a table %s that no fleet has made: use a database of its own", d.where, t.name)
		}
		definitions := make([]string, len(t.columns))
		for i, c := range t.columns {
			definitions[i] = definition(c)
			if there != "" && !slices.Contains(strings.Fields(there), c.Name) {
				fmt.Fprintf(&b, "ALTER TABLE %s ADD COLUMN %s;\n", t.name, definitions[i])
			}
		}
		if there == "" {
			missing = true
			fmt.Fprintf(&b, "CREATE TABLE %s (%s, %s);\n", t.name, strings.Join(definitions, ", "), t.rest)
		}
	}
	if !missing {
		return b.String(), nil
	}
	b.WriteString(`
CREATE TABLE runs (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, chatbot_id uuid NOT NULL, started_at timestamptz NOT NULL, ended_at timestamptz,
	pages bigint NOT NULL DEFAULT 0, added bigint NOT NULL DEFAULT 0, changed bigint NOT NULL DEFAULT 0, gone bigint NOT NULL DEFAULT 0,
	UNIQUE (chatbot_id, started_at)
);
CREATE TABLE seen (n bigint PRIMARY KEY REFERENCES conversations (n) ON DELETE CASCADE, run bigint NOT NULL); -- small rows, as each run writes them
CREATE INDEX conversations_by_created_at ON conversations (chatbot_id, created_at);
CREATE INDEX conversations_by_user ON conversations USING hash (sns_user_id); -- which takes texts of any length
CREATE INDEX changes_by_conversation ON changes (conversation_id);
CREATE VIEW attachments AS
	SELECT n AS message, m.id AS message_id, session_id, created_at, position - 1 AS position`)
	for _, name := range column.AttachmentMembers() {
		fmt.Fprintf(&b, ", value ->> '%s' AS %q", name, name)
	}
	b.WriteString(`
	FROM messages m, json_array_elements(CASE json_typeof(attachments) WHEN 'array' THEN attachments END) WITH ORDINALITY AS a (value, position);
DO $$ BEGIN -- search is fast where the database has trigrams
	CREATE EXTENSION IF NOT EXISTS pg_trgm;
	CREATE INDEX messages_search ON messages USING gin (content gin_trgm_ops);
	CREATE INDEX conversations_search ON conversations USING gin (last_message gin_trgm_ops);
EXCEPTION WHEN undefined_file OR insufficient_privilege OR feature_not_supported THEN NULL;
END $$;
`)
	return b.String(), nil
}

func definition(c column.Column) string {
	text := fmt.Sprintf("%q %s", c.Name, sqlType(c))
	if c.NotNull {
		text += " NOT NULL"
	}
	return text
}

func sqlType(c column.Column) string {
	switch {
	case c.Time:
		return "timestamptz"
	case c.UUID:
		return "uuid"
	case c.JSON:
		return "json" // the text as it came, and not jsonb, which refuses \u0000
	case c.Truth:
		return "boolean"
	}
	return map[string]string{"TEXT": "text", "INTEGER": "bigint", "REAL": "double precision"}[c.Type]
}

// rows are items on their way into a table, column by column: each is one argument of a statement, whatever their number.
type rows struct {
	table   *column.Table
	columns [][]*string // those of the table, and raw
	row     column.Row
}

// add adds an item to the rows.
func (w *work) add(r *rows, item column.Item) {
	if w.err == nil {
		w.err = r.row.Read(item)
	}
	if w.err != nil {
		return
	}
	if r.columns == nil {
		r.columns = make([][]*string, len(r.table.Columns)+1)
	}
	for i, v := range append(r.row.Values, column.Value{Text: string(fastjson.AppendCompact(nil, item.Raw()))}) {
		var text *string
		if !v.Null {
			text = new(strings.ReplaceAll(v.Text, "\x00", "\uFFFD")) // PostgreSQL cannot store it; raw has it as \u0000
		}
		r.columns[i] = append(r.columns[i], text)
	}
}

// came returns the rows as a table expression, and the arguments that it needs as the first ones of the statement.
func (r *rows) came() (string, []any) {
	var names, arrays, values []string
	var args []any
	add := func(i int, name, kind string) {
		names = append(names, fmt.Sprintf("%q", name))
		arrays = append(arrays, fmt.Sprintf("$%d::text[]", i+1))
		values = append(values, fmt.Sprintf("%q::%s", name, kind))
		args = append(args, r.columns[i])
	}
	for i, c := range r.table.Columns {
		add(i, c.Name, sqlType(c))
	}
	add(len(r.table.Columns), "raw", "text")
	return fmt.Sprintf("(SELECT %s FROM unnest(%s) AS t (%s))", strings.Join(values, ", "), strings.Join(arrays, ", "), strings.Join(names, ", ")), args
}

// put returns the statement that stores the rows: times are the columns that hold the last argument. What an item that is
// there already needs besides its new values stands in rest.
func (r *rows) put(into, key string, times []string, rest string) (string, []any) {
	came, args := r.came()
	var names, set []string
	for _, c := range r.table.Columns {
		names = append(names, fmt.Sprintf("%q", c.Name))
		set = append(set, fmt.Sprintf("%q = excluded.%[1]q", c.Name))
	}
	list := strings.Join(append(names, "raw"), ", ")
	return fmt.Sprintf(`INSERT INTO %[1]s (%[2]s, %[3]s) SELECT DISTINCT ON (%[4]s) %[2]s%[5]s FROM %[6]s AS came
		ON CONFLICT (%[4]s) DO UPDATE SET %[7]s, raw = excluded.raw, gone_at = NULL%[8]s`,
		into, list, strings.Join(times, ", "), key, strings.Repeat(fmt.Sprintf(", $%d::timestamptz", len(args)+1), len(times)), came, strings.Join(set, ", "), rest), args
}

// stored tells what storing conversations did.
type stored struct {
	added, changed, gone int64
	due                  []int64 // rows of conversations whose messages are to be read
}

// storeConversations stores what a walk has brought, and the earlier values of what has changed.
func (w *work) storeConversations(c chatbot, convs []okchat.Conversation, recheck time.Duration) (s stored) {
	r := rows{table: column.Conversations()}
	for i := range convs {
		w.add(&r, &convs[i])
	}
	if w.err != nil || len(convs) == 0 {
		return s
	}
	var names, before, after []string
	for _, h := range column.History() {
		names, before, after = append(names, h.Name), append(before, "c."+h.Name), append(after, "came."+h.Name)
	}
	came, args := r.came()
	s.changed = w.exec(fmt.Sprintf(`INSERT INTO changes (conversation_id, changed_at, last_seen, %s)
		SELECT c.id, $%d::timestamptz, coalesce((SELECT started_at FROM runs r JOIN seen s ON s.run = r.id WHERE s.n = c.n), c.first_seen), %s
		FROM conversations c JOIN %s AS came USING (id) WHERE (%[3]s) IS DISTINCT FROM (%[5]s) ON CONFLICT DO NOTHING`,
		strings.Join(names, ", "), len(args)+1, strings.Join(before, ", "), came, strings.Join(after, ", ")), append(args, c.run)...)
	// A row is written only where something has changed, or where the contract has gained a column.
	put, args := r.put("conversations", "id", []string{"first_seen"}, `, messages_age = CASE WHEN conversations.raw = excluded.raw THEN conversations.messages_age END
		WHERE conversations.raw <> excluded.raw OR conversations.gone_at IS NOT NULL OR conversations.unknown::text IS DISTINCT FROM excluded.unknown::text RETURNING n, xmax = 0`)
	w.each(func(rows *sql.Rows) error {
		var n int64
		var added bool
		err := rows.Scan(&n, &added)
		if added {
			s.added++
		}
		return err
	}, put, append(args, c.run)...)
	ids := r.columns[r.table.Place("id")]
	w.exec(`INSERT INTO seen (n, run) SELECT c.n, r.id FROM conversations c, runs r WHERE c.id = ANY ($1::uuid[]) AND r.chatbot_id = $2 AND r.started_at = $3::timestamptz
		ON CONFLICT (n) DO UPDATE SET run = excluded.run`, ids, c.id, c.run)
	w.each(func(rows *sql.Rows) error {
		var n int64
		err := rows.Scan(&n)
		s.due = append(s.due, n)
		return err
	}, "SELECT n FROM conversations WHERE id = ANY ($1::uuid[]) AND (messages_age IS NULL OR messages_age < $2) ORDER BY n", ids, int64(recheck.Seconds()))
	return s
}

// markGone marks the conversations that a run has not seen, and returns how many those are.
func (w *work) markGone(c chatbot) int64 {
	return w.exec(`UPDATE conversations c SET gone_at = $2::timestamptz WHERE chatbot_id = $1 AND gone_at IS NULL AND NOT EXISTS
		(SELECT 1 FROM seen s JOIN runs r ON r.id = s.run WHERE s.n = c.n AND r.started_at = $2::timestamptz AND r.chatbot_id = $1)`, c.id, c.run)
}

// storeMessages stores messages that were read at a time.
func (w *work) storeMessages(messages []okchat.Message, at string) {
	r := rows{table: column.Messages()}
	for i := range messages {
		w.add(&r, &messages[i])
	}
	if len(messages) > 0 {
		put, args := r.put("messages", "session_id, id", []string{"first_seen", "last_seen"}, ", last_seen = excluded.last_seen")
		w.exec(put, append(args, at)...)
	}
}

// markRead notes that the messages of conversations were read whole, at a time, and marks those that have left.
func (w *work) markRead(whole []int64, at string) {
	w.exec(`UPDATE messages SET gone_at = $2::timestamptz
		WHERE session_id IN (SELECT id FROM conversations WHERE n = ANY ($1)) AND last_seen < $2::timestamptz AND gone_at IS NULL`, whole, at)
	w.exec(`UPDATE conversations c SET messages_read_at = $2::timestamptz, messages_age = CASE WHEN last_message_id IS NULL OR
		EXISTS (SELECT 1 FROM messages WHERE session_id = c.id AND id = c.last_message_id) THEN greatest(0, extract(epoch FROM $2::timestamptz -
		greatest(created_at, updated_at, (SELECT max(created_at) FROM messages WHERE session_id = c.id))))::bigint END WHERE n = ANY ($1)`, whole, at)
}
