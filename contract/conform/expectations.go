package conform

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/okchat/okchat-go/contract/finding"
	"github.com/okchat/okchat-go/exchange"
	"github.com/okchat/okchat-go/gen/okchatapi"
)

const (
	documented = "documented"
	observed   = "observed"
	assumed    = "assumed"
)

var expectations = slices.Concat(of("listConversations", listExpectations), of("getConversation", conversationExpectations),
	of("listMessages", messageExpectations), of("listChatbots", chatbotExpectations))

// of makes expectations those of an operation.
func of(operation string, some []Expectation) []Expectation {
	for i := range some {
		some[i].operation = operation
	}
	return some
}

var listExpectations = []Expectation{
	{
		Code: "first-page", Expect: "a page of conversations, the first one", Evidence: observed,
		request: func(*request) {},
		judge: func(t *tester, ex *exchange.Exchange, p *page) string {
			t.first = p
			return isPage(t, ex, p)
		},
	},
	{
		Code: "documented-call", Expect: "the call as the vendor shows it, with a content type and the body \"\", answered as without", Evidence: documented,
		request: func(r *request) {
			r.header.Set("Content-Type", "application/json")
			r.body = `""`
		},
		judge: isPage,
	},
	{
		Code: "page", Expect: "the second page when that is asked for", Evidence: assumed,
		request: query("page", "2", "limit", "1"),
		judge: func(t *tester, ex *exchange.Exchange, p *page) string {
			switch {
			case p == nil:
				return isPage(t, ex, p)
			case p.Metadata.CurrentPage != 2:
				return fmt.Sprintf("page %d", p.Metadata.CurrentPage)
			case t.first != nil && len(t.first.Data) > 1 && len(p.Data) == 1 && p.Data[0].ID == t.first.Data[0].ID:
				return "the first conversation again"
			}
			return ""
		},
	},
	{
		Code: "limit", Expect: "no more conversations than the limit, and no larger pageSize", Evidence: assumed,
		request: query("limit", "2"),
		judge:   limited,
	},
	{
		Code: "state", Expect: "only conversations in the state that was asked for", Evidence: assumed,
		request: query("state", string(okchatapi.ConversationStateInProgress)),
		judge:   isPage,
	},
	{
		Code: "unknown-state", Expect: "no conversations, or a refusal", Evidence: assumed, broken: true,
		request: query("state", "unheard_of"),
		judge:   noneOrRefusal,
	},
	{
		Code: "page-past-the-end", Expect: "no conversations, or a refusal", Evidence: assumed,
		request: query("page", "1000000"),
		judge:   noneOrRefusal,
	},
	wrongNumber("page", "0"), wrongNumber("page", "-1"), wrongNumber("page", "abc"),
	wrongNumber("limit", "0"), wrongNumber("limit", "abc"),
	noKey("no-key"),
	{
		Code: "wrong-key", Expect: "a refusal (4XX)", Evidence: assumed,
		request: func(r *request) { r.key = "okchat-conform-wrong-key" },
		judge:   refusal,
	},
	{
		Code: "unknown-chatbot", Expect: "no conversations, or a refusal", Evidence: assumed,
		request: func(r *request) { r.ids[0] = "00000000-0000-4000-8000-000000000000" },
		judge:   noneOrRefusal,
	},
	{
		Code: "wrong-chatbot-id", Expect: "a refusal (4XX)", Evidence: assumed, broken: true,
		request: func(r *request) { r.ids[0] = "not-a-uuid" },
		judge:   refusal,
	},
	{
		Code: "head", Expect: "the answer of GET without its body, or a refusal", Evidence: assumed, broken: true,
		request: func(r *request) { r.method = http.MethodHead },
		judge: func(t *tester, ex *exchange.Exchange, _ *page) string {
			switch {
			case len(ex.ResponseBody) > 0:
				return "a body"
			case ex.Status == http.StatusOK:
				return ""
			}
			return refusal(t, ex, nil)
		},
	},
	{
		Code: "other-method", Expect: "a refusal (4XX)", Evidence: assumed, broken: true,
		request: func(r *request) { r.method = http.MethodPost },
		judge:   refusal,
	},
	{
		Code: "unknown-parameter", Expect: "it left out of account, or a refusal", Evidence: assumed, broken: true,
		request: query("unheard_of", "1"),
		judge:   pageOrRefusal,
	},
	{
		Code: "walk", Expect: "page after page as far as was asked for, each conversation once", Evidence: assumed,
		request: func(*request) {}, walk: true, judge: isPage,
	},
}

var conversationExpectations = []Expectation{
	{
		Code: "conversation", Expect: "a conversation of the list by its id", Evidence: documented,
		request: func(*request) {},
		judge: func(t *tester, ex *exchange.Exchange, _ *page) string {
			var got struct {
				Session struct{ ID uuid.UUID }
			}
			body, err := ex.Body()
			if ex.Status != http.StatusOK || err != nil || json.Unmarshal(body, &got) != nil {
				return answered(ex)
			}
			if got.Session.ID.String() != t.conversation() {
				return "another conversation"
			}
			return ""
		},
	},
	noKey("conversation-no-key"),
	unknownConversation("unknown-conversation", "a refusal (4XX)", refusal),
	wrongConversation("wrong-conversation-id"),
}

var messageExpectations = []Expectation{
	{Code: "messages", Expect: "a page of messages of a conversation of the list", Evidence: documented, request: func(*request) {}, judge: isPage},
	{
		Code: "messages-limit", Expect: "no more messages than the limit, and no larger pageSize", Evidence: assumed,
		request: query("limit", "2"),
		judge:   limited,
	},
	noKey("messages-no-key"),
	unknownConversation("messages-unknown-conversation", "no messages, or a refusal", noneOrRefusal),
	wrongConversation("messages-wrong-conversation-id"),
	{
		Code: "messages-walk", Expect: "page after page as far as was asked for, each message once", Evidence: assumed,
		request: query("limit", "2"), walk: true, judge: isPage,
	},
}

var chatbotExpectations = []Expectation{
	{
		Code: "chatbots", Expect: "the account's chatbots", Evidence: documented,
		request: func(*request) {},
		judge:   isPage,
	},
	noKey("chatbots-no-key"),
}

func noKey(code finding.Code) Expectation {
	return Expectation{
		Code: code, Expect: "a refusal (4XX)", Evidence: assumed, broken: true,
		request: func(r *request) { r.key = "" },
		judge:   refusal,
	}
}

func unknownConversation(code finding.Code, expect string, judge func(*tester, *exchange.Exchange, *page) string) Expectation {
	return Expectation{
		Code: code, Expect: expect, Evidence: assumed,
		request: func(r *request) { r.ids[1] = "00000000-0000-4000-8000-000000000000" },
		judge:   judge,
	}
}

func wrongConversation(code finding.Code) Expectation {
	return Expectation{
		Code: code, Expect: "a refusal (4XX)", Evidence: assumed, broken: true,
		request: func(r *request) { r.ids[1] = "not-a-uuid" },
		judge:   refusal,
	}
}

// query sets parameters, names and values by turns.
func query(pairs ...string) func(*request) {
	return func(r *request) {
		for i := 0; i < len(pairs); i += 2 {
			r.query.Set(pairs[i], pairs[i+1])
		}
	}
}

func wrongNumber(name, text string) Expectation {
	code := "wrong-" + name + "-" + map[string]string{"0": "zero", "-1": "negative", "abc": "word"}[text]
	return Expectation{
		Code: finding.Code(code), Expect: name + "=" + text + " refused, or answered with a page", Evidence: assumed, broken: true,
		request: query(name, text), judge: pageOrRefusal,
	}
}

// limited is the judge of a request for two items.
func limited(_ *tester, ex *exchange.Exchange, p *page) string {
	switch {
	case p == nil:
		return answered(ex)
	case len(p.Data) > 2:
		return fmt.Sprintf("%d items", len(p.Data))
	case p.Metadata.PageSize > 2:
		return fmt.Sprintf("pageSize %d", p.Metadata.PageSize)
	}
	return ""
}

func isPage(_ *tester, ex *exchange.Exchange, p *page) string {
	if p == nil {
		return answered(ex)
	}
	return ""
}

func refusal(_ *tester, ex *exchange.Exchange, _ *page) string {
	if ex.Status >= 400 && ex.Status <= 499 {
		return ""
	}
	return answered(ex)
}

func pageOrRefusal(t *tester, ex *exchange.Exchange, p *page) string {
	if p != nil {
		return ""
	}
	return refusal(t, ex, nil)
}

func noneOrRefusal(t *tester, ex *exchange.Exchange, p *page) string {
	if p != nil && len(p.Data) > 0 {
		return fmt.Sprintf("%d items", len(p.Data))
	}
	return pageOrRefusal(t, ex, p)
}

func answered(ex *exchange.Exchange) string {
	kind, _, _ := strings.Cut(ex.ResponseHeader.Get("Content-Type"), ";")
	if len(kind) > 40 || kind == "" {
		return fmt.Sprintf("status %d", ex.Status)
	}
	return fmt.Sprintf("status %d with %s", ex.Status, kind)
}
