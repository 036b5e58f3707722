package conform

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/okchat/okchat-go/contract"
	"github.com/okchat/okchat-go/exchange"
	"github.com/okchat/okchat-go/gen/okchatapi"
)

const (
	documented = "documented"
	observed   = "observed"
	assumed    = "assumed"
)

var expectations = []Expectation{
	{
		Code: "first-page", Expect: "a page of conversations, the first one", Evidence: observed,
		request: func(*request) {},
		judge: func(t *tester, ex *exchange.Exchange, page *okchatapi.ConversationPage) string {
			t.first = page
			return isPage(t, ex, page)
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
		judge: func(t *tester, ex *exchange.Exchange, page *okchatapi.ConversationPage) string {
			switch {
			case page == nil:
				return isPage(t, ex, page)
			case page.Metadata.CurrentPage != 2:
				return fmt.Sprintf("page %d", page.Metadata.CurrentPage)
			case t.first != nil && len(t.first.Data) > 1 && len(page.Data) == 1 && page.Data[0].ID == t.first.Data[0].ID:
				return "the first conversation again"
			}
			return ""
		},
	},
	{
		Code: "limit", Expect: "no more conversations than the limit, and no larger pageSize", Evidence: assumed,
		request: query("limit", "2"),
		judge: func(t *tester, ex *exchange.Exchange, page *okchatapi.ConversationPage) string {
			switch {
			case page == nil:
				return isPage(t, ex, page)
			case len(page.Data) > 2:
				return fmt.Sprintf("%d conversations", len(page.Data))
			case page.Metadata.PageSize > 2:
				return fmt.Sprintf("pageSize %d", page.Metadata.PageSize)
			}
			return ""
		},
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
	{
		Code: "no-key", Expect: "a refusal (4XX)", Evidence: assumed, broken: true,
		request: func(r *request) { r.key = "" },
		judge:   refusal,
	},
	{
		Code: "wrong-key", Expect: "a refusal (4XX)", Evidence: assumed,
		request: func(r *request) { r.key = "okchat-conform-wrong-key" },
		judge:   refusal,
	},
	{
		Code: "unknown-chatbot", Expect: "no conversations, or a refusal", Evidence: assumed,
		request: func(r *request) { r.chatbot = "00000000-0000-4000-8000-000000000000" },
		judge:   noneOrRefusal,
	},
	{
		Code: "wrong-chatbot-id", Expect: "a refusal (4XX)", Evidence: assumed, broken: true,
		request: func(r *request) { r.chatbot = "not-a-uuid" },
		judge:   refusal,
	},
	{
		Code: "head", Expect: "the answer of GET without its body, or a refusal", Evidence: assumed, broken: true,
		request: func(r *request) { r.method = http.MethodHead },
		judge: func(t *tester, ex *exchange.Exchange, _ *okchatapi.ConversationPage) string {
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
	{Code: "walk", Expect: "page after page to the end, each conversation once", Evidence: assumed},
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
		Code: contract.Code(code), Expect: name + "=" + text + " refused, or answered with a page", Evidence: assumed, broken: true,
		request: query(name, text), judge: pageOrRefusal,
	}
}

func isPage(_ *tester, ex *exchange.Exchange, page *okchatapi.ConversationPage) string {
	if page == nil {
		return answered(ex)
	}
	return ""
}

func refusal(_ *tester, ex *exchange.Exchange, _ *okchatapi.ConversationPage) string {
	if ex.Status >= 400 && ex.Status <= 499 {
		return ""
	}
	return answered(ex)
}

func pageOrRefusal(t *tester, ex *exchange.Exchange, page *okchatapi.ConversationPage) string {
	if page != nil {
		return ""
	}
	return refusal(t, ex, nil)
}

func noneOrRefusal(t *tester, ex *exchange.Exchange, page *okchatapi.ConversationPage) string {
	if page != nil && len(page.Data) > 0 {
		return fmt.Sprintf("%d conversations", len(page.Data))
	}
	return pageOrRefusal(t, ex, page)
}

func answered(ex *exchange.Exchange) string {
	kind, _, _ := strings.Cut(ex.ResponseHeader.Get("Content-Type"), ";")
	if len(kind) > 40 || kind == "" {
		return fmt.Sprintf("status %d", ex.Status)
	}
	return fmt.Sprintf("status %d with %s", ex.Status, kind)
}
