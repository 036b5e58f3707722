package sqlite

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	okchat "github.com/okchat/okchat-go"
	"github.com/okchat/okchat-go/archive"
	"github.com/okchat/okchat-go/internal/column"
)

// Hit is a message that holds a text.
type Hit struct {
	ConversationID string
	Platform       string
	// MessageID is empty for a last message that came with the list of conversations and without its id.
	MessageID string
	// At is when the message was sent; of a message that only the list of conversations shows, when the conversation was
	// updated last.
	At time.Time
	// Sender is who sent the message, such as bot or user; empty where that is unknown.
	Sender string
	// Before, Match and After are the found text and what stands around it, shortened to some 80 characters on either side,
	// on one line. Match is empty where upper and lower case differ in a way that only the index knows.
	Before, Match, After string
	// Gone reports whether the message or its conversation has left the list.
	Gone bool
	// Position is where the hit stands among all hits.
	Position Position
}

// MaxSearch is the greatest length of a text to search for, in bytes.
const MaxSearch = 1000

// Search returns up to limit messages that hold the text, newest first, from behind a position on. The filter selects their
// conversations, and so does opts.State; opts.CreatedAfter and opts.CreatedBefore bound when they were sent. Upper and lower
// case are the same: all letters with the archive's full-text index, otherwise those of ASCII. The last message of a conversation is a hit of its own only where the archive does not hold it among the messages.
func (a *Archive) Search(ctx context.Context, text string, opts okchat.ListOptions, f archive.Filter, after Position, limit int) ([]Hit, error) {
	if strings.TrimSpace(text) == "" || len(text) > MaxSearch || !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
		return nil, fmt.Errorf("%w: the text to search for has %d bytes, expected UTF-8 of 1 to %d that is not blank", okchat.ErrArgument, len(text), MaxSearch)
	}
	hits, err := a.search(ctx, text, opts, f, after, limit)
	return hits, a.explain(err)
}

// searched describes one of the two tables whose texts are searched. Its rows are called s.
type searched struct {
	table, text, index string
	row, at            string // what orders the hits
	columns            string // id of the conversation, its platform, id and sender of the message, whether it is gone
	own                string // a further condition
	conversation       string // the id of the conversation
}

// lastSign is when a conversation went on last, as far as the list of conversations tells. An index is on this expression.
const lastSign = "coalesce(updated_at, created_at)"

var messageTexts = searched{
	table: "messages", text: "content", index: "messages_search", row: "s.n", at: "s.created_at",
	columns: `s.session_id, (SELECT platform FROM conversations WHERE id = s.session_id), s.id, s.sender_type,
		s.gone_at IS NOT NULL OR EXISTS (SELECT 1 FROM conversations c WHERE c.id = s.session_id AND c.gone_at IS NOT NULL)`,
	own: "true", conversation: "s.session_id",
}

// lastTexts are the last messages of conversations. Those that messages holds, too, are left out.
func (a *Archive) lastTexts() searched {
	t := searched{
		table: "conversations", text: "last_message", index: "conversations_search", row: "-s.rowid", at: lastSign,
		columns: "s.id, s.platform, s.last_message_id, s.last_message_sender, s.gone_at IS NOT NULL", own: "true", conversation: "s.id",
	}
	if a.version >= 3 {
		t.own = `NOT EXISTS (SELECT 1 FROM messages m WHERE m.session_id = s.id AND (m.id = s.last_message_id OR s.last_message_id IS NULL AND m.content = s.last_message))`
	}
	return t
}

func (a *Archive) search(ctx context.Context, text string, opts okchat.ListOptions, f archive.Filter, after Position, limit int) (hits []Hit, err error) {
	oldest := "" // of what can be among the hits
	if a.version >= 3 {
		if hits, err = a.searchTable(ctx, messageTexts, text, opts, f, after, oldest, limit); err != nil {
			return nil, err
		}
		if len(hits) == limit && limit > 0 {
			oldest = hits[limit-1].Position.at
		}
	}
	more, err := a.searchTable(ctx, a.lastTexts(), text, opts, f, after, oldest, limit)
	if err != nil {
		return nil, err
	}
	hits = append(hits, more...)
	slices.SortFunc(hits, func(x, y Hit) int { return y.Position.compare(x.Position) })
	return hits[:min(len(hits), limit)], nil
}

func (a *Archive) searchTable(ctx context.Context, t searched, text string, opts okchat.ListOptions, f archive.Filter, after Position, oldest string, limit int) (hits []Hit, err error) {
	holds, args, err := a.holds(ctx, t, text)
	if err != nil {
		return nil, err
	}
	and := []string{holds, t.own}
	add := func(condition string, values ...any) {
		and, args = append(and, condition), append(args, values...)
	}
	behind, place := after.behind(t.at, t.row)
	add(behind, place...)
	if oldest != "" {
		add(t.at+" >= ?", oldest)
	}
	if !opts.CreatedAfter.IsZero() {
		add(t.at+" > ?", column.FormatTime(opts.CreatedAfter))
	}
	if !opts.CreatedBefore.IsZero() {
		add(t.at+" <= ?", column.FormatTime(opts.CreatedBefore))
	}
	where, values := conditions(okchat.ListOptions{State: opts.State}, f)
	if where != "true" {
		in := "EXISTS (SELECT 1 FROM conversations WHERE id = " + t.conversation + " AND "
		if f.User != "" { // few conversations, whose messages an index finds
			in = t.conversation + " IN (SELECT id FROM conversations WHERE "
		}
		add(in+where+")", values...)
	}
	if !f.Gone && t.table == "messages" {
		add("s.gone_at IS NULL")
	}
	query := fmt.Sprintf("SELECT %s, %s, s.%s, %s FROM %s s WHERE %s ORDER BY %[2]s DESC, %[1]s DESC LIMIT ?", //nolint:gosec // of this package
		t.row, t.at, t.text, t.columns, t.table, strings.Join(and, " AND "))
	rows, err := a.conn.QueryContext(ctx, query, append(args, limit)...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var h Hit
		var whole string
		var platform, message, sender *string
		if err := rows.Scan(&h.Position.row, &h.Position.at, &whole, &h.ConversationID, &platform, &message, &sender, &h.Gone); err != nil {
			return nil, err
		}
		if h.At, err = time.Parse(column.TimeLayout, h.Position.at); err != nil {
			return nil, fmt.Errorf("%s: the time %q: %w", a.path, h.Position.at, errDamaged)
		}
		for to, from := range map[*string]*string{&h.Platform: platform, &h.MessageID: message, &h.Sender: sender} {
			if from != nil {
				*to = *from
			}
		}
		h.Before, h.Match, h.After = around(whole, text)
		hits = append(hits, h)
	}
	return hits, rows.Err()
}

// common (a test lowers it) is how many hits make it quicker to go through the messages, newest first, until enough of them hold the text, than to
// sort what the index finds.
var common = 5000

// holds returns the condition of the rows that hold the text: by the index where it has few of them, or knows letters that no
// other way compares.
func (a *Archive) holds(ctx context.Context, t searched, text string) (condition string, args []any, err error) {
	indexed, err := a.hasFullText(ctx)
	if err != nil {
		return "", nil, err
	}
	if indexed {
		cased := strings.ContainsFunc(text, func(r rune) bool { return r > unicode.MaxASCII && unicode.ToUpper(r) != unicode.ToLower(r) })
		query, many, err := a.matching(ctx, t, text, cased)
		if err != nil {
			return "", nil, err
		}
		if query == "" && !many {
			return "false", nil, nil
		}
		if query != "" && (!many || cased) {
			return fmt.Sprintf("s.rowid IN (SELECT rowid FROM %s WHERE %[1]s MATCH ?)", t.index), []any{query}, nil
		}
	}
	if strings.ToUpper(text) == text && strings.ToLower(text) == text { // as in Korean, and twice as fast
		return "instr(s." + t.text + ", ?) > 0", []any{text}, nil
	}
	return "instr(lower(s." + t.text + "), lower(?)) > 0", []any{text}, nil // LIKE ends at a NUL
}

// matching returns the query of the index for the text, and whether it finds more than common. The index is one of three
// characters each: a shorter text is in those that begin with it. For none of them the query is empty, and for too many, unless
// all are asked for.
func (a *Archive) matching(ctx context.Context, t searched, text string, all bool) (query string, many bool, err error) {
	phrase := func(text string) string { return `"` + strings.ReplaceAll(text, `"`, `""`) + `"` }
	if utf8.RuneCountInString(text) >= 3 {
		query = phrase(text)
		err = a.row(ctx, fmt.Sprintf("SELECT count(*) > ?2 FROM (SELECT 1 FROM %s WHERE %[1]s MATCH ?1 LIMIT ?2 + 1)", t.index), query, common).Scan(&many)
		return query, many, err
	}
	terms := t.index + "_terms"
	if err := a.exec(fmt.Sprintf("PRAGMA query_only = off; CREATE VIRTUAL TABLE IF NOT EXISTS temp.%s USING fts5vocab(main, %s, row); PRAGMA query_only = %t", terms, t.index, a.reading)); err != nil {
		return "", false, err
	}
	rows, err := a.conn.QueryContext(ctx, "SELECT term, doc FROM temp."+terms+" WHERE term >= ?1 AND term < ?1 || char(0x10ffff)", string(fold(text))) //nolint:gosec // of this package
	if err != nil {
		return "", false, err
	}
	defer func() { _ = rows.Close() }()
	var phrases []string
	for found := 0; rows.Next(); {
		var term string
		var n int
		if err := rows.Scan(&term, &n); err != nil {
			return "", false, err
		}
		if found += n; found > common && !all {
			return "", true, nil
		}
		phrases = append(phrases, phrase(term))
	}
	return strings.Join(phrases, " OR "), false, rows.Err()
}

// around returns the first place in whole that equals text but for case, and what stands around it.
func around(whole, text string) (before, match, after string) {
	const most = 80
	runes, pattern := []rune(whole), fold(text)
	at, folded := -1, fold(whole)
	for i := 0; i+len(pattern) <= len(folded) && at < 0; i++ {
		if slices.Equal(folded[i:i+len(pattern)], pattern) {
			at = i
		}
	}
	if at < 0 {
		return "", "", line(runes[:min(len(runes), 2*most)], false, len(runes) > 2*most)
	}
	end := at + len(pattern)
	from, to := max(at-most, 0), min(end+most, len(runes))
	return line(runes[from:at], from > 0, false), string(runes[at:end]), line(runes[end:to], false, to < len(runes))
}

// fold returns the characters of s in one case each, so that they can be compared one by one, as the index has them: the two small
// sigmas are one letter, and so are the micro sign and the small mu.
func fold(s string) []rune {
	runes := []rune(s)
	for i, r := range runes {
		if r != 'ı' { // a letter of its own
			runes[i] = unicode.ToLower(unicode.ToUpper(r))
		}
	}
	return runes
}

// line returns the text with its white space as spaces, and an ellipsis where it was cut.
func line(text []rune, cutBefore, cutAfter bool) string {
	s := strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return ' '
		}
		return r
	}, string(text))
	if cutBefore {
		s = "…" + s
	}
	if cutAfter {
		s += "…"
	}
	return s
}

func (p Position) compare(q Position) int {
	if c := strings.Compare(p.at, q.at); c != 0 {
		return c
	}
	return int(max(min(p.row-q.row, 1), -1))
}
