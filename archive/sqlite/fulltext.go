package sqlite

import (
	"context"
	"fmt"
)

// The full-text tables of conversations and messages find any three characters in a row, in Korean too, where a tokenizer of
// words would find no part of one. They hold no text of their own but read it from the table.

// fullText returns the name of the table's full-text table and the statement that creates it.
func (r *rows) fullText() (name, definition string) {
	name = r.name + "_search"
	return name, fmt.Sprintf("CREATE VIRTUAL TABLE %s USING fts5(%s, content='%s', content_rowid='n', tokenize='trigram')", name, r.text, r.name)
}

// index and unindex return the statements that put a row's text into the full-text table and, before the row changes, take it
// out again.
func (r *rows) index() string {
	return fmt.Sprintf("INSERT INTO %s_search (rowid, %s) VALUES (?, ?)", r.name, r.text)
}

func (r *rows) unindex() string {
	return fmt.Sprintf("INSERT INTO %s_search (%[1]s_search, rowid, %s) SELECT 'delete', n, %[2]s FROM %[1]s WHERE n = ?", r.name, r.text)
}

// hasFullText reports whether the archive has full-text tables, made by the statements of this program.
func (a *Archive) hasFullText(ctx context.Context) (bool, error) {
	for _, r := range []*rows{conversationRows, messageRows} {
		name, definition := r.fullText()
		var there int
		if err := a.row(ctx, "SELECT count(*) FROM sqlite_schema WHERE name = ? AND sql = ?", name, definition).Scan(&there); err != nil || there == 0 {
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
	for _, r := range []*rows{conversationRows, messageRows} {
		name, statement := r.fullText()
		if wanted {
			statement += fmt.Sprintf("; INSERT INTO %s (%[1]s) VALUES ('rebuild')", name)
		} else {
			statement = "DROP TABLE " + name
		}
		if err := a.exec(statement); err != nil {
			return err
		}
	}
	return nil
}
