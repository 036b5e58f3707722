package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"

	"github.com/spf13/cobra"

	okchat "github.com/okchat/okchat-go"
	"github.com/okchat/okchat-go/contract"
	"github.com/okchat/okchat-go/exchange"
	"github.com/okchat/okchat-go/gen/okchatapi"
)

// walkFlags are those of a bounded walk over a chatbot's pages, and over the messages of its first conversations.
type walkFlags struct {
	accountFlags
	pages, limit, conversations int
	state                       string
}

func (f *walkFlags) add(cmd *cobra.Command) {
	f.accountFlags.add(cmd)
	cmd.Flags().IntVar(&f.pages, "pages", 10, "ask for at most `n` pages of a list")
	cmd.Flags().IntVar(&f.limit, "limit", 0, "ask for `n` conversations or messages a page, 0 for the server's own number")
	cmd.Flags().IntVar(&f.conversations, "conversations", 3, "ask for the first `n` conversations by their ids, too, and for their messages")
	cmd.Flags().StringVar(&f.state, "state", "", "only conversations in this state, such as in_progress")
	offer(cmd, "state", okchatapi.ConversationStateValues())
}

// walk asks for page after page of the conversations, for the first of them with their messages, and for the chatbots. It
// checks each exchange as it comes and hands on the results in order. It tells how many answers of each operation it looked
// at, and returns the names of those of which there were none. It only reads. What fails besides the list stops nothing else.
func (f *walkFlags) walk(ctx context.Context, std streams, command string, c *contract.Contract, take func(*contract.Result), failed func(error)) (none []string, err error) {
	switch {
	case f.pages < 1:
		return nil, usageErrorf("--pages is %d, expected 1 or more", f.pages)
	case f.limit < 0:
		return nil, usageErrorf("--limit is %d, expected 0 or more", f.limit)
	case f.conversations < 0:
		return nil, usageErrorf("--conversations is %d, expected 0 or more", f.conversations)
	}
	var watch http.RoundTripper // once it is known where the account is
	from, err := f.open(std, command, okchat.WithTransport(roundTripper(func(req *http.Request) (*http.Response, error) { return watch.RoundTrip(req) })))
	if err != nil {
		return nil, err
	}
	defer from.close()
	if from.sample == nil {
		if c, err = c.At(os.Getenv(okchat.EnvBaseURL)); err != nil {
			return nil, usageErrorf("%s: %w", okchat.EnvBaseURL, err)
		}
	}
	var mu sync.Mutex
	pages, seen := c.NewWalk(), looked{}
	watch = c.Capture(func(ex *exchange.Exchange) {
		mu.Lock()
		defer mu.Unlock()
		result := pages.Check(ex)
		seen.add(result)
		take(result)
	}).Transport(http.DefaultTransport)
	defer func() {
		if ctx.Err() == nil {
			none = seen.tell(std.err, c)
		}
	}()
	n := 0
	var ids []string
	var listing error
	for page, err := range from.client.Pages(ctx, from.chatbot, okchat.ListOptions{Limit: f.limit, State: okchat.ConversationState(f.state)}) {
		if _, broken := errors.AsType[*okchat.ContractError](err); broken {
			listing = err
			break
		} else if err != nil {
			return nil, err
		}
		for _, conv := range page.Items[:min(len(page.Items), f.conversations-len(ids))] {
			ids = append(ids, conv.ID.String())
		}
		if n++; n == f.pages {
			break
		}
	}
	try := func(err error) {
		if err != nil && ctx.Err() == nil {
			failed(err)
		}
	}
	for _, id := range ids {
		_, err := from.client.Conversation(ctx, from.chatbot, id, okchat.CallOptions{})
		try(err)
		n := 0
		for _, err := range from.client.MessagePages(ctx, from.chatbot, id, okchat.MessageOptions{Limit: f.limit}) {
			if try(err); err != nil {
				break
			}
			if n++; n == f.pages {
				break
			}
		}
	}
	_, err = from.client.Chatbots(ctx, okchat.CallOptions{})
	try(err)
	return nil, cmp.Or(ctx.Err(), listing)
}

// looked counts the answers that were checked, by the name of the operation.
type looked map[string]int

// add counts an answer that holds what was asked for, whether it keeps the contract or not.
func (l looked) add(r *contract.Result) {
	if r.Operation != nil && r.Outcome == contract.Checked && r.Exchange.Status == http.StatusOK {
		l[r.Operation.Name()]++
	}
}

// tell writes a line for each operation of the contract, and returns the names of those that gave no such answer.
func (l looked) tell(w io.Writer, c *contract.Contract) (none []string) {
	for _, name := range c.Operations() {
		if l[name] == 0 {
			none = append(none, name)
			fmt.Fprintf(w, "looked at no answer of %s\n", name)
			continue
		}
		fmt.Fprintf(w, "looked at %s of %s\n", number(l[name], "answer"), name)
	}
	return none
}

// takeUnseen hands on a result for each operation that gave no answer to look at, so that no report passes over it.
func takeUnseen(none []string, take func(*contract.Result, error) bool) {
	for _, name := range none {
		method, _, _ := strings.Cut(name, " ")
		take(&contract.Result{Exchange: &exchange.Exchange{Method: method, Source: exchange.Source{File: "live"}}, Outcome: contract.NotChecked, Reason: "there was no answer of " + name}, nil)
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

// RoundTrip implements [http.RoundTripper].
func (f roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// checkLive takes each exchange of a walk as a result.
func checkLive(ctx context.Context, std streams, f *walkFlags, c *contract.Contract, take func(*contract.Result, error) bool) error {
	var last, any bool // whether the last answer, or any, breaks the contract
	failed := func(err error) {
		told := last || any && errors.Is(err, okchat.ErrItems)
		if _, ok := errors.AsType[*okchat.ContractError](err); err != nil && !(ok && told) { // of which the findings tell more
			take(nil, err)
		}
	}
	none, err := f.walk(ctx, std, "okchat check --live", c, func(r *contract.Result) {
		last = breaks(r)
		any = any || last
		take(r, nil)
	}, failed)
	var usage usageError
	if errors.As(err, &usage) || errors.Is(err, okchat.ErrArgument) || ctx.Err() != nil {
		return err
	}
	failed(err)
	takeUnseen(none, take)
	return nil
}
