package okchat

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/okchat/okchat-go/gen/okchatapi"
	"github.com/okchat/okchat-go/okchattest"
)

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

// Values of any kind, among them all that decode in an odd way.
var oddValues = []string{
	`null`, `true`, `false`, `0`, `-0`, `7`, `007`, `1.0`, `1e2`, `1e`, `1.`, `-`, `2147483648`, `9999999999`, `1e999`, `""`, `" "`, `"a"`, `"\u0061\n\"\\\/"`,
	`"\ud83d\ude00"`, `"\ud83d"`, `"\ude00\ud83d"`, `"\ud83d\ud83d\ude00"`, `"\ud83dx"`, `"\ud83d\n"`, `"\u00G0"`, `"\u12"`, `"\x"`, `"\`, `"`, "\"\xff\"", "\"a\x01\"", "\"\u2028한\"", "\"한\xed\xa0\x80\"",
	`[]`, `{}`, `[null]`, `[1,]`, `[,1]`, `{"a":1,}`, `{,}`, `{"a"}`, `{"a":}`, `{a:1}`, `[1 2]`, `nul`, `nulll`, `tru`, `+1`, `.5`, `1e+05`, `1E-5`, `-1.5`,
	`"00000000-0000-4000-8000-000000000001"`, `"{00000000-0000-4000-8000-000000000001}"`, `"urn:uuid:00000000-0000-4000-8000-000000000001"`,
	`"00000000000040008000000000000001"`, `"00000000-0000-4000-8000-00000000000\u0031"`, `"한0000000-0000-4000-8000-000000000001}"`,
	`"2025-03-07T04:00:59Z"`, `"2025-03-07T04:00:59.123456789+09:00"`, `"2025-03-07t04:00:59z"`, `"2025-02-30T04:00:59Z"`, `"2025-03-07T04:00:59\u005a"`, `"2025-03-07T4:00:59Z"`, `"2025-03-07T04:00:59,5Z"`,
	`{"id":"00000000-0000-4000-8000-000000000001","content":"x","sender_type":"bot"}`, `{"ID":"00000000-0000-4000-8000-000000000001"}`,
	`{"content":"a","content":null}`, `{"content":1}`, `{"content":"a","more":{"b":[1,{"c":"\u00e9"}]}}`,
	`{"anonymous":true}`, `{"anonymous":null,"type":null}`, `{"type":"voice_chat","Type":"x"}`, `{"anonymous":1}`, `{"":1,"a\u0062":1.5,"b":[1e5]}`, `{"a":1e999}`, `{"type":"a","type":"b"}`, `{"type":"a","type":null}`, `99999999999999999999`, `{"-":1}`,
	strings.Repeat("[", 40) + strings.Repeat("]", 40), strings.Repeat("[", 70) + strings.Repeat("]", 70),
}

// odd makes bodies in which one thing is odd.
func odd(yield func(string)) {
	names := append((namesOf[okchatapi.Conversation]()), "mood", "ID", "Id", "sta\u017fe", "\\u0069d", "", "-", "mood\xff")
	var whole map[string]json.RawMessage
	if err := json.Unmarshal([]byte(conversationJSON(0)), &whole); err != nil {
		panic(err)
	}
	for _, value := range oddValues {
		yield(value)
		yield(pageOf(value, goodMetadata))
		yield(pageOf(`[`+conversationJSON(0)+`]`, value))
		yield(pageOf(`[`+value+`]`, goodMetadata))
		yield(pageOf(`[`+conversationJSON(0)+`,`+value+`]`, goodMetadata))
		yield(`{"more":` + value + `,"data":[],"metadata":` + goodMetadata + `}`)
		for _, name := range namesOf[PageMetadata]() {
			yield(pageOf(`[]`, `{"currentPage":1,"pageSize":10,"totalCount":1,"`+name+`":`+value+`}`))
			yield(pageOf(`[]`, `{"`+name+`":`+value+`}`))
		}
		for _, name := range names {
			yield(pageOf(`[{"`+name+`":`+value+`}]`, goodMetadata))
			conv := conversationJSON(0)
			yield(pageOf(`[`+conv[:len(conv)-1]+`,"`+name+`":`+value+`}]`, goodMetadata)) // a second one, or one more
			if old, ok := whole[name]; ok {
				yield(pageOf(`[`+strings.Replace(conv, `"`+name+`":`+string(old), `"`+name+`" : `+value+"\n", 1)+`]`, goodMetadata))
			}
		}
	}
	one := pageOf(`[`+conversationJSON(0)+`]`, goodMetadata)
	for i := range one {
		yield(one[:i])
		yield(one[:i] + "\x00" + one[i:])
		yield(one[:i] + " \t\r\n" + one[i:])
		yield(one[:i] + "\"" + one[i+1:])
	}
	for _, tail := range []string{"", " ", "\n", "\x00", "{}", "x", ","} {
		yield(one + tail)
		yield(tail + one)
	}
	yield(`{"data":[],"data":[` + conversationJSON(0) + `],"metadata":` + goodMetadata + `}`)
	yield(`{"data":[],"metadata":{"currentPage":1},"metadata":` + goodMetadata + `}`)
	yield(`{"Data":[` + conversationJSON(0) + `],"METADATA":` + goodMetadata + `}`)
}

// sameAsStock decodes text with decodeConversations and with encoding/json, which have to agree. It tells whether the fast way
// decided.
func sameAsStock(t *testing.T, text []byte) (fast bool) {
	t.Helper()
	want := okchatapi.ConversationPage{Metadata: PageMetadata{CurrentPage: -1, PageSize: -1, TotalCount: -1, TotalPages: -1}}
	var raw struct{ Data []json.RawMessage }
	stock := json.Unmarshal(text, &want)
	got, metadata, broken := decodeConversations(text, 10)
	var ignored PageMetadata
	_, fast = scanPage(text, 10, &ignored)
	stricter := want.Data == nil || !checkDepth(text)
	if (broken == nil) != (stock == nil && !stricter) {
		t.Fatalf("%q: encoding/json says %v, decodeConversations %v", text, stock, broken)
	}
	if fast && stock != nil {
		t.Fatalf("%q is taken, encoding/json says %v", text, stock)
	}
	if broken != nil {
		return fast
	}
	if err := json.Unmarshal(text, &raw); err != nil {
		t.Fatal(err)
	}
	if metadata != want.Metadata || len(got) != len(want.Data) {
		t.Fatalf("%q: metadata %+v and %d conversations, encoding/json has %+v and %d", text, metadata, len(got), want.Metadata, len(want.Data))
	}
	for i := range got {
		if !reflect.DeepEqual(got[i].Conversation, want.Data[i]) {
			t.Fatalf("%q: conversation %d is\n%#v, encoding/json has\n%#v", text, i, got[i].Conversation, want.Data[i])
		}
		if string(got[i].Raw()) != string(raw.Data[i]) {
			t.Fatalf("%q: conversation %d is from %q", text, i, got[i].Raw())
		}
		if again, err := decodeConversation(got[i].Raw()); err != nil || !reflect.DeepEqual(again, want.Data[i]) {
			t.Fatalf("%q: conversation %d alone is\n%#v, %v", text, i, again, err)
		}
	}
	return fast
}

func TestDecodingIsAsStrictAsTheStandardLibrary(t *testing.T) {
	var fast, all int
	odd(func(text string) {
		all++
		if sameAsStock(t, []byte(text)) {
			fast++
		}
	})
	t.Logf("%d bodies, %d decoded the fast way", all, fast)
}

// What servers send has to be without doubt, or nobody would notice that the fast way is never gone.
func TestWhatServersSendIsDecodedTheFastWay(t *testing.T) {
	bodies := [][]byte{
		syntheticPage(t, 1, 10), syntheticPage(t, 2, 100),
		[]byte(pageOf(`[]`, `{"currentPage":1,"pageSize":10,"totalCount":0,"totalPages":0}`)),
		[]byte(pageOf(with(`"active"`, `"mood":{"a":[1.0,"\u00e9",null,-2e5]},"active"`), goodMetadata)),
		[]byte(pageOf(with(`{"anonymous":true}`, `{"anonymous":true,"lang":"ko"}`), goodMetadata)),
		[]byte(pageOf(with(`"hello"`, `"\ud83d\ude00 \u003cb\u003e\n"`), goodMetadata)),
	}
	recordings, err := filepath.Glob("contract_test/recordings/*.har")
	if err != nil || len(recordings) == 0 {
		t.Fatalf("no recordings: %v", err)
	}
	for _, file := range recordings {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var har struct {
			Log struct {
				Entries []struct {
					Response struct {
						Status  int
						Content struct{ Text, Encoding string }
					}
				}
			}
		}
		if err := json.Unmarshal(text, &har); err != nil {
			t.Fatal(err)
		}
		for _, entry := range har.Log.Entries {
			if entry.Response.Status == 200 && entry.Response.Content.Encoding == "" && json.Unmarshal([]byte(entry.Response.Content.Text), new(okchatapi.ConversationPage)) == nil {
				bodies = append(bodies, []byte(entry.Response.Content.Text))
			}
		}
	}
	for _, body := range bodies {
		if !sameAsStock(t, body) {
			t.Errorf("in doubt about %.200s", body)
		}
	}
}

// When the contract gains a member, its decoding is right at once, and this fails until it is fast too.
func TestEachMemberOfTheContractIsDecodedTheFastWay(t *testing.T) {
	known := map[reflect.Type][]string{}
	add := func(typ reflect.Type, names []string) { known[typ] = slices.Sorted(slices.Values(names)) }
	add(inTable(pageMembers))
	add(inTable(metadataMembers))
	add(inTable(conversationMembers))
	add(inTable(messageMembers))
	add(inTable(notesMembers))
	var visit func(reflect.Type)
	visit = func(typ reflect.Type) {
		switch typ.Kind() {
		case reflect.Slice, reflect.Pointer:
			visit(typ.Elem())
			return
		case reflect.Struct:
		default:
			return
		}
		if typ == reflect.TypeFor[time.Time]() {
			return
		}
		if typ != reflect.TypeFor[okchatapi.LastMessage]() {
			if names := namesIn(typ); !slices.Equal(known[typ], slices.Sorted(slices.Values(names))) || len(names) > 64 {
				t.Errorf("%v has the members %v, the fast way %v: bring its table in decodefast.go up to date", typ, names, known[typ])
			}
			delete(known, typ)
		}
		for field := range typ.Fields() {
			visit(field.Type)
		}
	}
	visit(reflect.TypeFor[okchatapi.ConversationPage]())
	if len(known) > 0 {
		t.Errorf("tables of what is not in a page: %v", known)
	}
}

func inTable[C, T any](table members[C, T]) (reflect.Type, []string) {
	var names []string
	for _, m := range table {
		names = append(names, m.name)
	}
	return reflect.TypeFor[C](), names
}

func namesOf[T any]() []string { return namesIn(reflect.TypeFor[T]()) }

func namesIn(t reflect.Type) (names []string) {
	for field := range t.Fields() {
		if name := memberName(field); name != "-" {
			names = append(names, name)
		}
	}
	return names
}

// FuzzDecodeAsStock holds decoding against encoding/json into the generated types: the same bodies are refused, the others
// have the same values. Stricter on purpose are:
//   - a body that nests more than 64 levels deep, which is refused
//   - a body without data, or where it is null, which is refused
//
// What decodePage refuses beyond that are values that the contract does not allow: see its tests.
func FuzzDecodeAsStock(f *testing.F) {
	f.Add(syntheticPage(f, 1, 10))
	n := 0
	odd(func(text string) {
		if n++; n%97 == 0 {
			f.Add([]byte(text))
		}
	})
	f.Fuzz(func(t *testing.T, text []byte) { sameAsStock(t, text) })
}

// BenchmarkDecode decodes a page of 100 conversations. bench/ holds it against others.
func BenchmarkDecode(b *testing.B) {
	body := syntheticPage(b, 1, 100)
	resp := &http.Response{StatusCode: 200, Header: http.Header{"Content-Type": {mediaType}}}
	b.Run("okchat", func(b *testing.B) {
		b.SetBytes(int64(len(body)))
		b.ReportAllocs()
		for b.Loop() {
			if _, broken := decodePage(conversationsOp(b), query{page: 1, limit: 100}, resp, body); broken != nil {
				b.Fatal(broken)
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
