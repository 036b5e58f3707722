package okchat

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/uuid"

	"github.com/okchat/okchat-go/gen/okchatapi"
	"github.com/okchat/okchat-go/internal/fastjson"
	"github.com/okchat/okchat-go/okchattest"
)

// pageOf is a page with the given data and metadata, each as JSON.
func pageOf(data, metadata string) string { return `{"data":` + data + `,"metadata":` + metadata + `}` }

const goodMetadata = `{"currentPage":1,"pageSize":10,"totalCount":1,"totalPages":1}`

// with returns the first conversation with one piece of its JSON replaced.
func with(old, new string) string {
	conv := conversationJSON(0)
	if !strings.Contains(conv, old) {
		panic("no " + old)
	}
	return "[" + strings.Replace(conv, old, new, 1) + "]"
}

func TestAnAnswerThatIsNotTheContractsSaysWhere(t *testing.T) {
	one := "[" + conversationJSON(0) + "]"
	tests := []struct {
		name, body string
		where      string
		got        string
	}{
		{"no data", `{"metadata":` + goodMetadata + `}`, "/data", "none"},
		{"data is null", pageOf(`null`, goodMetadata), "/data", "null"},
		{"data is an object", pageOf(`{}`, goodMetadata), "/data", "an object"},
		{"no metadata", `{"data":` + one + `}`, "/metadata", "none"},
		{"metadata is null", pageOf(one, `null`), "/metadata", "null"},
		{"no current page", pageOf(one, `{"pageSize":10,"totalCount":1,"totalPages":1}`), "/metadata/currentPage", "none"},
		{"no page size", pageOf(one, `{"currentPage":1,"totalCount":1,"totalPages":1}`), "/metadata/pageSize", "none"},
		{"no total", pageOf(one, `{"currentPage":1,"pageSize":10,"totalPages":1}`), "/metadata/totalCount", "none"},
		{"no total of an empty list", pageOf(`[]`, `{"currentPage":1,"pageSize":10,"totalPages":0}`), "/metadata/totalCount", "none"},
		{"no number of pages", pageOf(one, `{"currentPage":1,"pageSize":10,"totalCount":1}`), "/metadata/totalPages", "none"},
		{"a total that is null", pageOf(one, `{"currentPage":1,"pageSize":10,"totalCount":null,"totalPages":1}`), "/metadata/totalCount", "none"},
		{"a page size of 0", pageOf(one, `{"currentPage":1,"pageSize":0,"totalCount":1,"totalPages":1}`), "/metadata/pageSize", "0"},
		{"a negative total", pageOf(one, `{"currentPage":1,"pageSize":10,"totalCount":-7,"totalPages":1}`), "/metadata/totalCount", "-7"},
		{"a total that is text", pageOf(one, `{"currentPage":1,"pageSize":10,"totalCount":"1","totalPages":1}`), "/metadata/totalCount", "a string"},
		{"a total with a fraction", pageOf(one, `{"currentPage":1,"pageSize":10,"totalCount":1.5,"totalPages":1}`), "/metadata/totalCount", "a number"},
		{"another page", pageOf(one, `{"currentPage":2,"pageSize":10,"totalCount":11,"totalPages":2}`), "/metadata/currentPage", "2"},
		{"too many pages", pageOf(one, `{"currentPage":1,"pageSize":10,"totalCount":1,"totalPages":2}`), "/metadata/totalPages", "2"},
		{"too few pages", pageOf(one, `{"currentPage":1,"pageSize":10,"totalCount":11,"totalPages":1}`), "/metadata/totalPages", "1"},
		{"a page size over the limit", pageOf(one, `{"currentPage":1,"pageSize":11,"totalCount":1,"totalPages":1}`), "/metadata/pageSize", "11"},
		{"more on the page than its size", pageOf("["+conversationJSON(0)+","+conversationJSON(1)+"]", `{"currentPage":1,"pageSize":1,"totalCount":2,"totalPages":2}`), "/data", "2"},
		{"more on the page than in all", pageOf(one, `{"currentPage":1,"pageSize":10,"totalCount":0,"totalPages":0}`), "/metadata/totalCount", "0"},
		{"no id", pageOf(with(`"id":"00000000-0000-4000-8000-000000000001",`, ``), goodMetadata), "/data/0/id", "none"},
		{"no time", pageOf(with(`"created_at":"2025-03-07T04:00:59.5+00:00",`, ``), goodMetadata), "/data/0/created_at", "none"},
		{"an id that is none", pageOf(with(`00000000-0000-4000-8000-000000000001`, `42`), goodMetadata), "/data/0/id", "another string"},
		{"a time that is none", pageOf(with(`2025-03-07T04:00:59.5+00:00`, `2025-02-30T04:00:00Z`), goodMetadata), "/data/0/created_at", "another string"},
		{"a flag that is a number", pageOf(with(`"active":true`, `"active":1`), goodMetadata), "/data/0/active", "a number"},
		{"a message that is a number", pageOf(with(`"hello"`, `7`), goodMetadata), "/data/0/last_message", "a number"},
		{"a flag in the notes that is text", pageOf(with(`"anonymous":true`, `"anonymous":"yes"`), goodMetadata), "/data/0/metadata/anonymous", "a string"},
		{"a user id that is a number", pageOf(with(`"sns_user_id":null`, `"sns_user_id":7`), goodMetadata), "/data/0/sns_user_id", "a number"},
		{"an id that is null", pageOf(with(`"id":"00000000-0000-4000-8000-000000000001"`, `"id":null`), goodMetadata), "/data/0/id", "none"},
		{"an id of zeros", pageOf(with(`00000000-0000-4000-8000-000000000001`, `00000000-0000-0000-0000-000000000000`), goodMetadata), "/data/0/id", "the one of zeros"},
		{"no chatbot id", pageOf(with(`"chatbot_id":"`+testBot+`",`, ``), goodMetadata), "/data/0/chatbot_id", "none"},
		{"a chatbot id of zeros", pageOf(with(testBot, `00000000-0000-0000-0000-000000000000`), goodMetadata), "/data/0/chatbot_id", "the one of zeros"},
		{"the chatbot id of another", pageOf(with(testBot, `00000000-0000-4000-8000-000000000001`), goodMetadata), "/data/0/chatbot_id", "another"},
		{"a time that is null", pageOf(with(`"2025-03-07T04:00:59.5+00:00"`, `null`), goodMetadata), "/data/0/created_at", "none"},
		{"the year 0", pageOf(with(`2025-03-07T04:00:59.5+00:00`, `0000-12-31T00:00:00Z`), goodMetadata), "/data/0/created_at", "another string"},
		{"the year 10000", pageOf(with(`2025-03-07T05:00:00+00:00`, `9999-12-31T23:00:00-01:00`), goodMetadata), "/data/0/updated_at", "another string"},
		{"an item that is null", pageOf(`[null]`, goodMetadata), "/data/0", "null"},
		{"an item that is text", pageOf(`["x"]`, goodMetadata), "/data/0", "a string"},
		{"metadata first, of another page", `{"metadata":{"currentPage":7,"pageSize":1,"totalCount":7,"totalPages":7},"data":[{]`, "/metadata/currentPage", "7"},
		{"metadata first, and more than they say", `{"metadata":` + goodMetadata + `,"data":[` + strings.Repeat(conversationJSON(0)+",", 10) + `{]`, "/data", "more"},
		{"more than the limit", pageOf(`[`+strings.Repeat(conversationJSON(0)+",", 10)+`{]`, goodMetadata), "/data", "more"},
		{"bytes that are not UTF-8", pageOf(with(`"hello"`, "\"h\xe9llo\""), goodMetadata), "body", ""},
		{"an empty body", ``, "body", "an empty body"},
		{"a body cut short", `{"data":[`, "body", "one that ends early, after 9 bytes"},
		{"two documents", pageOf(one, goodMetadata) + `{}`, "body", ""},
		{"an array", `[]`, "body", "an array"},
		{"null", `null`, "body", "null"},
		{"nesting without end", strings.Repeat(`[`, 100_000), "body", "more"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			client := newTestClient(t, roundTrip(body(mediaType, tt.body)), WithRetry(RetryPolicy{MaxTries: 1}))
			_, err := client.Page(t.Context(), testBot, PageOptions{Limit: 10})
			if tt.name == "more on the page than its size" {
				_, err = client.Page(t.Context(), testBot, PageOptions{})
			}
			var broken *ContractError
			if !errors.As(err, &broken) {
				t.Fatalf("error %v, expected a ContractError", err)
			}
			if broken.Where != tt.where || tt.got != "" && broken.Got != tt.got || broken.Expected == "" || broken.Page != 1 {
				t.Errorf("%v, expected it at %s with got %q", err, tt.where, tt.got)
			}
		})
	}
}

func TestAnAnswerOfTheContractIsTaken(t *testing.T) {
	for name, text := range map[string]string{
		"an empty list of no page":     pageOf(`[]`, `{"currentPage":1,"pageSize":10,"totalCount":0,"totalPages":0}`),
		"an empty list of one page":    pageOf(`[]`, `{"currentPage":1,"pageSize":10,"totalCount":0,"totalPages":1}`),
		"a page size under the limit":  pageOf(`[]`, `{"currentPage":1,"pageSize":5,"totalCount":0,"totalPages":0}`),
		"an unknown platform":          pageOf(with(`"web"`, `"carrier-pigeon"`), goodMetadata),
		"an unknown member":            pageOf(with(`"active"`, `"mood":"fine","active"`), goodMetadata),
		"a time in another zone":       pageOf(with(`04:00:59.5+00:00`, `04:00:59+09:00`), goodMetadata),
		"white space around":           " \n" + pageOf(`[]`, `{"currentPage":1,"pageSize":10,"totalCount":0,"totalPages":0}`) + "\n",
		"a media type with parameters": pageOf(`[]`, `{"currentPage":1,"pageSize":10,"totalCount":0,"totalPages":0}`),
	} {
		client := newTestClient(t, roundTrip(body("application/json; charset=utf-8", text)))
		if _, err := client.Page(t.Context(), testBot, PageOptions{Limit: 10}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestHeadersDecideWhetherABodyIsRead(t *testing.T) {
	tests := []struct {
		name        string
		contentType string
		encoding    []string
		where, got  string // "" if the body is read
	}{
		{"the charset in capitals", "application/json; charset=UTF-8", nil, "", ""},
		{"the charset in quotes", `Application/JSON ; Charset="utf-8"`, nil, "", ""},
		{"the charset in single quotes", `application/json; charset='utf-8'`, nil, "", ""},
		{"another parameter", `application/json; charset=utf-8; profile="https://example.org/a,b"`, nil, "", ""},
		{"a parameter without a value", "application/json; charset", nil, "", ""},
		{"a parameter that stands twice", "application/json; charset=utf-8; charset=utf-8", nil, "", ""},
		{"the type twice", "application/json, application/json", nil, "", ""},
		{"an end of the parameters that has none", "application/json;", nil, "", ""},
		{"the encoding identity", mediaType, []string{"identity"}, "", ""},
		{"the encoding identity in capitals and twice", mediaType, []string{"Identity", "identity"}, "", ""},
		{"an empty encoding", mediaType, []string{""}, "", ""},
		{"no type", "", nil, "Content-Type header", "none that can be read"},
		{"another type", "text/html; charset=utf-8", nil, "Content-Type header", "text/html"},
		{"another type with a parameter without a value", "text/html; charset", nil, "Content-Type header", "text/html"},
		{"a longer type", "application/jsonp", nil, "Content-Type header", "application/jsonp"},
		{"another charset", "application/json; charset=EUC-KR", nil, "Content-Type header", "euc-kr"},
		{"the encoding br", mediaType, []string{"br"}, "Content-Encoding header", "br"},
		{"several encodings", mediaType, []string{"gzip, br"}, "Content-Encoding header", "gzip, br"},
		{"several encodings in several lines", mediaType, []string{"identity", "x\x1b[2J"}, "Content-Encoding header", "identity, x[2J"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			client := newTestClient(t, roundTrip(func(*http.Request) (*http.Response, error) {
				resp := answer(200, tt.contentType, pageJSON(1, 1))
				resp.Header["Content-Encoding"] = tt.encoding
				return resp, nil
			}))
			_, err := client.Page(t.Context(), testBot, PageOptions{})
			if tt.where == "" {
				if err != nil {
					t.Errorf("error %v, expected none", err)
				}
				return
			}
			var broken *ContractError
			if !errors.As(err, &broken) || broken.Where != tt.where || broken.Got != tt.got {
				t.Errorf("error %v, expected it at the %s with got %q", err, tt.where, tt.got)
			}
		})
	}
}

// lenientPage gets a page as a walk does.
func lenientPage(t testing.TB, rt http.RoundTripper, limit int) (*Page[Conversation], error) {
	t.Helper()
	client := newTestClient(t, rt, WithRetry(RetryPolicy{MaxTries: 1}))
	op := client.listConversations(testBot, "")
	return fetch(t.Context(), client, op, query{page: 1, limit: limit, lenient: true})
}

func TestOddItemsAreLeftOutAndNamed(t *testing.T) {
	replace := func(n int, old, new string) string { return strings.Replace(conversationJSON(n), old, new, 1) }
	data := strings.Join([]string{
		conversationJSON(0),
		replace(1, `"active":true`, `"active":"yes"`),
		conversationJSON(2),
		replace(3, `"created_at":"2025`, `"created_at":"20025`),
		`null`,
		replace(5, `"id":`, `"di":`),
		replace(6, `"active":true,`, ``), // only missing
	}, ",")
	metadata := `{"currentPage":1,"pageSize":10,"totalCount":7,"totalPages":1}`
	page, err := lenientPage(t, roundTrip(body(mediaType, pageOf("["+data+"]", metadata))), 0)
	if err != nil {
		t.Fatal(err)
	}
	var items []byte
	for _, conv := range page.Items {
		items = append(items, '0'+conv.ID[15]-1)
		if want := conversationJSON(int(conv.ID[15]) - 1); conv.ID[15] != 7 && string(conv.Raw()) != want {
			t.Errorf("raw is %s, expected %s", conv.Raw(), want)
		}
	}
	if string(items) != "026" || page.Items[0].Missing() != nil || !slices.Equal(page.Items[2].Missing(), []string{"active"}) {
		t.Errorf("items %s are left, expected 0, 2 and 6", items)
	}
	var odd []string
	for _, e := range page.Odd {
		odd = append(odd, e.Where)
		if e.Page != 1 || e.StatusCode != 200 || e.Header == nil || len(e.Body) == 0 || e.Expected == "" || e.Got == "" {
			t.Errorf("%+v lacks something", e)
		}
	}
	if want := []string{"/data/1/active", "/data/3/created_at", "/data/4", "/data/5/id"}; !slices.Equal(odd, want) {
		t.Errorf("odd are %q, expected %q", odd, want)
	}

	for name, text := range map[string]string{
		"another chatbot's":                  pageOf("["+data+","+replace(7, testBot, "00000000-0000-4000-8000-000000000001")+"]", metadata),
		"another chatbot's that is odd, too": pageOf(`[{"chatbot_id":"00000000-0000-4000-8000-000000000001","active":7}]`, goodMetadata),
	} {
		page, err = lenientPage(t, roundTrip(body(mediaType, text)), 0)
		var broken *ContractError
		if !errors.As(err, &broken) || !strings.HasSuffix(broken.Where, "/chatbot_id") || page != nil {
			t.Errorf("%s: error %v, expected one at chatbot_id", name, err)
		}
	}
}

// TestMemoryStaysInProportionToTheBody gets bodies that would take many times their size if they were decoded as they come.
// All that was ever allocated bounds what is held at once.
func TestMemoryStaysInProportionToTheBody(t *testing.T) {
	if testing.Short() {
		t.Skip("it counts what one goroutine allocates")
	}
	const size, most, constant = 2<<20 + 4096, 8, 1 << 20 // just behind a doubling of the buffer
	smallest := `{"id":"00000000-0000-4000-8000-000000000001","chatbot_id":"` + testBot + `","created_at":"2025-03-07T04:00:59Z"}`
	conv := conversationJSON(0)
	open := strings.Replace(conv, `{"anonymous":true}`, "%", 1)
	around := func(before, piece, after string) string {
		return before + strings.Repeat(piece, max(0, size-len(before)-len(after))/len(piece)) + after
	}
	list := func(piece, last string) string {
		return around(`{"data":[`, piece, last+`],"metadata":`+goodMetadata+`}`)
	}
	notes := func(before, piece, after string) string {
		first, last, _ := strings.Cut(open, "%")
		return around(`{"data":[`+first+before, piece, after+last+`],"metadata":`+goodMetadata+`}`)
	}
	distinct := func(value string) string {
		var b strings.Builder
		for i := 0; b.Len() < size-1000; i++ {
			fmt.Fprintf(&b, `"%x":%s,`, i, value)
		}
		return notes(`{`+b.String(), ` `, `"last":0}`)
	}
	bodies := map[string]string{
		"empty items":                            list(`{},`, `{}`),
		"empty items behind metadata":            around(`{"metadata":`+goodMetadata+`,"data":[`, `{},`, `{}]}`),
		"items of null":                          list(`null,`, `null`),
		"items of empty lists":                   list(`[],`, `[]`),
		"the smallest conversations":             list(smallest+`,`, smallest),
		"the smallest conversations, one is odd": list(smallest+`,`, `{}`),
		"whole conversations":                    list(conv+`,`, conv),
		"numbers in the notes":                   notes(`{"a":[`, `0,`, `0]}`),
		"empty lists in the notes":               notes(`{"a":[`, `[],`, `[]]}`),
		"empty objects in the notes":             notes(`{"a":[`, `{},`, `{}]}`),
		"small objects in the notes":             notes(`{"a":[`, `{"":0},`, `{}]}`),
		"many notes":                             distinct(`0`),
		"many objects as notes":                  distinct(`{"a":0}`),
		"notes of one name":                      notes(`{`, `"a":"b",`, `"a":0}`),
		"notes in each of many conversations":    list(strings.Replace(open, "%", `{"a":[`+strings.Repeat(`0,`, 1000)+`0]}`, 1)+",", conv),
		"escapes in one text":                    pageOf("["+strings.Replace(conv, "hello", strings.Repeat(`\n`, size/2), 1)+"]", goodMetadata),
		"halves of surrogate pairs":              list(strings.Replace(conv, "hello", `\ud800`, 1)+",", conv),
		"unknown members":                        around(`{"data":[`+conv[:len(conv)-1]+`,`, `"x":{},`, `"x":0}],"metadata":`+goodMetadata+`}`),
		"members that come again":                around(`{"data":[`+conv[:len(conv)-1]+`,`, `"last_message":"x",`, `"x":0}],"metadata":`+goodMetadata+`}`),
		"data that come again":                   around(`{`, `"data":[],`, `"data":[`+conv+`],"metadata":`+goodMetadata+`}`),
		"data of one item that come again":       around(`{`, `"data":[`+conv+`],`, `"metadata":`+goodMetadata+`}`),
		"metadata that come again":               around(`{`, `"metadata":`+goodMetadata+`,`, `"data":[`+conv+`]}`),
		"brackets":                               around(`{"x":[`, strings.Repeat("[", 60)+strings.Repeat("]", 60)+",", `0]}`),
		"white space":                            around(`{`, " \n", `}`),
	}
	if len(bodies) < 20 {
		t.Fatalf("%d bodies, expected 20", len(bodies))
	}
	highest, highestName := 0.0, ""
	for name, text := range bodies {
		for _, limit := range []int{0, 10, 1_000_000} {
			for _, lenient := range []bool{false, true} {
				client := newTestClient(t, roundTrip(func(*http.Request) (*http.Response, error) {
					resp := answer(200, mediaType, text)
					resp.ContentLength = -1 // as behind gzip
					return resp, nil
				}), WithRetry(RetryPolicy{MaxTries: 1}))
				op := client.listConversations(testBot, "")
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				_, err := fetch(t.Context(), client, op, query{page: 1, limit: limit, lenient: lenient})
				runtime.ReadMemStats(&after)
				times := float64(after.TotalAlloc-before.TotalAlloc-constant) / float64(len(text))
				if times > most {
					t.Errorf("%s, limit %d, lenient %v: %.1f times the body was allocated, expected at most %d; error %.200v", name, limit, lenient, times, most, err)
				}
				if times > highest {
					highest, highestName = times, name
				}
			}
		}
	}
	t.Logf("%d bodies; the most is allocated for %s: %.1f times its size", len(bodies), highestName, highest)
}

func TestTheTrysDeadlineCoversDecoding(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 1000
		ctx, cancel := context.WithCancel(t.Context())
		op := conversationsOp(t)
		read, items := op.read, 0
		op.read = func(conv *Conversation, s *fastjson.Scanner) *sent {
			if items++; items == 100 {
				cancel()
			}
			return read(conv, s)
		}
		text := pageOf("["+strings.Repeat(conversationJSON(0)+",", n-1)+conversationJSON(0)+"]", `{"currentPage":1,"pageSize":1000,"totalCount":1000,"totalPages":1}`)
		_, err := decodePage(ctx, op, query{page: 1}, answer(200, mediaType, ""), []byte(text))
		if !errors.Is(err, context.Canceled) || items >= n {
			t.Errorf("error %v after %d items", err, items)
		}
	})
}

func equalJSON(a, b any) bool {
	x, err1 := json.Marshal(a)
	y, err2 := json.Marshal(b)
	return err1 == nil && err2 == nil && string(x) == string(y)
}

// syntheticPage is a page of n conversations as the fake server writes it.
func syntheticPage(tb testing.TB, seed uint64, n int) []byte {
	tb.Helper()
	fake := okchattest.New(okchattest.Synthetic(seed, n))
	req := httptest.NewRequest(http.MethodGet, fmt.Sprintf("/api/external/chatbot/%s/conversations?limit=%d", fake.ChatbotID, n), nil)
	req.Header.Set(headerKey, fake.Key)
	rec := httptest.NewRecorder()
	fake.ServeHTTP(rec, req)
	return rec.Body.Bytes()
}

// BenchmarkDecode decodes a page of 100 conversations. bench/ compares it with others.
func BenchmarkDecode(b *testing.B) {
	body := syntheticPage(b, 1, 100)
	resp := answer(200, mediaType, "")
	op := conversationsOp(b)
	op.of = uuid.MustParse(okchattest.New().ChatbotID)
	b.Run("okchat", func(b *testing.B) {
		b.SetBytes(int64(len(body)))
		b.ReportAllocs()
		for b.Loop() {
			if _, err := decodePage(b.Context(), op, query{page: 1, limit: 100}, resp, body); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("stock", func(b *testing.B) {
		b.SetBytes(int64(len(body)))
		b.ReportAllocs()
		for b.Loop() {
			var page okchatapi.ConversationPage
			if err := json.Unmarshal(body, &page); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(pageJSON(1, 3)), "application/json", 1, 10)
	f.Add([]byte(pageOf(with(`"hello"`, `null`), goodMetadata)), "application/json; charset=utf-8", 1, 0)
	f.Add([]byte(`{"data":[`), "", 2, 1)
	f.Fuzz(func(t *testing.T, text []byte, contentType string, page, limit int) {
		q := query{page: max(1, page), limit: max(0, limit)}
		got, err := decodePage(t.Context(), conversationsOp(t), q, &http.Response{StatusCode: 200, Header: http.Header{"Content-Type": {contentType}}}, text)
		if (got == nil) == (err == nil) {
			t.Fatalf("page %v and error %v", got, err)
		}
		if broken := (*ContractError)(nil); errors.As(err, &broken) {
			if broken.Where == "" || broken.Expected == "" || broken.Got == "" || strings.Contains(broken.Error(), "\n") {
				t.Errorf("the error is %q", broken)
			}
			return
		}
		for i := range got.Items {
			conv := &got.Items[i]
			var again Conversation
			if err := json.Unmarshal(conv.Raw(), &again); err != nil || again.ID != conv.ID {
				t.Errorf("conversation %d does not read back from its raw JSON: %v", i, err)
			}
			if _, err := json.Marshal(conv); err != nil {
				t.Errorf("conversation %d does not encode: %v", i, err)
			}
		}
	})
}

func FuzzCheckMetadata(f *testing.F) {
	f.Add(1, 10, 1, 10, 20, 2, 10)
	f.Add(3, 0, 3, 1, 1<<62, 1<<62, 1)
	f.Fuzz(func(t *testing.T, page, limit, current, size, total, pages, count int) {
		m := PageMetadata{CurrentPage: current, PageSize: size, TotalCount: total, TotalPages: pages}
		err := checkMetadata(query{page: page, limit: limit}, m, count)
		if err != nil {
			return
		}
		if current != page || size < 1 || total < 0 || count > size || count > total || limit > 0 && size > limit {
			t.Errorf("%+v with %d conversations was taken for page %d of limit %d", m, count, page, limit)
		}
		if full := pages - 1; total > 0 && (full < 0 || total-1 < 0 || (total-1)/size != full) {
			t.Errorf("%+v was taken", m)
		}
	})
}
