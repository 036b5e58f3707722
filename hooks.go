package okchat

import (
	"context"
	"log/slog"
	"time"
)

// Hooks are called as requests go by, one after the other within a call, concurrently between calls and where pages are
// read ahead. A nil hook costs nothing. A hook that panics is cut short and the call goes on. No hook sees the key,
// a header or a body. The context is the caller's.
type Hooks struct {
	// Try is called after each request, before the wait for the next one.
	Try func(context.Context, TryInfo)
	// Page is called after each page, when all its tries are over.
	Page func(context.Context, PageInfo)
	// Call is called when a call of [Client.Page] or a range over [Client.Pages] or [Client.Conversations] is over.
	Call func(context.Context, CallInfo)
}

// TryInfo tells of one request.
type TryInfo struct {
	Page int
	// Try counts from 1.
	Try int
	// StatusCode is 0 where no answer came.
	StatusCode int
	Duration   time.Duration
	// Bytes is the length of the body, as far as it was read, after decompression.
	Bytes int
	// Err is nil after a success.
	Err error
	// Reason says in a word or two why the try failed: "status 503", "transport", "try timeout", "truncated",
	// "contract". It is empty after a success.
	Reason string
	// Retry says whether another try follows, after Delay.
	Retry bool
	Delay time.Duration
	// Asked says that Delay is a wait that the server asked for.
	Asked bool
}

// PageInfo tells of one page.
type PageInfo struct {
	Page  int
	Tries int
	// Items is how many the answer held, before those that a walk had handed out already are left out.
	Items    int
	Duration time.Duration
	Err      error
}

// CallInfo tells of one call.
type CallInfo struct {
	// Pages is how many pages were fetched, those read again and fences included.
	Pages int
	// Items is how many were handed out.
	Items    int
	Duration time.Duration
	Err      error
}

func callHook[T any](ctx context.Context, hook func(context.Context, T), info T) {
	defer func() { _ = recover() }()
	hook(ctx, info)
}

func (c *Client) tried(ctx context.Context, info TryInfo) {
	if c.conf.hooks.Try != nil {
		callHook(ctx, c.conf.hooks.Try, info)
	}
	if c.conf.logger == nil {
		return
	}
	level, attrs := slog.LevelDebug, []slog.Attr{
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
	c.conf.logger.LogAttrs(ctx, level, "okchat: request", attrs...)
}
