package main

import (
	"context"
	"errors"
	"sync"

	"github.com/spf13/cobra"

	okchat "github.com/okchat/okchat-go"
	"github.com/okchat/okchat-go/contract"
)

const liveExample = okchat.EnvKey + `=... okchat check --live --chatbot 5afe16ed-5fd2-4552-a993-903bc9c32bb6 --pages 20`

// liveFlags are those of a walk over a real server.
type liveFlags struct {
	on      bool
	chatbot string
	pages   int
}

func (f *liveFlags) add(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&f.on, "live", false, "ask a real server, page after page, and check what it answers")
	cmd.Flags().StringVar(&f.chatbot, "chatbot", "", "`id` of the chatbot to ask for, with --live")
	cmd.Flags().IntVar(&f.pages, "pages", 10, "ask for at most `n` pages, with --live")
}

// check walks a chatbot's pages and takes each exchange as a result. It only reads.
func (f *liveFlags) check(ctx context.Context, c *contract.Contract, take func(*contract.Result, error) bool) error {
	if f.chatbot == "" {
		return usageErrorf("which chatbot? name it with --chatbot ID")
	}
	if f.pages < 1 {
		return usageErrorf("--pages is %d, expected 1 or more", f.pages)
	}
	var mu sync.Mutex
	walk := c.NewWalk()
	transport := c.Watch(nil, func(ex *contract.Exchange, _ []contract.Finding) {
		mu.Lock()
		defer mu.Unlock()
		take(&contract.Result{Exchange: ex, Findings: walk.Check(ex)}, nil)
	})
	client, err := okchat.NewFromEnv(okchat.WithTransport(transport))
	if err != nil {
		return usageError{err}
	}
	n := 0
	for _, err := range client.Pages(ctx, f.chatbot, okchat.ListOptions{}) {
		var broken *okchat.ContractError
		switch {
		case errors.Is(err, okchat.ErrArgument):
			return err
		case errors.As(err, &broken): // the findings say more
			return nil
		case err != nil:
			take(nil, err)
			return nil
		}
		if n++; n == f.pages {
			break
		}
	}
	return nil
}
