package main

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	okchat "github.com/okchat/okchat-go"
	"github.com/okchat/okchat-go/archive"
)

// formats are the kinds of files, each with the endings that stand for it.
var formats = []struct {
	name    string
	endings []string
}{
	{"ndjson", []string{".ndjson", ".jsonl"}},
	{"csv", []string{".csv"}},
	{"sqlite", []string{".sqlite", ".sqlite3", ".db"}},
}

type exportFlags struct {
	accountFlags
	output, format, state, since string
	limit, readAhead             int
	quiet                        bool
}

func newExport(std streams) *cobra.Command {
	var flags exportFlags
	cmd := &cobra.Command{
		Use:   "export",
		Short: "Export all conversations",
		Long: `Export all conversations of a chatbot to a file. The file is written beside its target and takes its place when it is
whole: after a failure or an interrupt, what was there before is there still.

` + keyHelp,
		Example: `  okchat export -o conversations.ndjson
  okchat export -o - | jq -r .platform | sort | uniq -c
  ` + okchat.EnvKey + `=... okchat export --chatbot 5afe16ed-5fd2-4552-a993-903bc9c32bb6 -o conversations.csv --since 30d`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return export(cmd.Context(), std, flags) },
	}
	flags.add(cmd)
	cmd.Flags().StringVarP(&flags.output, "output", "o", "", "write to `file`, - for standard output")
	cmd.Flags().StringVar(&flags.format, "format", "", "ndjson, csv or sqlite, whatever the file's name ends in")
	cmd.Flags().StringVar(&flags.state, "state", "", "only conversations in this state, such as in_progress")
	cmd.Flags().StringVar(&flags.since, "since", "", "only conversations started after this `time`: 90m, 24h, 7d, 2025-03-07 or RFC 3339")
	cmd.Flags().IntVar(&flags.limit, "limit", 100, "ask for pages of `n` conversations, 0 for the server's own size")
	cmd.Flags().IntVar(&flags.readAhead, "read-ahead", 4, fmt.Sprintf("read `n` pages at once, 1 to %d", okchat.MaxReadAhead))
	cmd.Flags().BoolVar(&flags.quiet, "quiet", false, "show no progress")
	return cmd
}

func (f exportFlags) options(now time.Time) (okchat.ListOptions, error) {
	switch {
	case f.limit < 0:
		return okchat.ListOptions{}, usageErrorf("--limit is %d, expected 0 or more", f.limit)
	case f.readAhead < 1 || f.readAhead > okchat.MaxReadAhead:
		return okchat.ListOptions{}, usageErrorf("--read-ahead is %d, expected 1 to %d", f.readAhead, okchat.MaxReadAhead)
	}
	since, err := parseSince(f.since, now)
	if err != nil {
		return okchat.ListOptions{}, err
	}
	return okchat.ListOptions{Limit: f.limit, ReadAhead: f.readAhead, State: okchat.ConversationState(f.state), CreatedAfter: since}, nil
}

// kind is the format that was asked for, or that the file's name ends in.
func (f exportFlags) kind() (string, error) {
	if f.output == "" {
		return "", usageErrorf("where to? name a file with -o FILE, or -o - for standard output")
	}
	kind := f.format
	if kind == "" && f.output == "-" {
		kind = "ndjson"
	}
	var names, endings []string
	for _, format := range formats {
		names, endings = append(names, format.name), append(endings, format.endings...)
		if kind == "" && slices.Contains(format.endings, strings.ToLower(filepath.Ext(f.output))) {
			kind = format.name
		}
	}
	switch {
	case kind == "":
		return "", usageErrorf("-o %s does not tell the format: end the name in %s, or say --format %s", f.output, strings.Join(endings, ", "), strings.Join(names, "|"))
	case !slices.Contains(names, kind):
		return "", usageErrorf("--format is %q, expected %s", kind, strings.Join(names, ", "))
	case kind == "sqlite" && f.output == "-":
		return "", usageErrorf("an SQLite file cannot go to standard output: name a file with -o FILE")
	}
	return kind, nil
}

func export(ctx context.Context, std streams, flags exportFlags) error {
	kind, err := flags.kind()
	if err != nil {
		return err
	}
	opts, err := flags.options(time.Now())
	if err != nil {
		return err
	}
	from, err := flags.open(std, "okchat export -o FILE")
	if err != nil {
		return err
	}
	defer from.close()

	if flags.output == "-" {
		return writeAll(ctx, newWriter(kind, std.out), from, opts)
	}
	file, err := archive.CreateFile(flags.output)
	if err != nil {
		return fmt.Errorf("cannot write %s: %w: name another file with -o", flags.output, err)
	}
	defer file.Abort()
	if err := writeAll(ctx, newWriter(kind, file), from, opts); err != nil {
		return err
	}
	return file.Commit()
}

func newWriter(kind string, out io.Writer) archive.Writer {
	return archive.NewNDJSON(out)
}

// writeAll writes the walk, page by page.
func writeAll(ctx context.Context, w archive.Writer, from *account, opts okchat.ListOptions) error {
	for page, err := range from.client.Pages(ctx, from.chatbot, opts) {
		if err != nil {
			return err
		}
		if err := w.WritePage(page.Conversations); err != nil {
			return err
		}
	}
	return w.Close()
}
