package main

import (
	"context"
	"errors"
	"net/http"
	"sync"

	"github.com/spf13/cobra"

	okchat "github.com/okchat/okchat-go"
	"github.com/okchat/okchat-go/contract"
	"github.com/okchat/okchat-go/exchange"
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
}

// walk asks for page after page and hands on each exchange, in order. It only reads. An answer that breaks the contract ends
// it without an error: whoever takes the exchanges knows better what is wrong.
func (f *walkFlags) walk(ctx context.Context, std streams, command string, c *contract.Contract, take func(*exchange.Exchange)) error {
	if f.pages < 1 {
		return usageErrorf("--pages is %d, expected 1 or more", f.pages)
	}
	if f.limit < 0 {
		return usageErrorf("--limit is %d, expected 0 or more", f.limit)
	}
	var mu sync.Mutex
	watch := c.Capture(func(ex *exchange.Exchange) {
		mu.Lock()
		defer mu.Unlock()
		take(ex)
	}).Transport(http.DefaultTransport)
	from, err := f.open(std, command, okchat.WithTransport(watch))
	if err != nil {
		return err
	}
	defer from.close()
	n := 0
	for _, err := range from.client.Pages(ctx, from.chatbot, okchat.ListOptions{Limit: f.limit, State: okchat.ConversationState(f.state)}) {
		if _, ok := errors.AsType[*okchat.ContractError](err); ok {
			return nil
		}
		if err != nil {
			return err
		}
		if n++; n == f.pages {
			break
		}
	}
	return nil
}

// checkLive takes each exchange of a walk as a result.
func checkLive(ctx context.Context, std streams, f *walkFlags, c *contract.Contract, take func(*contract.Result, error) bool) error {
	pages := c.NewWalk()
	err := f.walk(ctx, std, "okchat check --live", c, func(ex *exchange.Exchange) {
		take(pages.Check(ex), nil)
	})
	var usage usageError
	if errors.As(err, &usage) || errors.Is(err, okchat.ErrArgument) || ctx.Err() != nil {
		return err
	}
	if err != nil {
		take(nil, err)
	}
	return nil
}
