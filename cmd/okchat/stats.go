package main

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/mattn/go-runewidth"
	"github.com/spf13/cobra"

	"github.com/okchat/okchat-go/archive"
	"github.com/okchat/okchat-go/internal/pages"
	"github.com/okchat/okchat-go/internal/terminal"
)

type statsFlags struct {
	readingFlags

	limit       int
	ownLimit    bool
	html        string
	json, quiet bool
}

func newStats(std streams) *cobra.Command {
	var flags statsFlags
	cmd := &cobra.Command{
		Use:   "stats",
		Short: "Count conversations per day, platform and state",
		Long: `Count a chatbot's conversations per day, platform and state: those that the server lists, or those of an SQLite archive that
were in the list when it was last brought up to date. Of an archive with messages those are counted, too: per day, by sender, and
how long users waited for the first answer.

On a terminal this is bars; piped, it is tab-separated text. --html writes one page with plots that loads nothing from
elsewhere.

` + keyHelp,
		Example: `  okchat stats
  okchat stats --json
  okchat stats --html stats.html
  okchat stats --archive conversations.sqlite --since 30d --tz Asia/Seoul`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			flags.ownLimit = !cmd.Flags().Changed("limit")
			return stats(cmd.Context(), std, flags)
		},
	}
	flags.add(cmd)
	flags.addArchive(cmd)
	cmd.Flags().IntVar(&flags.limit, "limit", defaultPage, "ask for pages of `n` conversations, 0 for the server's own size")
	cmd.Flags().BoolVar(&flags.json, "json", false, "print the numbers as JSON")
	cmd.Flags().StringVar(&flags.html, "html", "", "write a page with plots to `file`")
	cmd.Flags().BoolVar(&flags.quiet, "quiet", false, "show neither progress nor what the vendor has added")
	_ = cmd.MarkFlagFilename("html", "html")
	return cmd
}

func stats(ctx context.Context, std streams, flags statsFlags) error {
	s, ended := flags.count(ctx, std)
	if s == nil {
		return ended
	}
	var err error
	if flags.html != "" {
		file, err := newFile(ctx, std, flags.html, false)
		if err == nil {
			defer file.Abort()
			if err = pages.WriteStatistics(file, s); err == nil {
				err = file.Commit()
			}
		}
		if err != nil {
			return targetError(ctx, err, flags.html)
		}
		fmt.Fprintf(std.err, "The page is in %s\n", flags.html)
	}
	out := bufio.NewWriter(terminal.Guard(std.out, flags.json && std.width > 0))
	switch {
	case flags.json:
		err = writeJSON(out, s)
	case flags.html != "":
	case std.width > 0:
		printBars(out, s, std.width)
	default:
		printCounts(out, s)
	}
	if flushing := out.Flush(); err == nil {
		err = flushing
	}
	return cmp.Or(targetError(ctx, err, "-"), ended)
}

func (f *statsFlags) count(ctx context.Context, std streams) (*archive.Stats, error) {
	if err := notRead(f.html, f.archive); err != nil {
		return nil, err
	}
	if f.limit < 0 {
		return nil, usageErrorf("--limit is %d, expected 0 or more", f.limit)
	}
	opts, err := f.selected(time.Now())
	if err != nil {
		return nil, err
	}
	opts.Limit, opts.ReadAhead = f.limit, defaultAhead
	from, err := f.open(ctx, std, "okchat stats", opts, f.ownLimit, f.quiet)
	if err != nil {
		return nil, err
	}
	defer from.close()
	zone, _ := f.location() // it was checked
	if from.archive != nil {
		s, err := from.archive.Stats(ctx, opts, f.Filter, zone)
		if err != nil {
			return nil, archiveError(err)
		}
		from.told.Count = s.Total
		return s, f.finish(std, f.quiet, from.told, nil)
	}
	s, ended := archive.NewStats(ctx, from.progress, from.chatbot, opts, zone)
	if f.spoils(ended) {
		s = nil
	}
	return s, f.finish(std, f.quiet, from.told, ended)
}

// printCounts prints the counts as tab-separated text for programs.
func printCounts(out io.Writer, s *archive.Stats) {
	fmt.Fprintln(out, "BY\tNAME\tCONVERSATIONS")
	for _, part := range []struct {
		by     string
		counts []archive.Count
	}{{"day", s.PerDay}, {"platform", s.PerPlatform}, {"state", s.PerState}} {
		for _, c := range part.counts {
			fmt.Fprintf(out, "%s\t%s\t%d\n", part.by, terminal.Line(c.String()), c.Conversations)
		}
	}
}

// printBars prints the counts as bars for people. Days that span more than a month are added up to months or years.
func printBars(out io.Writer, s *archive.Stats, width int) {
	fmt.Fprintf(out, "%d conversations, %d active, %d in human mode\n", s.Total, s.Active, s.HumanMode)
	unit, days := archive.Series(s.PerDay, 31)
	type part struct {
		title  string
		counts []archive.Count
	}
	parts := []part{{fmt.Sprintf("Per %s (%s)", unit, s.TimeZone), days}, {"Per platform", s.PerPlatform}, {"Per state", s.PerState}}
	if s.Messages != nil {
		fmt.Fprintln(out, s.Messages)
		unit, days := archive.Series(s.Messages.Days(), 31)
		parts = append(parts, part{fmt.Sprintf("Messages per %s (%s)", unit, s.TimeZone), days})
	}
	for _, part := range parts {
		if len(part.counts) == 0 {
			continue
		}
		names, digits := 0, len(fmt.Sprint(archive.Largest(part.counts)))
		for i := range part.counts {
			names = min(max(names, runewidth.StringWidth(terminal.Line(part.counts[i].String()))), 24)
		}
		fmt.Fprintf(out, "\n%s\n", part.title)
		for _, c := range part.counts {
			name := runewidth.FillRight(runewidth.Truncate(terminal.Line(c.String()), names, "…"), names)
			room := max(width-names-digits-len("    "), 4)
			fmt.Fprintln(out, strings.TrimRight(fmt.Sprintf("  %s %*d %s", name, digits, c.Conversations, bar(c.Conversations, archive.Largest(part.counts), room)), " "))
		}
	}
}

// bar returns a bar whose length compares n with most, in eighths of a column. A count above 0 always shows.
func bar(n, most, room int) string {
	if most == 0 || n == 0 {
		return ""
	}
	room /= runewidth.RuneWidth('█') // two columns in some locales
	eighths := max(n*room*8/most, 1)
	text := strings.Repeat("█", eighths/8)
	if rest := eighths % 8; rest > 0 {
		text += string([]rune("▏▎▍▌▋▊▉")[rest-1])
	}
	return text
}
