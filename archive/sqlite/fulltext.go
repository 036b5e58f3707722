package sqlite

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/okchat/okchat-go/internal/column"
)

// The full-text tables of conversations and messages find any three characters in a row, in Korean too, where a tokenizer of
// words would find no part of one. They hold no text of their own but read it from a view of the table. Two line ends behind each text
// make three characters of its last one or two, so that a shorter text is found, too: by all threes that begin with it.
const textEnd = "char(10, 10)"

// fullText returns the names of the table's full-text table and of the view that it reads, and the statements that create them.
func (r *rows) fullText() (name, view string, definitions [2]string) {
	name, view = r.name+"_search", r.name+"_text"
	return name, view, [2]string{
		fmt.Sprintf("CREATE VIEW %s AS SELECT n, %s || %s AS %[2]s FROM %[4]s", view, r.text, textEnd, r.name),
		fmt.Sprintf("CREATE VIRTUAL TABLE %s USING fts5(%s, content='%s', content_rowid='n', tokenize='trigram')", name, r.text, view),
	}
}

// indexer keeps a full-text table in step with the rows that are written. Another run may make the tables or drop them meanwhile,
// so begin is called in each transaction.
type indexer struct {
	archive *Archive
	rows    *rows
	there   bool
}

func (x *indexer) begin(ctx context.Context) (err error) {
	if x.archive.fresh { // fill makes them at the end
		return nil
	}
	x.there, err = x.archive.hasFullText(ctx)
	return err
}

// before takes the text of a row out that is about to change.
func (x *indexer) before(n int64) error {
	if !x.there {
		return nil
	}
	name, view, _ := x.rows.fullText()
	_, err := x.archive.do("INSERT INTO "+name+" ("+name+", rowid, "+x.rows.text+") SELECT 'delete', n, "+x.rows.text+" FROM "+view+" WHERE n = ?", n)
	return err
}

// after puts the text of a row in.
func (x *indexer) after(n int64, text column.Value) error {
	if !x.there {
		return nil
	}
	name, _, _ := x.rows.fullText()
	_, err := x.archive.do("INSERT INTO "+name+" (rowid, "+x.rows.text+") VALUES (?, ? || "+textEnd+")", n, sql.NullString{String: text.Text, Valid: !text.Null})
	return err
}

// hasFullText reports whether the archive has full-text tables, made by the statements of this program.
func (a *Archive) hasFullText(ctx context.Context) (bool, error) {
	for _, r := range items {
		name, view, definitions := r.fullText()
		var there int
		if err := a.row(ctx, "SELECT count(*) FROM sqlite_schema WHERE name = ?1 AND sql = ?2 OR name = ?3 AND sql = ?4",
			view, definitions[0], name, definitions[1]).Scan(&there); err != nil || there < 2 {
			return false, err
		}
	}
	return true, nil
}

// setFullText makes the full-text tables and fills them, or drops them, within a transaction.
func (a *Archive) setFullText(ctx context.Context, wanted bool) error {
	there, err := a.hasFullText(ctx)
	if err != nil || there == wanted {
		return err
	}
	for _, r := range items {
		name, view, definitions := r.fullText()
		statement := fmt.Sprintf("DROP TABLE IF EXISTS %s; DROP VIEW IF EXISTS %s;", name, view)
		if wanted {
			// 16 MiB of memory, where 1 is the default, make it in little more than half of the time.
			statement += fmt.Sprintf("%s; %s; INSERT INTO %s (%[3]s, rank) VALUES ('hashsize', 16777216); INSERT INTO %[3]s (%[3]s) VALUES ('rebuild')",
				definitions[0], definitions[1], name)
		}
		if _, err := a.conn.ExecContext(ctx, statement); err != nil { // which may take minutes, so ctx ends it
			return err
		}
	}
	return nil
}
