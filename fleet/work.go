package main

import (
	"context"
	"database/sql"
	"errors"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

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
	more, failure := w.walk(ctx, c, func(page *okchat.Page[okchat.Conversation]) bool {
		p.pages++
		p.total, held = page.Metadata.TotalCount, held+len(page.Body)
		convs, c.token = append(convs, page.Items...), string(page.Next())
		return p.pages < most && held < mostHeld && time.Since(start) < stretchTime
	})
	next, err := w.after(ctx, job.JobRow, c, troubleOf(failure), p.pages > 0)
	if err != nil {
		return err
	}
	c.listed, p.problem = !more && failure == nil || next.problem != "", next.problem
	c.stretch++
	p.conversations = len(convs)
	end := func(tx *work, c chatbot, p progress) {
		tx.advance(c, first)
		tx.count(c.id, p)
		tx.settle(w.fleet, c)
	}
	return commit(ctx, w.fleet, job, func(tx *work) {
		if first {
			tx.exec("INSERT INTO runs (chatbot_id, started_at) VALUES ($1, $2::timestamptz)", c.id, c.run)
		}
		s := tx.storeConversations(c, convs, w.recheck)
		var jobs []river.InsertManyParams
		if c.withMessages {
			for batch := range slices.Chunk(s.due, batchSize) {
				jobs = append(jobs, queued(messagesArgs{c.id, c.round, batch}, c.position+int64(p.toRead), 0))
				p.batches, p.toRead = p.batches+1, p.toRead+len(batch)
			}
		}
		if !c.listed {
			jobs = append(jobs, queued(listArgs{c.id, c.round, c.stretch}, c.position+int64(len(convs)), next.wait))
		}
		tx.insert(w.fleet, jobs...)
		if c.listed && failure == nil {
			s.gone = tx.markGone(c)
		}
		tx.exec(`UPDATE runs SET pages = pages + $3, added = added + $4, changed = changed + $5, gone = gone + $6,
			ended_at = CASE WHEN $7 THEN clock_timestamp() END WHERE chatbot_id = $1 AND started_at = $2::timestamptz`,
			c.id, c.run, p.pages, s.added, s.changed, s.gone, c.listed)
		end(tx, c, p)
	}, func(tx *work, problem string) {
		c.listed = true
		end(tx, c, progress{total: -1, problem: problem})
	})
}

// walk walks on from where c stands, until take returns false: then there may be more.
func (f *fleet) walk(ctx context.Context, c chatbot, take func(*okchat.Page[okchat.Conversation]) bool) (more bool, err error) {
	client, err := f.client(c.key)
	if err != nil {
		return false, err
	}
	for page, err := range client.Pages(ctx, c.id, okchat.ListOptions{Limit: c.pageSize, After: okchat.Token(c.token)}) {
		if err != nil {
			return false, err
		}
		if !take(page) {
			return true, nil
		}
	}
	return false, nil
}

// step is how a job goes on.
type step struct {
	problem string        // that ends it
	wait    time.Duration // before the next job
}

// after decides what follows from a trouble, with which a job has stopped. It returns an error where the job itself is to be tried
// again, which it is not where it has brought something: that is stored, and the next job goes on behind it.
func (f *fleet) after(ctx context.Context, job *rivertype.JobRow, c chatbot, t trouble, brought bool) (step, error) {
	switch {
	case t.text == "":
		return step{}, nil
	case t.final || t.over:
		return step{problem: t.text}, nil
	case brought:
		return step{wait: max(t.putOff, time.Second)}, nil
	case ctx.Err() != nil || t.putOff > 0:
		return step{}, river.JobSnooze(t.putOff)
	case len(job.Errors)+1 >= maxErrors:
		return step{problem: t.text}, nil
	}
	f.log.Warn("a job failed and will be tried again", "kind", job.Kind, "chatbot", c.id, "problem", t.text)
	return step{}, errors.New(t.text)
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
	if c.problem == keyRefused { // a request for each batch would find nothing else
		t = trouble{text: keyRefused, final: true}
	}
	for t.text == "" && len(b.rest) > 0 && (p.haveRead == 0 || time.Since(start) < stretchTime) {
		if t = troubleOf(b.read(ctx, b.rest[0])); t.over || t.alone && t.final {
			p.problem, t = t.text, trouble{}
		}
		if t.text == "" {
			b.rest = b.rest[1:]
			p.haveRead++
		}
	}
	next, err := w.after(ctx, job.JobRow, c, t, p.haveRead > 0)
	if err != nil {
		return err
	}
	if next.problem != "" {
		p.problem = next.problem
		if t.alone { // the next run reads it, this one goes on behind it
			b.rest = b.rest[1:]
		} else {
			b.rest = nil
		}
	}
	p.messages = b.count
	end := func(tx *work, p progress) {
		tx.count(c.id, p)
		tx.settle(w.fleet, c)
	}
	return commit(ctx, w.fleet, job, func(tx *work) {
		tx.storeMessages(b.messages, b.at)
		tx.markRead(b.whole, b.at)
		if len(b.rest) == 0 {
			p.batches = -1
		} else {
			tx.insert(w.fleet, queued(messagesArgs{c.id, c.round, b.rest}, c.position, next.wait))
		}
		end(tx, p)
	}, func(tx *work, problem string) { end(tx, progress{total: -1, problem: problem, batches: -1}) })
}

// batch holds the messages of some conversations that a job has read.
type batch struct {
	*fleet

	chatbot  chatbot
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

// read reads the messages of one conversation. It counts as read only if all of them came: nothing is marked as gone otherwise.
func (b *batch) read(ctx context.Context, n int64) error {
	client, err := b.client(b.chatbot.key)
	if err != nil {
		return err
	}
	count := 0
	for page, err := range client.MessagePages(ctx, b.chatbot.id, b.ids[n], okchat.MessageOptions{Limit: b.chatbot.pageSize}) {
		if errors.Is(err, okchat.ErrNotFound) { // of one that is still in the list the next run asks again
			return nil
		}
		if troubleOf(err).over { // what came is kept, and the next run asks again
			b.count += count
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
