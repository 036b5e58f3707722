package main

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"

	okchat "github.com/okchat/okchat-go"
	"github.com/okchat/okchat-go/contract"
	"github.com/okchat/okchat-go/contract/conform"
	"github.com/okchat/okchat-go/contract/finding"
)

type conformFlags struct {
	checkFlags
	accountFlags
	url   string
	pages int

	timeout, deadline time.Duration
	skip              []string
}

func newConform(std streams) *cobra.Command {
	var flags conformFlags
	cmd := &cobra.Command{
		Use:   "conform --url URL --chatbot ID",
		Short: "Test a server that implements the API",
		Long: `Ask a server what a client may ask, the wrong things too, and check its answers against the contract and against what callers
expect: of the list of conversations pages, limits, filters, wrong keys, ids and parameters, other methods, the call as the
vendor shows it, and a walk to the end; then its first conversation with the messages, and the account's chatbots. Each expectation says how it is known: documented, observed or assumed. Nothing is changed on the server.

The key comes from ` + okchat.EnvKey + ` or --key-file, and is sent to that server alone.
` + checkExitHelp,
		Example: `  okchat serve &
  ` + okchat.EnvKey + `=... okchat conform --url http://127.0.0.1:8080 --chatbot 5afe16ed-5fd2-4552-a993-903bc9c32bb6
  okchat conform --url http://127.0.0.1:8080 --chatbot ID --key-file key --skip head --format junit`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return check(cmd.Context(), std, flags.checkFlags, func(ctx context.Context, c *contract.Contract, take func(*contract.Result, error) bool) error {
				return flags.run(ctx, std, c, take)
			})
		},
	}
	flags.checkFlags.add(cmd)
	flags.accountFlags.add(cmd)
	cmd.Flags().StringVar(&flags.url, "url", "", "`URL` of the server")
	cmd.Flags().IntVar(&flags.pages, "pages", 10, "walk over at most `n` pages")
	cmd.Flags().DurationVar(&flags.timeout, "timeout", 30*time.Second, "give up on an answer after this `time`")
	cmd.Flags().DurationVar(&flags.deadline, "deadline", 10*time.Minute, "end the run after this `time`")
	cmd.Flags().StringArrayVar(&flags.skip, "skip", nil, "leave out the expectation of this `code`; may be given again")
	var codes []finding.Code
	for _, e := range conform.Expectations() {
		codes = append(codes, e.Code)
	}
	offer(cmd, "skip", codes)
	return cmd
}

func (f *conformFlags) run(ctx context.Context, std streams, c *contract.Contract, take func(*contract.Result, error) bool) error {
	target, err := url.Parse(f.url)
	if err != nil || target.Host == "" || (target.Scheme != "http" && target.Scheme != "https") {
		return usageErrorf("--url: expected the URL of a server, such as http://127.0.0.1:8080")
	}
	key, err := f.key(std)
	f.chatbot = cmp.Or(f.chatbot, os.Getenv(envChatbot))
	switch {
	case err != nil:
		return err
	case key == "":
		return usageErrorf("a key is needed: set %s or name a file with --key-file", okchat.EnvKey)
	case f.chatbot == "":
		return usageErrorf("which chatbot? name it with --chatbot ID or %s", envChatbot)
	}
	// The client knows what a key, an address and an id must look like.
	if _, err := okchat.New(key, okchat.WithBaseURL(f.url)); err != nil {
		return usageError{err}
	}
	known := conform.Expectations()
	if f.timeout <= 0 || f.deadline <= 0 {
		return usageErrorf("--timeout and --deadline: expected more than 0")
	}
	var skip []finding.Code
	for _, code := range f.skip {
		if !slices.ContainsFunc(known, func(e conform.Expectation) bool { return string(e.Code) == code }) {
			return usageErrorf("--skip: there is no expectation %q", code)
		}
		skip = append(skip, finding.Code(code))
	}
	seen := looked{}
	for v := range conform.Run(ctx, c, conform.Target{URL: f.url, ChatbotID: f.chatbot, Key: key, Pages: f.pages, Timeout: f.timeout, Deadline: f.deadline, Skip: skip}) {
		verdict := "ok  "
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case v.Err != nil, v.Result.Outcome == contract.NotChecked:
			verdict = "none"
		case slices.ContainsFunc(v.Result.Findings, func(found finding.Finding) bool {
			return f.strict || found.Severity == finding.Violation
		}):
			verdict = "FAIL"
		}
		fmt.Fprintf(std.err, "%s  %-10s  %s: %s\n", verdict, v.Expectation.Evidence, v.Expectation.Code, v.Expectation.Expect)
		if v.Err != nil {
			take(nil, fmt.Errorf("%s: %w: see --url", v.Expectation.Code, v.Err))
			continue
		}
		seen.add(v.Result)
		take(v.Result, nil)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	takeUnseen(seen.tell(std.err, c), take)
	return nil
}
