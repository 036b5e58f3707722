package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"

	okchatgo "github.com/okchat/okchat-go"
	"github.com/okchat/okchat-go/bench/ogen"
	"github.com/okchat/okchat-go/gen/okchatapi"
)

const (
	ours  = "okchat-go"
	stock = "oapi-codegen alone"
	other = "ogen"
)

// A caller gets a page through the public call of a client, and returns how many conversations it holds and how many
// there are.
type caller func(ctx context.Context, page, limit int) (got, total int, err error)

// canned answers without a network.
type canned string

func (c canned) RoundTrip(req *http.Request) (*http.Response, error) {
	return &http.Response{
		StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}}, Request: req,
		Body: io.NopCloser(strings.NewReader(string(c))), ContentLength: int64(len(c)),
	}, nil
}

func newOurs(url string, transport http.RoundTripper) *okchatgo.Client {
	opts := []okchatgo.Option{okchatgo.WithBaseURL(url)}
	if transport != nil {
		opts = append(opts, okchatgo.WithTransport(transport))
	}
	return must(okchatgo.New(key, opts...))
}

func callOurs(url string, transport http.RoundTripper) caller {
	client := newOurs(url, transport)
	return func(ctx context.Context, page, limit int) (int, int, error) {
		p, err := client.Page(ctx, bot, okchatgo.PageOptions{Page: page, Limit: limit})
		if err != nil {
			return 0, 0, err
		}
		return len(p.Items), p.Metadata.TotalCount, nil
	}
}

func callStock(url string, transport http.RoundTripper) caller {
	client := must(okchatapi.NewClientWithResponses(url, okchatapi.WithHTTPClient(&http.Client{Transport: transport}),
		okchatapi.WithRequestEditorFn(func(_ context.Context, req *http.Request) error {
			req.Header.Set("x-api-key", key)
			return nil
		})))
	return func(ctx context.Context, page, limit int) (int, int, error) {
		answer, err := client.ListConversationsWithResponse(ctx, uuid.MustParse(bot), &okchatapi.ListConversationsParams{Page: &page, Limit: &limit})
		if err != nil {
			return 0, 0, err
		}
		if answer.JSON200 == nil {
			return 0, 0, errors.New(answer.Status())
		}
		return len(answer.JSON200.Data), answer.JSON200.Metadata.TotalCount, nil
	}
}

type ogenKey struct{}

func (ogenKey) ApiKey(context.Context, ogen.OperationName) (ogen.ApiKey, error) { //nolint:staticcheck // ogen names it so
	return ogen.ApiKey{APIKey: key}, nil
}

func callOgen(url string, transport http.RoundTripper) caller {
	client := must(ogen.NewClient(url, ogenKey{}, ogen.WithClient(&http.Client{Transport: transport})))
	return func(ctx context.Context, page, limit int) (int, int, error) {
		answer, err := client.ListConversations(ctx, ogen.ListConversationsParams{
			ChatbotId: uuid.MustParse(bot), Page: ogen.NewOptInt(page), Limit: ogen.NewOptInt(limit),
		})
		if err != nil {
			return 0, 0, err
		}
		p, ok := answer.(*ogen.ConversationPage)
		if !ok {
			return 0, 0, fmt.Errorf("answer %T", answer)
		}
		return len(p.Data), p.Metadata.TotalCount, nil
	}
}

// calls is a side that gets n pages.
func calls(name string, n, limit int, call caller) side {
	return side{name, func() (cost, error) {
		return work(n, func() error {
			got, _, err := call(context.Background(), 1, limit)
			if err == nil && got != limit {
				err = fmt.Errorf("%d conversations, expected %d", got, limit)
			}
			return err
		})
	}}
}

func rounds(long, short int) int {
	if testing.Short() {
		return short
	}
	return long
}
