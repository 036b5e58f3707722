package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	okchat "github.com/okchat/okchat-go"
)

var errBroken = errors.New("conversations differ from the contract, see above")

type listFlags struct {
	accountFlags

	reading                readingFlags
	state, platform, since string
	limit, page            int
	json                   bool
}

func newList(std streams) *cobra.Command {
	var flags listFlags
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the newest conversations",
		Long: `List the newest conversations of a chatbot, and tell what in them differs from the contract.

On a terminal this is a table; piped, it is tab-separated text with times in RFC 3339 and whole messages.

` + keyHelp,
		Example: `  okchat list
  okchat list --json
  ` + okchat.EnvKey + `=... okchat list --chatbot 5afe16ed-5fd2-4552-a993-903bc9c32bb6 --since 7d --platform web`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return list(cmd.Context(), std, flags) },
	}
	flags.add(cmd)
	flags.reading.add(cmd)
	cmd.Flags().IntVar(&flags.limit, "limit", 20, "list at most `n` conversations, 0 for all")
	cmd.Flags().IntVar(&flags.page, "page", 1, "start at page `n` of the server's")
	cmd.Flags().StringVar(&flags.state, "state", "", "only conversations in this state, such as in_progress")
	cmd.Flags().StringVar(&flags.platform, "platform", "", "only conversations on this platform, such as web; picked here, as the API cannot")
	cmd.Flags().StringVar(&flags.since, "since", "", "only conversations started after this `time`: 90m, 24h, 7d, 2025-03-07 or RFC 3339")
	cmd.Flags().BoolVar(&flags.json, "json", false, "print the conversations as one JSON array")
	return cmd
}

func list(ctx context.Context, std streams, flags listFlags) error {
	opts, err := flags.options(time.Now())
	if err != nil {
		return err
	}
	waits := newProgress(std, false)
	waits.width = 0 // a bar would run through the rows
	client, err := flags.reading.options(okchat.Hooks{Try: waits.tried})
	if err != nil {
		return err
	}
	from, err := flags.open(std, "okchat list", client...)
	if err != nil {
		return err
	}
	defer from.close()

	out := bufio.NewWriter(forTerminal(std.out, flags.json && std.width > 0))
	p := &printed{listFlags: flags, from: from}
	if !flags.json {
		p.rows = newTable(out, std.width, from.sample != nil)
	}
	ended := p.walk(ctx, opts)
	if flags.json && !flags.reading.spoils(ended) { // the document is complete or not there at all
		err = writeJSON(out, p.all)
	}
	if err = cmp.Or(p.failed, err, out.Flush()); err != nil {
		return fmt.Errorf("cannot write the list: %w", err)
	}
	if ended == nil {
		fmt.Fprintf(std.err, "%s, %s\n", number(p.count, "conversation"), number(p.pages, "page"))
	}
	return flags.reading.finish(std, false, &p.tally, ended)
}

// writeJSON writes an indented document.
func writeJSON(out io.Writer, v any) error {
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(v)
}

func (f listFlags) options(now time.Time) (okchat.ListOptions, error) {
	switch {
	case f.limit < 0:
		return okchat.ListOptions{}, usageErrorf("--limit is %d, expected 0 or more", f.limit)
	case f.page < 1:
		return okchat.ListOptions{}, usageErrorf("--page is %d, expected 1 or more", f.page)
	}
	since, err := parseTime("since", f.since, now)
	if err != nil {
		return okchat.ListOptions{}, err
	}
	return okchat.ListOptions{Page: f.page, State: okchat.ConversationState(f.state), CreatedAfter: since}, nil
}

// printed is one run of the command, and counts what it has printed.
type printed struct {
	listFlags

	from         *account
	rows         *table            // nil for JSON
	all          []json.RawMessage // for JSON
	count, pages int
	tally        tally
	failed       error // of the output
}

// walk prints the conversations that the flags select, and returns the error that the walk ended with.
func (p *printed) walk(ctx context.Context, opts okchat.ListOptions) error {
	p.all = []json.RawMessage{}
	for page, err := range p.from.client.Pages(ctx, p.from.chatbot, opts) {
		if err != nil {
			return err
		}
		p.pages++
		for i := range page.Items {
			conv := &page.Items[i]
			if p.platform != "" && string(conv.Platform) != p.platform {
				continue
			}
			p.count++
			p.tally.add(conv)
			if p.rows == nil {
				p.all = append(p.all, conv.Raw())
			} else if p.failed = p.rows.row(*conv, p.from.sample.origin(*conv)); p.failed != nil {
				return nil
			}
			if p.count == p.limit {
				return nil
			}
		}
	}
	return nil
}
