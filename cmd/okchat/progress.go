package main

import (
	"context"
	"fmt"
	"io"
	"iter"
	"math"
	"strings"
	"sync"
	"time"

	okchat "github.com/okchat/okchat-go"
	"github.com/okchat/okchat-go/archive"
	"github.com/okchat/okchat-go/internal/terminal"
)

const (
	redrawEvery = 100 * time.Millisecond // on a terminal
	lineEvery   = 10 * time.Second       // elsewhere
)

// progress is a source that shows how far a walk has come: a bar on a terminal, a line now and then elsewhere.
type progress struct {
	from    archive.Source // set before Pages is called
	out     io.Writer      // nil for silence
	width   int            // the terminal's, 0 where there is none
	bounded bool           // the walk may end before the list does
	now     func() time.Time

	started time.Time
	reading time.Time // when messages began to be read
	count   int
	pages   int

	mu    sync.Mutex // pages are read ahead, so a wait may be told beside a page
	shown time.Time
	drawn bool
}

func newProgress(std streams, quiet bool) *progress {
	p := &progress{out: std.err, width: std.errWidth, now: time.Now}
	if quiet {
		p.out = nil
	}
	return p
}

// Pages hands out the pages of the source, and counts each one once the caller is done with it.
func (p *progress) Pages(ctx context.Context, chatbotID string, opts okchat.ListOptions) iter.Seq2[*okchat.Page[okchat.Conversation], error] {
	return func(yield func(*okchat.Page[okchat.Conversation], error) bool) {
		p.started = p.now()
		p.mu.Lock()
		p.shown = p.started
		p.mu.Unlock()
		defer p.clear()
		for page, err := range p.from.Pages(ctx, chatbotID, opts) {
			if err != nil {
				p.clear()
			}
			n := 0
			if err == nil {
				n = len(page.Items)
			}
			more := yield(page, err)
			if err == nil {
				p.count += n
				p.pages++
				p.show(page.Metadata)
			}
			if !more {
				return
			}
		}
	}
}

func (p *progress) show(m okchat.PageMetadata) {
	p.showText(func(now time.Time) string {
		if p.width > 0 {
			return p.bar(m, now.Sub(p.started))
		}
		return p.text(m, now.Sub(p.started))
	})
}

// readMessages shows of how many conversations the messages have been read. It is called by one goroutine.
func (p *progress) readMessages(read, all int) {
	if read == 1 {
		p.reading = p.now()
	}
	p.showText(func(now time.Time) string {
		took := now.Sub(p.reading)
		text := fmt.Sprintf("messages of %d of %d conversations, %.0f/s, %v left", read, all, float64(read)/max(took.Seconds(), 0.001),
			(took / time.Duration(read) * time.Duration(all-read)).Round(time.Second))
		if p.width > 0 {
			return text[:min(len(text), p.width-1)]
		}
		return text
	})
	if read == all {
		p.clear()
	}
}

// showText shows a text unless another one was shown a moment ago.
func (p *progress) showText(text func(now time.Time) string) {
	every := lineEvery
	if p.width > 0 {
		every = redrawEvery
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	if p.out == nil || now.Sub(p.shown) < every {
		return
	}
	p.shown = now
	if p.width > 0 {
		p.draw(text(now))
		return
	}
	fmt.Fprintln(p.out, text(now))
}

// draw puts text in the place of the bar.
func (p *progress) draw(text string) {
	p.drawn = true
	fmt.Fprintf(p.out, "\r%s\x1b[K", text)
}

// tried tells of a wait that the server asked for. It is a hook of the client. Short waits, of which a server that limits the
// rate asks again and again, are told as often as pages are.
func (p *progress) tried(_ context.Context, info okchat.TryInfo) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	if p.out == nil || !info.Asked || p.width == 0 && info.Delay < lineEvery && now.Sub(p.shown) < lineEvery {
		return
	}
	p.shown = now
	text := fmt.Sprintf("waiting %.0f s, as the server asked", math.Ceil(info.Delay.Seconds()))
	if p.width > 0 {
		p.draw(text[:min(len(text), p.width-1)])
		return
	}
	fmt.Fprintln(p.out, text)
}

// clear takes the bar away before something else is said.
func (p *progress) clear() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clearLocked()
}

func (p *progress) clearLocked() {
	if p.drawn {
		p.drawn = false
		fmt.Fprint(p.out, "\r\x1b[K")
	}
}

// text returns where the walk stands in words.
func (p *progress) text(m okchat.PageMetadata, took time.Duration) string {
	if p.bounded {
		return fmt.Sprintf("%d conversations, page %d, %s", p.count, m.CurrentPage, p.rate(took))
	}
	text := fmt.Sprintf("%d of %d conversations, page %d of %d, %s", p.count, m.TotalCount, m.CurrentPage, m.TotalPages, p.rate(took))
	if left := m.TotalPages - m.CurrentPage; left > 0 && p.pages > 0 {
		text += ", " + (took / time.Duration(p.pages) * time.Duration(left)).Round(time.Second).String() + " left"
	}
	return text
}

// bar returns that text behind a bar, as far as the terminal is wide enough for both.
func (p *progress) bar(m okchat.PageMetadata, took time.Duration) string {
	text := p.text(m, took)
	room := min(p.width-1-len(text)-len("[] "), 40)
	if p.bounded || m.TotalPages == 0 || room < 5 {
		return text[:min(len(text), max(p.width-1, 0))]
	}
	full := min(m.CurrentPage, m.TotalPages) * room / m.TotalPages
	return "[" + strings.Repeat("#", full) + strings.Repeat("-", room-full) + "] " + text
}

func (p *progress) rate(took time.Duration) string {
	return fmt.Sprintf("%.0f/s", float64(p.count)/max(took.Seconds(), 0.001))
}

// summary writes the last line.
func (p *progress) summary(format string, args ...any) {
	took := p.now().Sub(p.started)
	p.say(format+" (%v, %s)", append(args, took.Round(time.Millisecond), p.rate(took))...)
}

// say writes a line that is neither progress nor a result.
func (p *progress) say(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.out != nil {
		p.clearLocked()
		fmt.Fprintln(p.out, terminal.Line(fmt.Sprintf(format, args...)))
	}
}
