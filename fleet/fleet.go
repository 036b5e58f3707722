package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	okchat "github.com/okchat/okchat-go"
)

const (
	beat = 2 * time.Second
	// deadAfter is how long a worker may be silent before its jobs are given to others. That it still lives does no harm.
	deadAfter = 10 * time.Second
)

// fleet is one worker of the fleet: a process that does some jobs at once.
type fleet struct {
	db       *database
	river    *river.Client[*sql.Tx]
	id       string
	recheck  time.Duration // messages are read again until the conversation is as old as this
	log      *slog.Logger
	requests atomic.Int64

	life     context.Context // of the limiters
	stopping context.Context // ends the requests of jobs, which then store what has come
	running  sync.Map        // ids of the jobs at work

	mu      sync.Mutex
	clients map[string]*okchat.Client // by the name of the key
}

// newFleet returns a worker that does so many jobs at once; run starts it.
func newFleet(ctx context.Context, db *database, jobs int, recheck time.Duration, log *slog.Logger) (*fleet, error) {
	host, _ := os.Hostname()
	f := &fleet{db: db, id: fmt.Sprintf("%s-%d-%x", host, os.Getpid(), time.Now().UnixNano()), recheck: recheck, log: log,
		life: context.WithoutCancel(ctx), stopping: ctx, clients: map[string]*okchat.Client{}}
	workers := river.NewWorkers()
	river.AddWorker(workers, lister{fleet: f})
	river.AddWorker(workers, reader{fleet: f})
	var err error
	f.river, err = river.NewClient(db.driver, &river.Config{
		ID: f.id, Logger: log, Workers: workers, Queues: map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: jobs}},
		FetchCooldown: 20 * time.Millisecond, FetchPollInterval: 100 * time.Millisecond, PollOnly: true,
		JobTimeout: -1, RescueStuckJobsAfter: 24 * time.Hour, RetryPolicy: backoff{},
	})
	return f, err
}

// backoff is the wait before a job that failed is tried again: a second, doubled each time, up to a minute.
type backoff struct{}

// NextRetry implements [river.ClientRetryPolicy].
func (backoff) NextRetry(job *rivertype.JobRow) time.Time {
	return time.Now().Add(min(time.Second<<min(len(job.Errors), 6), time.Minute))
}

var errNoKey = errors.New("there is no key")

// client returns the client of a key. All its requests, and those of other workers with this key, share one rate.
func (f *fleet) client(key string) (*okchat.Client, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if c, ok := f.clients[key]; ok {
		return c, nil
	}
	secret := os.Getenv(key)
	if secret == "" {
		return nil, fmt.Errorf("%w: set %s where this worker runs", errNoKey, key)
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost, transport.ResponseHeaderTimeout = 100, 30*time.Second
	l := &limiter{db: f.db, key: key, next: transport, sent: &f.requests, asks: make(chan ask, 1024)}
	opts := []okchat.Option{
		okchat.WithTransport(l), okchat.WithHooks(okchat.Hooks{Try: l.tried}), okchat.WithUserAgent("okchat-fleet"),
		okchat.WithTryTimeout(15 * time.Minute), // with the wait for its turn
	}
	if base := os.Getenv(okchat.EnvBaseURL); base != "" {
		opts = append(opts, okchat.WithBaseURL(base))
	}
	c, err := okchat.New(secret, opts...)
	if err != nil {
		return nil, fmt.Errorf("%w that can be used in %s, or %s is wrong: %w", errNoKey, key, okchat.EnvBaseURL, err)
	}
	go l.run(f.life)
	f.clients[key] = c
	return c, nil
}

// hold notes that a job is at work. Its context ends when the worker stops.
func (f *fleet) hold(ctx context.Context, job *rivertype.JobRow) (context.Context, func()) {
	f.running.Store(job.ID, true)
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(f.stopping, cancel)
	return ctx, func() {
		stop()
		cancel()
		f.running.Delete(job.ID)
	}
}

// run works until ctx ends or, unless forever is set, no chatbot is being worked on any more.
func (f *fleet) run(ctx context.Context, forever bool) error {
	if !f.db.postgres() { // one process works on it, so that others which are noted have died
		if _, err := f.db.ExecContext(ctx, "DELETE FROM fleet_workers"); err != nil {
			return err
		}
	}
	if err := f.beat(ctx, 0, nil); err != nil {
		return err
	}
	if err := f.river.Start(f.life); err != nil {
		return err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(f.life, 30*time.Second)
		defer cancel()
		_ = f.river.Stop(ctx)
		_, _ = f.db.ExecContext(ctx, "DELETE FROM fleet_workers WHERE id = $1", f.id)
	}()
	ticker := time.NewTicker(beat / 4)
	defer ticker.Stop()
	lost := map[int64]int{}
	before, at := int64(0), time.Now()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		var busy bool
		err := f.db.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM fleet_chatbots WHERE state IN ('waiting', 'working'))").Scan(&busy)
		if now := time.Now(); err == nil && now.Sub(at) >= beat {
			requests := f.requests.Load()
			err = f.beat(ctx, float64(requests-before)/now.Sub(at).Seconds(), lost)
			before, at = requests, now
		}
		switch {
		case err != nil && ctx.Err() == nil:
			f.log.Warn("the database cannot be asked and will be asked again", "database", f.db.where)
		case err == nil && !busy && !forever:
			return nil
		}
	}
}

// beat notes that the worker lives, and gives jobs back to the queue whose worker is dead, and those that are its own by the
// queue's account but that it has not been doing for two beats: their end could not be written down.
func (f *fleet) beat(ctx context.Context, rate float64, lost map[int64]int) error {
	if _, err := f.db.ExecContext(ctx, f.db.sql(`INSERT INTO fleet_workers (id, seen, requests, rate) VALUES ($1, @now, $2, $3)
		ON CONFLICT (id) DO UPDATE SET seen = excluded.seen, requests = excluded.requests, rate = excluded.rate`), f.id, f.requests.Load(), rate); err != nil {
		return err
	}
	if _, err := f.db.ExecContext(ctx, f.db.sql("DELETE FROM fleet_workers WHERE seen < @now - 3600")); err != nil {
		return err
	}
	live := map[string]bool{}
	if err := each(ctx, f.db, func(rows *sql.Rows) error {
		var id string
		err := rows.Scan(&id)
		live[id] = true
		return err
	}, f.db.sql("SELECT id FROM fleet_workers WHERE seen > @now - $1"), deadAfter.Seconds()); err != nil || lost == nil {
		return err
	}
	running, err := f.river.JobList(ctx, river.NewJobListParams().States(rivertype.JobStateRunning).First(10_000))
	if err != nil {
		return err
	}
	mine := map[int64]int{}
	for _, job := range running.Jobs {
		worker := ""
		if n := len(job.AttemptedBy); n > 0 {
			worker = job.AttemptedBy[n-1]
		}
		if _, held := f.running.Load(job.ID); live[worker] && (worker != f.id || held) {
			continue
		}
		if mine[job.ID] = lost[job.ID] + 1; live[worker] && mine[job.ID] < 3 {
			continue
		}
		if _, err := f.db.ExecContext(ctx, "UPDATE river_job SET state = 'available' WHERE id = $1 AND state = 'running' AND attempt = $2", job.ID, job.Attempt); err != nil {
			return err
		}
	}
	clear(lost)
	maps.Copy(lost, mine)
	return nil
}
