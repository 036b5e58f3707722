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

// options returns how a job is inserted: once, however often it is asked for while it waits or runs. The more of its chatbot
// was done in this run, the later its turn is, so that small chatbots do not wait for large ones.
func options(done int64, at time.Time) *river.InsertOpts {
	priority := 1
	for limit := int64(1000); done >= limit && priority < 4; limit *= 10 {
		priority++
	}
	return &river.InsertOpts{MaxAttempts: 10_000, Priority: priority, ScheduledAt: at, UniqueOpts: river.UniqueOpts{ByArgs: true, ByState: []rivertype.JobState{
		rivertype.JobStateAvailable, rivertype.JobStatePending, rivertype.JobStateRetryable, rivertype.JobStateRunning, rivertype.JobStateScheduled,
	}}}
}

// chatbot is a row of fleet_chatbots, as far as a job needs it.
type chatbot struct {
	id, key, run, token      string
	state                    string // new, waiting, working, done or failed
	withMessages, listed     bool
	pageSize                 int
	round, stretch, position int64
}

func (d *database) chatbot(ctx context.Context, id string) (c chatbot, err error) {
	err = d.QueryRowContext(ctx, `SELECT id, key, run, token, with_messages <> 0, listed <> 0, page_size, round, stretch, conversations
		FROM fleet_chatbots WHERE id = $1`, id).Scan(&c.id, &c.key, &c.run, &c.token, &c.withMessages, &c.listed, &c.pageSize, &c.round, &c.stretch, &c.position)
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

// progress holds what a job adds to the numbers of its chatbot.
type progress struct {
	pages, conversations, toRead, haveRead, messages, batches int

	total   int // conversations, as the server counts; -1 where it is not known
	problem string
}

// count adds to the numbers of a chatbot.
func (d *database) count(ctx context.Context, tx *sql.Tx, id string, p progress) error {
	_, err := tx.ExecContext(ctx, `UPDATE fleet_chatbots SET problem = CASE WHEN $2 <> '' THEN $2 ELSE problem END, total = CASE WHEN $3 >= 0 THEN $3 ELSE total END,
		pages = pages + $4, conversations = conversations + $5, to_read = to_read + $6, have_read = have_read + $7, messages = messages + $8, batches = batches + $9
		WHERE id = $1`, id, p.problem, p.total, p.pages, p.conversations, p.toRead, p.haveRead, p.messages, p.batches)
	return err
}

// advance notes where the walk of a chatbot stands. The first stretch of a run sets the numbers to 0.
func (d *database) advance(ctx context.Context, tx *sql.Tx, c chatbot, first bool) error {
	reset := ""
	if first {
		reset = `, started = @now, problem = '', total = 0, pages = 0, conversations = 0, to_read = 0, have_read = 0, messages = 0, batches = 0`
	}
	_, err := tx.ExecContext(ctx, d.sql("UPDATE fleet_chatbots SET state = 'working', round = $2, run = $3, stretch = $4, token = $5, listed = CASE WHEN $6 THEN 1 ELSE 0 END"+
		reset+" WHERE id = $1"), c.id, c.round, c.run, c.stretch, c.token, c.listed)
	return err
}

// commit does the work of a job, notes its progress, and completes the job, in one transaction. A job that another worker has
// been given in the meantime does nothing.
func commit[A river.JobArgs](ctx context.Context, f *fleet, job *river.Job[A], do func(tx *sql.Tx) error) error {
	err := f.db.transaction(ctx, func(tx *sql.Tx) error {
		var state string
		var attempt int
		if err := tx.QueryRowContext(ctx, f.db.sql("SELECT state, attempt FROM river_job WHERE id = $1 @lock"), job.ID).Scan(&state, &attempt); err != nil {
			return err
		}
		if state != string(rivertype.JobStateRunning) || attempt != job.Attempt {
			return nil
		}
		if err := do(tx); err != nil {
			return err
		}
		_, err := river.JobCompleteTx[riverdriver.Driver[*sql.Tx]](context.WithoutCancel(ctx), tx, job)
		return err
	})
	if err == nil {
		return nil
	}
	// The queue keeps the error, which may quote values of conversations.
	if refused, ok := errors.AsType[*pgconn.PgError](err); ok {
		return fmt.Errorf("the database refused what the job has brought: SQLSTATE %s %s", refused.Code, refused.ConstraintName)
	}
	return fmt.Errorf("what the job has brought could not be stored: %T", err)
}

// settle ends the run of a chatbot whose list and messages are all done, and begins the next one if it is to be repeated.
func (f *fleet) settle(ctx context.Context, tx *sql.Tx, c chatbot) error {
	var every, left float64
	err := tx.QueryRowContext(ctx, f.db.sql(`UPDATE fleet_chatbots SET state = CASE WHEN problem = '' THEN 'done' ELSE 'failed' END, token = '', finished = @now
		WHERE id = $1 AND round = $2 AND listed = 1 AND batches <= 0 RETURNING every, started + every - @now`), c.id, c.round).Scan(&every, &left)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil || every == 0 {
		return err
	}
	_, err = f.river.InsertTx(ctx, tx, listArgs{c.id, c.round + 1, 0}, options(0, time.Now().Add(max(seconds(left), 0))))
	return err
}

// trouble is an error of a call, as the fleet sees it.
type trouble struct {
	text   string        // in words that hold nothing of what the server wrote
	final  bool          // no later try helps
	over   bool          // the walk came to its end all the same
	putOff time.Duration // the server asked for a long pause
}

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
		return trouble{text: "the key was refused: check it, and that it may see this chatbot", final: true}
	case errors.Is(err, okchat.ErrNotFound):
		return trouble{text: "the server knows no such chatbot: check its id", final: true}
	case isAPI:
		t = trouble{text: fmt.Sprintf("the server answered %d %s", api.StatusCode, http.StatusText(api.StatusCode))}
		t.final = api.StatusCode == http.StatusBadRequest || api.StatusCode == http.StatusUnprocessableEntity
		if t.final {
			t.text += ": it may not take pages of this size, try another --limit"
		}
		return t
	case errors.Is(err, okchat.ErrIncomplete):
		return trouble{text: "the server did not hand out all that it counts", over: true}
	case errors.Is(err, okchat.ErrItems):
		return trouble{text: "single items broke the contract and were left out", over: true}
	case isBroken:
		return trouble{text: "an answer broke the contract at " + broken.Where, final: true}
	case errors.Is(err, okchat.ErrArgument), errors.Is(err, errNoKey):
		return trouble{text: err.Error(), final: true}
	}
	return trouble{text: "the server or the database cannot be reached"}
}
