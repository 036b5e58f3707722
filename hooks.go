package okchat

import (
	"context"
	"errors"
	"log/slog"
	"time"
)

// Hooks are functions that a client calls, with the caller's context, to let a program count or show what it does. They are
// called one after the other within a call, but concurrently by concurrent calls and where pages are read ahead. A nil hook
// costs nothing. The client recovers a hook that panics and goes on. No hook sees the key, a header or a body.
type Hooks struct {
	// Try is called after each request, before the wait for the next one.
	Try func(context.Context, TryInfo)
	// Page is called after each page, when all its tries are over.
	Page func(context.Context, PageInfo)
	// Call is called when a call, or a range over pages or items, is over.
	Call func(context.Context, CallInfo)
}

// TryInfo describes one request that was sent.
type TryInfo struct {
	// Operation is the operationId of the contract, such as "listConversations".
	Operation string
	// Page is the page that was asked for, counted from 1; 0 for a call without pages.
	Page int
	// Try counts from 1.
	Try int
	// StatusCode is 0 if no answer came.
	StatusCode int
	// Duration is the time from sending until the answer was decoded.
	Duration time.Duration
	// Bytes is how many bytes of the body were read, after decompression.
	Bytes int
	// Err is nil after a success.
	Err error
	// Reason is why the try failed, in a word or two: "status 503", "transport", "try timeout", "truncated", "incomplete" or
	// "contract". It is empty after a success.
	Reason string
	// Retry reports whether another try follows, after Delay.
	Retry bool
	Delay time.Duration
	// Asked reports whether the server asked for Delay. All requests of the client then wait for it.
	Asked bool
}

// PageInfo describes one page after all its tries.
type PageInfo struct {
	// Operation is the operationId of the contract.
	Operation string
	// Page is the page that was asked for, counted from 1, or 0 for a call without pages. Tries is how many requests it took.
	Page  int
	Tries int
	// Items is how many items the answer held, those included that a walk handed out before.
	Items int
	// Duration is the time of all tries and the waits between them.
	Duration time.Duration
	// Err is nil after a success.
	Err error
}

// CallInfo describes one call, or one range over pages or items.
type CallInfo struct {
	// Operation is the operationId of the contract.
	Operation string
	// Pages is how many pages were fetched, those read again and fences included.
	Pages int
	// Items is how many items were handed out.
	Items int
	// Duration is the time of the call, and of the caller's work between pages.
	Duration time.Duration
	// Err is nil after a success, and if the caller ended the range.
	Err error
}

// callHook calls a hook and recovers its panic: a program that only watches must not end a call.
func callHook(hook func()) {
	defer func() { _ = recover() }()
	hook()
}

// report makes a call of some operation, which fills in info, and reports it to the hook unless its arguments were wrong.
func (c *Client) report(ctx context.Context, operation string, call func(info *CallInfo) error) error {
	start, info := time.Now(), CallInfo{Operation: operation}
	info.Err = call(&info)
	if info.Duration = time.Since(start); c.conf.hooks.Call != nil && !errors.Is(info.Err, ErrArgument) {
		callHook(func() { c.conf.hooks.Call(ctx, info) })
	}
	return info.Err
}

// tried reports a try to the hook and to the log.
func (c *Client) tried(ctx context.Context, info TryInfo) {
	if c.conf.hooks.Try != nil {
		callHook(func() { c.conf.hooks.Try(ctx, info) })
	}
	if c.conf.log != nil {
		c.conf.log(ctx, info)
	}
}

// WithLogger logs each try to l: at debug level, or at warning level if it failed. The records hold numbers and reasons, and
// no headers, bodies, ids or keys.
func WithLogger(l *slog.Logger) Option {
	return func(c *config) error {
		if l == nil {
			return errors.New("okchat: the logger is nil")
		}
		// A function, so that package slog is linked only into programs that call WithLogger.
		c.log = func(ctx context.Context, info TryInfo) {
			level, attrs := slog.LevelDebug, []slog.Attr{
				slog.String("operation", info.Operation),
				slog.Int("page", info.Page),
				slog.Int("try", info.Try),
				slog.Int("status", info.StatusCode),
				slog.Int("bytes", info.Bytes),
				slog.Duration("duration", info.Duration),
			}
			if info.Err != nil {
				level = slog.LevelWarn
				attrs = append(attrs, slog.String("reason", info.Reason), slog.Bool("retry", info.Retry), slog.Duration("delay", info.Delay))
			}
			l.LogAttrs(ctx, level, "okchat: request", attrs...)
		}
		return nil
	}
}
