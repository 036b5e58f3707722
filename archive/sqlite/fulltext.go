package sqlite

import (
	"context"
	"fmt"
)

// The full-text tables of conversations and messages hold the row numbers of each three characters in a row, in Korean too, where
// a tokenizer of words would find no part of one. They hold no text.

// fullText returns the name of the table's full-text table and the statement that creates it.
func (r *rows) fullText() (name, definition string) {
	name = r.name + "_search"
	return name, fmt.Sprintf("CREATE VIRTUAL TABLE %s USING fts5(%s, content='', contentless_delete=1, tokenize='trigram')", name, r.text)
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
		name, definition := r.fullText()
		statement := "DROP TABLE " + name
		if wanted {
			statement = fmt.Sprintf("%s; INSERT INTO %s (rowid, %s) SELECT n, %[3]s FROM %[4]s WHERE %[3]s IS NOT NULL", definition, name, r.text, r.name)
		}
		if err := a.exec(statement); err != nil {
			return err
		}
	}
	return nil
}

// reindex returns the statement that brings a row's text to the full-text table.
func (r *rows) reindex() string {
	name, _ := r.fullText()
	return fmt.Sprintf("INSERT OR REPLACE INTO %s (rowid, %s) VALUES (?, ?)", name, r.text)
}
