package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	okchat "github.com/okchat/okchat-go"
	"github.com/okchat/okchat-go/archive"
	"github.com/okchat/okchat-go/internal/column"
	"github.com/okchat/okchat-go/internal/fastjson"
)

// Result tells what a run did. It counts what is in the file, also where the run was cut short.
type Result struct {
	// Pages is how many pages came.
	Pages int
	// Added and Changed count conversations; Gone those that left the list since the last run.
	Added, Changed, Gone int
	// Messages counts the messages, where they were asked for.
	Messages MessageResult
}

// Update brings the archive up to date: conversations that are new or changed, in one transaction for the pages that have come since
// the last one. What had come before ctx ended is stored all the same, for two seconds at most. The earlier values of a changed one
// go into the table changes; another order of members, white space and the case of a UUID are no change. After a walk that ended
// without an error, a conversation that it did not bring is marked with gone_at; nothing is ever deleted.
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
	r := &run{archive: a, opts: opts, newOnly: newOnly, index: indexer{archive: a, rows: conversationRows}, rows: map[int64]kept{}}
	ahead := 0
	if opts.ReadAhead > 1 && !newOnly { // that ends after a page or two
		ahead = aheadPages
	}
	if a.conn != nil {
		if err := r.begin(ctx); err != nil {
			return Result{}, err
		}
		r.before = r.id - 1
	}
	late, cancel := outlast(ctx)
	defer cancel()
	for pages, err := range archive.Batches(ctx, from, a.chatbot, opts, ahead) {
		if err == nil && r.id == 0 {
			// A run that fails before its first page leaves nothing behind.
			if err = a.attach(late, a.chatbot, true); err == nil {
				err = r.begin(late)
			}
		}
		var known bool
		if err == nil {
			known, err = r.store(late, pages)
		}
		if err != nil {
			return r.result, r.failed(ctx, err)
		}
		// A page may have nothing that the walk did not hand out before; that says nothing of what comes behind it.
		if newOnly && known && len(pages[0].Items) > 0 {
			break
		}
	}
	if r.id == 0 {
		return r.result, nil
	}
	return r.result, r.end(ctx)
}

// outlast returns a context that ends a little later than ctx, so that what has come before an interrupt is stored. It ends all the
// same, as another program may keep the file locked.
func outlast(ctx context.Context) (context.Context, context.CancelFunc) {
	const grace = 2 * time.Second
	late, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(grace, cancel) })
	return late, func() {
		stop()
		cancel()
	}
}

// aheadPages is how many pages are read ahead while others are stored, where pages are read ahead at all.
const aheadPages = 16

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
	first   bool   // nothing was there before, and indexes come last

	put   string // statement
	index indexer

	row   column.Row
	items []item         // of the pages that are stored
	rows  map[int64]kept // what the archive has of them, by their fingerprint
	seen  []int64        // their numbers
}

// item is a conversation that came, with its JSON and the fingerprint of that.
type item struct {
	*okchat.Conversation

	raw  []byte
	mark int64
}

// begin notes the run.
func (r *run) begin(ctx context.Context) error {
	a := r.archive
	err := a.transaction(ctx, func() error {
		var any bool
		if err := a.row(ctx, "SELECT EXISTS (SELECT 1 FROM conversations)").Scan(&any); err != nil {
			return err
		}
		if r.first = !any; any {
			if err := r.makeIndexes(ctx); err != nil { // which a first run that was cut short has left out
				return err
			}
		}
		for now, taken := time.Now(), true; taken; now = now.Add(time.Microsecond) {
			r.started = column.FormatTime(now)
			if err := a.row(ctx, "SELECT EXISTS (SELECT 1 FROM runs WHERE started_at = ?)", r.started).Scan(&taken); err != nil {
				return err
			}
		}
		if err := a.row(ctx, "INSERT INTO runs (started_at, new_only, state, since) VALUES (?, ?, nullif(?, ''), ?) RETURNING id",
			r.started, r.newOnly, string(r.opts.State), r.since()).Scan(&r.id); err != nil {
			return err
		}
		return a.row(ctx, `UPDATE archive SET gap_since = coalesce(gap_since, ?), kept = max(kept, ?)
			RETURNING coalesce((SELECT id FROM runs WHERE started_at = gap_since), 0)`, r.started, !a.fresh).Scan(&r.gap)
	})
	if err != nil {
		return err
	}
	r.put = conversationRows.put(", messages_age = NULL")
	if a.fresh {
		r.put = conversationRows.insert()
	}
	return nil
}

// unsure returns the SQL expression for whether something may be missing behind a conversation, of which ?1 is the gap. Only a run
// for what is new alone asks, since all that others need of what has not changed stands in an index.
func (r *run) unsure() string {
	if r.newOnly {
		return "coalesce((SELECT id FROM runs WHERE started_at = first_seen), 0) NOT BETWEEN 1 AND ?1 - 1"
	}
	return "?1 < 0"
}

// remember is the statement that keeps the present values of a conversation in the table changes, provided that one of those
// differs from the values to come.
var remember = sync.OnceValue(func() string {
	var names, values []string
	for i, c := range column.History() {
		names = append(names, quote(c.Name))
		values = append(values, fmt.Sprintf("?%d", i+3))
	}
	list := strings.Join(names, ", ")
	return fmt.Sprintf(`INSERT INTO changes (conversation_id, changed_at, last_seen, %s)
		SELECT id, ?2, coalesce((SELECT started_at FROM runs WHERE id = (SELECT run FROM sightings WHERE first <= n ORDER BY first DESC LIMIT 1)), first_seen), %[1]s
		FROM conversations WHERE id = ?1 AND (%[1]s) IS NOT (%s) ON CONFLICT DO NOTHING`, list, strings.Join(values, ", "))
})

// kept is a conversation that the archive has already.
type kept struct {
	n      int64  // 0 for none
	unsure bool   // something may be missing behind it
	gone   bool   // which has no fingerprint
	raw    string // empty where its fingerprint was found
}

// store puts pages into the file, and reports whether all of them was there before anything could be missing.
func (r *run) store(ctx context.Context, pages []*okchat.Page[okchat.Conversation]) (known bool, err error) {
	known, result := true, r.result
	if err := r.take(pages); err != nil {
		return false, err
	}
	err = r.archive.transaction(ctx, func() error {
		if err := r.index.begin(ctx); err != nil {
			return err
		}
		if err := r.lookUp(); err != nil {
			return err
		}
		r.seen = r.seen[:0]
		for _, item := range r.items {
			sure, err := r.storeOne(item)
			if err != nil {
				return err
			}
			known = known && sure
		}
		if err := r.note(); err != nil {
			return err
		}
		r.result.Pages += len(pages)
		return r.account("")
	})
	if err != nil {
		r.result = result
		return false, err
	}
	return known, nil
}

// take makes the conversations of the pages those that are stored next. Of two with one id the later one counts.
func (r *run) take(pages []*okchat.Page[okchat.Conversation]) error {
	r.items = r.items[:0]
	places := map[uuid.UUID]int{}
	for _, page := range pages {
		for i := range page.Items {
			conv := &page.Items[i]
			came, err := column.Raw(conv)
			if err != nil {
				return err
			}
			at, twice := places[conv.ID]
			if !twice {
				at = len(r.items)
				places[conv.ID] = at
				r.items = slices.Grow(r.items, 1)[:at+1] // with the memory of an earlier one
			}
			it := &r.items[at]
			it.Conversation, it.raw = conv, fastjson.AppendCompact(it.raw[:0], came)
			it.mark = fingerprint(it.raw)
		}
	}
	return nil
}

// lookUp finds what the archive has of the conversations: by fingerprints among those of the same time, which stand side by side in
// the file, and the rest by id.
func (r *run) lookUp() error {
	clear(r.rows)
	if r.archive.fresh || len(r.items) == 0 {
		return nil
	}
	if !r.first {
		byTime := func(a, b item) int { return a.CreatedAt.Compare(b.CreatedAt) }
		if err := r.lookNear(slices.MinFunc(r.items, byTime).CreatedAt, slices.MaxFunc(r.items, byTime).CreatedAt, 2*len(r.items)); err != nil {
			return err
		}
	}
	missing := map[string]int64{}
	for _, item := range r.items {
		if r.rows[item.mark].n == 0 {
			missing[item.ID.String()] = item.mark
		}
	}
	if len(missing) == 0 {
		return nil
	}
	ids, err := json.Marshal(slices.Collect(maps.Keys(missing)))
	if err != nil {
		return err
	}
	// One statement for all: a statement for each conversation would cost more than what it does.
	found, err := r.archive.ask("SELECT c.id, n, gone_at IS NOT NULL, "+r.unsure()+", raw FROM json_each(?2) CROSS JOIN conversations c ON c.id = value", r.gap, string(ids))
	if err != nil {
		return err
	}
	defer func() { _ = found.Close() }()
	for found.Next() {
		var id string
		var k kept
		if err := found.Scan(&id, &k.n, &k.gone, &k.unsure, &k.raw); err != nil {
			return err
		}
		r.rows[missing[id]] = k
	}
	return found.Err()
}

// lookNear finds conversations of a span of time by their fingerprints. There may be more of them than asked for.
func (r *run) lookNear(from, to time.Time, most int) error {
	found, err := r.archive.ask("SELECT fingerprint, n, "+r.unsure()+" FROM conversations WHERE created_at BETWEEN ?2 AND ?3 AND fingerprint IS NOT NULL LIMIT ?4",
		r.gap, column.FormatTime(from), column.FormatTime(to), most)
	if err != nil {
		return err
	}
	defer func() { _ = found.Close() }()
	for found.Next() {
		var k kept
		var mark int64
		if err := found.Scan(&mark, &k.n, &k.unsure); err != nil {
			return err
		}
		r.rows[mark] = k
	}
	return found.Err()
}

// storeOne stores a conversation, and reports whether it was there before anything could be missing.
func (r *run) storeOne(it item) (sure bool, err error) {
	there := r.rows[it.mark]
	if there.n > 0 && (there.raw == "" || there.raw == string(it.raw) || sameJSON(there.raw, string(it.raw))) {
		if there.raw != "" {
			_, err = r.archive.do("UPDATE conversations SET fingerprint = ? WHERE n = ?", it.mark, there.n)
		}
		if err == nil && there.gone {
			_, err = r.archive.do("UPDATE conversations SET gone_at = NULL WHERE n = ?", there.n)
		}
		r.seen = append(r.seen, there.n)
		return !there.unsure, err
	}
	if err := r.row.Read(it.Conversation); err != nil {
		return false, err
	}
	values := conversationRows.values(&r.row, it.raw, r.started)
	if there.n > 0 {
		r.result.Changed++
		if err := r.keep(it.ID.String(), values); err != nil {
			return false, err
		}
		if err := r.index.before(there.n); err != nil {
			return false, err
		}
	}
	result, err := r.archive.do(r.put, values...)
	if err != nil {
		return false, err
	}
	if there.n == 0 {
		r.result.Added++
		if r.archive.fresh { // fill notes what was seen
			return false, nil
		}
		there.unsure = true
		if there.n, err = result.LastInsertId(); err != nil {
			return false, err
		}
	}
	r.rows[it.mark] = kept{n: there.n, unsure: there.unsure}
	r.seen = append(r.seen, there.n)
	return !there.unsure, r.index.after(there.n, r.row.Get(conversationRows.text))
}

// note stores in the table sightings that the run has seen the conversations of the pages, as ranges of rows. What a run that began later has seen stays.
func (r *run) note() error {
	slices.Sort(r.seen)
	for seen := r.seen; len(seen) > 0; {
		n := 1
		for n < len(seen) && seen[n] <= seen[n-1]+1 {
			n++
		}
		for _, statement := range []string{
			`INSERT INTO sightings SELECT column1, coalesce((SELECT run FROM sightings WHERE first <= column1 ORDER BY first DESC LIMIT 1), 0)
				FROM (VALUES (?1), (?2 + 1)) WHERE ?3 > 0 ON CONFLICT DO NOTHING`,
			"UPDATE sightings SET run = ?3 WHERE first BETWEEN ?1 AND ?2 AND run < ?3",
			`DELETE FROM sightings WHERE first BETWEEN ?1 AND ?2 + 1 AND ?3 > 0
				AND run = (SELECT run FROM sightings earlier WHERE earlier.first < sightings.first ORDER BY first DESC LIMIT 1)`,
		} {
			if _, err := r.archive.do(statement, seen[0], seen[n-1], r.id); err != nil {
				return err
			}
		}
		seen = seen[n:]
	}
	return nil
}

// keep keeps the present values of a conversation that is about to get new ones.
func (r *run) keep(id string, values []any) error {
	arguments := []any{id, r.started}
	for _, c := range column.History() {
		arguments = append(arguments, values[1+column.Conversations().Place(c.Name)]) // behind the fingerprint
	}
	_, err := r.archive.do(remember(), arguments...)
	return err
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

// makeIndexes makes the indexes that are not there yet. An export makes them itself.
func (r *run) makeIndexes(ctx context.Context) error {
	if r.archive.fresh {
		return nil
	}
	_, err := r.archive.conn.ExecContext(ctx, indexes)
	return err
}

// failed makes indexes, if there is time for them, and returns the error that ended the run.
func (r *run) failed(ctx context.Context, err error) error {
	if r.first && r.id != 0 && ctx.Err() == nil {
		_ = r.archive.transaction(ctx, func() error { return r.makeIndexes(ctx) }) // or else the next run does
	}
	return err
}

// account keeps the run's numbers in the file.
func (r *run) account(ended string) error {
	return r.archive.exec("UPDATE runs SET pages = ?, added = ?, changed = ?, gone = ?, ended_at = nullif(?, '') WHERE id = ?",
		r.result.Pages, r.result.Added, r.result.Changed, r.result.Gone, ended, r.id)
}

// end marks what has left the list, when the walk is over.
func (r *run) end(ctx context.Context) error {
	a, result := r.archive, r.result
	err := a.transaction(ctx, func() error {
		if err := r.makeIndexes(ctx); err != nil {
			return err
		}
		if !r.newOnly && r.opts.State == "" {
			// What only a run has seen that began after this walk did may have been behind the walk.
			marked, err := a.conn.ExecContext(context.Background(), `UPDATE conversations SET gone_at = ?1, fingerprint = NULL WHERE n IN (
				SELECT n FROM (SELECT first, lead(first) OVER (ORDER BY first) AS next, run FROM sightings) CROSS JOIN conversations
					ON n >= first AND n < coalesce(next, 9223372036854775807)
				WHERE run <= ?2 AND gone_at IS NULL AND created_at > coalesce(?3, ''))`, r.started, r.before, r.since())
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
		return r.account(column.FormatTime(time.Now()))
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
