package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	okchat "github.com/okchat/okchat-go"
	"github.com/okchat/okchat-go/archive"
	"github.com/okchat/okchat-go/internal/column"
	"github.com/okchat/okchat-go/internal/fastjson"
)

// Result tells what a run did. It counts what is in the file, also where the run was cut short.
type Result struct {
	// Pages is how many transactions there were.
	Pages int
	// Added and Changed count conversations; Gone those that left the list since the last run.
	Added, Changed, Gone int
	// Messages counts the messages, where they were asked for.
	Messages MessageResult
}

// Update brings the archive up to date: conversations that are new or changed, one transaction a page. The earlier values of
// a changed one go into the table changes; another order of members, white space and the case of a UUID are no change. After
// a walk that ended without an error, a conversation that it did not bring is marked with gone_at; nothing is ever deleted.
// One that comes back loses the mark. With opts.State nothing is marked, with opts.CreatedAfter only what is newer.
//
// With newOnly the run ends at the first page that holds nothing unknown, which in a list that is newest first has
// nothing new behind it. Where an earlier run was cut short, what it brought counts as unknown: something may be missing
// behind it. Such a run finds no changes further down, and marks nothing.
//
// The error is that of the walk or of the file. Whatever ends a run, the file is whole, what came is in it, and the next run
// brings what is missing; so it does after an error that matches [okchat.ErrItems] or [okchat.ErrIncomplete].
func (a *Archive) Update(ctx context.Context, from archive.Source, opts okchat.ListOptions, newOnly bool) (Result, error) {
	if opts.Page > 1 || opts.MaxItems != 0 || !opts.CreatedBefore.IsZero() && !a.fresh || opts.After != "" {
		return Result{}, fmt.Errorf("%w: Page, MaxItems, CreatedBefore and After are not for an archive, which would have gaps", okchat.ErrArgument)
	}
	if a.chatbot == "" {
		return Result{}, errNoUUID
	}
	r := &run{archive: a, opts: opts, newOnly: newOnly, runs: map[string]int64{}, page: map[string]*kept{}, index: indexer{archive: a, rows: conversationRows}}
	defer r.close()
	if a.conn != nil {
		if err := r.begin(ctx); err != nil {
			return Result{}, err
		}
		r.before = r.id - 1
	}
	for page, err := range from.Pages(ctx, a.chatbot, opts) {
		if err == nil && r.id == 0 {
			// A run that fails before its first page leaves nothing behind.
			if err = a.attach(ctx, a.chatbot, true); err == nil {
				err = r.begin(ctx)
			}
		}
		if err != nil {
			return r.result, err
		}
		known, err := r.store(ctx, page.Items)
		if err != nil {
			return r.result, err
		}
		// A page may have nothing that the walk did not hand out before; that says nothing of what comes behind it.
		if newOnly && known && len(page.Items) > 0 {
			break
		}
	}
	if r.id == 0 {
		return r.result, nil
	}
	return r.result, r.end(ctx)
}

// run is one walk into the archive.
type run struct {
	archive *Archive
	opts    okchat.ListOptions
	newOnly bool
	result  Result

	id      int64  // runs.id
	started string // runs.started_at
	before  int64  // the last run that had begun when the walk did
	gap     int64  // the first run since which something may be missing

	lookup, touch, back, remember, put *sql.Stmt
	index                              indexer

	page map[string]*kept // what the archive has of the conversations of a page, by id
	runs map[string]int64 // ids by started_at, as far as they were asked for
	row  column.Row
	raw  []byte
}

// begin notes the run.
func (r *run) begin(ctx context.Context) error {
	a := r.archive
	err := a.transaction(ctx, func() error {
		for now := time.Now(); ; now = now.Add(time.Microsecond) {
			r.started = column.FormatTime(now)
			taken, err := r.idOf(ctx, r.started)
			if err != nil {
				return err
			}
			if taken == 0 {
				break
			}
		}
		clear(r.runs)
		if err := a.row(ctx, "INSERT INTO runs (started_at, new_only, state, since) VALUES (?, ?, nullif(?, ''), ?) RETURNING id",
			r.started, r.newOnly, string(r.opts.State), r.since()).Scan(&r.id); err != nil {
			return err
		}
		var gapSince string
		if err := a.row(ctx, "UPDATE archive SET gap_since = coalesce(gap_since, ?), kept = max(kept, ?) RETURNING gap_since",
			r.started, !a.fresh).Scan(&gapSince); err != nil {
			return err
		}
		var err error
		r.gap, err = r.idOf(ctx, gapSince)
		return err
	})
	if err != nil {
		return err
	}
	for _, p := range []struct {
		stmt  **sql.Stmt
		query string
	}{
		// One statement a page: a statement for each conversation would cost more than what it does.
		{&r.lookup, "SELECT c.id, n, first_seen, gone_at IS NOT NULL, raw FROM json_each(?) CROSS JOIN conversations c ON c.id = value"},
		{&r.touch, "INSERT INTO seen (n, run) SELECT value, ?2 FROM json_each(?1) WHERE true ON CONFLICT (n) DO UPDATE SET run = max(run, excluded.run)"},
		{&r.back, "UPDATE conversations SET gone_at = NULL WHERE n IN (SELECT value FROM json_each(?))"},
		{&r.remember, rememberQuery()},
		{&r.put, conversationRows.put(", messages_age = NULL")},
	} {
		if *p.stmt, err = a.conn.PrepareContext(context.Background(), p.query); err != nil { //nolint:sqlclosecheck // close does
			return a.explain(err)
		}
	}
	return nil
}

// rememberQuery returns the statement that keeps the present values of a conversation in the table changes, provided that
// one of those differs from the values to come.
func rememberQuery() string {
	var names, values []string
	for i, c := range column.History() {
		names = append(names, quote(c.Name))
		values = append(values, fmt.Sprintf("?%d", i+3))
	}
	list := strings.Join(names, ", ")
	return fmt.Sprintf(`INSERT INTO changes (conversation_id, changed_at, last_seen, %s)
		SELECT id, ?2, coalesce((SELECT started_at FROM runs WHERE id = (SELECT run FROM seen WHERE seen.n = conversations.n)), first_seen), %[1]s
		FROM conversations WHERE id = ?1 AND (%[1]s) IS NOT (%s) ON CONFLICT DO NOTHING`, list, strings.Join(values, ", "))
}

// kept is a conversation that the archive has already.
type kept struct {
	n     int64
	first string // first_seen
	gone  bool
	raw   string
}

// store puts a page into the file, and reports whether all of it was there before anything could be missing.
func (r *run) store(ctx context.Context, page []okchat.Conversation) (known bool, err error) {
	known, result := true, r.result
	err = r.archive.transaction(ctx, func() error {
		if err := r.index.begin(ctx); err != nil {
			return err
		}
		if err := r.lookUp(page); err != nil {
			return err
		}
		for i := range page {
			first, err := r.storeOne(&page[i])
			if err != nil {
				return err
			}
			known = known && first != 0 && first < r.gap
		}
		if err := r.see(); err != nil {
			return err
		}
		r.result.Pages++
		return r.note("")
	})
	if err != nil {
		r.result = result
		return false, err
	}
	return known, nil
}

// lookUp finds what the archive has of a page.
func (r *run) lookUp(page []okchat.Conversation) error {
	clear(r.page)
	if r.archive.fresh {
		return nil
	}
	ids := make([]string, len(page))
	for i := range page {
		ids[i] = page[i].ID.String()
	}
	list, err := json.Marshal(ids)
	if err != nil {
		return err
	}
	rows, err := r.lookup.Query(string(list))
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var id string
		var k kept
		if err := rows.Scan(&id, &k.n, &k.first, &k.gone, &k.raw); err != nil {
			return err
		}
		r.page[id] = &k
	}
	return rows.Err()
}

// see notes that the run has seen the conversations of the page.
func (r *run) see() error {
	if r.archive.fresh { // fill does for all
		return nil
	}
	seen, back := []int64{}, []int64{}
	for _, k := range r.page {
		seen = append(seen, k.n)
		if k.gone {
			back = append(back, k.n)
		}
	}
	slices.Sort(seen) // neighbours lie on one page of the file
	list, err := json.Marshal(seen)
	if err != nil {
		return err
	}
	if _, err := r.touch.Exec(string(list), r.id); err != nil || len(back) == 0 {
		return err
	}
	if list, err = json.Marshal(back); err != nil {
		return err
	}
	_, err = r.back.Exec(string(list))
	return err
}

// storeOne returns the id of the run that brought the conversation first, 0 where that is this one.
func (r *run) storeOne(conv *okchat.Conversation) (first int64, err error) {
	came, err := column.Raw(conv)
	if err != nil {
		return 0, err
	}
	r.raw = fastjson.AppendCompact(r.raw[:0], came)
	id := conv.ID.String()
	there := r.page[id]
	if there != nil {
		if first, err = r.idOf(context.Background(), there.first); err != nil {
			return 0, err
		}
		if there.raw == string(r.raw) || sameJSON(there.raw, string(r.raw)) {
			return first, nil
		}
	}
	if err := r.row.Read(conv); err != nil {
		return 0, err
	}
	values, raw := arguments(&r.row), string(r.raw)
	if there != nil {
		r.result.Changed++
		if err := r.keep(id, values); err != nil {
			return 0, err
		}
		if err := r.index.before(there.n); err != nil {
			return 0, err
		}
	}
	result, err := r.put.Exec(append(values, raw, r.started)...)
	if err != nil || r.archive.fresh {
		if err == nil {
			r.result.Added++
		}
		return 0, err
	}
	if there == nil {
		r.result.Added++
		there = &kept{first: r.started}
		if there.n, err = result.LastInsertId(); err != nil {
			return 0, err
		}
		r.page[id] = there
	}
	there.raw = raw
	return first, r.index.after(there.n, values[column.Conversations().Place(conversationRows.text)])
}

// keep keeps the present values of a conversation that is about to get new ones.
func (r *run) keep(id string, values []any) error {
	arguments := []any{id, r.started}
	for _, c := range column.History() {
		arguments = append(arguments, values[column.Conversations().Place(c.Name)])
	}
	_, err := r.remember.Exec(arguments...)
	return err
}

// idOf returns the id of the run that started then, 0 where there is none.
func (r *run) idOf(ctx context.Context, started string) (int64, error) {
	if id, ok := r.runs[started]; ok {
		return id, nil
	}
	var id int64
	err := r.archive.row(ctx, "SELECT id FROM runs WHERE started_at = ?", started).Scan(&id)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return 0, err
	}
	if len(r.runs) == 10_000 { // more would be a burden, and few are asked for again and again
		clear(r.runs)
	}
	r.runs[started] = id
	return id, nil
}

// sameJSON reports whether two texts hold the same JSON: members in whatever order, strings however escaped, UUIDs in
// whatever case.
func sameJSON(a, b string) bool {
	left, ok := decodeJSON(a)
	right, fine := decodeJSON(b)
	return ok && fine && reflect.DeepEqual(left, right)
}

func decodeJSON(text string) (value any, ok bool) {
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	err := decoder.Decode(&value)
	return lowerUUIDs(value), err == nil
}

func lowerUUIDs(value any) any {
	switch v := value.(type) {
	case string:
		if id, err := uuid.Parse(v); err == nil && len(v) == 36 {
			return id.String()
		}
	case []any:
		for i := range v {
			v[i] = lowerUUIDs(v[i])
		}
	case map[string]any:
		for name := range v {
			v[name] = lowerUUIDs(v[name])
		}
	}
	return value
}

// note keeps the run's numbers in the file.
func (r *run) note(ended string) error {
	return r.archive.exec("UPDATE runs SET pages = ?, added = ?, changed = ?, gone = ?, ended_at = nullif(?, '') WHERE id = ?",
		r.result.Pages, r.result.Added, r.result.Changed, r.result.Gone, ended, r.id)
}

// end marks what has left the list, when the walk is over.
func (r *run) end(ctx context.Context) error {
	a, result := r.archive, r.result
	err := a.transaction(ctx, func() error {
		if !r.newOnly && r.opts.State == "" {
			// What only a run has seen that began after this walk did may have been behind the walk.
			marked, err := a.conn.ExecContext(context.Background(), `UPDATE conversations SET gone_at = ?1 WHERE gone_at IS NULL
				AND n IN (SELECT n FROM seen WHERE run <= ?2) AND created_at > coalesce(?3, '')`, r.started, r.before, r.since())
			if err != nil {
				return err
			}
			n, err := marked.RowsAffected()
			if err != nil {
				return err
			}
			r.result.Gone = int(n)
		}
		closed, err := r.closesGap(ctx)
		if err != nil {
			return err
		}
		if closed {
			// A run that began later may be under way, and have a gap of its own.
			if err := a.exec("UPDATE archive SET gap_since = NULL WHERE (SELECT max(id) FROM runs) = ?", r.id); err != nil {
				return err
			}
		}
		return r.note(column.FormatTime(time.Now()))
	})
	if err != nil {
		r.result = result
	}
	return err
}

// closesGap reports whether nothing can be missing any more, down to the oldest conversation of the archive.
func (r *run) closesGap(ctx context.Context) (bool, error) {
	switch {
	case r.opts.State != "", r.archive.picked, r.before != r.id-1:
		return false, nil
	case r.opts.CreatedAfter.IsZero():
		return true, nil
	}
	// The walk has to have come down to what was there before the gap. An archive that begins with it reaches back to
	// where it ended, as its owner asked for.
	var newest sql.NullString
	err := r.archive.row(ctx, "SELECT max(created_at) FROM conversations WHERE first_seen IN (SELECT started_at FROM runs WHERE id < ?)", r.gap).Scan(&newest)
	if err != nil || newest.Valid {
		return newest.String > column.FormatTime(r.opts.CreatedAfter), err
	}
	var first int64
	err = r.archive.row(ctx, "SELECT min(id) FROM runs").Scan(&first)
	return first == r.id, err
}

// since returns the SQL argument for opts.CreatedAfter: null for a run over all.
func (r *run) since() any {
	if r.opts.CreatedAfter.IsZero() {
		return nil
	}
	return column.FormatTime(r.opts.CreatedAfter)
}

func (r *run) close() {
	r.index.close()
	for _, stmt := range []*sql.Stmt{r.lookup, r.touch, r.back, r.remember, r.put} {
		if stmt != nil {
			_ = stmt.Close()
		}
	}
}
