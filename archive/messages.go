package archive

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"

	okchat "github.com/okchat/okchat-go"
	"github.com/okchat/okchat-go/internal/column"
	"github.com/okchat/okchat-go/internal/fastjson"
)

// MessageSource hands out the messages of a conversation: a *[okchat.Client], or something around one.
type MessageSource interface {
	Messages(ctx context.Context, chatbotID, conversationID string, opts okchat.MessageOptions) iter.Seq2[okchat.Message, error]
}

// Transcripts is a [Writer] of whole conversations, see [NewTranscripts] and [NewCSVTranscripts]. It is not for concurrent use.
type Transcripts struct {
	ctx    context.Context
	cancel context.CancelFunc
	out    *bufio.Writer
	from   MessageSource
	opts   okchat.MessageOptions
	format func() transcript

	reading chan struct{} // holds a value for each conversation that is being read
	pending []chan line   // the lines that are not written yet, in their order
	odd     error         // the first one that spoils nothing
	count   int
	unread  int
}

// window is how many lines may be pending for each conversation that is being read: short conversations are read on while
// those behind a long one wait for it, as lines keep the order of the list.
const window = 64

// NewTranscripts returns a writer of one conversation a line, as that of [NewNDJSON], with a member messages at its end: an array
// of all its messages as the server sent them, oldest first. It is null where the server no longer knows the conversation. The
// messages of up to parallel conversations, 1 or more, are read at once, and up to 64 times as many conversations are held. An
// error of a conversation's messages, or the end of ctx, ends WritePage or Flush; an error that matches [okchat.ErrItems] is
// returned by Flush once everything is written. Cancel ctx to give up a writer without Flush.
func NewTranscripts(ctx context.Context, w io.Writer, from MessageSource, opts okchat.MessageOptions, parallel int) *Transcripts {
	t := &Transcripts{out: bufio.NewWriterSize(w, bufferSize), from: from, opts: opts, reading: make(chan struct{}, max(parallel, 1))}
	t.ctx, t.cancel = context.WithCancel(ctx)
	t.format = func() transcript { return new(ndjsonTranscript) }
	return t
}

// NewCSVTranscripts returns a writer of one message a line, as [NewCSV] writes conversations: first the columns of its
// conversation, then its own under names that begin with message_. A conversation without messages has one line, with empty
// cells there. All else is that of [NewTranscripts].
func NewCSVTranscripts(ctx context.Context, w io.Writer, from MessageSource, opts okchat.MessageOptions, parallel int, variant CSVOptions) *Transcripts {
	t := NewTranscripts(ctx, w, from, opts, parallel)
	head := newCSVWriter(t.out, slices.Concat(column.Conversations().Columns, messageColumns()), variant)
	_ = head.Flush() // an error comes back with the next write
	t.format = func() transcript {
		return &csvTranscript{csvWriter: &csvWriter{CSVOptions: variant, columns: head.columns, cells: make([]string, len(head.columns))}}
	}
	return t
}

// messageColumns returns the columns of messages under names of their own.
func messageColumns() []column.Column {
	columns := slices.Clone(column.Messages().Columns)
	for i := range columns {
		columns[i].Name = "message_" + columns[i].Name
	}
	return columns
}

// Count returns how many messages were written.
func (t *Transcripts) Count() int { return t.count }

// Unread returns how many conversations were written without messages as the server no longer knows them, or the archive they
// come from has never read them.
func (t *Transcripts) Unread() int { return t.unread }

// WritePage implements [Writer].
func (t *Transcripts) WritePage(page []okchat.Conversation) error {
	for _, conv := range page {
		if len(t.pending) >= window*cap(t.reading) {
			if err := t.write(); err != nil {
				return err
			}
		}
		ready := make(chan line, 1)
		t.pending = append(t.pending, ready)
		select {
		case t.reading <- struct{}{}:
			go func() {
				ready <- t.read(t.ctx, &conv)
				<-t.reading
			}()
		case <-t.ctx.Done():
			ready <- line{err: t.ctx.Err()}
		}
	}
	return nil
}

// Flush implements [Writer].
func (t *Transcripts) Flush() error {
	for len(t.pending) > 0 {
		if err := t.write(); err != nil {
			return err
		}
	}
	t.cancel()
	return cmp.Or(t.out.Flush(), t.odd)
}

// write waits for the first of the pending lines and writes it. After an error nothing is read any more.
func (t *Transcripts) write() (err error) {
	l := <-t.pending[0]
	t.pending = t.pending[1:]
	if l.json == nil {
		err = l.err
	} else {
		t.odd = cmp.Or(t.odd, l.err)
		t.count += l.messages
		if l.unread {
			t.unread++
		}
		_, err = t.out.Write(l.json)
	}
	if err != nil {
		t.cancel()
		for _, ready := range t.pending {
			<-ready
		}
		t.pending = nil
	}
	return err
}

// line is one line of the output.
type line struct {
	json     []byte
	messages int
	unread   bool // there were none to read
	err      error
}

// read returns the output for a conversation.
func (t *Transcripts) read(ctx context.Context, conv *okchat.Conversation) line {
	out := t.format()
	if err := out.begin(conv); err != nil {
		return line{err: err}
	}
	var l line
	for m, err := range t.from.Messages(ctx, conv.ChatbotID.String(), conv.ID.String(), t.opts) {
		if errors.Is(err, okchat.ErrNotFound) && l.messages == 0 {
			l.unread = true
			break
		}
		if err != nil {
			l.err = fmt.Errorf("messages of conversation %s: %w", conv.ID, err)
			if !errors.Is(err, okchat.ErrItems) {
				return line{err: l.err}
			}
			break
		}
		l.messages++
		if err := out.add(&m); err != nil {
			return line{err: err}
		}
	}
	l.json = out.end(!l.unread)
	return l
}

// transcript is the output for one conversation.
type transcript interface {
	begin(conv *okchat.Conversation) error
	add(m *okchat.Message) error
	// end returns the output; known reports whether the server knew the conversation.
	end(known bool) []byte
}

type ndjsonTranscript struct {
	b        []byte
	messages int
}

func (n *ndjsonTranscript) begin(conv *okchat.Conversation) error {
	raw, err := column.Raw(conv)
	if err != nil {
		return err
	}
	var ok bool
	if n.b, ok = bytes.CutSuffix(fastjson.AppendCompact(nil, withoutMessages(raw)), []byte("}")); !ok {
		return fmt.Errorf("conversation %s is no JSON object", conv.ID)
	}
	n.b = append(n.b, `,"messages":[`...)
	return nil
}

// withoutMessages returns a conversation whose own member messages, which none had so far, is called listed_messages.
func withoutMessages(raw json.RawMessage) json.RawMessage {
	if !bytes.Contains(raw, []byte("messages")) {
		return raw
	}
	var renamed bytes.Buffer
	before := "{"
	for name, value := range fastjson.Members(raw) {
		if string(name) == "messages" {
			name = []byte("listed_messages")
		}
		key, _ := json.Marshal(string(name)) // any text is JSON
		renamed.WriteString(before)
		renamed.Write(key)
		renamed.WriteByte(':')
		renamed.Write(value)
		before = ","
	}
	renamed.WriteByte('}')
	return renamed.Bytes()
}

func (n *ndjsonTranscript) add(m *okchat.Message) error {
	raw, err := column.Raw(m)
	if err != nil {
		return err
	}
	if n.messages++; n.messages > 1 {
		n.b = append(n.b, ',')
	}
	n.b = fastjson.AppendCompact(n.b, raw)
	return nil
}

func (n *ndjsonTranscript) end(known bool) []byte {
	if !known {
		return append(bytes.TrimSuffix(n.b, []byte("[")), "null}\n"...)
	}
	return append(n.b, "]}\n"...)
}

type csvTranscript struct {
	*csvWriter

	messages int
	lines    bytes.Buffer
}

func (c *csvTranscript) begin(conv *okchat.Conversation) error {
	c.out = &c.lines
	return c.fill(0, conv)
}

func (c *csvTranscript) add(m *okchat.Message) error {
	c.messages++
	if err := c.fill(len(column.Conversations().Columns), m); err != nil {
		return err
	}
	return c.write()
}

func (c *csvTranscript) end(bool) []byte {
	if c.messages == 0 {
		_ = c.write() // a bytes.Buffer takes all
	}
	return c.lines.Bytes()
}
