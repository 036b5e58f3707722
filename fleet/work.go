package main

import (
	"context"
	"database/sql"
	"errors"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/riverqueue/river"

	okchat "github.com/okchat/okchat-go"
)

// A job ends after so many pages or conversations, or so much time: what it has brought is safe then, and others have a turn.
const (
	stretchPages = 25
	batchSize    = 25
	stretchTime  = 20 * time.Second
	mostHeld     = 16 << 20 // bytes of answers, before they are stored
)

// lister walks the lists of chatbots, a stretch each job.
type lister struct {
	river.WorkerDefaults[listArgs]
	*fleet
}

// Work implements [river.Worker].
func (w lister) Work(ctx context.Context, job *river.Job[listArgs]) error {
	ctx, done := w.hold(ctx, job.JobRow)
	defer done()
	c, err := w.db.chatbot(ctx, job.Args.Chatbot)
	first := job.Args.Stretch == 0
	if err == nil && first {
		err = w.db.begin(ctx, &c, job.Args.Round)
	}
	if err != nil || c.round != job.Args.Round || c.stretch != job.Args.Stretch || c.listed {
		return err // a job that was done before needs nothing
	}
	if !w.db.postgres() {
		return w.archive(ctx, job, c)
	}
	var convs []okchat.Conversation
	held, p := 0, progress{total: -1}
	start, most := time.Now(), stretchPages-rand.IntN(stretchPages/2) // so that jobs which began together do not all store at once
	failure := w.walk(ctx, c, func(page *okchat.Page[okchat.Conversation]) bool {
		p.pages++
		p.total, held = page.Metadata.TotalCount, held+len(page.Body)
		convs, c.token = append(convs, page.Items...), string(page.Next())
		return p.pages < most && held < mostHeld && time.Since(start) < stretchTime
	})
	var wait time.Duration
	switch t := troubleOf(failure); {
	case errors.Is(failure, errMore):
	case failure == nil:
		c.listed = true
	case t.over || t.final:
		c.listed, p.problem = true, t.text
	case ctx.Err() != nil && p.pages == 0:
		return river.JobSnooze(0)
	case t.putOff > 0 && p.pages == 0:
		return river.JobSnooze(t.putOff)
	case p.pages > 0: // what came is stored, and the next job tries again
		wait = max(t.putOff, time.Second)
	case len(job.Errors)+1 < maxErrors:
		w.log.Warn("a stretch of a list failed and will be tried again", "chatbot", c.id, "problem", t.text)
		return errors.New(t.text)
	default:
		c.listed, p.problem = true, t.text
	}
	c.stretch++
	p.conversations = len(convs)
	return commit(ctx, w.fleet, job, func(tx *work) {
		if first {
			tx.exec("INSERT INTO runs (chatbot_id, started_at) VALUES ($1, $2::timestamptz)", c.id, c.run)
		}
		s := tx.storeConversations(convs, c.run, w.recheck)
		var next []river.InsertManyParams
		if c.withMessages {
			for batch := range slices.Chunk(s.due, batchSize) {
				next = append(next, queued(messagesArgs{c.id, c.round, batch}, c.position+int64(p.toRead), 0))
				p.batches, p.toRead = p.batches+1, p.toRead+len(batch)
			}
		}
		if !c.listed {
			next = append(next, queued(listArgs{c.id, c.round, c.stretch}, c.position+int64(len(convs)), wait))
		}
		tx.insert(w.fleet, next...)
		if failure == nil {
			s.gone = tx.exec("UPDATE conversations SET gone_at = $2::timestamptz WHERE chatbot_id = $1 AND gone_at IS NULL AND last_seen < $2::timestamptz", c.id, c.run)
		}
		tx.exec(`UPDATE runs SET pages = pages + $3, added = added + $4, changed = changed + $5, gone = gone + $6,
			ended_at = CASE WHEN $7 THEN clock_timestamp() END WHERE chatbot_id = $1 AND started_at = $2::timestamptz`,
			c.id, c.run, p.pages, s.added, s.changed, s.gone, c.listed)
		tx.advance(c, first)
		tx.count(c.id, p)
		tx.settle(w.fleet, c)
	})
}

// errMore is the error of a walk that was left before its end.
var errMore = errors.New("there is more")

// walk walks on from where c stands, for as long as take returns true.
func (f *fleet) walk(ctx context.Context, c chatbot, take func(*okchat.Page[okchat.Conversation]) bool) error {
	client, err := f.client(c.key)
	if err != nil {
		return err
	}
	for page, err := range client.Pages(ctx, c.id, okchat.ListOptions{Limit: c.pageSize, After: okchat.Token(c.token)}) {
		if err != nil {
			return err
		}
		if !take(page) {
			return errMore
		}
	}
	return nil
}

// reader reads the messages of conversations, a batch each job.
type reader struct {
	river.WorkerDefaults[messagesArgs]
	*fleet
}

// Work implements [river.Worker].
func (w reader) Work(ctx context.Context, job *river.Job[messagesArgs]) error {
	ctx, done := w.hold(ctx, job.JobRow)
	defer done()
	c, err := w.db.chatbot(ctx, job.Args.Chatbot)
	if err != nil || c.round != job.Args.Round {
		return err
	}
	b, err := w.batch(ctx, c, job.Args.Conversations)
	if err != nil {
		return err
	}
	start, p := time.Now(), progress{total: -1}
	var t trouble
	for len(b.rest) > 0 && (p.haveRead == 0 || time.Since(start) < stretchTime) {
		if err := b.read(ctx, b.rest[0]); err != nil {
			if t = troubleOf(err); !t.over {
				break
			}
			p.problem, t = t.text, trouble{}
		}
		b.rest = b.rest[1:]
		p.haveRead++
	}
	var wait time.Duration
	switch {
	case t.text == "":
	case t.final || p.haveRead == 0 && len(job.Errors)+1 >= maxErrors:
		b.rest, p.problem = nil, t.text
	case p.haveRead > 0: // what came is stored, and the next job tries again
		wait = max(t.putOff, time.Second)
	case ctx.Err() != nil || t.putOff > 0:
		return river.JobSnooze(t.putOff)
	default:
		w.log.Warn("a batch of messages failed and will be tried again", "chatbot", c.id, "problem", t.text)
		return errors.New(t.text)
	}
	p.messages = b.count
	return commit(ctx, w.fleet, job, func(tx *work) {
		tx.storeMessages(b.messages, b.at)
		tx.markRead(b.whole, b.at)
		if len(b.rest) == 0 {
			p.batches = -1
		} else {
			tx.insert(w.fleet, queued(messagesArgs{c.id, c.round, b.rest}, c.position, wait))
		}
		tx.count(c.id, p)
		tx.settle(w.fleet, c)
	})
}

// batch holds the messages of some conversations that a job has read.
type batch struct {
	*fleet

	chatbot  chatbot
	client   *okchat.Client
	at       string           // when it began
	ids      map[int64]string // of the conversations, by their row numbers
	rest     []int64          // conversations that are still to be read
	whole    []int64          // those of which all messages came
	messages []okchat.Message // that are not stored yet
	held     int              // bytes of their pages
	count    int
}

func (f *fleet) batch(ctx context.Context, c chatbot, conversations []int64) (*batch, error) {
	b := &batch{fleet: f, chatbot: c, rest: conversations, ids: map[int64]string{}}
	var err error
	if b.client, err = f.client(c.key); err != nil {
		return b, err
	}
	if b.at, err = f.db.timestamp(ctx); err != nil {
		return b, err
	}
	err = each(ctx, f.db, func(rows *sql.Rows) error {
		var n int64
		var id string
		err := rows.Scan(&n, &id)
		b.ids[n] = id
		return err
	}, "SELECT n, id::text FROM conversations WHERE n = ANY ($1)", conversations)
	return b, err
}

// read reads the messages of one conversation. One that the server no longer knows has none.
func (b *batch) read(ctx context.Context, n int64) error {
	count := 0
	for page, err := range b.client.MessagePages(ctx, b.chatbot.id, b.ids[n], okchat.MessageOptions{Limit: b.chatbot.pageSize}) {
		if errors.Is(err, okchat.ErrNotFound) {
			break
		}
		if errors.Is(err, okchat.ErrItems) {
			b.whole, b.count = append(b.whole, n), b.count+count
		}
		if err != nil {
			return err
		}
		count, b.held = count+len(page.Items), b.held+len(page.Body)
		if b.messages = append(b.messages, page.Items...); b.held > mostHeld {
			if err := b.db.transaction(ctx, func(w *work) { w.storeMessages(b.messages, b.at) }); err != nil {
				return err
			}
			b.messages, b.held = nil, 0
		}
	}
	b.whole, b.count = append(b.whole, n), b.count+count
	return nil
}
