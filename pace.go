package okchat

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// pace tells each request of a client when it may be sent: not before a wait is over that the server asked for, and no
// more of them a second than [WithRate] allows. It is safe for concurrent use.
type pace struct {
	interval time.Duration // between two requests; 0 for any

	mu     sync.Mutex
	paused time.Time // nothing is sent before
	next   time.Time // when the rate allows the next request
}

// pause holds back all requests that have not been sent yet, for d from now on.
func (p *pace) pause(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if until := time.Now().Add(d); until.After(p.paused) {
		p.paused = until
	}
}

// wait returns when a request may be sent, and counts it as sent. It fails when ctx ends, and at once where the wait would
// outlast it.
func (p *pace) wait(ctx context.Context) error {
	for {
		d := p.turn()
		if d <= 0 {
			return nil
		}
		if err := sleep(ctx, d); err != nil {
			return err
		}
	}
}

// turn returns how long nothing may be sent, or 0 to the one request whose turn it is.
func (p *pace) turn() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	if wait := max(p.paused.Sub(now), p.next.Sub(now)); wait > 0 {
		return wait
	}
	p.next = now.Add(p.interval)
	return 0
}

var errOutlasts = fmt.Errorf("the wait outlasts the call: %w", context.DeadlineExceeded)

// outlasts reports whether a wait of d ends after ctx.
func outlasts(ctx context.Context, d time.Duration) bool {
	deadline, ok := ctx.Deadline()
	return ok && d >= time.Until(deadline)
}

// sleep waits for d. It fails when ctx ends, and at once where the wait would outlast it.
func sleep(ctx context.Context, d time.Duration) error {
	if outlasts(ctx, d) {
		return errOutlasts
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err()
	case <-ctx.Done():
		return ctx.Err()
	}
}
