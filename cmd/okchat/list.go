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
	"github.com/okchat/okchat-go/internal/terminal"
)

var errBroken = errors.New("conversations differ from the contract, see above")

type listFlags struct {
	readingFlags

	limit, page int
	json        bool
}

func newList(std streams) *cobra.Command {
	var flags listFlags
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the newest conversations",
		Long: `List the newest conversations of a chatbot or of an archive, and tell what in them differs from the contract.

On a terminal this is a table; piped, it is tab-separated text with whole ids and messages and times in RFC 3339.

` + keyHelp,
		Example: `  okchat list
  okchat list --json
  okchat list --archive conversations.sqlite --user 1234567890 --tz Asia/Seoul
  ` + okchat.EnvKey + `=... okchat list --chatbot 5afe16ed-5fd2-4552-a993-903bc9c32bb6 --since 7d --platform web`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return list(cmd.Context(), std, flags) },
	}
	flags.add(cmd)
	flags.addArchive(cmd)
	cmd.Flags().IntVar(&flags.limit, "limit", 20, "list at most `n` conversations, 0 for all")
	cmd.Flags().IntVar(&flags.page, "page", 1, "start at page `n` of the server's")
	cmd.Flags().BoolVar(&flags.json, "json", false, "print the conversations as one JSON array")
	return cmd
}

func list(ctx context.Context, std streams, flags listFlags) error {
	opts, err := flags.options(time.Now())
	if err != nil {
		return err
	}
	flags.few = flags.limit > 0
	from, err := flags.open(ctx, std, "okchat list", opts, true, false)
	if err != nil {
		return err
	}
	defer from.close()
	from.progress.width = 0 // a bar would run through the rows

	out := bufio.NewWriter(terminal.Guard(std.out, flags.json && std.width > 0))
	p := &printed{listFlags: flags, reading: from, all: []json.RawMessage{}}
	if !flags.json {
		zone, _ := flags.location() // it was checked
		p.rows = newTable(out, std.width, from.sample != nil, zone)
	}
	ended := p.walk(ctx, opts)
	if flags.json && !flags.spoils(ended) { // the document is complete or not there at all
		err = writeJSON(out, p.all)
	}
	if err = cmp.Or(p.failed, err, out.Flush()); err != nil {
		return fmt.Errorf("cannot write the list: %w", err)
	}
	if ended == nil {
		fmt.Fprintf(std.err, "%s, %s\n", number(p.count, "conversation"), number(p.pages, "page"))
	}
	return flags.finish(std, false, from.told, ended)
}

// writeJSON writes an indented document.
func writeJSON(out io.Writer, v any) error {
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(v)
}

// options returns the walk that the flags ask for: with large pages, unless one of the server's own is to be the first.
func (f *listFlags) options(now time.Time) (okchat.ListOptions, error) {
	switch {
	case f.limit < 0:
		return okchat.ListOptions{}, usageErrorf("--limit is %d, expected 0 or more", f.limit)
	case f.page < 1:
		return okchat.ListOptions{}, usageErrorf("--page is %d, expected 1 or more", f.page)
	case f.page > 1 && (f.archive != "" || f.until != ""):
		return okchat.ListOptions{}, usageErrorf("--page goes with neither --archive nor --until: they have a beginning of their own")
	}
	opts, err := f.selected(now)
	if f.page > 1 {
		opts.Page = f.page
	} else if opts.Limit = defaultPage; f.limit > 0 && !f.picks() {
		opts.Limit = min(f.limit, defaultPage)
	}
	if f.limit == 0 || f.limit > defaultPage || f.picks() {
		opts.ReadAhead = defaultAhead
	}
	return opts, err
}

// printed is one run of the command, and counts what it has printed.
type printed struct {
	listFlags
	*reading

	rows         *table            // nil for JSON
	all          []json.RawMessage // for JSON
	count, pages int
	failed       error // of the output
}

// walk prints the conversations that the flags select, and returns the error that the walk ended with.
func (p *printed) walk(ctx context.Context, opts okchat.ListOptions) error {
	for page, err := range p.source.Pages(ctx, p.chatbot, opts) {
		if err != nil {
			return err
		}
		p.pages++
		for i := range page.Items {
			p.count++
			if conv := &page.Items[i]; p.rows == nil {
				p.all = append(p.all, conv.Raw())
			} else if p.failed = p.rows.row(conv, p.sample.origin(*conv)); p.failed != nil {
				return nil
			}
			if p.count == p.limit {
				return nil
			}
		}
	}
	return nil
}
