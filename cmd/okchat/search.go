package main

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/mattn/go-runewidth"
	"github.com/spf13/cobra"

	"github.com/okchat/okchat-go/archive/sqlite"
	"github.com/okchat/okchat-go/internal/terminal"
)

type searchFlags struct {
	readingFlags

	limit  int
	json   bool
	output string
}

func newSearch(std streams) *cobra.Command {
	var flags searchFlags
	cmd := &cobra.Command{
		Use:   "search [TEXT...] --archive FILE",
		Short: "Search the messages of an archive",
		Long: `Search the messages of an archive, newest first, with those that were taken back and those of conversations that have left the
list. Upper and lower case are the same; words are found next to each other as they were typed. An archive without messages has the last one of each conversation.

--since and --until are about when a message was sent.

With --user and -o, and without TEXT, everything of an end user is written to a file as NDJSON: whole conversations, with their
messages. okchat forget removes it from the archive.`,
		Example: `  okchat search refund --archive conversations.sqlite
  okchat search 환불 요청 --archive conversations.sqlite --since 30d --tz Asia/Seoul
  okchat search invoice --archive conversations.sqlite --json
  okchat search --user 1234567890 --archive conversations.sqlite -o person.ndjson`,
		Args: func(_ *cobra.Command, args []string) error {
			switch {
			case flags.output != "" && (len(args) > 0 || flags.user == "" || flags.json):
				return usageErrorf("-o writes everything of an end user: name one with --user ID, and leave out TEXT and --json")
			case flags.output == "" && len(args) == 0:
				return usageErrorf("what to search for? okchat search TEXT --archive FILE")
			}
			return nil
		},
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			if flags.archive == "" {
				return usageErrorf("where to search? name an archive with --archive FILE: make one with okchat export -o FILE.sqlite")
			}
			if flags.output == "" {
				return search(cmd.Context(), std, flags, strings.Join(args, " "))
			}
			if flags.since != "" || flags.until != "" {
				return usageErrorf("-o writes everything of an end user: leave out --since and --until")
			}
			if kind, err := (&exportFlags{output: flags.output}).kind(); err == nil && kind != "ndjson" {
				return usageErrorf("-o writes NDJSON: name a file that ends in .ndjson, or -")
			}
			flags.Gone = true
			return convert(cmd.Context(), std, exportFlags{readingFlags: flags.readingFlags, output: flags.output, format: "ndjson", messages: true, parallel: 1})
		},
	}
	flags.addFilter(cmd)
	flags.addArchiveFile(cmd)
	cmd.Flags().Lookup("since").Usage = "only messages sent after this `time`: 90m, 24h, 7d, 2025-03-07 or RFC 3339"
	cmd.Flags().Lookup("until").Usage = "only messages sent at this `time` or before"
	cmd.Flags().IntVar(&flags.limit, "limit", 20, "print at most `n` messages, 0 for all")
	cmd.Flags().BoolVar(&flags.json, "json", false, "print one JSON array of the messages that were found")
	cmd.Flags().StringVarP(&flags.output, "output", "o", "", "with --user: write everything of the end user to `file`, - for standard output")
	return cmd
}

// found is a hit as JSON.
type found struct {
	Conversation string    `json:"conversation_id"`
	Platform     string    `json:"platform,omitempty"`
	Message      string    `json:"message_id,omitempty"`
	At           time.Time `json:"at"`
	Sender       string    `json:"sender_type,omitempty"`
	Gone         bool      `json:"gone"`
	Before       string    `json:"before"`
	Match        string    `json:"match"`
	After        string    `json:"after"`
}

func search(ctx context.Context, std streams, flags searchFlags, text string) error {
	if flags.limit < 0 {
		return usageErrorf("--limit is %d, expected 0 or more", flags.limit)
	}
	opts, err := flags.selected(time.Now())
	if err != nil {
		return err
	}
	flags.Gone = true
	zone, _ := flags.location() // it was checked
	a, err := flags.readArchive(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = a.Close() }()

	out := bufio.NewWriter(terminal.Guard(std.out, flags.json && std.width > 0))
	all, count := []found{}, 0
	for after, more := (sqlite.Position{}), true; more; {
		const page = 500
		size := page
		if flags.limit > 0 {
			size = min(page, flags.limit-count)
		}
		hits, err := a.Search(ctx, text, opts, flags.Filter, after, size)
		if err != nil {
			return archiveError(err)
		}
		for _, h := range hits {
			after = h.Position
			if flags.json {
				all = append(all, found{h.ConversationID, h.Platform, h.MessageID, h.At.In(zone), h.Sender, h.Gone, h.Before, h.Match, h.After})
			} else {
				printHit(out, &h, zone, std)
			}
		}
		count += len(hits)
		more = len(hits) == size && count != flags.limit
	}
	if flags.json {
		err = writeJSON(out, all)
	}
	if err = cmp.Or(err, out.Flush()); err != nil {
		return fmt.Errorf("cannot write what was found: %w", err)
	}
	if count == 0 {
		flags.sayNothingMatched(std)
	}
	fmt.Fprintln(std.err, number(count, "message"))
	return nil
}

// printHit prints a hit as two lines on a terminal, or as tab-separated text.
func printHit(out *bufio.Writer, h *sqlite.Hit, zone *time.Location, std streams) {
	before, match, after := terminal.Line(h.Before), terminal.Line(h.Match), terminal.Line(h.After)
	spaced := func(a, b string) string { // Line takes the white space away where two parts meet
		if strings.HasSuffix(a, " ") || strings.HasPrefix(b, " ") {
			return " "
		}
		return ""
	}
	toMatch, fromMatch := spaced(h.Before, h.Match), spaced(h.Match, h.After)
	sender := cmp.Or(terminal.Line(h.Sender), "-")
	if std.width == 0 {
		fmt.Fprintf(out, "%s\t%s\t%s\t%s\t%s\n", h.At.In(zone).Format(time.RFC3339), terminal.Line(h.ConversationID), sender, terminal.Line(h.Platform), before+toMatch+match+fromMatch+after)
		return
	}
	gone := ""
	if h.Gone {
		gone = "  (gone)"
	}
	fmt.Fprintf(out, "%s  %.8s  %s  %s%s\n", h.At.In(zone).Format("2006-01-02 15:04"), terminal.Line(h.ConversationID), terminal.Line(h.Platform), sender, gone)
	// The match stays in sight: what is around it gives way.
	room := max(std.width-2-runewidth.StringWidth(toMatch+match+fromMatch), 8)
	before = runewidth.TruncateLeft(before, max(runewidth.StringWidth(before)-room/2, 0), "…")
	match = runewidth.Truncate(match, std.width-2, "…")
	after = runewidth.Truncate(after, max(std.width-2-runewidth.StringWidth(before+toMatch+match+fromMatch), 0), "…")
	if std.colour() {
		match = "\x1b[1m" + match + "\x1b[0m"
	}
	fmt.Fprintf(out, "  %s%s%s%s%s\n", before, toMatch, match, fromMatch, after)
}
