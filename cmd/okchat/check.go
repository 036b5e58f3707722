package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"github.com/okchat/okchat-go/contract"
	"github.com/okchat/okchat-go/contract/finding"
	"github.com/okchat/okchat-go/contract/recordings"
	"github.com/okchat/okchat-go/contract/report"
	"github.com/okchat/okchat-go/exchange"
)

// The errors of the commands that check: their exit codes are 1 for findings and 2 for what could not be checked.
var errFindings = errors.New("there are findings")

type uncheckedError struct{ error }

func (e uncheckedError) Unwrap() error { return e.error }

const checkExitHelp = `
Exit codes: 0 nothing found, 1 something found, 2 something could not be read, or nothing could be checked.`

// contractFlags choose the contract of a command.
type contractFlags struct {
	contractFile string
	off          []string
}

func (f *contractFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.contractFile, "contract", "", "check against this OpenAPI `file` in place of okchat-go's own (see okchat spec)")
	_ = cmd.MarkFlagFilename("contract", "yaml", "yml", "json")
}

// load reads the contract, and says what is switched off with the codes that were named.
func (f *contractFlags) load(std streams) (*contract.Contract, error) {
	c, err := contract.New()
	if f.contractFile != "" {
		var text []byte
		if text, err = os.ReadFile(f.contractFile); err != nil {
			return nil, usageErrorf("--contract: %w", err)
		}
		c, err = contract.Parse(text, f.contractFile)
	}
	if err != nil {
		return nil, uncheckedError{err}
	}
	if len(f.off) == 0 {
		return c, nil
	}
	codes := make([]finding.Code, len(f.off))
	for i, code := range f.off {
		codes[i] = finding.Code(code)
	}
	if c, err = c.Without(codes...); err != nil {
		return nil, usageErrorf("--off: %w", err)
	}
	for _, code := range c.Silenced() {
		fmt.Fprintf(std.err, "%s is switched off, too: it needs a rule that is\n", code)
	}
	return c, nil
}

// recordingFlags say how recordings are read.
type recordingFlags struct {
	base    string
	maxBody int
}

func (f *recordingFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.base, "base", "", "the `path` before the contract's in recordings from behind a gateway, such as /okchat")
	addMaxBodyFlag(cmd, &f.maxBody)
}

func addMaxBodyFlag(cmd *cobra.Command, to *int) {
	cmd.Flags().IntVar(to, "max-body", exchange.DefaultMaxBody, "read at most `n` bytes of a body; a larger one is not checked")
}

// below returns the contract as it is served below the base path.
func (f *recordingFlags) below(c *contract.Contract) (*contract.Contract, error) {
	if f.maxBody < 1 {
		return nil, usageErrorf("--max-body is %d, expected 1 or more", f.maxBody)
	}
	c, err := c.At(f.base)
	if err != nil {
		return nil, usageErrorf("--base: %w", err)
	}
	return c, nil
}

// checkFlags are those that all checking commands have.
type checkFlags struct {
	contractFlags
	format                  string
	strict, all, requireAll bool
}

func (f *checkFlags) add(cmd *cobra.Command) {
	f.contractFlags.add(cmd)
	cmd.Flags().StringVar(&f.format, "format", "text", "text, json, junit, sarif or github")
	cmd.Flags().BoolVar(&f.strict, "strict", false, "fail where the vendor has added something, too")
	cmd.Flags().BoolVar(&f.all, "all", false, "tell each finding, and not like ones as one")
	cmd.Flags().BoolVar(&f.requireAll, "require-all", false, "exit with 2 where an exchange could not be checked")
	cmd.Flags().StringArrayVar(&f.off, "off", nil, "switch off the rule, the kind of leak or the key of this `code`; may be given again")
	offer(cmd, "format", report.Formats())
	_ = cmd.RegisterFlagCompletionFunc("off", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		c, err := contract.New()
		if err != nil {
			return nil, cobra.ShellCompDirectiveError
		}
		return texts(c.Codes()), cobra.ShellCompDirectiveNoFileComp
	})
}

func newCheck(std streams) *cobra.Command {
	var flags checkFlags
	var request string
	var live bool
	var walk walkFlags
	var recorded recordingFlags
	cmd := &cobra.Command{
		Use:   "check [PATH...|-]",
		Short: "Hold recordings, bodies or a live server against the contract",
		Long: `Hold recordings against the contract: HAR files, folders of them, or - for one on standard input. With --request a
path is the bare body of an answer to that URL. With --live a chatbot's pages, its first conversations with their messages
and the account's chatbots are asked for and checked as they come; which of these were not there is told, and is not checked.

Findings are violations, the contract is broken; drift, the vendor has added something, with the patch of openapi.yaml
that it suggests; and leaks, a recording holds what must not be shared. Of an end user's ids and texts that is said
unless the recording's log or entry is marked with "_published": true, "_redacted": true or "_synthetic": true; private
recordings are checked with --off leaked-person, and those whose key header was removed with --off key.

What cannot be checked is neither good nor bad: an exchange without an answer, a body that was not recorded, a path that is
only nearly the contract's. It is told and counted. Like findings are told as one, with their number.

Before a verdict counts, the contract's own example is broken in each way that the contract forbids, and each time the
check has to notice.
` + checkExitHelp,
		Example: `  okchat check recordings/
  okchat check --format sarif recordings/ > findings.sarif
  curl -s ... | okchat check --request 'https://v2.okchat.ai/api/external/chatbot/ID/conversations?page=2' -
  OKCHAT_API_KEY=... okchat check --live --chatbot 5afe16ed-5fd2-4552-a993-903bc9c32bb6 --pages 20`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return check(cmd.Context(), std, flags, func(ctx context.Context, c *contract.Contract, take func(*contract.Result, error) bool) error {
				switch {
				case live && (len(args) > 0 || request != ""):
					return usageErrorf("--live asks a server, so it takes no PATH and no --request")
				case live:
					return checkLive(ctx, std, &walk, c, take)
				case len(args) == 0:
					return usageErrorf("what is to be checked? name recordings, - for standard input, or --live")
				case request != "":
					return checkBodies(c, request, args, std.in, take)
				default:
					return recorded.check(ctx, c, args, std.in, take)
				}
			})
		},
	}
	flags.add(cmd)
	walk.add(cmd)
	recorded.add(cmd)
	cmd.Flags().BoolVar(&live, "live", false, "ask a real server, page after page, and check what it answers; takes the flags of a walk")
	cmd.Flags().StringVar(&request, "request", "", "each PATH is the bare body of an answer to a GET of this `URL`")
	return cmd
}

// check tests the contract, reports the results that run makes, and says on the last line of standard error how many there
// were.
func check(ctx context.Context, std streams, flags checkFlags, run func(context.Context, *contract.Contract, func(*contract.Result, error) bool) error) error {
	c, err := flags.load(std)
	if err != nil {
		return err
	}
	w, err := report.New(flags.format, std.out, c, report.Options{Colour: std.colour(), Strict: flags.strict, All: flags.all, Version: moduleVersion()})
	if err != nil {
		return usageErrorf("--format: %w", err)
	}
	mutants, err := c.SelfTest()
	if err != nil {
		return uncheckedError{err}
	}
	var count report.Count
	err = run(ctx, c, func(r *contract.Result, err error) bool {
		if err != nil {
			count.Errors++
			w.Error(err)
			if (flags.format != "text" || std.width == 0) && !errors.Is(err, context.Canceled) { // a terminal shows the report
				fmt.Fprintf(std.err, "okchat: %s\n", report.Safe(errorText(err, exitFailed)))
			}
			return ctx.Err() == nil
		}
		count.Add(r)
		w.Result(r)
		return true
	})
	if err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return uncheckedError{fmt.Errorf("cannot write the report: %w", err)}
	}
	fmt.Fprintf(std.err, "%s (self-test: %d mutants of the contract refused)\n", &count, mutants)
	switch {
	case count.Errors > 0 || flags.requireAll && count.NotChecked > 0:
		return uncheckedError{errFindings}
	case count.Violations+count.Leaks > 0 || flags.strict && count.Drift > 0:
		return errFindings
	case count.Checked+count.Bodies == 0:
		return uncheckedError{errFindings}
	}
	return nil
}

// check checks recordings: files, folders, - for standard input.
func (f *recordingFlags) check(ctx context.Context, c *contract.Contract, paths []string, stdin io.Reader, take func(*contract.Result, error) bool) error {
	c, err := f.below(c)
	if err != nil {
		return err
	}
	var list []exchange.Recording
	for _, path := range paths {
		if path == "-" {
			list = append(list, exchange.Recording{Name: "standard input", Open: func() (io.ReadCloser, error) { return io.NopCloser(stdin), nil }})
			continue
		}
		found, err := exchange.FindRecordings(path)
		if err != nil {
			return uncheckedError{err}
		}
		list = append(list, found...)
	}
	for i := range list {
		list[i].MaxBody = f.maxBody
	}
	// The collector works harder where the bodies at hand are large.
	if os.Getenv("GOMEMLIMIT") == "" {
		defer debug.SetMemoryLimit(debug.SetMemoryLimit(48<<20 + 6*int64(f.maxBody)))
	}
	for result, err := range recordings.Check(ctx, c, list) {
		if !take(result, err) {
			break
		}
	}
	return nil
}

// checkBodies checks bodies that were kept without their request. They are one walk only where the URL says so.
func checkBodies(c *contract.Contract, url string, paths []string, stdin io.Reader, take func(*contract.Result, error) bool) error {
	for _, path := range paths {
		var body []byte
		var err error
		if path == "-" {
			path = "standard input"
			body, err = io.ReadAll(stdin)
		} else {
			body, err = os.ReadFile(path)
		}
		if err == nil && len(bytes.TrimSpace(body)) == 0 {
			err = fmt.Errorf("%s: expected a body, got nothing: record the answer again", path)
		}
		if err != nil {
			take(nil, err)
			continue
		}
		ex := c.NewBody(path, url, body)
		result := c.Check(ex)
		if result.Operation == nil {
			return usageErrorf("--request: expected the URL of a call of %s, got another: %s", strings.Join(c.Operations(), " or "), result.Reason)
		}
		take(result, nil)
	}
	return nil
}

// moduleVersion is this program's, "" where it was not built from a release.
func moduleVersion() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "(devel)" {
		return info.Main.Version
	}
	return ""
}
