package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/spf13/cobra"

	okchat "github.com/okchat/okchat-go"
	"github.com/okchat/okchat-go/archive"
)

// What a walk over all takes at a time, unless flags say otherwise. The API's largest page is unknown.
const (
	defaultPage  = 100
	defaultAhead = 4
)

type exportFlags struct {
	accountFlags
	output, format, update, state, since string
	limit, readAhead                     int
	newOnly, quiet                       bool
}

func newExport(std streams) *cobra.Command {
	var flags exportFlags
	cmd := &cobra.Command{
		Use:   "export",
		Short: "Export all conversations",
		Long: `Export all conversations of a chatbot to a file: NDJSON carries all that came, CSV and SQLite have columns. The file is
written beside its target and takes its place when it is whole: after a failure or an interrupt, what was there before is
there still.

With --update an SQLite archive is brought up to date in place, or begun where there is none. A conversation that left the
list is marked and kept. An interrupt leaves what has come; the next run brings the rest.

` + keyHelp,
		Example: `  okchat export -o conversations.ndjson
  okchat export -o - | jq -r .platform | sort | uniq -c
  okchat export --update conversations.sqlite
  ` + okchat.EnvKey + `=... okchat export --chatbot 5afe16ed-5fd2-4552-a993-903bc9c32bb6 -o conversations.csv --since 30d`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if flags.newOnly && !cmd.Flags().Changed("read-ahead") {
				flags.readAhead = 1 // it ends after a page or two
			}
			return export(cmd.Context(), std, flags)
		},
	}
	flags.add(cmd)
	cmd.Flags().StringVarP(&flags.output, "output", "o", "", "write to `file`, - for standard output")
	cmd.Flags().StringVar(&flags.format, "format", "", "ndjson, csv or sqlite, whatever the file's name ends in")
	cmd.Flags().StringVar(&flags.update, "update", "", "bring the SQLite archive `file` up to date, instead of -o")
	cmd.Flags().BoolVar(&flags.newOnly, "new-only", false, "with --update: end at the first page that holds nothing unknown")
	cmd.Flags().StringVar(&flags.state, "state", "", "only conversations in this state, such as in_progress")
	cmd.Flags().StringVar(&flags.since, "since", "", "only conversations started after this `time`: 90m, 24h, 7d, 2025-03-07 or RFC 3339")
	cmd.Flags().IntVar(&flags.limit, "limit", defaultPage, "ask for pages of `n` conversations, 0 for the server's own size")
	cmd.Flags().IntVar(&flags.readAhead, "read-ahead", defaultAhead, fmt.Sprintf("read `n` pages at once, 1 to %d", okchat.MaxReadAhead))
	cmd.Flags().BoolVar(&flags.quiet, "quiet", false, "show no progress")
	complete(cmd)
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

func export(ctx context.Context, std streams, flags exportFlags) error {
	kind, err := flags.kind()
	if err != nil {
		return err
	}
	opts, err := flags.options(time.Now())
	if err != nil {
		return err
	}
	target := flags.output
	if flags.update != "" {
		target = flags.update
		if flags.archived, err = archivedChatbot(target); err != nil {
			return targetError(ctx, err, target)
		}
	}
	from, err := flags.open(std, "okchat export -o FILE")
	if err != nil {
		return err
	}
	defer from.close()

	source := archive.Source(from.client)
	if flags.readAhead > 1 {
		source = archive.Ahead(source, flags.readAhead)
	}
	watched := newProgress(source, std, flags.quiet)
	watched.bounded = flags.newOnly || !opts.CreatedAfter.IsZero()
	if target == "-" && std.width > 0 {
		watched.width = 0 // a bar would run through the data
	}
	e := exporter{source: watched, progress: watched, chatbot: from.chatbot, opts: opts, target: target}
	switch {
	case flags.update != "":
		err = e.update(ctx, flags.newOnly)
	case kind == "sqlite":
		err = e.sqlite(ctx)
	case target == "-":
		err = e.stream(ctx, newWriter(kind, std.out))
	default:
		err = e.file(ctx, kind)
	}
	return targetError(ctx, err, target)
}

// exporter is one run of the command.
type exporter struct {
	source   archive.Source
	progress *progress
	chatbot  string
	opts     okchat.ListOptions
	target   string
}

func newWriter(kind string, out io.Writer) archive.Writer {
	if kind == "csv" {
		return archive.NewCSV(out)
	}
	return archive.NewNDJSON(out)
}

func (e exporter) write(ctx context.Context, w archive.Writer) error {
	for page, err := range e.source.Pages(ctx, e.chatbot, e.opts) {
		if err != nil {
			return err
		}
		if err := w.WritePage(page.Items); err != nil {
			return err
		}
	}
	return w.Close()
}

func (e exporter) stream(ctx context.Context, w archive.Writer) error {
	err := e.write(ctx, w)
	if err != nil && !isClosedPipe(err) {
		_ = w.Close() // what has come is written whole
		return err
	}
	if err == nil {
		e.progress.summary("%d conversations", e.progress.count)
	}
	return err
}

func (e exporter) file(ctx context.Context, kind string) error {
	file, err := archive.CreateFile(e.target)
	if err != nil {
		return err
	}
	defer file.Abort()
	if err = e.write(ctx, newWriter(kind, file)); err == nil {
		err = file.Commit()
	}
	return e.replaced(err)
}

func (e exporter) sqlite(ctx context.Context) error {
	_, err := archive.ExportSQLite(ctx, e.target, e.chatbot, e.source, e.opts)
	return e.replaced(err)
}

// replaced tells what became of the target.
func (e exporter) replaced(err error) error {
	switch _, missing := os.Lstat(e.target); {
	case err == nil:
		e.progress.summary("%d conversations are in %s", e.progress.count, e.target)
	case missing == nil:
		e.progress.say("%s is as it was before", e.target)
	default:
		e.progress.say("%s was not written", e.target)
	}
	return err
}

func (e exporter) update(ctx context.Context, newOnly bool) error {
	_, missing := os.Lstat(e.target)
	s, err := archive.CreateSQLite(e.target, e.chatbot)
	if err != nil {
		return err
	}
	r, err := s.Update(ctx, e.source, e.opts, newOnly)
	if closing := s.Close(); err == nil {
		err = closing
	}
	if err != nil && errors.Is(missing, fs.ErrNotExist) && r.Pages == 0 {
		// It would belong to a chatbot that may be mistyped.
		_ = os.Remove(e.target)
		e.progress.say("%s was not written", e.target)
		return err
	}
	if err != nil {
		e.progress.say("%s is whole: %d new and %d changed conversations came so far, the next run brings the rest", e.target, r.Added, r.Changed)
		return err
	}
	e.progress.summary("%s is up to date: %d new, %d changed, %d gone", e.target, r.Added, r.Changed, r.Gone)
	return nil
}

// archivedChatbot is whose conversations the archive at path holds, empty where there is none yet.
func archivedChatbot(path string) (string, error) {
	if info, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) || err == nil && info.Size() == 0 {
		return "", nil
	}
	s, err := archive.ReadSQLite(path)
	if err != nil {
		return "", err
	}
	return s.ChatbotID(), s.Close()
}
