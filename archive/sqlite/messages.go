package sqlite

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	okchat "github.com/okchat/okchat-go"
	"github.com/okchat/okchat-go/archive"
	"github.com/okchat/okchat-go/internal/column"
	"github.com/okchat/okchat-go/internal/fastjson"
)

// MessageSource hands out the messages of a conversation page by page: a *[okchat.Client], or something around one. Several
// goroutines call it at once.
type MessageSource interface {
	MessagePages(ctx context.Context, chatbotID, conversationID string, opts okchat.MessageOptions) iter.Seq2[*okchat.Page[okchat.Message], error]
}

// MessageOptions tell how messages are brought into an archive.
type MessageOptions struct {
	okchat.MessageOptions

	// From is where they come from.
	From MessageSource
	// Parallel is how many conversations are read at once; less than 1 means 1.
	Parallel int
	// Recheck is how long a conversation is read again in each run after its last sign of life, as the list does not always show
	// that it went on: on the web channel updated_at was observed to stand still while the bot answers.
	Recheck time.Duration
	// NoIndex leaves out the index for searches, and drops one that is there.
	NoIndex bool
	// Progress, if not nil, is called after each conversation with how many have been read and how many there are to read.
	Progress func(read, all int)
}

// MessageResult tells what [Archive.UpdateMessages] did. It counts what is in the file, also where the run was cut short.
type MessageResult struct {
	// Conversations is how many were read, Unknown how many of those the server no longer knows, and Left how many are left to
	// the next run: they failed, or the run ended before.
	Conversations, Unknown, Left int
	// Added counts messages, and Gone those that the server no longer has.
	Added, Gone int
}

// maxFailures is how many conversations in a row may fail before a run ends: then it is not the conversations.
const maxFailures = 10

// UpdateMessages brings the messages of the archive's conversations up to date, of those that the options and the filter select.
// It reads the conversations that came or changed since their messages were read, those that were read less than opts.Recheck
// after their last sign of life, and those whose last message is not there. Call it after [Archive.Update], with the same
// options.
//
// All pages of messages that have come are a transaction, and a conversation counts as read with its last one: whatever ends a run, the next
// one goes on where it was. A message that the server no longer has is marked with gone_at; nothing is ever deleted. A
// conversation that fails is left to the next run, and the others are read; so it does after an answer that matches
// [okchat.ErrItems], where all but single messages are stored. The error is the first one of those, or the one that ended the
// run: that of ctx, of the file, a refused key, a budget that is used up, or ten failures in a row.
func (a *Archive) UpdateMessages(ctx context.Context, list okchat.ListOptions, f archive.Filter, opts MessageOptions) (MessageResult, error) {
	if a.conn == nil { // no page of conversations has come
		return MessageResult{}, nil
	}
	if opts.NoIndex && !a.fresh {
		if err := a.transaction(ctx, func() error { return a.setFullText(ctx, false) }); err != nil {
			return MessageResult{}, err
		}
	}
	r := &messageRun{archive: a, opts: opts, put: messageRows.put(""), index: indexer{archive: a, rows: messageRows}}
	err := r.run(ctx, list, f)
	// An index that is not there yet is made at once at the end, which takes a third of the time.
	if !opts.NoIndex && !a.fresh && ctx.Err() == nil {
		err = cmp.Or(err, a.transaction(ctx, func() error { return a.setFullText(ctx, true) }))
	}
	return r.result, a.explain(err)
}

// messageRun is one run of UpdateMessages.
type messageRun struct {
	archive *Archive
	opts    MessageOptions
	result  MessageResult
	failure error // the first one that did not end the run
	inRow   int   // conversations that failed one after the other

	put   string // statement
	index indexer

	row column.Row
	raw []byte
}

// stale is a conversation whose messages have to be read.
type stale struct {
	n        int64
	id       string
	came     sql.NullInt64 // its fingerprint when the run found it
	lastSign time.Time
	readAt   string
}

// piece is a page of messages of a conversation, or how its reading ended.
type piece struct {
	of       *stale
	messages []okchat.Message
	newest   time.Time // of all messages that came
	ended    bool
	err      error
}

// staleWhere returns the condition for the conversations that have to be read, and its arguments.
func (r *messageRun) staleWhere(list okchat.ListOptions, f archive.Filter) (where string, args []any) {
	f.Gone = true // one that is gone is still asked for once
	where, args = conditions(list, f)
	return where + " AND (messages_age IS NULL OR gone_at IS NULL AND messages_age < ?)", append(args, int64(r.opts.Recheck/time.Second))
}

func (r *messageRun) run(ctx context.Context, list okchat.ListOptions, f archive.Filter) error {
	where, args := r.staleWhere(list, f)
	var all int
	if err := r.archive.row(ctx, "SELECT count(*) FROM conversations WHERE "+where, args...).Scan(&all); err != nil {
		return err
	}
	defer func() { r.result.Left = all - r.result.Conversations }()
	ctx, cancel := context.WithCancel(ctx)
	parallel := min(max(r.opts.Parallel, 1), max(all, 1))
	todo, pieces := make(chan *stale), make(chan piece, parallel)
	ended := make(chan struct{})
	for range parallel {
		go func() {
			defer func() { ended <- struct{}{} }()
			for conv := range todo {
				read(ctx, r.archive.chatbot, conv, r.opts, pieces)
			}
		}()
	}
	err := r.dispatch(ctx, where, args, all, todo, pieces)
	cancel()
	close(todo)
	for running := parallel; running > 0; {
		select {
		case <-pieces:
		case <-ended:
			running--
		}
	}
	if err == nil {
		err = r.failure
	}
	return err
}

// dispatch hands out the conversations and stores what comes of them.
func (r *messageRun) dispatch(ctx context.Context, where string, args []any, all int, todo chan<- *stale, pieces <-chan piece) error {
	var queue []*stale
	reading, read, last, more := 0, 0, int64(-1<<63), true
	for {
		if len(queue) == 0 && more {
			var err error
			if queue, err = r.staleAfter(ctx, last, where, args); err != nil {
				return err
			}
			if more = len(queue) > 0; more {
				last = queue[len(queue)-1].n
			}
		}
		if len(queue) == 0 && reading == 0 {
			return nil
		}
		var next *stale
		out := todo
		if len(queue) > 0 {
			next = queue[0]
		} else {
			out = nil
		}
		select {
		case out <- next:
			queue = queue[1:]
			reading++
		case p := <-pieces:
			batch := []piece{p} // of all that have come
			for more := true; more && len(batch) <= cap(pieces); {
				select {
				case p := <-pieces:
					batch = append(batch, p)
				default:
					more = false
				}
			}
			if err := r.store(ctx, batch); err != nil {
				return err
			}
			for _, p := range batch {
				if !p.ended {
					continue
				}
				reading--
				if read++; r.opts.Progress != nil {
					r.opts.Progress(read, all)
				}
			}
		}
	}
}

// staleAfter returns the next conversations to read behind a row.
func (r *messageRun) staleAfter(ctx context.Context, last int64, where string, args []any) (list []*stale, err error) {
	query := "SELECT n, id, fingerprint, max(created_at, coalesce(updated_at, '')) FROM conversations WHERE " + where + " AND n > ? ORDER BY n LIMIT 200" //nolint:gosec // of this package
	found, err := r.archive.conn.QueryContext(ctx, query, append(slices.Clip(args), last)...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = found.Close() }()
	for found.Next() {
		var s stale
		var sign string
		if err := found.Scan(&s.n, &s.id, &s.came, &sign); err != nil {
			return nil, err
		}
		s.lastSign, _ = time.Parse(column.TimeLayout, sign) // one that cannot be read is long ago
		list = append(list, &s)
	}
	return list, found.Err()
}

// read reads the messages of a conversation. The last page comes together with the end, so that most conversations are one
// transaction.
func read(ctx context.Context, chatbot string, conv *stale, opts MessageOptions, pieces chan<- piece) {
	conv.readAt = column.FormatTime(time.Now())
	p := piece{of: conv}
	for page, err := range opts.From.MessagePages(ctx, chatbot, conv.id, opts.MessageOptions) {
		if err != nil {
			p.err = err
			break
		}
		if len(p.messages) > 0 {
			pieces <- p
		}
		p.messages = page.Items
		for i := range page.Items {
			if at := page.Items[i].CreatedAt; at.After(p.newest) {
				p.newest = at
			}
		}
	}
	p.ended = true
	pieces <- p
}

// store puts pages of messages into the file. Its error ends the run.
func (r *messageRun) store(ctx context.Context, pieces []piece) error {
	before := r.result
	err := r.archive.transaction(ctx, func() error {
		if err := r.index.begin(ctx); err != nil {
			return err
		}
		for _, p := range pieces {
			there, err := r.lookUp(p)
			if err != nil {
				return err
			}
			for i := range p.messages {
				if err := r.storeOne(&p.messages[i], p.of, there[p.messages[i].ID.String()]); err != nil {
					return err
				}
			}
			if !p.ended {
				continue
			}
			if err := r.end(p); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		r.result = before
		return err
	}
	for _, p := range pieces {
		if p.err == nil || !p.ended {
			r.inRow = 0
		} else if err := r.failed(ctx, p); err != nil {
			return err
		}
	}
	return nil
}

// storedMessage is a message that the archive has already. Its n is 0 for none.
type storedMessage struct {
	n    int64
	mark sql.NullInt64
}

// lookUp finds what the archive has of a page of messages, by their ids.
func (r *messageRun) lookUp(p piece) (map[string]storedMessage, error) {
	if r.archive.fresh || len(p.messages) == 0 {
		return nil, nil
	}
	ids := make([]string, len(p.messages))
	for i := range p.messages {
		ids[i] = p.messages[i].ID.String()
	}
	list, err := json.Marshal(ids)
	if err != nil {
		return nil, err
	}
	found, err := r.archive.ask("SELECT m.id, n, fingerprint FROM json_each(?2) CROSS JOIN messages m ON session_id = ?1 AND m.id = value", p.of.id, string(list))
	if err != nil {
		return nil, err
	}
	defer func() { _ = found.Close() }()
	there := map[string]storedMessage{}
	for found.Next() {
		var id string
		var m storedMessage
		if err := found.Scan(&id, &m.n, &m.mark); err != nil {
			return nil, err
		}
		there[id] = m
	}
	return there, found.Err()
}

func (r *messageRun) storeOne(m *okchat.Message, of *stale, there storedMessage) error {
	came, err := column.Raw(m)
	if err != nil {
		return err
	}
	r.raw = fastjson.AppendCompact(r.raw[:0], came)
	n := there.n
	if there.mark.Valid && there.mark.Int64 == fingerprint(r.raw) {
		_, err := r.archive.do("UPDATE messages SET last_seen = max(last_seen, ?2), gone_at = NULL WHERE n = ?1", n, of.readAt)
		return err
	}
	if err := r.row.Read(m); err != nil {
		return err
	}
	if n > 0 {
		if err := r.index.before(n); err != nil {
			return err
		}
	}
	result, err := r.archive.do(r.put, messageRows.values(&r.row, r.raw, of.readAt, of.readAt)...)
	if err != nil {
		return err
	}
	if n == 0 {
		r.result.Added++
		if n, err = result.LastInsertId(); err != nil {
			return err
		}
	}
	return r.index.after(n, r.row.Get(messageRows.text))
}

// end notes that a conversation was read.
func (r *messageRun) end(p piece) error {
	unknown := errors.Is(p.err, okchat.ErrNotFound)
	if p.err != nil && !unknown {
		return nil
	}
	r.result.Conversations++
	if unknown {
		r.result.Unknown++
		// One that is in the list is asked for again; one that has left it is not.
		_, err := r.archive.do("UPDATE conversations SET messages_age = 0 WHERE n = ? AND gone_at IS NOT NULL", p.of.n)
		return err
	}
	if !r.archive.fresh {
		result, err := r.archive.do("UPDATE messages SET gone_at = ?2 WHERE session_id = ?1 AND gone_at IS NULL AND last_seen < ?2", p.of.id, p.of.readAt)
		if err != nil {
			return err
		}
		gone, err := result.RowsAffected()
		if err != nil {
			return err
		}
		r.result.Gone += int(gone)
	}
	sign := p.of.lastSign
	if p.newest.After(sign) {
		sign = p.newest
	}
	readAt, _ := time.Parse(column.TimeLayout, p.of.readAt) // as it was written
	_, err := r.archive.do(`UPDATE conversations SET messages_read_at = ?2, messages_age = CASE WHEN fingerprint IS ?3 AND (last_message_id IS NULL OR
		EXISTS (SELECT 1 FROM messages WHERE session_id = conversations.id AND messages.id = last_message_id)) THEN ?4 END WHERE n = ?1`, p.of.n, p.of.readAt, p.of.came, max(int64(readAt.Sub(sign)/time.Second), 0))
	return err
}

// failed returns the error of a conversation where it ends the run, and keeps it otherwise.
func (r *messageRun) failed(ctx context.Context, p piece) error {
	if errors.Is(p.err, okchat.ErrNotFound) {
		return nil
	}
	err := fmt.Errorf("messages of conversation %s: %w", p.of.id, p.err)
	if r.inRow++; r.archive.fresh && !errors.Is(err, okchat.ErrItems) && !errors.Is(err, okchat.ErrIncomplete) || ctx.Err() != nil || r.inRow == maxFailures ||
		errors.Is(err, okchat.ErrUnauthorized) || errors.Is(err, okchat.ErrRateLimited) || errors.Is(err, okchat.ErrBudget) || errors.Is(err, okchat.ErrWaitTooLong) {
		return err
	}
	if r.failure == nil {
		r.failure = err
	}
	return nil
}
