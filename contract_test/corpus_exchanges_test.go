package contract_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/okchat/okchat-go/exchange"
)

// reads adds what breaks the reads other than the list.
func (c *corpus) reads() {
	const class = "reads"
	recording := func(file string, entry int, name, want string, change func(body map[string]any)) {
		var list []*exchange.Exchange
		for i := max(entry-1, 0); i <= entry; i++ {
			ex := *recorded(c.t, file)[i]
			if i == entry {
				ex.ResponseBody = c.edit(ex.ResponseBody, change)
			}
			if i == entry || file == "messages.har" && entry == 2 {
				list = append(list, &ex)
			}
		}
		c.list = append(c.list, exhibit{class, name, list, want})
	}
	messages := func(name, want string, change func(body map[string]any)) {
		recording("messages.har", 0, name, want, change)
	}
	messages("messages as recorded", "", unchanged)
	messages("a message of another conversation", "violation other-conversation /data/3/session_id", put(3, "session_id", another))
	messages("an older message after a newer one", "violation oldest-first /data/4/created_at", put(4, "created_at", "2025-01-01T00:00:00+00:00"))
	messages("a message twice", "violation unique-id /data/7/id", func(p map[string]any) { item(p, 7)["id"] = item(p, 2)["id"] })
	messages("a user's message with a model", "violation user-model /data/0/model", put(0, "model", "gpt-4o"))
	messages("a user's message with a provider", "violation user-model /data/0/provider", put(0, "provider", "openai"))
	messages("a message of the future", "violation in-future /data/9/created_at", put(9, "created_at", "2999-01-01T00:00:00+00:00"))
	messages("a message without a text", "violation missing /data/1/content", func(p map[string]any) { delete(item(p, 1), "content") })
	messages("a message of no conversation", "violation missing /data/1/session_id", func(p map[string]any) { delete(item(p, 1), "session_id") })
	messages("a message without lists", "", func(p map[string]any) {
		delete(item(p, 1), "attachments")
		delete(item(p, 1), "tool_calls")
		item(p, 1)["tool_results"] = nil
	})
	messages("a model that nobody has seen", "drift unknown-value /data/1/model", put(1, "model", "other-model"))
	messages("a sender that nobody has seen", "drift unknown-value /data/1/sender_type", put(1, "sender_type", "agent"))
	messages("an attachment without an address", "violation missing /data/0/attachments/0/url", func(p map[string]any) {
		item(p, 0)["attachments"] = []any{map[string]any{"name": "0.5.png"}}
	})
	recording("messages.har", 2, "the second page of messages", "", unchanged)
	recording("messages.har", 2, "a message on two pages", "violation unique-in-walk /data/0/id", func(p map[string]any) {
		item(p, 0)["id"] = "00000006-0000-4000-8000-000000000012"
	})
	recording("messages.har", 1, "another page of messages than asked for", "violation page-echo /metadata/currentPage", func(p map[string]any) {
		metadata(p)["currentPage"] = 2
		p["data"] = p["data"].([]any)[:2]
	})
	// What identifies a person, and what is the company's secret, is a leak where nobody has said that it may be shared.
	leak := func(file, want string, change func(body map[string]any)) {
		ex := *recorded(c.t, file)[0]
		ex.Shareable = false
		ex.ResponseBody = c.edit(ex.ResponseBody, change)
		c.list = append(c.list, exhibit{"leaks", "as recorded: " + want, []*exchange.Exchange{&ex}, want})
	}
	leak("messages.har", "leak leaked-person /data/0/content", unchanged)
	leak("messages.har", "leak leaked-person /data/0/attachments/0/name", unchanged)
	leak("messages.har", "leak leaked-person /data/0/attachments/0/url", func(p map[string]any) {
		for i := range p["data"].([]any) {
			if list, ok := item(p, i)["attachments"].([]any); ok {
				for _, attachment := range list {
					delete(attachment.(map[string]any), "name")
				}
			}
		}
	})
	leak("chatbots.har", "leak leaked-person /chatbots/0/settings/prompt", unchanged)
	leak("chatbots.har", "leak leaked-token /chatbots/1/openai_api_key", func(p map[string]any) {
		p["chatbots"].([]any)[1].(map[string]any)["openai_api_key"] = "made-up-0123456789"
	})
	recording("conversation.har", 0, "another conversation", "violation other-conversation /session/id", func(p map[string]any) {
		p["session"].(map[string]any)["id"] = another
	})
	recording("conversation.har", 0, "a conversation of another chatbot", "violation other-chatbot /session/chatbot_id", func(p map[string]any) {
		p["session"].(map[string]any)["chatbot_id"] = another
	})
	recording("conversation.har", 1, "a conversation without a state", "", func(p map[string]any) { delete(p["session"].(map[string]any), "state") })
	recording("chatbots.har", 0, "a chatbot twice", "violation unique-id /chatbots/1/id", func(p map[string]any) {
		bots := p["chatbots"].([]any)
		bots[1].(map[string]any)["id"] = bots[0].(map[string]any)["id"]
	})
	recording("chatbots.har", 0, "a chatbot without a name", "violation missing /chatbots/0/name", func(p map[string]any) {
		delete(p["chatbots"].([]any)[0].(map[string]any), "name")
	})
}

func (c *corpus) requests() {
	const class = "requests"
	url := func(name, want, url string) {
		c.exchange(class, name, want, func(ex *exchange.Exchange) { ex.URL = url })
	}
	c.exchange(class, "no key", "violation key X-Api-Key", func(ex *exchange.Exchange) { ex.RequestHeader.Del("X-Api-Key") })
	c.exchange(class, "an empty key", "violation key X-Api-Key", func(ex *exchange.Exchange) { ex.RequestHeader.Set("X-Api-Key", " ") })
	c.exchange(class, "the key as a bearer", "violation key X-Api-Key", func(ex *exchange.Exchange) {
		ex.RequestHeader.Del("X-Api-Key")
		ex.RequestHeader.Set("Authorization", "Bearer REDACTED")
	})
	for _, name := range []string{"page", "limit"} {
		url(name+" 0", "violation range "+name, path+"?"+name+"=0")
		url(name+" -1", "violation range "+name, path+"?"+name+"=-1")
		url(name+" a word", "violation type "+name, path+"?"+name+"=abc")
		url(name+" a fraction", "violation type "+name, path+"?"+name+"=1.5")
		url(name+" with a sign", "violation type "+name, path+"?"+name+"=%2B1")
		url(name+" empty", "violation type "+name, path+"?"+name+"=")
		url(name+" without a value", "violation type "+name, path+"?"+name)
		url(name+" twice", "violation repeated "+name, path+"?"+name+"=1&"+name+"=1")
		url(name+" too large for any number", "violation type "+name, path+"?"+name+"=99999999999999999999")
	}
	url("an unknown parameter", "violation undocumented-parameter sort", path+"?sort=asc")
	url("a parameter in another case", "violation undocumented-parameter Page", path+"?Page=1")
	url("a parameter as a list", "violation undocumented-parameter page[]", path+"?page[]=1")
	url("a broken escape", "violation type ", path+"?state=%zz")
	url("a chatbot id that is none", "violation format chatbotId", strings.Replace(path, bot, "42", 1))
	url("no chatbot id", "violation format chatbotId", strings.Replace(path, bot, "", 1))
	url("a chatbot id in braces", "violation format chatbotId", strings.Replace(path, bot, "%7B"+bot+"%7D", 1))
	url("a slash too many", "not checked", path+"/")
	url("another version of the path", "not checked", strings.Replace(path, "/api/", "/v2/api/", 1))
	url("another endpoint", "elsewhere", "https://v2.okchat.ai/api/external/chatbot")
	for _, method := range []string{"POST", "DELETE"} {
		c.exchange(class, "the method "+method, "violation operation ", func(ex *exchange.Exchange) { ex.Method = method })
	}
}

func (c *corpus) meaning() {
	const class = "meaning"
	query := func(name, want, query string) {
		c.exchange(class, name, want, func(ex *exchange.Exchange) { ex.URL = path + query })
	}
	query("another page than asked for", "violation page-echo /metadata/currentPage", "?page=2")
	c.body(class, "another page where none was asked for", "violation page-echo /metadata/currentPage", func(p map[string]any) { metadata(p)["currentPage"] = 2 })
	query("another limit than asked for", "violation limit-echo /metadata/pageSize", "?limit=5")
	c.body(class, "a page too many", "violation total-pages /metadata/totalPages", func(p map[string]any) { metadata(p)["totalPages"] = 3 })
	c.body(class, "pages rounded down", "violation total-pages /metadata/totalPages", func(p map[string]any) { metadata(p)["totalCount"] = 21 })
	c.body(class, "an item too few", "violation item-count /data", func(p map[string]any) { p["data"] = p["data"].([]any)[:9] })
	c.body(class, "no items", "violation item-count /data", func(p map[string]any) { p["data"] = []any{} })
	c.body(class, "more items than there are", "violation item-count /data", func(p map[string]any) { metadata(p)["totalCount"], metadata(p)["totalPages"] = 9, 1 })
	c.body(class, "oldest first", "violation newest-first /data/1/created_at", func(p map[string]any) { slices.Reverse(p["data"].([]any)[:2]) })
	c.body(class, "an id twice", "violation unique-id /data/7/id", func(p map[string]any) { item(p, 7)["id"] = item(p, 2)["id"] })
	c.body(class, "an id twice in another case", "violation unique-id /data/7/id", func(p map[string]any) {
		item(p, 7)["id"] = strings.ToUpper(item(p, 2)["id"].(string))
	})
	c.body(class, "another chatbot's conversation", "violation other-chatbot /data/7/chatbot_id", put(7, "chatbot_id", another))
	c.exchange(class, "another state than asked for", "violation state-filter /data/7/state", func(ex *exchange.Exchange) {
		ex.URL = path + "?state=in_progress"
		ex.ResponseBody = c.edit(ex.ResponseBody, put(7, "state", "resolved"))
	})
	c.body(class, "changed before it began", "violation updated-before-created /data/7/updated_at", put(7, "updated_at", "2025-03-01T00:00:00+00:00"))
	c.body(class, "begun in the future", "violation in-future /data/0/created_at", put(0, "created_at", "2999-01-01T00:00:00Z"))
	c.body(class, "begun and changed in the future", "violation in-future /data/0/created_at", func(p map[string]any) {
		item(p, 0)["created_at"], item(p, 0)["updated_at"] = "2999-01-01T00:00:00Z", "2999-01-01T00:00:00Z"
	})
	c.body(class, "changed in the future", "violation in-future /data/4/updated_at", put(4, "updated_at", "2999-01-01T00:00:00Z"))
	c.exchange(class, "begun after the answer's date", "violation in-future /data/0/created_at", func(ex *exchange.Exchange) {
		ex.ResponseHeader.Set("Date", "Fri, 07 Mar 2025 05:30:00 GMT")
		ex.ResponseBody = c.edit(ex.ResponseBody, put(0, "created_at", "2025-03-08T00:00:00Z"))
	})
	c.body(class, "a recording on the web", "violation voice-path /data/4/voice_path", put(4, "voice_path", "a.ogg"))
	c.body(class, "no recording on voice", "violation voice-path /data/5/voice_path", put(5, "voice_path", nil))
	c.body(class, "voice metadata on the web", "violation voice-type /data/4/metadata", put(4, "metadata", map[string]any{"type": "voice_chat"}))
	c.body(class, "web metadata on voice", "violation voice-type /data/5/metadata", put(5, "metadata", map[string]any{"anonymous": true}))
	last := func(p map[string]any) map[string]any { return item(p, 9) }
	var one map[string]any
	remember := func(p map[string]any) { one = p }
	c.walk(class, "a conversation on two pages", "violation unique-in-walk /data/0/id", remember, func(p map[string]any) { p["data"].([]any)[0] = last(one) })
	c.walk(class, "an id on two pages", "violation unique-in-walk /data/4/id", remember, func(p map[string]any) { item(p, 4)["id"] = item(one, 1)["id"] })
	c.walk(class, "a newer conversation on the second page", "violation newest-first-in-walk /data/0/created_at", remember, func(p map[string]any) {
		item(p, 0)["created_at"], item(p, 0)["updated_at"] = item(one, 0)["updated_at"], item(one, 0)["updated_at"]
	})
	c.walk(class, "a total that rises while nothing moves", "violation total-in-walk /metadata/totalCount", unchanged, func(p map[string]any) {
		metadata(p)["totalCount"], metadata(p)["totalPages"] = 21, 3
	})
	c.walk(class, "a total that falls while nothing leaves", "violation item-count /data", unchanged, func(p map[string]any) { metadata(p)["totalCount"] = 19 })
}

func (c *corpus) leaks() {
	const class = "leaks"
	key := "made-up-key-" + strings.Repeat("7", 12)
	header := func(name, want, header, v string) {
		c.exchange(class, name, want, func(ex *exchange.Exchange) { ex.RequestHeader.Set(header, v) })
	}
	header("the key", "leak leaked-key X-Api-Key", "X-Api-Key", key)
	header("a bearer's token", "leak leaked-token Authorization", "Authorization", "Bearer made-up-0123456789")
	header("a cookie", "leak leaked-token Cookie", "Cookie", "sid=made-up-1")
	c.exchange(class, "a cookie that is set", "leak leaked-token Set-Cookie", func(ex *exchange.Exchange) { ex.ResponseHeader.Set("Set-Cookie", "sid=made-up-1; Path=/") })
	c.exchange(class, "a token in a header", "leak leaked-token X-Debug", func(ex *exchange.Exchange) {
		ex.ResponseHeader.Set("X-Debug", "ey"+strings.Repeat("J0", 10)+"."+strings.Repeat("a1", 10)+".b")
	})
	c.exchange(class, "a password in the URL", "leak leaked-token ", func(ex *exchange.Exchange) { ex.URL = strings.Replace(path, "https://", "https://me:hunter22@", 1) })
	for name, text := range map[string]string{
		"leaked-email": "Write to kim.minsu@shop.co.kr please", "leaked-phone": "Call 010-1234-5678 please",
		"leaked-token": "Use Bearer made-up-0123456789 please",
	} {
		c.body(class, name+" in a text", "leak "+name+" /data/4/last_message", put(4, "last_message", text))
		c.body(class, name+" in a message", "leak "+name+" /data/0/last_message/content", func(p map[string]any) {
			item(p, 0)["last_message"].(map[string]any)["content"] = text
		})
	}
	c.body(class, "an address for a platform", "leak leaked-email /data/4/platform", put(4, "platform", "kim.minsu@shop.co.kr"))
	c.body(class, "an address for a time", "leak leaked-email /data/4/updated_at", put(4, "updated_at", "kim.minsu@shop.co.kr"))
	c.body(class, "an international number", "leak leaked-phone /data/4/last_message", put(4, "last_message", "+82 10 1234 5678"))
	c.body(class, "a session's token", "leak leaked-token /data/4/session_token", put(4, "session_token", "made-up-0123456789"))
	c.exchange(class, "the key in a failure", "leak leaked-key ", func(ex *exchange.Exchange) {
		ex.RequestHeader.Set("X-Api-Key", "fake-key-for-tests")
		ex.Status, ex.ResponseBody = 401, []byte("no such key: fake-key-for-tests")
		ex.ResponseHeader.Set("Content-Type", "text/plain")
	})
	c.exchange(class, "the key as the name of a member", "leak leaked-key ", func(ex *exchange.Exchange) {
		ex.RequestHeader.Set("X-Api-Key", "fake-key-for-tests")
		ex.ResponseBody = c.edit(ex.ResponseBody, func(p map[string]any) { p["fake-key-for-tests"] = 1 })
	})
	// One thing of an end user at a time, in a recording that is not marked.
	for pointer, v := range map[string]any{
		"/data/4/last_message": "hello", "/data/4/sns_user_id": "1", "/data/4/user_id": "2",
		"/data/4/last_message/content": map[string]any{"id": another, "content": "hello", "sender_type": "user"},
	} {
		c.exchange(class, "only "+pointer, "leak leaked-person "+pointer, func(ex *exchange.Exchange) {
			ex.Shareable = false
			ex.ResponseBody = c.edit(ex.ResponseBody, func(p map[string]any) {
				for i := range 10 {
					item(p, i)["last_message"], item(p, i)["sns_user_id"] = nil, nil
				}
				item(p, 4)[strings.Split(pointer, "/")[3]] = v
			})
		})
	}
	c.exchange(class, "texts that are not marked", "leak leaked-person /data/5/voice_path", func(ex *exchange.Exchange) { ex.Shareable = false })
}

func (c *corpus) good() {
	const class = "good"
	c.exchange(class, "as recorded", "", func(*exchange.Exchange) {})
	for _, query := range []string{"?", "?page=1", "?limit=10", "?page=1&limit=10", "?state=in_progress", "?limit=10&state=in_progress&page=1", "?page=01", "?page=%31"} {
		c.exchange(class, "the query "+query, "", func(ex *exchange.Exchange) { ex.URL = path + query })
	}
	c.exchange(class, "another host", "", func(ex *exchange.Exchange) {
		ex.URL = strings.Replace(path, "https://v2.okchat.ai", "http://127.0.0.1:8080", 1)
	})
	c.exchange(class, "a chatbot id in upper case", "", func(ex *exchange.Exchange) { ex.URL = strings.Replace(path, bot, strings.ToUpper(bot), 1) })
	c.exchange(class, "no body in the request", "", func(ex *exchange.Exchange) { ex.RequestBody = nil })
	c.exchange(class, "more headers", "", func(ex *exchange.Exchange) {
		ex.ResponseHeader.Set("X-Request-Id", "r-1")
		ex.ResponseHeader.Set("Cache-Control", "no-store")
	})
	c.exchange(class, "a charset", "", func(ex *exchange.Exchange) {
		ex.ResponseHeader.Set("Content-Type", "Application/JSON; charset=\"UTF-8\"")
	})
	c.exchange(class, "a Date header", "", func(ex *exchange.Exchange) { ex.ResponseHeader.Set("Date", "Fri, 07 Mar 2025 05:30:00 GMT") })
	c.exchange(class, "a recorder whose clock is years behind", "", func(ex *exchange.Exchange) { ex.ResponseHeader.Set("Date", "Thu, 01 Jan 1970 00:00:00 GMT") })
	for _, status := range []int{400, 401, 403, 404, 422, 429, 500, 502, 503, 599} {
		c.exchange(class, "status "+strconv.Itoa(status), "", func(ex *exchange.Exchange) {
			ex.Status, ex.ResponseBody = status, []byte("<html>\xff")
			ex.ResponseHeader = http.Header{"Content-Type": {"text/html"}, "Retry-After": {"30"}}
		})
	}
	c.exchange(class, "a failure with nothing at all", "", func(ex *exchange.Exchange) { ex.Status, ex.ResponseBody, ex.ResponseHeader = 500, nil, nil })
	for _, name := range []string{"created_at", "updated_at"} {
		for i, good := range []string{"2016-12-31T23:59:60Z", "2016-12-31T18:59:60-05:00", "2017-01-01t00:00:00z", "2017-01-01T00:00:00.123456789+09:30"} {
			c.body(class, fmt.Sprint(name, i), "", func(p map[string]any) {
				item(p, 9)["created_at"] = "2016-12-31T12:00:00Z"
				item(p, 9)[name] = good
			})
		}
	}
	c.body(class, "ids in upper case", "", func(p map[string]any) {
		item(p, 0)["id"] = strings.ToUpper(item(p, 0)["id"].(string))
		item(p, 0)["chatbot_id"] = strings.ToUpper(bot)
	})
	c.body(class, "two that began at once", "", func(p map[string]any) {
		item(p, 3)["created_at"], item(p, 3)["updated_at"] = item(p, 2)["created_at"], item(p, 2)["updated_at"]
	})
	c.body(class, "the other booleans", "", func(p map[string]any) {
		item(p, 0)["active"], item(p, 0)["is_human_mode"], item(p, 0)["migrated_data"] = false, true, true
	})
	c.body(class, "ids where null was seen", "", func(p map[string]any) { item(p, 0)["user_id"], item(p, 0)["session_token"] = "u", "REDACTED" })
	c.body(class, "null for a union's string", "", put(4, "last_message", nil))
	c.body(class, "text for a union's object", "", put(0, "last_message", "hello"))
	c.body(class, "an empty text", "", put(4, "last_message", ""))
	c.body(class, "empty metadata", "", put(4, "metadata", map[string]any{}))
	c.body(class, "not anonymous", "", put(4, "metadata", map[string]any{"anonymous": false}))
	c.body(class, "whole numbers with a fraction", "", func(p map[string]any) { metadata(p)["totalCount"] = json.Number("2.0e1") })
	c.text(class, "no white space, escapes", "", "Best places to visit in Bangkok", `\u0042est\n\ud83d\ude00 \/ places`)
	c.exchange(class, "an empty list", "", func(ex *exchange.Exchange) {
		ex.ResponseBody = []byte(`{"data":[],"metadata":{"currentPage":1,"pageSize":10,"totalCount":0,"totalPages":0}}`)
	})
	c.exchange(class, "an empty list of one page", "", func(ex *exchange.Exchange) {
		ex.ResponseBody = []byte(`{"data":[],"metadata":{"currentPage":1,"pageSize":10,"totalCount":0,"totalPages":1}}`)
	})
	c.exchange(class, "a limit above the server's largest", "", func(ex *exchange.Exchange) { ex.URL = path + "?limit=50" })
	c.exchange(class, "a page past the end", "", func(ex *exchange.Exchange) {
		ex.URL = path + "?page=4"
		ex.ResponseBody = []byte(`{"data":[],"metadata":{"currentPage":4,"pageSize":10,"totalCount":20,"totalPages":2}}`)
	})
	var one map[string]any
	remember := func(p map[string]any) { one = p }
	c.walk(class, "two pages", "", unchanged, unchanged)
	c.walk(class, "a conversation came in between", "", remember, func(p map[string]any) {
		p["data"] = append([]any{item(one, 9)}, p["data"].([]any)[:9]...)
		metadata(p)["totalCount"], metadata(p)["totalPages"] = 21, 3
	})
	c.walk(class, "more came in between than a page holds", "", remember, func(p map[string]any) {
		for i := range 5 {
			began := fmt.Sprintf("2025-03-07T05:00:0%dZ", 9-i)
			item(p, i)["created_at"], item(p, i)["updated_at"] = began, began
			p["data"].([]any)[5+i] = item(one, i)
		}
		metadata(p)["totalCount"], metadata(p)["totalPages"] = 35, 4
	})
	// Twelve came in behind the first of three pages, so that the third one begins with two of the first.
	pages := []*exchange.Exchange{c.copy(1), c.copy(2), c.copy(2)}
	pages[0].ResponseBody = c.edit(pages[0].ResponseBody, remember)
	var two []any
	pages[1].ResponseBody = c.edit(pages[1].ResponseBody, func(p map[string]any) {
		two = slices.Clone(p["data"].([]any))
		fresh := p["data"].([]any)[:2]
		for i := range fresh {
			fresh[i] = maps.Clone(fresh[i].(map[string]any))
			began := fmt.Sprintf("2025-03-07T05:00:0%dZ", 9-i)
			item(p, i)["created_at"], item(p, i)["updated_at"] = began, began
			item(p, i)["id"] = fmt.Sprintf("%08d-0000-4000-8000-00000000000f", i)
		}
		p["data"] = append(fresh, one["data"].([]any)[:8]...)
		metadata(p)["totalCount"], metadata(p)["totalPages"] = 32, 4
	})
	pages[2].URL = strings.Replace(pages[2].URL, "page=2", "page=3", 1)
	pages[2].ResponseBody = c.edit(pages[2].ResponseBody, func(p map[string]any) {
		p["data"] = append(slices.Clone(one["data"].([]any)[8:]), two[:8]...)
		metadata(p)["currentPage"], metadata(p)["totalCount"], metadata(p)["totalPages"] = 3, 32, 4
	})
	c.list = append(c.list, exhibit{class, "more came in before the page before", pages, ""})
	c.walk(class, "a conversation left in between", "", unchanged, func(p map[string]any) {
		p["data"] = p["data"].([]any)[1:]
		metadata(p)["totalCount"] = 19
	})
}
