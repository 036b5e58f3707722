package okchat

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// RetryPolicy decides when a failed try is repeated. A field that is 0 takes its default.
//
// Repeated are the statuses 408, 425, 429, 500, 502, 503 and 504, connections that fail or break, tries that run out of
// time, bodies that end early, and pages that hold fewer items than their metadata say, see [ErrIncomplete].
//
// A server that answers with Retry-After asks for a wait. No request of the client is sent until it is over, and it costs
// neither a try nor budget: a server that limits the rate, and says so, is read completely. Without it the wait after try n
// is random, between 0 and min(MaxDelay, BaseDelay·2ⁿ⁻¹) ("full jitter").
//
// No wait outlasts the caller's context: a call that cannot wait fails at once with what it has.
type RetryPolicy struct {
	// MaxTries is how many tries of a page may fail (4), apart from those after which the server asked for a wait; 1 turns
	// all retries off.
	MaxTries int
	// BaseDelay is the longest wait after the first try (500 ms), MaxDelay after any (10 s).
	BaseDelay, MaxDelay time.Duration
	// MaxRetryAfter bounds the waits that the server asks for, all those of a page together (1 min). A call that would have
	// to wait longer fails at once, with an error that matches [ErrWaitTooLong].
	MaxRetryAfter time.Duration
	// Budget is how many retries a client has for all its calls together (20). Each success gives back a tenth, so a
	// server in trouble sees at most a tenth more requests than callers make. Without any left, a call fails with an error
	// that matches [ErrBudget].
	Budget int
}

func (p RetryPolicy) withDefaults() RetryPolicy {
	p.MaxTries = or(p.MaxTries, 4)
	p.BaseDelay = or(p.BaseDelay, 500*time.Millisecond)
	p.MaxDelay = or(p.MaxDelay, 10*time.Second)
	p.MaxRetryAfter = or(p.MaxRetryAfter, time.Minute)
	p.Budget = or(p.Budget, 20)
	return p
}

func or[T comparable](v, fallback T) T {
	var zero T
	if v == zero {
		return fallback
	}
	return v
}

func (p RetryPolicy) validate() error {
	if p.MaxTries < 0 || p.BaseDelay < 0 || p.MaxDelay < 0 || p.MaxRetryAfter < 0 || p.Budget < 0 {
		return errors.New("okchat: the retry policy has a negative field, expected 0 for the default or more")
	}
	return nil
}

// attempts counts the tries of one call: of one page, where it has pages.
type attempts struct {
	sent   int
	failed int           // those after which the server asked for no wait
	waited time.Duration // as the server asked
}

// verdict tells how a call goes on after a failed try: another one after a delay or, if again is false, the end of the call. The reason is
// nil if another try would be of no use, or was not allowed by the number of tries.
type verdict struct {
	again  bool
	asked  bool // the server asked for the delay
	delay  time.Duration
	reason error
}

// afterFailure decides what follows a failed try, and books it in a.
func (c *Client) afterFailure(ctx context.Context, q query, a *attempts, failure callError) verdict {
	policy, asked := c.conf.retry, failure.after()
	if asked == 0 {
		a.failed++
	}
	if err := ctx.Err(); err != nil {
		return verdict{reason: err}
	}
	most := or(q.MaxTries, policy.MaxTries)
	if !failure.retryable() || a.failed >= most || most == 1 {
		return verdict{}
	}
	if asked > 0 {
		if a.waited += asked; a.waited > policy.MaxRetryAfter {
			return verdict{reason: fmt.Errorf("%w, which is %v", ErrWaitTooLong, policy.MaxRetryAfter)}
		}
		if outlasts(ctx, asked) {
			return verdict{reason: errOutlasts}
		}
		return verdict{again: true, asked: true, delay: asked}
	}
	ceiling := policy.MaxDelay
	if shift := a.failed - 1; policy.BaseDelay<<shift>>shift == policy.BaseDelay { // it does not overflow
		ceiling = min(ceiling, policy.BaseDelay<<shift)
	}
	delay := time.Duration(c.conf.jitter() * float64(ceiling))
	if outlasts(ctx, delay) {
		return verdict{reason: errOutlasts}
	}
	if !c.budget.take() {
		return verdict{reason: ErrBudget}
	}
	return verdict{again: true, delay: delay}
}

// retryAfter returns how long the server asks to wait, rounded up to whole seconds; 0 stands for none, past or unreadable.
// A date is compared with the answer's own Date, where it has one: clocks differ.
func retryAfter(h http.Header) time.Duration {
	now, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		now = time.Now()
	}
	return parseRetryAfter(h.Get("Retry-After"), now)
}

func parseRetryAfter(value string, now time.Time) time.Duration {
	value = strings.TrimSpace(value)
	if value == "" {
		return 0
	}
	if seconds, err := strconv.ParseFloat(value, 64); strings.Trim(value, ".0123456789") == "" && !errors.Is(err, strconv.ErrSyntax) {
		return time.Duration(math.Ceil(min(seconds, maxRetryAfterSeconds))) * time.Second // some send fractions
	}
	date, err := http.ParseTime(value)
	if err != nil || !date.After(now) {
		return 0
	}
	wait := min(date.Sub(now), maxRetryAfterSeconds*time.Second)
	return (wait + time.Second - 1).Truncate(time.Second)
}

// maxRetryAfterSeconds is a year: longer than anyone waits, short enough to calculate with.
const maxRetryAfterSeconds = 31_536_000

// budget is a token bucket, counted in tenths of a retry.
type budget struct {
	mu            sync.Mutex
	tenths, limit int
}

func newBudget(retries int) *budget { return &budget{tenths: 10 * retries, limit: 10 * retries} }

func (b *budget) take() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.tenths < 10 {
		return false
	}
	b.tenths -= 10
	return true
}

func (b *budget) refund() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.tenths = min(b.tenths+1, b.limit)
}
