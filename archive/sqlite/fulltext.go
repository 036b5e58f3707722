package sqlite

import (
	"context"
	"fmt"
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

// index and unindex return the statements that put a row's text into the full-text table and, before the row changes, take it
// out again.
func (r *rows) index() string {
	return fmt.Sprintf("INSERT INTO %s_search (rowid, %s) VALUES (?, ? || %s)", r.name, r.text, textEnd)
}

func (r *rows) unindex() string {
	return fmt.Sprintf("INSERT INTO %s_search (%[1]s_search, rowid, %s) SELECT 'delete', n, %[2]s FROM %[1]s_text WHERE n = ?", r.name, r.text)
}

// hasFullText reports whether the archive has full-text tables, made by the statements of this program.
func (a *Archive) hasFullText(ctx context.Context) (bool, error) {
	for _, r := range []*rows{conversationRows, messageRows} {
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
	for _, r := range []*rows{conversationRows, messageRows} {
		name, view, definitions := r.fullText()
		statement := fmt.Sprintf("DROP TABLE IF EXISTS %s; DROP VIEW IF EXISTS %s;", name, view)
		if wanted {
			statement += fmt.Sprintf("%s; %s; INSERT INTO %s (%[3]s) VALUES ('rebuild')", definitions[0], definitions[1], name)
		}
		if err := a.exec(statement); err != nil {
			return err
		}
	}
	return nil
}
