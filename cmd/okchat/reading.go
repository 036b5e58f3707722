package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	okchat "github.com/okchat/okchat-go"
	"github.com/okchat/okchat-go/archive"
	"github.com/okchat/okchat-go/archive/sqlite"
	"github.com/okchat/okchat-go/gen/okchatapi"
)

// readingFlags are those of the commands that read conversations: which ones, and how patient to be with a server and what to
// accept of it.
type readingFlags struct {
	accountFlags

	state, platform, user, since, until, zone string
	archive                                   string // read this file instead of a server
	few                                       bool   // read only some rows of it
	archive.Filter

	maxWait, timeout time.Duration
	tries            int
	rate             float64
	maxPageSize      size
	strict, partial  bool
}

func (f *readingFlags) add(cmd *cobra.Command) {
	f.addServer(cmd)
	f.addFilter(cmd)
}

// addServer adds the flags for the account and for how a server is read.
func (f *readingFlags) addServer(cmd *cobra.Command) {
	f.accountFlags.add(cmd)
	f.maxPageSize = 16 << 20
	cmd.Flags().DurationVar(&f.maxWait, "max-wait", 15*time.Minute, "wait as long as this for a page where the server asks to wait")
	cmd.Flags().DurationVar(&f.timeout, "timeout", 30*time.Second, "give up a try after this `time`")
	cmd.Flags().IntVar(&f.tries, "tries", 4, "try `n` times to get a page")
	cmd.Flags().Float64Var(&f.rate, "rate", 0, "send at most `n` requests a second, such as 0.5; 0 for as many as the server answers")
	cmd.Flags().Var(&f.maxPageSize, "max-page-size", "take pages of at most this `size`, such as 100MiB")
	cmd.Flags().BoolVar(&f.strict, "strict", false, "fail where a conversation lacks a member, or holds what the contract does not know")
	cmd.Flags().BoolVar(&f.partial, "allow-incomplete", false, "take what came where the server does not hand out all that it counts")
}

// addFilter adds the flags that select conversations, which mean the same in each command.
func (f *readingFlags) addFilter(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.state, "state", "", "only conversations in this `state`, such as in_progress")
	cmd.Flags().StringVar(&f.platform, "platform", "", "only conversations on this `platform`, such as web; picked here, as the API cannot")
	cmd.Flags().StringVar(&f.user, "user", "", "only conversations of the end user with this `id`, an sns_user_id or user_id; picked here")
	cmd.Flags().StringVar(&f.since, "since", "", "only conversations started after this `time`: 90m, 24h, 7d, 2025-03-07 or RFC 3339")
	cmd.Flags().StringVar(&f.until, "until", "", "only conversations started at this `time` or before")
	offer(cmd, "state", okchatapi.ConversationStateValues())
	offer(cmd, "platform", okchatapi.PlatformValues())
	f.addZone(cmd)
}

func (f *readingFlags) addZone(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.zone, "tz", "UTC", "the time `zone` of days and of times that are printed, such as Asia/Seoul")
	offer(cmd, "tz", []string{"UTC", "Asia/Seoul", "Local"})
}

func (f *readingFlags) addArchive(cmd *cobra.Command) {
	f.addArchiveFile(cmd)
	f.addGone(cmd)
}

func (f *readingFlags) addArchiveFile(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.archive, "archive", "", "read the SQLite `file` of okchat export instead of a server")
	_ = cmd.MarkFlagFilename("archive", endingsOf("sqlite")...)
}

func (f *readingFlags) addGone(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&f.Gone, "gone", false, "of an archive: conversations that have left the list, too")
}

// offer has the shell complete a flag's values. It fails only for a flag that does not exist.
func offer[T ~string](cmd *cobra.Command, flag string, values []T) {
	_ = cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(texts(values), cobra.ShellCompDirectiveNoFileComp))
}

func texts[T ~string](values []T) (list []string) {
	for _, v := range values {
		list = append(list, string(v))
	}
	return list
}

// location returns the time zone of --tz.
func (f *readingFlags) location() (*time.Location, error) {
	zone, err := time.LoadLocation(f.zone)
	if err != nil || f.zone == "" {
		return nil, usageErrorf("--tz is %s, expected a time zone such as Asia/Seoul or UTC", shown(f.zone))
	}
	return zone, nil
}

// selected returns the options of a walk over the conversations that the flags select.
func (f *readingFlags) selected(now time.Time) (okchat.ListOptions, error) {
	zone, err := f.location()
	if err != nil {
		return okchat.ListOptions{}, err
	}
	since, err := parseTime("since", f.since, now.In(zone))
	if err != nil {
		return okchat.ListOptions{}, err
	}
	until, err := parseTime("until", f.until, now.In(zone))
	if err != nil {
		return okchat.ListOptions{}, err
	}
	f.Platform, f.User = okchat.Platform(f.platform), f.user
	return okchat.ListOptions{State: okchat.ConversationState(f.state), CreatedAfter: since, CreatedBefore: until}, nil
}

// picks reports whether conversations are left out here that the server lists.
func (f *readingFlags) picks() bool { return f.Platform != "" || f.User != "" }

// reading is one run over the conversations that the flags select.
type reading struct {
	source   archive.Source // what was picked
	progress *progress      // the same, shown
	told     *tally
	own      *ownLimit             // nil for an archive
	messages archive.MessageSource // of the same client or archive
	chatbot  string
	sample   *sample         // nil but for the recorded sample
	archive  *sqlite.Archive // nil for a server
	close    func()
}

// open finds out where to read from. Errors name command as the way to call it; chosen reports that this program has chosen
// the page size of opts, not its user.
func (f *readingFlags) open(ctx context.Context, std streams, command string, opts okchat.ListOptions, chosen, quiet bool) (*reading, error) {
	r := &reading{told: &tally{}, progress: newProgress(std, quiet)}
	if f.archive != "" {
		a, err := f.readArchive(ctx)
		if err != nil {
			return nil, err
		}
		if !f.few { // what is read whole is to be whole
			if err := a.Check(ctx); err != nil {
				_ = a.Close()
				return nil, archiveError(err)
			}
		}
		r.archive, r.chatbot, r.close = a, a.ChatbotID(), func() { _ = a.Close() }
		selection := a.Select(f.Filter)
		r.source, r.messages = selection, selection
	} else {
		if f.Gone {
			return nil, usageErrorf("--gone needs an archive: name it with --archive FILE")
		}
		client, err := f.options(okchat.Hooks{Try: r.progress.tried})
		if err != nil {
			return nil, err
		}
		from, err := f.accountFlags.open(std, command, client...)
		if err != nil {
			return nil, err
		}
		r.chatbot, r.sample, r.close = from.chatbot, from.sample, from.close
		r.own = &ownLimit{from: from.client, say: r.progress.say, chosen: chosen}
		r.messages = r.own
		if r.source = r.own; opts.ReadAhead > 1 {
			r.source = archive.Ahead(r.source, opts.ReadAhead)
		}
	}
	r.source = counted{r.source, f.Filter, r.told}
	r.progress.from = r.source
	r.progress.bounded = f.picks() || !opts.CreatedAfter.IsZero() || !opts.CreatedBefore.IsZero()
	return r, nil
}

// readArchive opens the archive.
func (f *readingFlags) readArchive(ctx context.Context) (*sqlite.Archive, error) {
	if f.chatbot != "" || f.keyFile != "" {
		return nil, usageErrorf("--archive needs neither --chatbot nor --key-file: leave out one or the other")
	}
	a, err := sqlite.Read(ctx, f.archive)
	if err != nil {
		return nil, archiveError(err)
	}
	return a, nil
}

// options returns what the flags mean for the client.
func (f *readingFlags) options(hooks okchat.Hooks) ([]okchat.Option, error) {
	switch {
	case f.maxWait <= 0:
		return nil, usageErrorf("--max-wait is %v, expected more than 0", f.maxWait)
	case f.timeout <= 0:
		return nil, usageErrorf("--timeout is %v, expected more than 0", f.timeout)
	case f.tries < 1:
		return nil, usageErrorf("--tries is %d, expected 1 or more", f.tries)
	case !(f.rate >= 0) || f.rate > 0 && f.rate < 1e-4 || math.IsInf(f.rate, 1):
		return nil, usageErrorf("--rate is %v, expected 0.0001 or more, or 0", f.rate)
	}
	opts := []okchat.Option{
		okchat.WithTryTimeout(f.timeout), okchat.WithMaxBody(int64(f.maxPageSize)), okchat.WithHooks(hooks),
		okchat.WithRetry(okchat.RetryPolicy{MaxTries: f.tries, MaxRetryAfter: f.maxWait}),
	}
	if f.rate > 0 {
		opts = append(opts, okchat.WithRate(f.rate))
	}
	return opts, nil
}

// spoils reports whether a walk that ended with err must not be taken for a whole one.
func (f *readingFlags) spoils(err error) bool {
	if errors.Is(err, okchat.ErrIncomplete) {
		return !f.partial
	}
	return err != nil && !errors.Is(err, okchat.ErrItems)
}

// explain adds to an error the flag that helps.
func (f *readingFlags) explain(err error) error {
	if f.partial && errors.Is(err, okchat.ErrIncomplete) {
		return err
	}
	for _, help := range []struct {
		kind error
		text string
	}{
		{okchat.ErrTooLarge, "take smaller pages with --limit, or larger ones with --max-page-size"},
		{okchat.ErrIncomplete, "ask for smaller pages with --limit, or take what comes with --allow-incomplete"},
		{okchat.ErrWaitTooLong, "wait longer with --max-wait"},
		{okchat.ErrTryTimeout, "give a try more time with --timeout, or take smaller pages with --limit"},
		{okchat.ErrBudget, "ask more slowly with --rate, or try again later"},
		{okchat.ErrRateLimited, "ask more slowly with --rate"},
	} {
		if errors.Is(err, help.kind) {
			return fmt.Errorf("%w (%s)", err, help.text)
		}
	}
	return err
}

// size is a flag's number of bytes.
type size int64

func (s *size) String() string {
	if *s%(1<<20) == 0 {
		return fmt.Sprintf("%dMiB", *s>>20)
	}
	return strconv.FormatInt(int64(*s), 10)
}

func (s *size) Type() string { return "size" }

func (s *size) Set(text string) error {
	number := strings.ToLower(text)
	unit := int64(1)
	for _, u := range []struct {
		name  string
		bytes int64
	}{{"kib", 1 << 10}, {"mib", 1 << 20}, {"gib", 1 << 30}, {"kb", 1e3}, {"mb", 1e6}, {"gb", 1e9}, {"k", 1 << 10}, {"m", 1 << 20}, {"g", 1 << 30}} {
		if rest, ok := strings.CutSuffix(number, u.name); ok {
			number, unit = strings.TrimSpace(rest), u.bytes
			break
		}
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n < 1 || n > math.MaxInt64/unit {
		return fmt.Errorf("expected a number of bytes above 0, such as 1000000 or 100MiB")
	}
	*s = size(n * unit)
	return nil
}

// ownLimit reads lists from a client. Where the server refuses a page size that this program has chosen, not its user, it asks
// for the server's own. Several goroutines may use it at once.
type ownLimit struct {
	from           *okchat.Client
	say            func(format string, args ...any)
	chosen         bool        // by this program
	list, messages atomic.Bool // the server's own size is asked for
}

func (o *ownLimit) Pages(ctx context.Context, chatbotID string, opts okchat.ListOptions) iter.Seq2[*okchat.Page[okchat.Conversation], error] {
	if opts.After != "" { // which belongs to a page size
		return o.from.Pages(ctx, chatbotID, opts)
	}
	return limited(o, "conversations", &o.list, opts.Limit, func(limit int) iter.Seq2[*okchat.Page[okchat.Conversation], error] {
		opts.Limit = limit
		return o.from.Pages(ctx, chatbotID, opts)
	})
}

func (o *ownLimit) MessagePages(ctx context.Context, chatbotID, conversationID string, opts okchat.MessageOptions) iter.Seq2[*okchat.Page[okchat.Message], error] {
	return limited(o, "messages", &o.messages, opts.Limit, func(limit int) iter.Seq2[*okchat.Page[okchat.Message], error] {
		opts.Limit = limit
		return o.from.MessagePages(ctx, chatbotID, conversationID, opts)
	})
}

func (o *ownLimit) Messages(ctx context.Context, chatbotID, conversationID string, opts okchat.MessageOptions) iter.Seq2[okchat.Message, error] {
	return limited(o, "messages", &o.messages, opts.Limit, func(limit int) iter.Seq2[okchat.Message, error] {
		opts.Limit = limit
		return o.from.Messages(ctx, chatbotID, conversationID, opts)
	})
}

// limited reads with a page size of limit, unless the server has refused it before or does so now.
func limited[T any](o *ownLimit, items string, gaveWay *atomic.Bool, limit int, read func(limit int) iter.Seq2[T, error]) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		if gaveWay.Load() {
			limit = 0
		}
		came := false
		for item, err := range read(limit) {
			if api, ok := errors.AsType[*okchat.APIError](err); ok && o.chosen && !came && limit > 0 &&
				(api.StatusCode == http.StatusBadRequest || api.StatusCode == http.StatusUnprocessableEntity) {
				if !gaveWay.Swap(true) {
					o.say("the server refuses pages of %d %s: asking for its own page size", limit, items)
				}
				read(0)(yield)
				return
			}
			came = came || err == nil
			if !yield(item, err) {
				return
			}
		}
	}
}

// counted is a source that leaves out what the filter does, and adds the rest to a tally.
type counted struct {
	from   archive.Source
	filter archive.Filter
	tally  *tally
}

func (c counted) Pages(ctx context.Context, chatbotID string, opts okchat.ListOptions) iter.Seq2[*okchat.Page[okchat.Conversation], error] {
	return func(yield func(*okchat.Page[okchat.Conversation], error) bool) {
		for page, err := range c.from.Pages(ctx, chatbotID, opts) {
			if err == nil {
				if c.filter != (archive.Filter{Gone: c.filter.Gone}) {
					picked := *page // the walk goes on with its own
					picked.Items = slices.DeleteFunc(slices.Clone(page.Items), func(conv okchat.Conversation) bool { return !c.filter.Match(&conv) })
					page = &picked
				}
				for i := range page.Items {
					c.tally.add(&page.Items[i])
				}
			}
			if !yield(page, err) {
				return
			}
		}
	}
}

// finish tells what was counted, and returns the error that the run ends with.
func (f *readingFlags) finish(std streams, quiet bool, t *tally, err error) error {
	if isClosedPipe(err) {
		return err
	}
	if err == nil && t.Count == 0 {
		f.sayNothingMatched(std)
	}
	if none := t.report(std.err, quiet && !f.strict); !none && f.strict {
		return cmp.Or(f.explain(err), errBroken)
	}
	return f.explain(err)
}

// sayNothingMatched names the filters of a run that found nothing, and the values that the contract knows of theirs.
func (f *readingFlags) sayNothingMatched(std streams) {
	var filters, known []string
	for _, filter := range []struct {
		flag, value string
		known       []string
	}{
		{"state", f.state, texts(okchatapi.ConversationStateValues())},
		{"platform", f.platform, texts(okchatapi.PlatformValues())},
		{"user", f.user, nil},
		{"since", f.since, nil},
		{"until", f.until, nil},
	} {
		if filter.value == "" {
			continue
		}
		filters = append(filters, "--"+filter.flag+" "+shown(filter.value))
		if filter.known != nil {
			known = append(known, "; the contract knows "+strings.Join(filter.known, ", "))
		}
	}
	if filters != nil {
		fmt.Fprintf(std.err, "okchat: no conversation matches %s%s\n", strings.Join(filters, " and "), strings.Join(known, ""))
	}
}

// parseTime reads a time, or how long before now it was. Days are those of the time zone of now. The zero time stands for an
// empty text.
func parseTime(flag, text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	// Go cannot hold more than about 292 years in a duration, nor add more than any calendar has.
	const mostDays = 10_000 * 366
	if days, ok := strings.CutSuffix(text, "d"); ok {
		if n, err := strconv.Atoi(days); err == nil && n >= 0 && n <= mostDays && now.AddDate(0, 0, -n).Year() >= 1 {
			return now.AddDate(0, 0, -n), nil
		}
	}
	if ago, err := time.ParseDuration(text); err == nil && ago >= 0 {
		return now.Add(-ago), nil
	}
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.ParseInLocation(layout, text, now.Location()); err == nil && t.UTC().Year() >= 1 {
			if layout == time.DateOnly && t.Format(layout) != text { // the clocks go forward at midnight: the day begins then
				_, t = t.ZoneBounds()
			}
			return t, nil
		}
	}
	return time.Time{}, usageErrorf("--%s is %s, expected how long ago (90m, 24h, 7d), a day (2025-03-07) or a time in RFC 3339, from year 1 on", flag, shown(text))
}
