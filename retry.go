package okchat

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// RetryPolicy says when a failed try is repeated. A field that is 0 takes its default.
//
// Repeated are the statuses 408, 425, 429, 500, 502, 503 and 504, connections that fail or break, tries that run out of
// time, and bodies that end early. The wait before try n+1 is what Retry-After says or, without it, a random time
// between 0 and min(MaxDelay, BaseDelay·2ⁿ⁻¹) ("full jitter"). No wait outlasts the caller's context: a call that
// cannot wait fails at once with what it has.
type RetryPolicy struct {
	// MaxTries is how many requests one page may cost (4); 1 turns retries off.
	MaxTries int
	// BaseDelay is the longest wait after the first try (500 ms), MaxDelay after any (10 s).
	BaseDelay, MaxDelay time.Duration
	// MaxRetryAfter is the longest Retry-After that is waited for (1 min). A longer one fails the call at once.
	MaxRetryAfter time.Duration
	// Budget is how many retries a client has for all its calls together (20). Each success gives back a tenth, so a
	// server in trouble sees at most a tenth more requests than callers make.
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

// retryDelay returns how long to wait before the next try. A negative delay says that there is none, an error why not.
func (c *Client) retryDelay(ctx context.Context, q query, try int, failure callError) (time.Duration, error) {
	policy := c.conf.retry
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	if !failure.retryable() || try >= or(q.MaxTries, policy.MaxTries) {
		return -1, nil
	}
	delay := failure.after()
	if delay > policy.MaxRetryAfter {
		return 0, fmt.Errorf("%w of %v", ErrWaitTooLong, policy.MaxRetryAfter)
	}
	if delay == 0 {
		ceiling := policy.MaxDelay
		if shift := try - 1; policy.BaseDelay<<shift>>shift == policy.BaseDelay {
			ceiling = min(ceiling, policy.BaseDelay<<shift)
		}
		delay = time.Duration(c.conf.jitter() * float64(ceiling))
	}
	if deadline, ok := ctx.Deadline(); ok && delay >= time.Until(deadline) {
		return 0, fmt.Errorf("the wait outlasts the call: %w", context.DeadlineExceeded)
	}
	if !c.budget.take() {
		return 0, ErrBudget
	}
	return delay, nil
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// parseRetryAfter reads seconds or a date, rounded up to whole seconds; 0 stands for none, past or unreadable.
func parseRetryAfter(value string, now time.Time) time.Duration {
	value = strings.TrimSpace(value)
	if value == "" {
		return 0
	}
	if strings.Trim(value, "0123456789") == "" {
		seconds, _ := strconv.ParseInt(value, 10, 64) // the largest number, if it is too large
		return time.Duration(min(seconds, maxRetryAfterSeconds)) * time.Second
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
