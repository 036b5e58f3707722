package archive

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"

	okchat "github.com/okchat/okchat-go"
	"github.com/okchat/okchat-go/archive/internal/column"
	"github.com/okchat/okchat-go/internal/fastjson"
)

// MessageSource hands out the messages of a conversation: a *[okchat.Client], or something around one.
type MessageSource interface {
	Messages(ctx context.Context, chatbotID, conversationID string, opts okchat.MessageOptions) iter.Seq2[okchat.Message, error]
}

// Transcripts is a [Writer] of whole conversations as NDJSON, see [NewTranscripts]. It is not for concurrent use.
type Transcripts struct {
	ctx      context.Context
	out      *bufio.Writer
	from     MessageSource
	opts     okchat.MessageOptions
	parallel int
	odd      error
	count    int
}

// NewTranscripts returns a writer of one conversation a line, as that of [NewNDJSON], with a member messages at its end: an array
// of all its messages as the server sent them, oldest first. It is null where the server no longer knows the conversation. The
// messages of up to parallel conversations, 1 or more, are read at once, and no more are held. ctx ends WritePage, as does an
// error of a conversation's messages but for [okchat.ErrItems], which Flush returns once everything is written.
func NewTranscripts(ctx context.Context, w io.Writer, from MessageSource, opts okchat.MessageOptions, parallel int) *Transcripts {
	return &Transcripts{ctx: ctx, out: bufio.NewWriterSize(w, bufferSize), from: from, opts: opts, parallel: max(parallel, 1)}
}

// Count returns how many messages were written.
func (t *Transcripts) Count() int { return t.count }

// WritePage implements [Writer].
func (t *Transcripts) WritePage(page []okchat.Conversation) error {
	ctx, cancel := context.WithCancel(t.ctx)
	// Each line has a channel of its own, so that the lines keep the order of the page; the queue bounds how many are read.
	queue := make(chan chan line, t.parallel-1)
	go func() {
		defer close(queue)
		for i := range page {
			ready := make(chan line, 1)
			select {
			case queue <- ready:
			case <-ctx.Done():
				return
			}
			go func() { ready <- t.read(ctx, &page[i]) }()
		}
	}()
	defer func() {
		cancel()
		for ready := range queue { // until nothing is read any more
			<-ready
		}
	}()
	written := 0
	for ready := range queue {
		l := <-ready
		if l.json == nil {
			return l.err
		}
		if t.odd == nil {
			t.odd = l.err
		}
		if _, err := t.out.Write(l.json); err != nil {
			return err
		}
		t.count += l.messages
		written++
	}
	if written < len(page) {
		return context.Cause(t.ctx)
	}
	return nil
}

// Flush implements [Writer].
func (t *Transcripts) Flush() error {
	if err := t.out.Flush(); err != nil {
		return err
	}
	return t.odd
}

// line is one line of the output.
type line struct {
	json     []byte
	messages int
	err      error
}

// read returns the line of a conversation.
func (t *Transcripts) read(ctx context.Context, conv *okchat.Conversation) line {
	raw, err := column.Raw(conv)
	if err != nil {
		return line{err: err}
	}
	b, ok := bytes.CutSuffix(fastjson.AppendCompact(nil, raw), []byte("}"))
	if !ok {
		return line{err: fmt.Errorf("conversation %s is no JSON object", conv.ID)}
	}
	l := line{json: append(b, `,"messages":[`...)}
	for m, err := range t.from.Messages(ctx, conv.ChatbotID.String(), conv.ID.String(), t.opts) {
		if errors.Is(err, okchat.ErrNotFound) && l.messages == 0 {
			return line{json: append(b, ",\"messages\":null}\n"...)}
		}
		if err != nil {
			l.err = fmt.Errorf("messages of conversation %s: %w", conv.ID, err)
			if !errors.Is(err, okchat.ErrItems) {
				return line{err: l.err}
			}
			break
		}
		raw, err := m.MarshalJSON()
		if err != nil {
			return line{err: err}
		}
		if l.messages++; l.messages > 1 {
			l.json = append(l.json, ',')
		}
		l.json = fastjson.AppendCompact(l.json, raw)
	}
	l.json = append(l.json, "]}\n"...)
	return l
}
