package sqlite

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/okchat/okchat-go/internal/column"
)

// fromEarlier returns what turns an archive of an earlier version into one of the present schema, but for the tables that
// [Archive.rebuild] makes anew, and for indexes and views.
func fromEarlier(version int) string {
	statements := ""
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
	if version < 3 {
		statements += `
DROP VIEW IF EXISTS messages;
CREATE TABLE seen AS SELECT rowid AS n, coalesce((SELECT id FROM runs WHERE started_at = last_seen), 0) AS run FROM conversations;
` + messageRows.definition(true, messageRows.names())
	}
	for _, view := range []string{"per_day", "per_platform", "per_state", "open_conversations", "last_messages", "attachments"} {
		statements += "DROP VIEW IF EXISTS " + view + ";\n"
	}
	return statements + sightingsTable + `
INSERT INTO sightings SELECT n, run FROM (SELECT n, run, lag(run) OVER (ORDER BY n) AS before FROM seen) WHERE run IS NOT before;
DROP TABLE seen;
`
}

// migrate brings an archive of this or an earlier version to the columns of this program, within a transaction and without
// foreign keys. A column that the contract has gained is filled from the JSON of each item.
func (a *Archive) migrate(ctx context.Context) error {
	earlier := a.version < schemaVersion
	// Names in views that somebody has made stay as they are.
	if err := a.exec("PRAGMA legacy_alter_table = ON"); err != nil {
		return err
	}
	if earlier {
		if err := a.exec(fromEarlier(a.version)); err != nil {
			return err
		}
	}
	for _, r := range items {
		there, err := a.columns(ctx, r.name, "raw")
		if err != nil {
			return err
		}
		if slices.Equal(there, r.names()) {
			continue
		}
		if err := a.rebuild(ctx, r, there); err != nil {
			return err
		}
		condition := "unknown IS NOT NULL" // where a member stood until now that has a column now
		if a.version == 1 {
			condition = "true" // which stored zero values for members that were not sent
		}
		if err := a.derive(ctx, r, condition); err != nil {
			return err
		}
	}
	if earlier {
		if err := a.exec(views() + fmt.Sprintf("PRAGMA user_version = %d", schemaVersion)); err != nil {
			return err
		}
		a.version = schemaVersion
	}
	return a.exec("PRAGMA legacy_alter_table = OFF")
}

// rebuild makes a table anew, as SQLite cannot change the definition of raw, and indexes that somebody has made on it.
func (a *Archive) rebuild(ctx context.Context, r *rows, there []string) error {
	statements, err := a.names(ctx, `SELECT sql FROM sqlite_schema WHERE type = 'index' AND tbl_name = ?1 AND sql IS NOT NULL
		AND instr(?3, ' ' || name || ' ON ') = 0 AND (?2 OR sql NOT LIKE '%last_seen%')`, r.name, slices.Contains(r.names(), "last_seen"), indexes)
	if err != nil {
		return err
	}
	var into, old []string
	for _, name := range r.names() {
		from := quote(name)
		if name == "n" {
			from = "rowid"
		} else if !slices.Contains(there, name) {
			from = "NULL"
		}
		if name != "verbatim" {
			into, old = append(into, quote(name)), append(old, from+" AS "+quote(name))
		}
	}
	list := strings.Join(into, ", ")
	// As column.Row.Rebuilds, which knows that no text with NUL is computed.
	copying := fmt.Sprintf(`INSERT INTO %s (%s, verbatim) SELECT %[2]s, CASE WHEN instr(raw, '\u0000') THEN raw ELSE nullif(raw, %s) END
		FROM (SELECT %s, raw FROM old_%[1]s) ORDER BY n`, r.name, list, r.columns().RawSQL(r.names()), strings.Join(old, ", "))
	statements = append([]string{
		fmt.Sprintf("ALTER TABLE %s RENAME TO old_%[1]s", r.name), r.definition(true, r.names()), copying, "DROP TABLE old_" + r.name,
	}, statements...)
	return a.exec(strings.Join(statements, ";\n") + ";\n" + indexes)
}

// derive fills the columns of the rows that match the condition from their JSON. JSON that is not such an item leaves its row
// as it is.
func (a *Archive) derive(ctx context.Context, r *rows, condition string) error {
	set := []string{"fingerprint = ?1"}
	for _, c := range r.columns().Columns {
		set = append(set, fmt.Sprintf("%s = ?%d", quote(c.Name), len(set)+1))
	}
	update, err := a.conn.PrepareContext(ctx, fmt.Sprintf("UPDATE %s SET %s, verbatim = ?%d WHERE n = ?%d", r.name, strings.Join(set, ", "), len(set)+1, len(set)+2))
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
			if _, err := update.ExecContext(ctx, r.values(&row, raw, last)...); err != nil {
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
