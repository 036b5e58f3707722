package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	okchat "github.com/okchat/okchat-go"
	"github.com/okchat/okchat-go/contract"
)

var errBroken = errors.New("answers broke the contract, see above")

type listFlags struct {
	accountFlags
	state, platform, since string
	limit, page            int
	json                   bool
}

func newList(std streams) *cobra.Command {
	var flags listFlags
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the newest conversations",
		Long: `List the newest conversations of a chatbot, and hold each page against the contract as it arrives.

On a terminal this is a table; piped, it is tab-separated text with times in RFC 3339 and whole messages.

` + keyHelp,
		Example: `  okchat list
  okchat list --json
  ` + okchat.EnvKey + `=... okchat list --chatbot 5afe16ed-5fd2-4552-a993-903bc9c32bb6 --since 7d --platform web`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return list(cmd.Context(), std, flags) },
	}
	flags.add(cmd)
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
	rules, err := contract.New()
	if err != nil {
		return err
	}
	checks := &pageChecks{std: std}
	watch := okchat.WithTransport(rules.Watch(nil, checks.report))

	from, err := flags.open(std, "okchat list", watch)
	if err != nil {
		return err
	}
	defer from.close()

	out := bufio.NewWriter(forTerminal(std.out, flags.json && std.width > 0))
	if err := printList(ctx, out, std, from, flags, opts); err != nil {
		_ = out.Flush()
		return err
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("cannot write the list: %w", err)
	}
	return checks.summary()
}

func (f listFlags) options(now time.Time) (okchat.ListOptions, error) {
	switch {
	case f.limit < 0:
		return okchat.ListOptions{}, usageErrorf("--limit is %d, expected 0 or more", f.limit)
	case f.page < 1:
		return okchat.ListOptions{}, usageErrorf("--page is %d, expected 1 or more", f.page)
	}
	since, err := parseSince(f.since, now)
	if err != nil {
		return okchat.ListOptions{}, err
	}
	return okchat.ListOptions{Page: f.page, State: okchat.ConversationState(f.state), CreatedAfter: since}, nil
}

// parseSince reads a time, or how long ago it was. The zero time stands for an empty text.
func parseSince(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if days, ok := strings.CutSuffix(text, "d"); ok {
		if n, err := strconv.Atoi(days); err == nil && n >= 0 {
			return now.AddDate(0, 0, -n), nil
		}
	}
	if ago, err := time.ParseDuration(text); err == nil && ago >= 0 {
		return now.Add(-ago), nil
	}
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, nil
		}
	}
	return time.Time{}, usageErrorf("--since is %q, expected how long ago (90m, 24h, 7d), a day in UTC (2025-03-07) or a time in RFC 3339", text)
}

// wanted is the walk with the platform picked and the limit kept.
func (f listFlags) wanted(all iter.Seq2[okchat.Conversation, error]) iter.Seq2[okchat.Conversation, error] {
	return func(yield func(okchat.Conversation, error) bool) {
		n := 0
		for conv, err := range all {
			if err == nil && f.platform != "" && string(conv.Platform) != f.platform {
				continue
			}
			n++
			if !yield(conv, err) || n == f.limit {
				return
			}
		}
	}
}

func printList(ctx context.Context, out *bufio.Writer, std streams, from *account, flags listFlags, opts okchat.ListOptions) error {
	list := flags.wanted(from.client.Conversations(ctx, from.chatbot, opts))
	if flags.json {
		// The document is complete or not there at all.
		all := []json.RawMessage{}
		for conv, err := range list {
			if err != nil {
				return err
			}
			all = append(all, conv.Raw())
		}
		encoder := json.NewEncoder(out)
		encoder.SetEscapeHTML(false)
		encoder.SetIndent("", "  ")
		return encoder.Encode(all)
	}
	table := newTable(out, std.width, from.sample != nil)
	for conv, err := range list {
		if err != nil {
			return err
		}
		if err := table.row(conv, from.sample.origin(conv)); err != nil {
			return fmt.Errorf("cannot write the list: %w", err)
		}
	}
	return nil
}

// pageChecks counts what the contract says of the pages as they arrive.
type pageChecks struct {
	std                      streams
	pages, violations, drift int
}

func (c *pageChecks) report(r *contract.Result) {
	if r.Exchange.Status == http.StatusOK {
		c.pages++
	}
	for _, f := range r.Findings {
		if f.Severity == contract.Violation {
			c.violations++
		} else {
			c.drift++
		}
		fmt.Fprintln(c.std.err, f)
	}
}

func (c *pageChecks) summary() error {
	fmt.Fprintf(c.std.err, "%d pages checked against the contract: %d violations, %d drift\n", c.pages, c.violations, c.drift)
	if c.violations > 0 {
		return errBroken
	}
	return nil
}
