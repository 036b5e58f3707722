package contract_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/okchat/okchat-go/contract"
	check "github.com/okchat/okchat-go/contract/recordings"
	"github.com/okchat/okchat-go/exchange"
)

// call is a request with its answer, before a producer writes it down.
type call struct {
	method, url string
	key         string // the x-api-key, "" for none
	header      map[string]string
	form        map[string]string
	status      int
	mime        string
	body        string
	unrecorded  bool
	at          time.Time
	extra       map[string]any // members of the entry
}

var noon = time.Date(2025, 3, 29, 12, 0, 0, 0, time.UTC)

// good is a call of a page that keeps the contract.
func good(query string, body map[string]any) *call {
	b, err := json.Marshal(body)
	if err != nil {
		panic(err)
	}
	return &call{method: "GET", url: path + query, key: "REDACTED", header: map[string]string{"Accept": "*/*"}, status: 200,
		mime: "application/json; charset=utf-8", body: string(b), at: noon}
}

// list is a page of a list of that many conversations.
func list(page, limit, total int) map[string]any {
	items := []any{}
	for i := (page - 1) * limit; i < min(page*limit, total); i++ {
		began := noon.Add(-time.Duration(i+1) * time.Hour).Format(time.RFC3339)
		items = append(items, map[string]any{
			"id": fmt.Sprintf("%08x-0000-4000-8000-000000000000", i+1), "chatbot_id": bot, "active": true, "is_human_mode": false,
			"migrated_data": false, "platform": "web", "state": "in_progress", "created_at": began, "updated_at": began,
			"last_message": "hello", "metadata": map[string]any{"anonymous": true}, "sns_user_id": "10000000000001",
			"session_token": nil, "user_id": nil, "voice_path": nil,
		})
	}
	return map[string]any{"data": items, "metadata": map[string]any{
		"currentPage": page, "pageSize": limit, "totalCount": total, "totalPages": (total + limit - 1) / limit,
	}}
}

// with returns a page with a change to it.
func with(page map[string]any, change func(map[string]any)) map[string]any {
	change(page)
	return page
}

// producer writes calls as one program does. What is checked must not depend on it.
type producer struct {
	name  string
	entry func(*call) map[string]any
}

type object = map[string]any

// plainEntry has what all producers write.
func plainEntry(c *call, headerName func(string) string) object {
	headers := []any{}
	add := func(name, v string) { headers = append(headers, object{"name": headerName(name), "value": v}) }
	for _, name := range slices.Sorted(maps.Keys(c.header)) {
		add(name, c.header[name])
	}
	if c.key != "" {
		add("X-Api-Key", c.key)
	}
	content := object{"size": len(c.body), "mimeType": c.mime, "text": c.body}
	if c.unrecorded {
		content = object{"size": 4711, "mimeType": c.mime}
	}
	request := object{"method": c.method, "url": c.url, "httpVersion": "HTTP/1.1", "headers": headers, "cookies": []any{}, "headersSize": -1, "bodySize": 0}
	query := []any{}
	if u, err := url.Parse(c.url); err == nil {
		for pair := range strings.SplitSeq(u.RawQuery, "&") {
			if name, v, ok := strings.Cut(pair, "="); ok {
				query = append(query, object{"name": name, "value": v})
			}
		}
	}
	request["queryString"] = query
	if c.form != nil {
		var params []any
		for _, name := range slices.Sorted(maps.Keys(c.form)) {
			params = append(params, object{"name": name, "value": c.form[name]})
		}
		request["postData"] = object{"mimeType": "application/x-www-form-urlencoded", "params": params}
	}
	answer := []any{}
	if c.mime != "" {
		answer = append(answer, object{"name": headerName("Content-Type"), "value": c.mime})
	}
	e := object{
		"startedDateTime": c.at.Format("2006-01-02T15:04:05.000Z07:00"), "time": 12, "cache": object{}, "timings": object{"send": 0, "wait": 12, "receive": 0},
		"request": request,
		"response": object{"status": c.status, "statusText": "", "httpVersion": "HTTP/1.1", "headers": answer, "cookies": []any{}, "content": content,
			"redirectURL": "", "headersSize": -1, "bodySize": -1},
	}
	maps.Copy(e, c.extra)
	return e
}

var producers = []producer{
	{"Chrome", func(c *call) object {
		e := plainEntry(c, strings.ToLower)
		e["_resourceType"], e["_priority"], e["connection"] = "fetch", "High", "443"
		e["_initiator"] = object{"type": "script", "stack": object{"callFrames": []any{object{"functionName": "load", "scriptId": "12", "url": "https://app.example/main.js", "lineNumber": 4, "columnNumber": 17}}}}
		r := e["request"].(object)
		r["headers"] = append([]any{object{"name": ":authority", "value": "v2.okchat.ai"}, object{"name": ":method", "value": c.method}}, r["headers"].([]any)...)
		e["response"].(object)["_transferSize"] = 512
		return e
	}},
	{"Firefox", func(c *call) object {
		e := plainEntry(c, strings.ToLower)
		e["startedDateTime"] = c.at.In(time.FixedZone("", 3600)).Format("2006-01-02T15:04:05.000-07:00")
		r := e["response"].(object)
		r["headers"] = append(r["headers"].([]any), object{"name": "content-encoding", "value": "gzip"})
		delete(r, "bodySize")
		return e
	}},
	{"Fiddler", func(c *call) object {
		e := plainEntry(c, func(s string) string { return s })
		e["startedDateTime"] = c.at.In(time.FixedZone("", 9*3600)).Format("2006-01-02T15:04:05.0000000-07:00")
		if content := e["response"].(object)["content"].(object); content["text"] != nil {
			content["text"], content["encoding"] = base64.StdEncoding.EncodeToString([]byte(c.body)), "base64"
		}
		return e
	}},
	{"Insomnia", func(c *call) object {
		e := plainEntry(c, func(s string) string { return s })
		r := e["request"].(object)
		r["url"], _, _ = strings.Cut(c.url, "?")
		return e
	}},
	{"Playwright", func(c *call) object {
		e := plainEntry(c, strings.ToUpper)
		e["pageref"], e["_monotonicTime"] = "page@1", 123.4
		e["response"].(object)["_failureText"] = nil
		return e
	}},
}

// recording returns calls as the producer writes them.
func (p producer) recording(marked bool, calls []*call, log object) string {
	entries := []any{}
	for _, c := range calls {
		entries = append(entries, p.entry(c))
	}
	l := object{"version": "1.2", "creator": object{"name": p.name, "version": "1"}, "pages": []any{}, "entries": entries}
	if marked {
		l["_synthetic"] = true
	}
	maps.Copy(l, log)
	b, err := json.MarshalIndent(object{"log": l}, "", " ")
	if err != nil {
		panic(err)
	}
	return string(b)
}

// verdict summarises what a check of a recording says: outcomes other than checked, and findings with their number.
func verdictOn(t *testing.T, har string) string {
	t.Helper()
	var lines []string
	rec := exchange.Recording{Name: "made.har", Open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(har)), nil }}
	for r, err := range check.Check(t.Context(), theContract(t), []exchange.Recording{rec}) {
		if err != nil {
			lines = append(lines, "error")
			continue
		}
		switch r.Outcome {
		case contract.NotChecked:
			lines = append(lines, "not checked")
		case contract.Elsewhere:
			lines = append(lines, "elsewhere")
		}
		count := make(map[string]int)
		for _, f := range r.Findings {
			count[string(f.Code)] += f.Count
		}
		for _, code := range slices.Sorted(maps.Keys(count)) {
			lines = append(lines, fmt.Sprintf("%s %d", code, count[code]))
		}
	}
	return strings.Join(lines, ", ")
}

func TestTheVerdictDoesNotDependOnTheRecorder(t *testing.T) {
	t.Parallel()
	change := func(query string, do func(map[string]any)) []*call {
		return []*call{good(query, with(list(1, 3, 3), do))}
	}
	set := func(name string, v any) func(map[string]any) {
		return func(p map[string]any) { item(p, 1)[name] = v }
	}
	meta := func(name string, v any) func(map[string]any) {
		return func(p map[string]any) { metadata(p)[name] = v }
	}
	edit := func(do func(*call)) []*call {
		c := good("", list(1, 3, 3))
		do(c)
		return []*call{c}
	}
	later := func(c *call, seconds int) *call {
		c.at = c.at.Add(time.Duration(seconds) * time.Second)
		return c
	}
	elsewhere := func(do func(*call)) []*call {
		other := &call{method: "POST", url: "https://v2.okchat.ai/api/login", status: 200, mime: "application/json", body: "{}", at: noon}
		do(other)
		return []*call{other, good("", list(1, 3, 3))}
	}
	text := func(s string) []*call { return change("", set("last_message", s)) }
	secret := "q9XvB7Lm" + "T2ZrK4WnH8Ys"
	first, second := func() *call { return good("?page=1&limit=3", list(1, 3, 6)) }, func() *call { return later(good("?page=2&limit=3", list(2, 3, 6)), 1) }
	moved := func() *call { // the last of page 1 again, though nothing new came
		return later(good("?page=2&limit=3", with(list(2, 3, 6), func(p map[string]any) { p["data"].([]any)[0] = list(1, 3, 6)["data"].([]any)[2] })), 1)
	}
	cases := []struct {
		name    string
		calls   []*call
		want    string
		private bool
		log     object
	}{
		{name: "a page", calls: change("", func(map[string]any) {})},
		{name: "a page with its parameters", calls: change("?page=1&limit=3&state=in_progress", func(map[string]any) {})},
		{name: "an empty list", calls: []*call{good("", list(1, 10, 0))}},
		{name: "a walk", calls: []*call{first(), second()}},
		{name: "a new platform", calls: change("", set("platform", "carrier-pigeon")), want: "unknown-value 1"},
		{name: "a new member", calls: change("", set("channel", "x")), want: "undocumented-member 1"},
		{name: "a member that is missing", calls: change("", func(p map[string]any) { delete(item(p, 1), "state") }), want: "missing 1"},
		{name: "null for a string", calls: change("", set("state", nil)), want: "type 1"},
		{name: "an id that is none", calls: change("", set("id", "7")), want: "format 1"},
		{name: "30 February", calls: change("", set("created_at", "2025-02-30T00:00:00Z")), want: "format 1"},
		{name: "a union's number", calls: change("", set("last_message", 7)), want: "union 1"},
		{name: "another page", calls: change("?page=2", func(map[string]any) {}), want: "page-echo 1"},
		{name: "a larger page than asked for", calls: change("?limit=2", func(map[string]any) {}), want: "limit-echo 1"},
		{name: "a page too many", calls: change("", meta("totalPages", 2)), want: "total-pages 1"},
		{name: "an item too few", calls: change("", func(p map[string]any) { p["data"] = p["data"].([]any)[:2] }), want: "item-count 1"},
		{name: "oldest first", calls: change("", func(p map[string]any) { slices.Reverse(p["data"].([]any)) }), want: "newest-first 2"},
		{name: "an id twice", calls: change("", func(p map[string]any) { item(p, 1)["id"] = item(p, 0)["id"] }), want: "unique-id 1"},
		{name: "another chatbot", calls: change("", set("chatbot_id", another)), want: "other-chatbot 1"},
		{name: "changed before it began", calls: change("", set("updated_at", "2020-01-01T00:00:00Z")), want: "updated-before-created 1"},
		{name: "a voice file on the web", calls: change("", set("voice_path", "a.ogg")), want: "voice-path 1"},
		{name: "in the future", calls: change("", set("updated_at", "2999-01-01T00:00:00Z")), want: "in-future 1"},
		{name: "a total of 2^63-1", calls: []*call{good("", with(list(1, 10, 10), func(p map[string]any) {
			metadata(p)["totalCount"], metadata(p)["totalPages"] = json.Number("9223372036854775807"), json.Number("922337203685477581")
		}))}},
		{name: "an unknown parameter", calls: change("?monkey=7", func(map[string]any) {}), want: "undocumented-parameter 1"},
		{name: "a broken page silences only its rule", calls: change("?page=abc&limit=2", set("chatbot_id", another)), want: "limit-echo 1, other-chatbot 1, type 1"},
		{name: "a parameter twice silences only its rule", calls: change("?limit=2&limit=2&page=2", func(map[string]any) {}), want: "page-echo 1, repeated 1"},
		{name: "a new state is a value", calls: change("?state=closed", func(map[string]any) {}), want: "state-filter 3, unknown-value 1"},
		{name: "no key", calls: edit(func(c *call) { c.key, c.url = "", path+"?page=2" }), want: "key 1, page-echo 1"},
		{name: "HTML for JSON", calls: edit(func(c *call) { c.mime, c.body = "text/html", "<html>" }), want: "content-type 1"},
		{name: "JSON that breaks off", calls: edit(func(c *call) { c.body = c.body[:100] }), want: "json 1"},
		{name: "another charset", calls: edit(func(c *call) { c.mime = "application/json; charset=euc-kr" }), want: "content-type 1"},
		{name: "a charset with another parameter", calls: edit(func(c *call) { c.mime = "application/json;charset=UTF-8;profile=x" })},
		{name: "a failure", calls: edit(func(c *call) { c.status, c.mime, c.body = 503, "text/html", "<html>down" })},
		{name: "an unknown status", calls: edit(func(c *call) { c.status = 202 }), want: "undocumented-status 1"},
		{name: "HEAD", calls: edit(func(c *call) { c.method, c.body = "HEAD", "" })},
		{name: "a lower-case method", calls: edit(func(c *call) { c.method = "get" })},
		{name: "another method", calls: edit(func(c *call) { c.method = "DELETE" }), want: "operation 1"},
		{name: "no answer", calls: append(edit(func(c *call) { c.status, c.body, c.mime = 0, "", "" }), first()), want: "not checked"},
		{name: "a body that was not recorded", calls: append(edit(func(c *call) { c.unrecorded = true }), first()), want: "not checked"},
		{name: "304", calls: append(edit(func(c *call) { c.status, c.body = 304, "" }), first()), want: "not checked"},
		{name: "a preflight", calls: append(edit(func(c *call) {
			c.method, c.key, c.status, c.body, c.mime = "OPTIONS", "", 204, "", ""
			c.header = map[string]string{"Access-Control-Request-Method": "GET"}
		}), first()), want: "elsewhere"},
		{name: "a slash too many", calls: append(edit(func(c *call) { c.url = path + "/" }), first()), want: "not checked"},
		{name: "two slashes", calls: append(edit(func(c *call) { c.url = strings.Replace(path, "/api/", "//api/", 1) }), first()), want: "not checked"},
		{name: "capital letters", calls: append(edit(func(c *call) { c.url = strings.Replace(path, "conversations", "Conversations", 1) }), first()), want: "not checked"},
		{name: "an encoded letter", calls: edit(func(c *call) { c.url = strings.Replace(path, "chatbot", "chat%62ot", 1) })},
		{name: "a gateway's prefix", calls: append(edit(func(c *call) { c.url = strings.Replace(path, "/api/", "/okchat/api/", 1) }), first()), want: "not checked"},
		{name: "another host's broken URL", calls: elsewhere(func(c *call) { c.method, c.url = "GET", "https://ads.example/pixel/100%/x.gif" }), want: "elsewhere"},
		{name: "another host without an answer", calls: elsewhere(func(c *call) { c.status = 0 }), want: "elsewhere"},
		{name: "a conversation on two pages", calls: []*call{first(), moved()}, want: "unique-in-walk 1"},
		{name: "a walk over two spellings of a host", calls: []*call{first(), func() *call {
			c := moved()
			c.url = strings.Replace(c.url, "https://v2.okchat.ai", "https://V2.OKCHAT.AI:443", 1)
			return c
		}()}, want: "unique-in-walk 1"},
		{name: "a walk in another order", calls: []*call{moved(), first()}, want: "unique-in-walk 1"},
		{name: "two walks", calls: []*call{first(), second(), later(first(), 5), later(second(), 5)}},
		{name: "a page that was asked for before the one before it", calls: []*call{later(first(), 9), moved()}},
		{name: "a total that rises by more than a page though nothing moved", calls: []*call{first(),
			later(good("?page=2&limit=3", with(list(2, 3, 6), func(p map[string]any) { metadata(p)["totalCount"], metadata(p)["totalPages"] = 12, 4 })), 1)}, want: "total-in-walk 1"},
		{name: "an e-mail address", calls: text("write to kim.minsu@shop.co.kr"), want: "leaked-email 1"},
		{name: "an e-mail address at full width", calls: text("write to ｋｉｍ＠ｓｈｏｐ．ｃｏｍ"), want: "leaked-email 1"},
		{name: "a phone number in one piece", calls: text("call 01012345678"), want: "leaked-phone 1"},
		{name: "a phone number", calls: text("call 010-1234-5678"), want: "leaked-phone 1"},
		{name: "a phone number at full width", calls: text("０１０－１２３４－５６７８"), want: "leaked-phone 1"},
		{name: "a resident registration number", calls: text("880101-1234567"), want: "leaked-phone 1"},
		{name: "one in one piece with its check digit", calls: text("8801011234568"), want: "leaked-phone 1"},
		{name: "a number that only looks like one", calls: text("8801011234567 or 9913991234568")},
		{name: "a time", calls: text("1741323369 2025-03-07T04:56:09.200005+00:00")},
		{name: "a token in base64", calls: text(base64.StdEncoding.EncodeToString([]byte("mail kim.minsu@shop.co.kr now"))), want: "leaked-email 1"},
		{name: "texts that are not marked", calls: change("", func(map[string]any) {}), want: "leaked-person 2", private: true},
		{name: "the key", calls: edit(func(c *call) { c.key = secret }), want: "leaked-key 1"},
		{name: "the key in another path", calls: elsewhere(func(c *call) { c.key = secret }), want: "elsewhere, leaked-key 1"},
		{name: "a cookie in another path", calls: elsewhere(func(c *call) { c.header = map[string]string{"Cookie": "sid=0123456789abcdef"} }), want: "elsewhere, leaked-token 1"},
		{name: "a password in a form", calls: elsewhere(func(c *call) { c.form = map[string]string{"password": "hunter2hunter2"} }), want: "elsewhere, leaked-token 1"},
		{name: "a password in a body", calls: elsewhere(func(c *call) { c.body = `{"user":{"password":"hunter2hunter2"}}` }), want: "elsewhere, leaked-token 1"},
		{name: "a token that a socket sent", calls: elsewhere(func(c *call) {
			c.extra = object{"_webSocketMessages": []any{object{"type": "send", "data": `{"accessToken":"made-up-0123456789"}`}}}
		}), want: "elsewhere, leaked-token 1"},
		{name: "a cookie behind another", calls: elsewhere(func(c *call) { c.header = map[string]string{"Cookie": "lang=ko; sid=0123456789abcdef"} }), want: "elsewhere, leaked-token 1"},
		{name: "a cookie of another host", calls: elsewhere(func(c *call) { c.header = map[string]string{"Set-Cookie": "sid=0123456789abcdef; Domain=.example.com"} }), want: "elsewhere, leaked-token 1"},
		{name: "cookies that are none", calls: elsewhere(func(c *call) { c.header = map[string]string{"Cookie": "lang=ko; sid=REDACTED; theme=dark"} }), want: "elsewhere"},
		{name: "a token for a user", calls: elsewhere(func(c *call) { c.url = strings.Replace(c.url, "://", "://0123456789abcdef@", 1) }), want: "elsewhere, leaked-token 1"},
		{name: "a token in a fragment", calls: elsewhere(func(c *call) { c.url += "#access_token=0123456789abcdef&x=1" }), want: "elsewhere, leaked-token 1"},
		{name: "a password that is a number", calls: elsewhere(func(c *call) { c.body = `{"user":{"pass":12345678},"tokens":3}` }), want: "elsewhere, leaked-token 1"},
		{name: "a password in a list", calls: elsewhere(func(c *call) { c.body = `{"passwords":["hunter2hunter2"]}` }), want: "elsewhere, leaked-token 1"},
		{name: "a password in a form of blanks", calls: elsewhere(func(c *call) { c.body = `a=b c&pass%77ord=hunter2hunter2` }), want: "elsewhere, leaked-token 1"},
		{name: "a password in a form of parts", calls: elsewhere(func(c *call) {
			c.body = "--x\r\nContent-Disposition: form-data; name=\"password\"\r\nContent-Type: text/plain\r\n\r\nhunter2hunter2\r\n--x--\r\n"
		}), want: "elsewhere, leaked-token 1"},
		{name: "a password in a message of a WebSocket", calls: elsewhere(func(c *call) { c.body = `42["login",{"password":"hunter2hunter2"}]` }), want: "elsewhere, leaked-token 1"},
		{name: "a password in the second line", calls: elsewhere(func(c *call) { c.body = "{}\n{\"password\":\"hunter2hunter2\"}" }), want: "elsewhere, leaked-token 1"},
		{name: "a password in an event", calls: elsewhere(func(c *call) { c.body = "event: login\ndata: {\"password\":\"hunter2hunter2\"}\n" }), want: "elsewhere, leaked-token 1"},
		{name: "an address for a name", calls: elsewhere(func(c *call) { c.body = `{"kim.minsu@shop.co.kr":1}` }), want: "elsewhere, leaked-email 1"},
		{name: "a password behind what keeps JSON from being run", calls: elsewhere(func(c *call) { c.body = ")]}',\n{\"password\":\"hunter2hunter2\"}" }), want: "elsewhere, leaked-token 1"},
		{name: "an address for a name that is logged", calls: change("", func(map[string]any) {}), want: "leaked-email 1", log: object{"_of": object{"kim.minsu@shop.co.kr": 1}}},
		{name: "an address for a parameter", calls: elsewhere(func(c *call) { c.url += "?kim.minsu@shop.co.kr=1" }), want: "elsewhere, leaked-email 1"},
		{name: "the key in a call of curl", calls: change("", func(map[string]any) {}), want: "leaked-key 1", log: object{"comment": "curl -H 'X-Api-Key: " + secret + "' https://v2.okchat.ai"}},
		{name: "the key in a record of name and value", calls: elsewhere(func(c *call) { c.body = `{"headers":[{"name":"x-api-key","value":"` + secret + `"}]}` }), want: "elsewhere, leaked-key 1"},
		{name: "a sentence about the key", calls: elsewhere(func(c *call) { c.body = "the header x-api-key: set it to the key" }), want: "elsewhere"},
		{name: "a sentence", calls: elsewhere(func(c *call) { c.body = "the first key = 5 & the other token = 7" }), want: "elsewhere"},
		{name: "a near miss that holds a key", calls: append(edit(func(c *call) { c.url, c.key = path+"/", secret }), first()), want: "not checked, leaked-key 1"},
		{name: "a comment with an address", calls: change("", func(map[string]any) {}), want: "leaked-email 1", log: object{"comment": "from kim.minsu@shop.co.kr"}},
		{name: "a page's title with a token", calls: change("", func(map[string]any) {}), want: "leaked-token 1",
			log: object{"pages": []any{object{"id": "page_1", "title": "https://app.example/?access_token=made-up-0123456789"}}}},
		{name: "a placeholder for the key", calls: edit(func(c *call) { c.key = "<your key>" })},
	}
	made := 0
	for _, p := range producers {
		for _, test := range cases {
			made++
			if got := verdictOn(t, p.recording(!test.private, test.calls, test.log)); got != test.want {
				t.Errorf("%s: %s: expected %q, got %q", p.name, test.name, test.want, got)
			}
		}
	}
	fmt.Printf("recordings as %d producers write them: %d\n", len(producers), made)
	if made < 120 {
		t.Errorf("expected at least 120 recordings, made %d", made)
	}
}
