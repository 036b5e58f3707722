package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/rivertype"

	okchat "github.com/okchat/okchat-go"
	"github.com/okchat/okchat-go/internal/column"
)

// listArgs are the arguments of a job that walks a stretch of a chatbot's list or, with SQLite, brings its archive up to date.
// Where the walk stands is in fleet_chatbots, as its token holds ids of conversations.
type listArgs struct {
	Chatbot string `json:"chatbot"`
	Round   int64  `json:"round"`
	Stretch int64  `json:"stretch"` // from 0
}

// messagesArgs are the arguments of a job that reads the messages of a batch of conversations, by their row numbers.
type messagesArgs struct {
	Chatbot       string  `json:"chatbot"`
	Round         int64   `json:"round"`
	Conversations []int64 `json:"conversations"`
}

// Kind implements [river.JobArgs].
func (listArgs) Kind() string     { return "okchat_list" }
func (messagesArgs) Kind() string { return "okchat_messages" } // Kind implements [river.JobArgs].

// maxErrors ends a job that has failed so often. Attempts are not counted, as a worker that was killed is no error of the job.
const maxErrors = 8

// queued returns a job as it is inserted: once, however often it is asked for while it waits or runs. The more of its chatbot
// was done in this run, the later its turn is, so that small chatbots do not wait for large ones.
func queued(args river.JobArgs, done int64, wait time.Duration) river.InsertManyParams {
	priority := 1
	for limit := int64(1000); done >= limit && priority < 4; limit *= 10 {
		priority++
	}
	opts := &river.InsertOpts{MaxAttempts: 10_000, Priority: priority, UniqueOpts: river.UniqueOpts{ByArgs: true, ByState: []rivertype.JobState{
		rivertype.JobStateAvailable, rivertype.JobStatePending, rivertype.JobStateRetryable, rivertype.JobStateRunning, rivertype.JobStateScheduled,
	}}}
	if wait > 0 {
		opts.ScheduledAt = time.Now().Add(wait)
	}
	return river.InsertManyParams{Args: args, InsertOpts: opts}
}

// chatbot is a row of fleet_chatbots, as far as a job needs it.
type chatbot struct {
	id, key, run, token      string
	problem                  string
	state                    string // waiting, working, done or failed
	withMessages, listed     bool
	pageSize                 int
	round, stretch, position int64
	every, left              float64 // seconds between two runs, and until the next one
}

// chatbot returns a chatbot, or one without a job to do where it was taken out of the fleet.
func (d *database) chatbot(ctx context.Context, id string) (c chatbot, err error) {
	err = d.QueryRowContext(ctx, `SELECT id, key, run, token, problem, with_messages <> 0, listed <> 0, page_size, round, stretch, conversations
		FROM fleet_chatbots WHERE id = $1`, id).Scan(&c.id, &c.key, &c.run, &c.token, &c.problem, &c.withMessages, &c.listed, &c.pageSize, &c.round, &c.stretch, &c.position)
	if errors.Is(err, sql.ErrNoRows) {
		return chatbot{round: -1, listed: true}, nil
	}
	return c, err
}

// begin makes c stand at the beginning of a new run, if it is the next one.
func (d *database) begin(ctx context.Context, c *chatbot, round int64) (err error) {
	if c.round+1 == round {
		c.round, c.stretch, c.token, c.listed, c.position = round, 0, "", false, 0
		c.run, err = d.timestamp(ctx)
	}
	return err
}

// timestamp returns the time by the database's clock, as an archive writes it.
func (d *database) timestamp(ctx context.Context) (string, error) {
	var now float64
	err := d.QueryRowContext(ctx, d.sql("SELECT @now")).Scan(&now)
	return column.FormatTime(time.UnixMicro(int64(now * 1e6))), err
}

// progress counts the work of a job, which is added to the numbers of its chatbot.
type progress struct {
	pages, conversations, toRead, haveRead, messages, batches int

	total   int // conversations, as the server counts; -1 where it is not known
	problem string
}

// count adds to the numbers of a chatbot.
func (w *work) count(id string, p progress) {
	w.exec(`UPDATE fleet_chatbots SET problem = CASE WHEN $2 <> '' THEN $2 ELSE problem END, total = CASE WHEN $3 >= 0 THEN $3 ELSE total END,
		pages = pages + $4, conversations = conversations + $5, to_read = to_read + $6, have_read = have_read + $7, messages = messages + $8, batches = batches + $9
		WHERE id = $1`, id, p.problem, p.total, p.pages, p.conversations, p.toRead, p.haveRead, p.messages, p.batches)
}

// advance notes where the walk of a chatbot stands. The first stretch of a run sets the numbers to 0.
func (w *work) advance(c chatbot, first bool) {
	reset := ""
	if first {
		reset = ", started = @now, problem = '', total = 0, pages = 0, conversations = 0, to_read = 0, have_read = 0, messages = 0, batches = 0"
	}
	w.exec("UPDATE fleet_chatbots SET state = 'working', round = $2, run = $3, stretch = $4, token = $5, listed = CASE WHEN $6 THEN 1 ELSE 0 END"+reset+" WHERE id = $1",
		c.id, c.round, c.run, c.stretch, c.token, c.listed)
}

// settle ends the run of a chatbot whose list and messages are all done, and queues the next one if it is to be repeated.
func (w *work) settle(f *fleet, c chatbot) {
	w.each(func(rows *sql.Rows) error {
		return rows.Scan(&c.every, &c.left)
	}, `UPDATE fleet_chatbots SET state = CASE WHEN problem = '' THEN 'done' ELSE 'failed' END, token = '', finished = @now
		WHERE id = $1 AND round = $2 AND listed = 1 AND batches <= 0 RETURNING every, started + every - @now`, c.id, c.round)
	if c.every > 0 {
		w.insert(f, queued(listArgs{c.id, c.round + 1, 0}, 0, seconds(c.left)))
	}
}

// commit does the work of a job and completes it, in one transaction. A job that another worker has been given in the meantime
// does nothing. What the database has refused too often is given up instead, with a problem.
func commit[A river.JobArgs](ctx context.Context, f *fleet, job *river.Job[A], do func(w *work), giveUp func(w *work, problem string)) error {
	err := f.db.transaction(ctx, func(w *work) {
		var state string
		var attempt int
		w.err = w.QueryRowContext(w.ctx, w.db.sql("SELECT state, attempt FROM river_job WHERE id = $1 @lock"), job.ID).Scan(&state, &attempt)
		if w.err != nil || state != string(rivertype.JobStateRunning) || attempt != job.Attempt {
			return
		}
		if do(w); w.err == nil {
			_, w.err = river.JobCompleteTx[riverdriver.Driver[*sql.Tx]](w.ctx, w.Tx, job)
		}
	})
	if err == nil {
		return nil
	}
	// The queue keeps the error, which may quote values of conversations.
	if refused, ok := errors.AsType[*pgconn.PgError](err); ok {
		problem := fmt.Sprintf("the database refused what came: SQLSTATE %s %s", refused.Code, refused.ConstraintName)
		if giveUp != nil && len(job.Errors)+1 >= maxErrors {
			return commit(ctx, f, job, func(w *work) { giveUp(w, problem) }, nil)
		}
		f.log.Warn("a job failed and will be tried again", "kind", job.Kind, "problem", problem)
		return errors.New(problem)
	}
	return fmt.Errorf("what the job has brought could not be stored: %T", err)
}

// trouble is an error of a call, as the fleet sees it.
type trouble struct {
	text   string        // in words that hold nothing of what the server wrote
	final  bool          // no later try helps
	over   bool          // the walk came to its end all the same
	alone  bool          // it is of what was asked for, and need not be of anything else
	putOff time.Duration // the server asked for a long pause
}

const keyRefused = "the key was refused: check it, and that it may see this chatbot"

func troubleOf(err error) (t trouble) {
	api, isAPI := errors.AsType[*okchat.APIError](err)
	broken, isBroken := errors.AsType[*okchat.ContractError](err)
	paused, isPaused := errors.AsType[*pausedError](err)
	switch {
	case err == nil:
		return trouble{}
	case isPaused:
		return trouble{text: "the server asked for a long pause", putOff: paused.left}
	case isAPI && api.RetryAfter > longPause:
		return trouble{text: "the server asked for a long pause", putOff: api.RetryAfter}
	case isAPI && api.Challenge:
		return trouble{text: "a firewall in front of the API wants to see a browser"}
	case errors.Is(err, okchat.ErrUnauthorized):
		return trouble{text: keyRefused, final: true}
	case errors.Is(err, okchat.ErrNotFound):
		return trouble{text: "the server knows no such chatbot: check its id", final: true}
	case isAPI:
		t = trouble{text: fmt.Sprintf("the server answered %d %s", api.StatusCode, http.StatusText(api.StatusCode))}
		t.final = api.StatusCode == http.StatusBadRequest || api.StatusCode == http.StatusUnprocessableEntity
		if t.final {
			t.text += ": it may not take pages of this size, try another --limit"
		}
		t.alone = !t.final
		return t
	case errors.Is(err, okchat.ErrIncomplete):
		return trouble{text: "the server did not hand out all that it counts", over: true}
	case errors.Is(err, okchat.ErrItems):
		return trouble{text: "single items broke the contract and were left out", over: true}
	case isBroken:
		return trouble{text: "an answer broke the contract at " + broken.Where, final: true, alone: true}
	case errors.Is(err, okchat.ErrArgument), errors.Is(err, errNoKey):
		return trouble{text: err.Error(), final: true}
	}
	return trouble{text: "the server or the database cannot be reached"}
}
