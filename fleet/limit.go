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
	// headroom is the share of the rate that is used, so that requests which are late never make more than the rate allows in
	// any 10 s. A turn that is later than late is not used.
	headroom = 0.98
	late     = 200 * time.Millisecond
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
// next free request. A worker takes as many turns at once as it has requests waiting, so that the database is not asked for each.
type limiter struct {
	db   *database
	key  string // its name
	next http.RoundTripper
	sent *atomic.Int64
	asks chan ask
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
	_, _ = l.db.ExecContext(context.WithoutCancel(ctx), fmt.Sprintf("UPDATE fleet_keys SET paused_until = %s(paused_until, %s + $2) WHERE name = $1", //nolint:gosec // of this package
		l.db.greatest, l.db.now), l.key, refused.RetryAfter.Seconds())
}

// turns are leased from the database: some requests from a time on.
type turns struct {
	left int
	next time.Time
	step time.Duration
	seen time.Time // when the database was last asked
}

// run gives waiting requests their turns, until ctx ends.
func (l *limiter) run(ctx context.Context) {
	var lease turns
	for {
		var a ask
		select {
		case a = <-l.asks:
		case <-ctx.Done():
			return
		}
		if a.ctx.Err() == nil {
			a.turn <- l.await(a.ctx, &lease)
		}
	}
}

// await returns when the next request may be sent. A pause of another worker voids the turns that were leased before.
func (l *limiter) await(ctx context.Context, lease *turns) error {
	for {
		now := time.Now()
		for lease.left > 0 && lease.step > 0 && now.Sub(lease.next) > late { // it would come on top of others
			lease.left--
			lease.next = lease.next.Add(lease.step)
		}
		stale := now.Sub(lease.seen) > look
		if lease.left == 0 || stale {
			paused, err := l.lease(ctx, lease, stale)
			switch {
			case ctx.Err() != nil:
				return ctx.Err()
			case err != nil:
				paused = time.Second // the database is away
			case paused > longPause:
				return &pausedError{paused.Round(time.Second)}
			}
			if paused > 0 {
				lease.left = 0
				sleep(ctx, min(paused, time.Second))
				continue
			}
		}
		wait := time.Until(lease.next)
		if wait <= 0 {
			lease.left--
			lease.next = lease.next.Add(lease.step)
			return nil
		}
		sleep(ctx, min(wait, look))
	}
}

// lease asks the database for a pause and, if there is none and no turn is left, takes turns for all that wait.
func (l *limiter) lease(ctx context.Context, lease *turns, stale bool) (paused time.Duration, err error) {
	var rate, left float64
	if stale || lease.step == 0 {
		query := fmt.Sprintf("SELECT rate, paused_until - %s FROM fleet_keys WHERE name = $1", l.db.now) //nolint:gosec // of this package
		if err := l.db.QueryRowContext(ctx, query, l.key).Scan(&rate, &left); err != nil || left > 0 {
			return seconds(left), err
		}
		lease.seen, lease.step = time.Now(), 0
		if rate > 0 {
			lease.step = seconds(1 / (rate * headroom))
		}
	}
	if lease.left > 0 {
		return 0, nil
	}
	n := 1 + len(l.asks)
	if lease.step == 0 {
		lease.left, lease.next = n, time.Now()
		return 0, nil
	}
	var end float64
	query := fmt.Sprintf(`UPDATE fleet_keys SET next = %[1]s(next, paused_until, %[2]s) + $2 WHERE name = $1
		RETURNING next - %[2]s, paused_until - %[2]s`, l.db.greatest, l.db.now) //nolint:gosec // of this package
	length := time.Duration(n) * lease.step
	if err := l.db.QueryRowContext(ctx, query, l.key, length.Seconds()).Scan(&end, &left); err != nil {
		return 0, err
	}
	lease.left, lease.next = n, time.Now().Add(seconds(end)-length)
	if seconds(left) > longPause {
		return seconds(left), nil
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
