package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	okchat "github.com/okchat/okchat-go"
	"github.com/okchat/okchat-go/archive"
	"github.com/okchat/okchat-go/archive/sqlite"
	"github.com/okchat/okchat-go/internal/terminal"
)

// The page size and the read-ahead of a walk over all conversations, unless flags set others. The API's largest page is
// unknown.
const (
	defaultPage  = 100
	defaultAhead = 4
)

type exportFlags struct {
	readingFlags
	output, format, update        string
	limit, readAhead              int
	newOnly, quiet, force, resume bool
	excel, messages, noIndex      bool
	parallel                      int
	recheck                       time.Duration
	ownLimit                      bool // --limit was not given
}

func newExport(std streams) *cobra.Command {
	var flags exportFlags
	cmd := &cobra.Command{
		Use:   "export",
		Short: "Export all conversations",
		Long: `Export all conversations of a chatbot to a file: NDJSON carries all that came, CSV, Excel (xlsx) and SQLite
have columns. The file is
written beside its target and takes its place when it is whole: after a failure or an interrupt, what was there before is
there still.

With --resume an export to NDJSON or CSV that ends early, by whatever, leaves FILE.part, and the same command continues it.

With --messages whole conversations are exported, at a request or more for each. A line of NDJSON holds a conversation with a
member messages: all of them, oldest first, null where the server no longer knows it. CSV has a line for each message. SQLite has
a table of them and an index for okchat search.

With --update an SQLite archive is brought up to date in place, or begun where there is none. A conversation that left the
list is marked and kept, and so are the earlier values of one that changed. An interrupt leaves what has come; the next run
brings the rest. With --messages those conversations are read that came or changed, or went on less than --recheck before they
were read last.

` + keyHelp,
		Example: `  okchat export -o conversations.ndjson
  okchat export -o - | jq -r .platform | sort | uniq -c
  ` + okchat.EnvKey + `=... okchat export --chatbot 5afe16ed-5fd2-4552-a993-903bc9c32bb6 -o conversations.csv --since 30d
  ` + okchat.EnvKey + `=... okchat export --chatbot 5afe16ed-5fd2-4552-a993-903bc9c32bb6 --update conversations.sqlite`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if flags.newOnly && !cmd.Flags().Changed("read-ahead") {
				flags.readAhead = 1 // it ends after a page or two
			}
			if flags.output == "/dev/stdout" {
				flags.output = "-" // a reader that goes away has seen enough
			}
			for _, name := range []string{"parallel", "recheck", "no-index"} {
				if cmd.Flags().Changed(name) && !flags.messages {
					return usageErrorf("--%s goes with --messages", name)
				}
			}
			if cmd.Flags().Changed("recheck") && flags.update == "" {
				return usageErrorf("--recheck goes with --update")
			}
			flags.ownLimit = !cmd.Flags().Changed("limit")
			return export(cmd.Context(), std, flags)
		},
	}
	flags.add(cmd)
	flags.addOutput(cmd)
	cmd.Flags().StringVar(&flags.update, "update", "", "bring the SQLite archive `file` up to date, instead of -o")
	cmd.Flags().BoolVar(&flags.newOnly, "new-only", false, "with --update: end at the first page that holds nothing unknown")
	cmd.Flags().BoolVar(&flags.messages, "messages", false, "with all messages of each conversation: NDJSON, CSV, SQLite or pages")
	cmd.Flags().IntVar(&flags.parallel, "parallel", defaultAhead, "with --messages: read the messages of `n` conversations at once, 1 to 64")
	cmd.Flags().DurationVar(&flags.recheck, "recheck", 48*time.Hour, "with --update and --messages: read a conversation again until it has been quiet for this `time`")
	cmd.Flags().BoolVar(&flags.noIndex, "no-index", false, "with --messages to SQLite: without the index for okchat search, or drop it")
	cmd.Flags().BoolVar(&flags.resume, "resume", false, "with -o: leave FILE.part when the run ends early, and continue it the next time")
	cmd.Flags().IntVar(&flags.limit, "limit", defaultPage, "ask for pages of `n` conversations, 0 for the server's own size")
	cmd.Flags().IntVar(&flags.readAhead, "read-ahead", defaultAhead, fmt.Sprintf("read `n` pages at once, 1 to %d", okchat.MaxReadAhead))
	_ = cmd.MarkFlagFilename("update", endingsOf("sqlite")...)
	return cmd
}

// addOutput adds the flags of what is written and how.
func (f *exportFlags) addOutput(cmd *cobra.Command) {
	names, endings := formatNames()
	cmd.Flags().StringVarP(&f.output, "output", "o", "", "write to `file`, or with --format html into a new folder, - for standard output")
	cmd.Flags().StringVar(&f.format, "format", "", strings.Join(names, ", ")+", whatever the file's name ends in")
	cmd.Flags().BoolVar(&f.excel, "excel", false, "CSV that Excel opens by a double click: local dates, ids whole, a byte order mark, CRLF")
	cmd.Flags().BoolVar(&f.force, "force", false, "with -o: replace an archive with a history, too")
	cmd.Flags().BoolVar(&f.quiet, "quiet", false, "show neither progress nor what the vendor has added")
	_ = cmd.MarkFlagFilename("output", endings...)
	offer(cmd, "format", names)
}

func (f *exportFlags) options(now time.Time) (okchat.ListOptions, error) {
	switch {
	case f.limit < 0:
		return okchat.ListOptions{}, usageErrorf("--limit is %d, expected 0 or more", f.limit)
	case f.readAhead < 1 || f.readAhead > okchat.MaxReadAhead:
		return okchat.ListOptions{}, usageErrorf("--read-ahead is %d, expected 1 to %d", f.readAhead, okchat.MaxReadAhead)
	}
	opts, err := f.selected(now)
	opts.Limit, opts.ReadAhead = f.limit, f.readAhead
	return opts, err
}

func export(ctx context.Context, std streams, flags exportFlags) error {
	defer collectLess()()
	kind, err := flags.kind()
	if err != nil {
		return err
	}
	switch {
	case flags.messages && (kind == "xlsx" || flags.resume):
		return usageErrorf("--messages writes NDJSON, CSV, SQLite or pages, and not with --resume: keep an archive with --update, which goes on where it was")
	case flags.noIndex && kind != "sqlite":
		return usageErrorf("--no-index goes with SQLite")
	case flags.recheck < 0:
		return usageErrorf("--recheck is %v, expected 0 or more", flags.recheck)
	case flags.parallel < 1 || flags.parallel > 64:
		return usageErrorf("--parallel is %d, expected 1 to 64", flags.parallel)
	}
	opts, err := flags.options(time.Now())
	if err != nil {
		return err
	}
	target := flags.output
	var kept *sqlite.Archive
	if flags.update != "" {
		target = flags.update
		kept, err = sqlite.Create(ctx, target, flags.chatbot)
		if id := os.Getenv(envChatbot); err == nil && kept.ChatbotID() == "" && id != "" { // an archive that is there knows its own
			kept, err = sqlite.Create(ctx, target, id)
		}
		if err != nil {
			return targetError(ctx, err, target)
		}
		defer func() { _ = kept.Close() }()
		sweep(std, target)
		flags.archived, flags.noSample = kept.ChatbotID(), "--update needs a key, as the recorded sample is not for archives"
	}
	from, err := flags.open(ctx, std, "okchat export -o FILE", opts, flags.ownLimit, flags.quiet)
	if err != nil {
		return err
	}
	defer from.close()
	from.progress.bounded = from.progress.bounded || flags.newOnly
	e := exporter{exportFlags: flags, reading: from, std: std, opts: opts, target: target}
	return e.run(ctx, kind, kept)
}

// run writes the target, or brings the archive that is kept up to date if it is not nil.
func (e *exporter) run(ctx context.Context, kind string, kept *sqlite.Archive) (err error) {
	if e.target == "-" && e.std.width > 0 {
		e.progress.width = 0 // a bar would run through the data
	}
	switch {
	case kept != nil:
		err = e.bring(ctx, kept)
	case kind == "sqlite":
		sweep(e.std, e.target)
		var r sqlite.Result
		r, err = sqlite.Export(ctx, e.target, e.chatbot, e.progress, e.opts,
			sqlite.ExportOptions{Force: e.force, Partial: e.partial, Picked: e.picks(), Messages: e.messageOptions()})
		e.stored = r.Messages
		err = e.replaced(err)
	case e.target == "-":
		err = e.stream(ctx, e.writer(ctx, kind, terminal.Guard(e.std.out, e.std.width > 0)))
	case e.exportFlags.resume:
		err = e.resumed(ctx, kind)
	case kind == "html":
		err = e.folder(ctx)
	default:
		err = e.file(ctx, kind)
	}
	if errors.Is(err, sqlite.ErrKept) {
		return usageErrorf("%s is %w, which would be lost: bring it up to date with okchat export --update %[1]s, name another file, or replace it with --force",
			e.target, sqlite.ErrKept)
	}
	return e.finish(e.std, e.quiet, e.told, targetError(ctx, err, e.target))
}

// exporter is one run of the command.
type exporter struct {
	exportFlags
	*reading

	std    streams
	opts   okchat.ListOptions
	target string

	transcripts interface { // with --messages, once there is a writer
		Count() int
		Unread() int
	}
	stored sqlite.MessageResult // with --messages to SQLite
}

// messageOptions returns how messages are stored in an archive, nil where they are not.
func (e *exporter) messageOptions() *sqlite.MessageOptions {
	if !e.exportFlags.messages {
		return nil
	}
	return &sqlite.MessageOptions{From: e.own, MessageOptions: okchat.MessageOptions{Limit: e.opts.Limit},
		Parallel: e.parallel, Recheck: e.recheck, NoIndex: e.noIndex, Progress: e.progress.readMessages}
}

// writer returns the writer of the whole output. Messages are read by the client of the walk, so that they share its pace.
func (e *exporter) writer(ctx context.Context, kind string, out io.Writer) archive.Writer {
	if !e.exportFlags.messages {
		return e.newWriter(kind, out, false)
	}
	opts := okchat.MessageOptions{Limit: e.opts.Limit}
	var w *archive.Transcripts
	if kind == "csv" {
		w = archive.NewCSVTranscripts(ctx, out, e.reading.messages, opts, e.parallel, e.csvOptions(false))
	} else {
		w = archive.NewTranscripts(ctx, out, e.reading.messages, opts, e.parallel)
	}
	e.transcripts = w
	return w
}

// counted tells how much was written.
func (e *exporter) counted() string {
	if !e.exportFlags.messages {
		return number(e.progress.count, "conversation")
	}
	made, count, unread := "", e.stored.Added, e.stored.Unknown
	if e.sample != nil {
		made = "synthetic "
	}
	if e.transcripts != nil {
		count, unread = e.transcripts.Count(), e.transcripts.Unread()
	}
	text := fmt.Sprintf("%s with %s", number(e.progress.count, "conversation"), number(count, made+"message"))
	if unread > 0 {
		text += fmt.Sprintf(" (none to read for %d)", unread)
	}
	return text
}

// newWriter returns the writer of a format. Appending is for an output that has an earlier part of it already.
func (f *exportFlags) newWriter(kind string, out io.Writer, appending bool) archive.Writer {
	zone, _ := f.location() // it was checked
	switch kind {
	case "xlsx":
		return archive.NewXLSX(out, zone)
	case "csv":
		return archive.NewCSV(out, f.csvOptions(appending))
	}
	return archive.NewNDJSON(out)
}

func (f *exportFlags) csvOptions(appending bool) archive.CSVOptions {
	opts := archive.CSVOptions{Excel: f.excel, Append: appending}
	if zone, _ := f.location(); zone != time.UTC {
		opts.Zone = zone
	}
	return opts
}

// write writes all pages of the walk. An error that does not spoil the output is returned once everything is written.
func (e *exporter) write(ctx context.Context, w archive.Writer) error {
	var ended error
	for page, err := range e.progress.Pages(ctx, e.chatbot, e.opts) {
		if e.spoils(err) {
			return err
		}
		if err != nil {
			ended = err
			break
		}
		if err := w.WritePage(page.Items); err != nil {
			return err
		}
	}
	return cmp.Or(w.Flush(), ended)
}

func (e *exporter) stream(ctx context.Context, w archive.Writer) error {
	err := e.write(ctx, w)
	if isClosedPipe(err) {
		return err
	}
	_ = w.Flush() // what came is written whole
	if !e.spoils(err) {
		e.progress.summary("%s", e.counted())
	}
	return err
}

func (e *exporter) file(ctx context.Context, kind string) error {
	file, err := newFile(ctx, e.std, e.target, e.force)
	if err != nil {
		return err
	}
	defer file.Abort()
	err = e.write(ctx, e.writer(ctx, kind, terminal.Guard(file, file.Direct() && term.IsTerminal(int(file.Fd())))))
	if e.spoils(err) {
		return e.replaced(err)
	}
	return e.replaced(cmp.Or(file.Commit(), err))
}

// replaced prints what became of the target.
func (e *exporter) replaced(err error) error {
	switch _, missing := os.Lstat(e.target); {
	case !e.spoils(err):
		e.progress.summary("%s are in %s", e.counted(), e.target)
	case missing == nil:
		e.progress.say("%s is as it was before", e.target)
	default:
		e.progress.say("%s was not written", e.target)
	}
	return err
}

// bring brings an archive up to date.
func (e *exporter) bring(ctx context.Context, kept *sqlite.Archive) error {
	spoiled := func(err error) bool {
		return err != nil && !errors.Is(err, okchat.ErrItems) && !errors.Is(err, okchat.ErrIncomplete)
	}
	r, listing := kept.Update(ctx, e.progress, e.opts, e.newOnly)
	var reading error
	messages := ""
	if e.exportFlags.messages && !spoiled(listing) {
		r.Messages, reading = kept.UpdateMessages(ctx, e.opts, e.Filter, *e.messageOptions())
		messages = saidOf(r.Messages)
	}
	err := cmp.Or(listing, reading, kept.Close())
	switch _, missing := os.Lstat(e.target); {
	case err == nil:
		e.progress.summary("%s is up to date: %d new, %d changed, %d gone%s", e.target, r.Added, r.Changed, r.Gone, messages)
	case missing != nil:
		e.progress.say("%s was not written", e.target)
	case r.Pages == 0:
		e.progress.say("%s is as it was before", e.target)
	case listing != nil && !spoiled(err):
		e.progress.summary("%s has all that came: %d new, %d changed; nothing was marked as gone%s", e.target, r.Added, r.Changed, messages)
	default:
		e.progress.say("%s is whole: %d new and %d changed conversations came so far%s; the next run brings the rest", e.target, r.Added, r.Changed, messages)
	}
	return err
}

// saidOf tells what became of the messages.
func saidOf(r sqlite.MessageResult) string {
	text := fmt.Sprintf("; %s read: %s, %d gone", number(r.Conversations, "conversation"), number(r.Added, "new message"), r.Gone)
	if r.Unknown > 0 {
		text += fmt.Sprintf(", %d unknown to the server", r.Unknown)
	}
	if r.Left > 0 {
		text += fmt.Sprintf(", %d left to read", r.Left)
	}
	return text
}
