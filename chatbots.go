package okchat

import (
	"context"
	"errors"
	"net/http"
	"reflect"

	"github.com/google/uuid"

	"github.com/okchat/okchat-go/gen/okchatapi"
	"github.com/okchat/okchat-go/internal/fastjson"
)

// Chatbots gets the chatbots of the account. The list need not be all that the key can read: the vendor's own sample lacks
// one (observed). There are no pages and no total, so that a list that was cut off cannot be told from a whole one. What the
// answer says besides, among it the chatbots' instructions and keys, is dropped. The errors are those of [Client.Page], without
// the body of the answer.
func (c *Client) Chatbots(ctx context.Context, opts CallOptions) ([]Chatbot, error) {
	page, err := single(ctx, c, &operation[Chatbot]{
		name: "listChatbots", member: "chatbots",
		request: func(int, int) (*http.Request, error) { return okchatapi.NewListChatbotsRequest(c.server) },
		read: func(bot *Chatbot, s *fastjson.Scanner) *sent {
			came := readItem(chatbotType.of(reflect.TypeFor[Chatbot]()), s, bot)
			return &came
		},
		key: func(bot *Chatbot) uuid.UUID { return bot.ID },
	}, 0, 0, opts)
	if broken, ok := errors.AsType[*ContractError](err); ok {
		broken.Body = nil
	}
	if err != nil {
		return nil, err
	}
	return page.Items, nil
}
