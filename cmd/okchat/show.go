package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/mattn/go-runewidth"
	"github.com/spf13/cobra"

	okchat "github.com/okchat/okchat-go"
	"github.com/okchat/okchat-go/archive/sqlite"
	"github.com/okchat/okchat-go/internal/pages"
	"github.com/okchat/okchat-go/internal/terminal"
)

type showFlags struct {
	readingFlags

	limit  int
	chosen bool // the limit, by this program
	json   bool
}

func newShow(std streams) *cobra.Command {
	var flags showFlags
	cmd := &cobra.Command{
		Use:   "show ID",
		Short: "Show one conversation with its messages",
		Long: `Show one conversation with its messages, oldest first, from the server or from an archive. okchat list --json prints the ids of
conversations; of an archive's, the beginning of one is enough if no other begins with it.

Text is wrapped at the width of the terminal, or at 80 columns where it is piped. The sample's messages are synthetic.

` + keyHelp,
		Example: `  okchat show dcda7e8a-e344-41a2-8a7e-b7400add6971
  okchat show dcda7e8a --archive conversations.sqlite --tz Asia/Seoul
  ` + okchat.EnvKey + `=... okchat show ID --chatbot 5afe16ed-5fd2-4552-a993-903bc9c32bb6 --json`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usageErrorf("okchat show takes the id of one conversation: okchat list --json prints ids")
			}
			if _, err := uuid.Parse(args[0]); err != nil && flags.archive == "" {
				return usageErrorf("the id of the conversation is %s, expected a UUID (okchat list --json prints ids), or its beginning with --archive FILE", shown(args[0]))
			}
			return nil
		},
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			flags.chosen = !cmd.Flags().Changed("limit")
			return show(cmd.Context(), std, flags, args[0])
		},
	}
	flags.addServer(cmd)
	flags.addZone(cmd)
	flags.addArchiveFile(cmd)
	cmd.Flags().IntVar(&flags.limit, "limit", defaultPage, "ask for pages of `n` messages, 0 for the server's own size")
	cmd.Flags().BoolVar(&flags.json, "json", false, "print the conversation as one JSON object, with its messages in the member messages")
	return cmd
}

func show(ctx context.Context, std streams, flags showFlags, id string) error {
	zone, err := flags.location()
	if err != nil {
		return err
	}
	read := flags.fromServer
	if flags.archive != "" {
		read = flags.fromArchive
	}
	w, closed, err := read(ctx, std, id)
	if err != nil {
		return err
	}
	defer closed()
	told := &tally{}
	told.add(w.Conversation)

	out := bufio.NewWriter(terminal.Guard(std.out, flags.json && std.width > 0))
	t := transcript{out, zone, cmp.Or(std.width, 80)}
	if !flags.json {
		t.head(&w)
	}
	messages := []json.RawMessage{}
	var ended error
	for message, err := range w.Messages {
		if err != nil {
			ended = err
			continue
		}
		if flags.json && !message.GoneAt.IsZero() { // JSON has no place to say so
			continue
		}
		if messages = append(messages, message.Raw()); !flags.json {
			t.message(&message)
		}
	}
	if flags.json && !flags.spoils(ended) { // the document is complete or not there at all
		document := map[string]json.RawMessage{}
		err = json.Unmarshal(w.Raw(), &document)
		if own, ok := document["messages"]; ok { // as okchat export --messages names it
			document["listed_messages"] = own
		}
		list, failed := json.Marshal(messages)
		if w.Unread {
			list = []byte("null")
		}
		document["messages"] = list
		err = cmp.Or(err, failed, writeJSON(out, document))
	}
	if err = cmp.Or(err, out.Flush()); err != nil {
		return fmt.Errorf("cannot write the conversation: %w", err)
	}
	if w.Unread {
		fmt.Fprintf(std.err, "Its messages are not in the archive: okchat export --update %s --messages brings them\n", terminal.Line(flags.archive))
	} else {
		fmt.Fprintln(std.err, number(len(messages), "message"))
	}
	return flags.finish(std, false, told, ended)
}

// fromServer and fromArchive return the conversation, and what to do when it has been read.
func (f *showFlags) fromServer(ctx context.Context, std streams, id string) (pages.Whole, func(), error) {
	waits := newProgress(std, false)
	waits.width = 0 // a bar would run through the text
	opts, err := f.options(okchat.Hooks{Try: waits.tried})
	if err != nil {
		return pages.Whole{}, nil, err
	}
	from, err := f.accountFlags.open(std, "okchat show ID", opts...)
	if err != nil {
		return pages.Whole{}, nil, err
	}
	if from.sample != nil {
		fmt.Fprintln(std.err, "The messages are synthetic.")
	}
	conv, err := from.client.Conversation(ctx, from.chatbot, id, okchat.CallOptions{})
	if err != nil {
		from.close()
		if errors.Is(err, okchat.ErrNotFound) {
			err = fmt.Errorf("%w; okchat list --json prints the ids of conversations", err)
		}
		return pages.Whole{}, nil, f.explain(err)
	}
	own := &ownLimit{from: from.client, say: waits.say, chosen: f.chosen}
	messages := own.Messages(ctx, from.chatbot, id, okchat.MessageOptions{Limit: f.limit})
	return pages.Whole{Conversation: &conv, Messages: received(messages)}, from.close, nil
}

func (f *showFlags) fromArchive(ctx context.Context, _ streams, id string) (pages.Whole, func(), error) {
	a, err := f.readArchive(ctx)
	if err != nil {
		return pages.Whole{}, nil, err
	}
	c, err := a.Conversation(ctx, id)
	if err != nil {
		_ = a.Close()
		return pages.Whole{}, nil, archiveError(err)
	}
	return pages.WholeOf(ctx, a, c), func() { _ = a.Close() }, nil
}

// transcript writes a conversation as people read one. The writer keeps its first error.
type transcript struct {
	out   *bufio.Writer
	zone  *time.Location
	width int
}

func (t *transcript) time(at time.Time) string {
	return at.In(t.zone).Format("2006-01-02 15:04:05 MST")
}

func (t *transcript) head(w *pages.Whole) {
	conv := w.Conversation
	row := func(name, value string) {
		if value = terminal.Line(value); value != "" {
			fmt.Fprintf(t.out, "%-12s  %s\n", name, value)
		}
	}
	row("conversation", conv.ID.String())
	row("platform", string(conv.Platform))
	row("state", string(conv.State))
	row("user", pages.UserOf(conv))
	row("started", t.time(conv.CreatedAt))
	if !conv.UpdatedAt.IsZero() { // it came
		row("updated", t.time(conv.UpdatedAt))
	}
	if !w.GoneAt.IsZero() {
		row("left", t.time(w.GoneAt)+", as the list no longer has it")
	}
	if text, ok := conv.LastMessage.Content(); ok && w.Unread {
		t.text("\nlast message", text)
	}
}

func (t *transcript) text(head, text string) {
	fmt.Fprintln(t.out, head)
	for line := range strings.SplitSeq(strings.TrimSpace(text), "\n") {
		wrap(t.out, terminal.Line(line), t.width)
	}
}

func (t *transcript) message(m *sqlite.Message) {
	head := "\n" + t.time(m.CreatedAt) + "  " + terminal.Line(string(m.SenderType))
	if !m.GoneAt.IsZero() {
		head += " (taken back)"
	}
	t.text(head, m.Content)
	for _, file := range m.Attachments {
		fmt.Fprintf(t.out, "attachment %s: %s\n", terminal.Line(file.Name), terminal.Line(file.URL))
	}
}

// wrap writes a line of text as lines of at most width columns, broken between words, or within one that is longer than that.
func wrap(out io.Writer, line string, width int) {
	column := 0
	for word := range strings.FieldsSeq(line) {
		wide := runewidth.StringWidth(word)
		switch {
		case column > 0 && column+1+wide > width:
			fmt.Fprintln(out)
			column = 0
		case column > 0:
			fmt.Fprint(out, " ")
			column++
		}
		if wide > width {
			word = runewidth.Wrap(word, width)
			wide = runewidth.StringWidth(word[strings.LastIndexByte(word, '\n')+1:])
		}
		fmt.Fprint(out, word)
		column += wide
	}
	fmt.Fprintln(out)
}
