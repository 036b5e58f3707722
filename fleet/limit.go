package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	okchat "github.com/okchat/okchat-go"
)

const (
	// headroom is the share of the rate that is used, so that requests which are late by up to 0.2 s never make more than the
	// rate allows in any 10 s. A turn that is later than late is not used, and the rest is for the way to the server.
	headroom = 0.98
	late     = 100 * time.Millisecond
	// look is how often a worker that waits asks the database whether another one was told to pause.
	look = 250 * time.Millisecond
	// longPause is how long a request waits for the end of a pause. After a longer one its job is put off instead.
	longPause = time.Minute
)

// pausedError is the error of a request that was not sent because the server has asked for a long pause.
type pausedError struct{ left time.Duration }

func (e *pausedError) Error() string {
	return fmt.Sprintf("the server asked for a pause of %v", e.left)
}

// limiter sends the requests of one key, at the rate of all workers together. A row in the database holds the time of the
// next free turn. A worker takes as many turns at once as it has requests waiting, so that the database is not asked for each,
// and takes them before it needs them, so that none passes meanwhile.
type limiter struct {
	db   *database
	key  string // its name
	next http.RoundTripper
	sent *atomic.Int64
	asks chan ask

	// The rest belongs to run.
	turns []time.Time
	step  time.Duration // between two turns, 0 for any number at once
	seen  time.Time     // when the database was last asked for a pause
}

// ask is a request that waits for its turn.
type ask struct {
	ctx  context.Context
	turn chan error
}

// RoundTrip implements [http.RoundTripper].
func (l *limiter) RoundTrip(req *http.Request) (*http.Response, error) {
	a := ask{req.Context(), make(chan error, 1)}
	select {
	case l.asks <- a:
	case <-a.ctx.Done():
		return nil, a.ctx.Err()
	}
	select {
	case err := <-a.turn:
		if err != nil {
			return nil, err
		}
	case <-a.ctx.Done():
		return nil, a.ctx.Err()
	}
	l.sent.Add(1)
	return l.next.RoundTrip(req)
}

// tried is a hook of the client. It makes a wait that the server asked for one of all workers.
func (l *limiter) tried(ctx context.Context, info okchat.TryInfo) {
	refused, ok := errors.AsType[*okchat.APIError](info.Err)
	if !ok || refused.RetryAfter == 0 {
		return
	}
	// If the database is not there the client itself still waits, and the next refusal tries again.
	_, _ = l.db.ExecContext(context.WithoutCancel(ctx), l.db.sql("UPDATE fleet_keys SET paused_until = @greatest(paused_until, @now + $2) WHERE name = $1"),
		l.key, refused.RetryAfter.Seconds())
}

// run gives waiting requests their turns, until ctx ends.
func (l *limiter) run(ctx context.Context) {
	for {
		select {
		case a := <-l.asks:
			if a.ctx.Err() == nil {
				a.turn <- l.await(a.ctx)
			}
		case <-ctx.Done():
			return
		}
	}
}

// await returns when the next request may be sent. Turns that pass during a pause are not used.
func (l *limiter) await(ctx context.Context) error {
	for {
		for len(l.turns) > 0 && time.Since(l.turns[0]) > late { // it would come on top of others
			l.turns = l.turns[1:]
		}
		paused, err := l.take(ctx)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			paused = time.Second // the database is away
		case paused > longPause:
			return &pausedError{paused.Round(time.Second)}
		}
		if paused > 0 {
			sleep(ctx, min(paused, time.Second))
			continue
		}
		wait := time.Until(l.turns[0])
		if wait <= 0 {
			l.turns = l.turns[1:]
			return nil
		}
		sleep(ctx, min(wait, look))
	}
}

// take takes turns for all requests that wait, where at most one is left. It returns how long the key is paused still, where
// it has not been asked for that lately.
func (l *limiter) take(ctx context.Context) (paused time.Duration, err error) {
	if time.Since(l.seen) > look {
		var rate, left float64
		query := l.db.sql("SELECT rate, paused_until - @now FROM fleet_keys WHERE name = $1")
		if err := l.db.QueryRowContext(ctx, query, l.key).Scan(&rate, &left); err != nil || left > 0 {
			return seconds(left), err
		}
		l.seen, l.step = time.Now(), 0
		if rate > 0 {
			l.step = seconds(1 / (rate * headroom))
		}
	}
	if len(l.turns) > 1 {
		return 0, nil
	}
	n, first := 1+len(l.asks), time.Now()
	if l.step > 0 {
		var end float64
		length := time.Duration(n) * l.step
		query := l.db.sql("UPDATE fleet_keys SET next = @greatest(next, @now) + $2 WHERE name = $1 RETURNING next - @now")
		if err := l.db.QueryRowContext(ctx, query, l.key, length.Seconds()).Scan(&end); err != nil {
			return 0, err
		}
		first = time.Now().Add(seconds(end) - length)
	}
	for i := range n {
		l.turns = append(l.turns, first.Add(time.Duration(i)*l.step))
	}
	return 0, nil
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
