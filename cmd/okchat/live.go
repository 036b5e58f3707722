package main

import (
	"context"
	"errors"
	"net/http"
	"os"
	"sync"

	"github.com/spf13/cobra"

	okchat "github.com/okchat/okchat-go"
	"github.com/okchat/okchat-go/contract"
	"github.com/okchat/okchat-go/exchange"
	"github.com/okchat/okchat-go/gen/okchatapi"
)

// walkFlags are those of a bounded walk over a chatbot's pages.
type walkFlags struct {
	accountFlags
	pages, limit int
	state        string
}

func (f *walkFlags) add(cmd *cobra.Command) {
	f.accountFlags.add(cmd)
	cmd.Flags().IntVar(&f.pages, "pages", 10, "ask for at most `n` pages")
	cmd.Flags().IntVar(&f.limit, "limit", 0, "ask for `n` conversations a page, 0 for the server's own number")
	cmd.Flags().StringVar(&f.state, "state", "", "only conversations in this state, such as in_progress")
	offer(cmd, "state", okchatapi.ConversationStateValues())
}

// walk asks for page after page, checks each exchange as it comes, and hands on the results in order. It only reads.
func (f *walkFlags) walk(ctx context.Context, std streams, command string, c *contract.Contract, take func(*contract.Result)) error {
	if f.pages < 1 {
		return usageErrorf("--pages is %d, expected 1 or more", f.pages)
	}
	if f.limit < 0 {
		return usageErrorf("--limit is %d, expected 0 or more", f.limit)
	}
	var watch http.RoundTripper // once it is known where the account is
	from, err := f.open(std, command, okchat.WithTransport(roundTripper(func(req *http.Request) (*http.Response, error) { return watch.RoundTrip(req) })))
	if err != nil {
		return err
	}
	defer from.close()
	if from.sample == nil {
		if c, err = c.At(os.Getenv(okchat.EnvBaseURL)); err != nil {
			return usageErrorf("%s: %w", okchat.EnvBaseURL, err)
		}
	}
	var mu sync.Mutex
	pages := c.NewWalk()
	watch = c.Capture(func(ex *exchange.Exchange) {
		mu.Lock()
		defer mu.Unlock()
		take(pages.Check(ex))
	}).Transport(http.DefaultTransport)
	n := 0
	for _, err := range from.client.Pages(ctx, from.chatbot, okchat.ListOptions{Limit: f.limit, State: okchat.ConversationState(f.state)}) {
		if err != nil {
			return err
		}
		if n++; n == f.pages {
			break
		}
	}
	return nil
}

type roundTripper func(*http.Request) (*http.Response, error)

// RoundTrip implements [http.RoundTripper].
func (f roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// checkLive takes each exchange of a walk as a result.
func checkLive(ctx context.Context, std streams, f *walkFlags, c *contract.Contract, take func(*contract.Result, error) bool) error {
	err := f.walk(ctx, std, "okchat check --live", c, func(r *contract.Result) { take(r, nil) })
	if _, ok := errors.AsType[*okchat.ContractError](err); ok {
		return nil // the findings tell more
	}
	var usage usageError
	if errors.As(err, &usage) || errors.Is(err, okchat.ErrArgument) || ctx.Err() != nil {
		return err
	}
	if err != nil {
		take(nil, err)
	}
	return nil
}
