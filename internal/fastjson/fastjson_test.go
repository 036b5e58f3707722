package fastjson

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"

	"github.com/okchat/okchat-go/gen/okchatapi"
)

var pageType = Compile(reflect.TypeFor[okchatapi.ConversationPage]())

const (
	goodConversation = `{"id":"00000000-0000-4000-8000-000000000001","chatbot_id":"5afe16ed-5fd2-4552-a993-903bc9c32bb6","active":true,` +
		`"is_human_mode":false,"migrated_data":false,"platform":"web","state":"in_progress","created_at":"2025-03-07T04:00:59.5+00:00",` +
		`"updated_at":"2025-03-07T05:00:00+00:00","last_message":"hello","metadata":{"anonymous":true},"sns_user_id":null,` +
		`"session_token":null,"user_id":null,"voice_path":null}`
	goodMetadata = `{"currentPage":1,"pageSize":10,"totalCount":1,"totalPages":1}`
)

func pageOf(data, metadata string) string { return `{"data":` + data + `,"metadata":` + metadata + `}` }

// Values of any kind, among them all that decode in an odd way.
var oddValues = []string{
	`null`, `true`, `false`, `0`, `-0`, `7`, `007`, `1.0`, `1e2`, `1e`, `1.`, `-`, `2147483648`, `9999999999`, `1e999`, `""`, `" "`, `"a"`, `"\u0061\n\"\\\/"`,
	`"\ud83d\ude00"`, `"\ud83d"`, `"\ude00\ud83d"`, `"\ud83d\ud83d\ude00"`, `"\ud83dx"`, `"\ud83d\n"`, `"\u00G0"`, `"\u12"`, `"\x"`, `"\`, `"`, "\"\xff\"", "\"a\x01\"", "\"\u2028한\"", "\"한\xed\xa0\x80\"",
	`[]`, `{}`, `[null]`, `[1,]`, `[,1]`, `{"a":1,}`, `{,}`, `{"a"}`, `{"a":}`, `{a:1}`, `[1 2]`, `nul`, `nulll`, `tru`, `+1`, `.5`, `1e+05`, `1E-5`, `-1.5`,
	`"00000000-0000-4000-8000-000000000001"`, `"{00000000-0000-4000-8000-000000000001}"`, `"urn:uuid:00000000-0000-4000-8000-000000000001"`,
	`"00000000000040008000000000000001"`, `"00000000-0000-4000-8000-00000000000\u0031"`, `"한0000000-0000-4000-8000-000000000001}"`,
	`"2025-03-07T04:00:59Z"`, `"2025-03-07T04:00:59.123456789+09:00"`, `"2025-03-07t04:00:59z"`, `"2025-02-30T04:00:59Z"`, `"2025-03-07T04:00:59\u005a"`, `"2025-03-07T4:00:59Z"`, `"2025-03-07T04:00:59,5Z"`,
	`"2025-02-28T23:59:59.000001Z"`, `"2024-02-29T04:00:59+00:00"`, `"2025-12-31T24:00:00Z"`, `"2025-12-31T23:59:60Z"`, `"2025-00-01T00:00:00Z"`, `"2025-01-01T00:00:00.Z"`, `"2025-01-01T00:00:00"`,
	`{"id":"00000000-0000-4000-8000-000000000001","content":"x","sender_type":"bot"}`, `{"ID":"00000000-0000-4000-8000-000000000001"}`,
	`{"content":"a","content":null}`, `{"content":1}`, `{"content":"a","more":{"b":[1,{"c":"\u00e9"}]}}`,
	`{"anonymous":true}`, `{"anonymous":null,"type":null}`, `{"type":"voice_chat","Type":"x"}`, `{"anonymous":1}`, `{"":1,"a\u0062":1.5,"b":[1e5]}`, `{"a":1e999}`, `{"type":"a","type":"b"}`, `{"type":"a","type":null}`, `99999999999999999999`, `{"-":1}`,
	strings.Repeat("[", 40) + strings.Repeat("]", 40), strings.Repeat("[", 70) + strings.Repeat("]", 70),
}

// odd makes bodies in which one thing is odd.
func odd(yield func(string)) {
	names := append(namesOf[okchatapi.Conversation](), "mood", "ID", "Id", "sta\u017fe", "\\u0069d", "", "-", "mood\xff")
	var whole map[string]json.RawMessage
	if err := json.Unmarshal([]byte(goodConversation), &whole); err != nil {
		panic(err)
	}
	for _, value := range oddValues {
		yield(value)
		yield(pageOf(value, goodMetadata))
		yield(pageOf(`[`+goodConversation+`]`, value))
		yield(pageOf(`[`+value+`]`, goodMetadata))
		yield(pageOf(`[`+goodConversation+`,`+value+`]`, goodMetadata))
		yield(`{"more":` + value + `,"data":[],"metadata":` + goodMetadata + `}`)
		for _, name := range namesOf[okchatapi.PageMetadata]() {
			yield(pageOf(`[]`, `{"currentPage":1,"pageSize":10,"totalCount":1,"`+name+`":`+value+`}`))
			yield(pageOf(`[]`, `{"`+name+`":`+value+`}`))
		}
		for _, name := range names {
			yield(pageOf(`[{"`+name+`":`+value+`}]`, goodMetadata))
			yield(pageOf(`[`+goodConversation[:len(goodConversation)-1]+`,"`+name+`":`+value+`}]`, goodMetadata)) // a second one, or one more
			if old, ok := whole[name]; ok {
				yield(pageOf(`[`+strings.Replace(goodConversation, `"`+name+`":`+string(old), `"`+name+`" : `+value+"\n", 1)+`]`, goodMetadata))
			}
		}
	}
	one := pageOf(`[`+goodConversation+`]`, goodMetadata)
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
	yield(`{"data":[],"data":[` + goodConversation + `],"metadata":` + goodMetadata + `}`)
	yield(`{"data":[],"metadata":{"currentPage":1},"metadata":` + goodMetadata + `}`)
	yield(`{"Data":[` + goodConversation + `],"METADATA":` + goodMetadata + `}`)
}

func namesOf[T any]() (names []string) {
	for _, f := range Fields(reflect.TypeFor[T]()) {
		names = append(names, f.Name)
	}
	return names
}

var lenient = jsonv2.JoinOptions(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))

// exactNames does what the method of LastMessage does, but without looking at names in another case.
var exactNames = jsonv2.UnmarshalFunc(func(text []byte, m *okchatapi.LastMessage) error {
	if *m = (okchatapi.LastMessage{}); text[0] == '{' {
		return jsonv2.Unmarshal(text, &m.Message, lenient)
	}
	return jsonv2.Unmarshal(text, &m.Text, lenient)
})

// sameAsStock reads text with this package and with encoding/json/v2, which have to agree. It returns whether they took it.
// This package is stricter on purpose: it refuses bytes that are not UTF-8, more than 64 levels, an item that is null, and
// years outside 1 to 9999. Of two members with one name the last one wins, where encoding/json merges them.
func sameAsStock(t *testing.T, text []byte) bool {
	t.Helper()
	var got, want okchatapi.ConversationPage
	s := NewScanner(text)
	pageType.Read(s, &got)
	s.End()
	mismatch, odd := s.TakeMismatch()
	taken := s.Err() == nil && !odd

	stock := jsonv2.Unmarshal(text, &want, lenient, jsonv2.WithUnmarshalers(exactNames))
	if taken && stock != nil && strings.Contains(stock.Error(), "time.Time") {
		return true // a digit or a comma that package time lets pass
	}
	if taken && stock != nil {
		t.Fatalf("%q is taken, encoding/json says %v", text, stock)
	}
	if !taken {
		stricter := !utf8.Valid(text) || s.Err() != nil && strings.Contains(s.Err().Expected, "levels") ||
			odd && (mismatch.Got == "null" || mismatch.Expected == aTime || strings.Contains(mismatch.Expected, "about"))
		if stock == nil && !stricter {
			t.Fatalf("%q is refused (%v, %+v), encoding/json takes it", text, s.Err(), mismatch)
		}
		return false
	}
	if jsonv2.Unmarshal(text, new(any), jsontext.AllowInvalidUTF8(true)) != nil {
		return true // a name stands twice
	}
	for _, page := range []*okchatapi.ConversationPage{&got, &want} {
		for i := range page.Data {
			conv := &page.Data[i]
			conv.CreatedAt, conv.UpdatedAt = conv.CreatedAt.UTC(), conv.UpdatedAt.UTC()
		}
	}
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("%q is\n%#v, encoding/json has\n%#v", text, got, want)
	}
	return true
}

func TestReadingIsAsStrictAsTheStandardLibrary(t *testing.T) {
	var all, taken int
	odd(func(text string) {
		all++
		if sameAsStock(t, []byte(text)) {
			taken++
		}
	})
	if t.Logf("%d bodies, %d taken", all, taken); taken < all/10 {
		t.Error("nearly all bodies are refused, so that nothing is compared")
	}
}

func FuzzReadAsStock(f *testing.F) {
	n := 0
	odd(func(text string) {
		if n++; n%97 == 0 {
			f.Add([]byte(text))
		}
	})
	f.Fuzz(func(t *testing.T, text []byte) { sameAsStock(t, text) })
}

// fill sets each field in v to a value that is not zero.
func fill(t *testing.T, v reflect.Value, n *int) {
	t.Helper()
	*n++
	switch v.Interface().(type) {
	case time.Time:
		v.Set(reflect.ValueOf(time.Date(2025, 3, 1, 0, 0, *n, 0, time.UTC)))
		return
	case uuid.UUID:
		v.Set(reflect.ValueOf(uuid.UUID{byte(*n)}))
		return
	case map[string]any:
		v.Set(reflect.ValueOf(map[string]any{"more": float64(*n), "list": []any{"a", nil, true}}))
		return
	}
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int:
		v.SetInt(int64(*n))
	case reflect.String:
		v.SetString(fmt.Sprintf("text %d", *n))
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(t, v.Elem(), n)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(t, v.Index(0), n)
	case reflect.Struct:
		for _, field := range v.Fields() {
			fill(t, field, n)
			if v.Type() == reflect.TypeFor[okchatapi.LastMessage]() {
				break // one form of it
			}
		}
	default:
		t.Fatalf("no value for %v", v.Type())
	}
}

// A member that the contract gains is read, and missed, without a line of code.
func TestEachMemberOfTheContractIsReadAndMissed(t *testing.T) {
	var want, got okchatapi.Conversation
	n := 0
	fill(t, reflect.ValueOf(&want).Elem(), &n)
	text, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	typ := Compile(reflect.TypeFor[okchatapi.Conversation]())
	s := NewScanner(text)
	missing := typ.Read(s, &got)
	m, odd := s.TakeMismatch()
	if s.End(); s.Err() != nil || odd || missing != 0 {
		t.Fatalf("%s: %v, %+v, missing %q", text, s.Err(), m, typ.Names(missing))
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("read as\n%+v, expected\n%+v", got, want)
	}

	for _, path := range typ.names {
		for _, null := range []bool{false, true} {
			var object map[string]any
			if err := json.Unmarshal(text, &object); err != nil {
				t.Fatal(err)
			}
			in, name := object, path
			if outer, inner, ok := strings.Cut(path, "/"); ok {
				in, name = object[outer].(map[string]any), inner
			}
			if delete(in, name); null {
				in[name] = nil
			}
			without, err := json.Marshal(object)
			if err != nil {
				t.Fatal(err)
			}
			var expected []string
			if i := slices.IndexFunc(typ.object.fields, func(f field) bool { return f.name == path }); !null || i < 0 || !typ.object.fields[i].nullable {
				expected = []string{path}
			}
			if got := typ.Names(typ.Read(NewScanner(without), new(okchatapi.Conversation))); !slices.Equal(got, expected) {
				t.Errorf("%s, null %v: missing are %q, expected %q", path, null, got, expected)
			}
		}
	}
}

func TestOfTwoMembersWithOneNameTheLastCounts(t *testing.T) {
	typ := Compile(reflect.TypeFor[okchatapi.Conversation]())
	whole := goodConversation[:len(goodConversation)-1]
	for more, want := range map[string][]string{
		`,"active":false}`: nil, `,"active":null}`: {"active"}, `,"active":null,"active":true}`: nil,
		`,"last_message":{"id":"00000000-0000-4000-8000-000000000002"}}`:                {"last_message/content", "last_message/sender_type"},
		`,"last_message":{"content":"x"},"last_message":"y"}`:                           nil,
		`,"metadata":{"anonymous":false,"more":1},"metadata":{"type":"voice_chat"}}`:    nil,
		`,"last_message":{"content":"x"},"last_message":null,"state":null,"more":[{}]}`: {"state"},
	} {
		var conv okchatapi.Conversation
		s := NewScanner([]byte(whole + more))
		if got := typ.Names(typ.Read(s, &conv)); !slices.Equal(got, want) || s.Err() != nil {
			t.Errorf("%s: missing are %q, expected %q; %v", more, got, want, s.Err())
		}
		if conv.Active == (strings.Contains(more, `"active":false`) || slices.Contains(want, "active")) || conv.Metadata.AdditionalProperties != nil {
			t.Errorf("%s: read as %+v", more, conv)
		}
	}
}

func TestTheFirstMismatchIsLocated(t *testing.T) {
	for text, want := range map[string]Mismatch{
		`[]`: {"", "an object", "an array"},
		`{"data":[{"active":1,"state":2}],"metadata":7}`:                    {"/data/0/active", "true or false", "a number"},
		`{"data":[{},{"last_message":{"content":"x","id":"y"}}]}`:           {"/data/1/last_message/id", aUUID, "another string"},
		`{"data":[{"last_message":7}]}`:                                     {"/data/0/last_message", "an object, a string or null", "a number"},
		`{"data":[{"metadata":{"type":["a"]}}]}`:                            {"/data/0/metadata/type", "a string", "an array"},
		`{"data":[{"metadata":{"a/b~":{"c":[0,1e999]}}}]}`:                  {"/data/0/metadata/a~1b~0/c/1", "a number that fits", "one beyond all bounds"},
		`{"data":[{"created_at":"0000-12-31T23:59:59Z"}]}`:                  {"/data/0/created_at", aTime, "another string"},
		`{"data":[{"created_at":"0001-01-01T00:59:59+01:00"}]}`:             {"/data/0/created_at", aTime, "another string"},
		`{"data":[{"created_at":"9999-12-31T23:59:59-01:00"}]}`:             {"/data/0/created_at", aTime, "another string"},
		`{"metadata":{"totalCount":1.0}}`:                                   {"/metadata/totalCount", "a whole number", "a number"},
		`{"metadata":{"totalCount":92233720368547758080,"totalPages":"x"}}`: {"/metadata/totalCount", "a whole number", "a number"},
		`{"data":null,"metadata":null}`:                                     {},
		`{"data":[{"created_at":"9999-12-31T23:59:59Z"}]}`:                  {},
		`{"data":[{"created_at":"0001-01-01T00:00:00Z"}]}`:                  {},
	} {
		s := NewScanner([]byte(text))
		pageType.Read(s, new(okchatapi.ConversationPage))
		if s.End(); s.Err() != nil {
			t.Errorf("%s: %v", text, s.Err())
		}
		if got, ok := s.TakeMismatch(); got != want || ok != (want != Mismatch{}) {
			t.Errorf("%s: mismatch %+v, expected %+v", text, got, want)
		}
		if again, ok := s.TakeMismatch(); ok {
			t.Errorf("%s: a second mismatch %+v", text, again)
		}
	}
}

func TestSyntaxErrorsTellTruncationApart(t *testing.T) {
	for text, want := range map[string]SyntaxError{
		``:                          {"one JSON document", "an empty body", true, false, 0},
		" \n":                       {"one JSON document", "an empty body", true, false, 2},
		`{"data":[`:                 {"one JSON document", "one that ends early, after 9 bytes", true, false, 9},
		`{"data":tr`:                {"one JSON document", "one that ends early, after 10 bytes", true, false, 10},
		`{"data":"\u00`:             {"one JSON document", "one that ends early, after 13 bytes", true, false, 13},
		`{"more":-`:                 {"one JSON document", "one that ends early, after 9 bytes", true, false, 9},
		`{"data":[}]}`:              {"one JSON document", "something else at byte 10", false, false, 9},
		`{}{}`:                      {"one JSON document", "something else at byte 3", false, false, 2},
		"\ufeff{}":                  {"one JSON document", "something else at byte 1", false, false, 0},
		"{\"more\":\"한a\xff\"}":     {"UTF-8", "other bytes from byte 14 on", false, false, 13},
		"{\"mo\xe9re\":1}":          {"UTF-8", "other bytes from byte 5 on", false, false, 4},
		strings.Repeat(`[`, 100000): {"at most 64 levels of JSON", "more", false, true, 64},
	} {
		s := NewScanner([]byte(text))
		pageType.Read(s, new(okchatapi.ConversationPage))
		if s.End(); s.Err() == nil || *s.Err() != want {
			t.Errorf("%.40q: %+v, expected %+v", text, s.Err(), want)
		}
	}
}

func TestMembersAreThoseOfTheStandardLibrary(t *testing.T) {
	for _, value := range oddValues {
		text := []byte(` { "a" : ` + value + ` , "b\u0063":{"a":[1, 2]} , "" : ` + value + `}`)
		var want map[string]json.RawMessage
		if jsonv2.Unmarshal(text, &want) != nil || strings.Count(value, "[") > MaxDepth {
			continue
		}
		got := map[string]json.RawMessage{}
		for name, raw := range Members(text) {
			got[string(name)] = raw
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: members are %s, expected %s", text, got, want)
		}
	}
	for _, text := range []string{``, `[]`, `7`, `{`, `{"a`, `{"a":1`, `{"a":1,`} {
		n := 0
		for range Members([]byte(text)) {
			n++
		}
		if want := strings.Count(text, "1"); n > want {
			t.Errorf("%q has %d members, expected at most %d", text, n, want)
		}
	}
}

func FuzzCompact(f *testing.F) {
	odd(func(text string) {
		if len(text)%31 == 0 {
			f.Add([]byte(text))
		}
	})
	f.Fuzz(func(t *testing.T, text []byte) {
		got := AppendCompact([]byte("before"), text)
		var want bytes.Buffer
		if json.Compact(&want, text) == nil && string(got) != "before"+want.String() {
			t.Errorf("%q compacts to %q, expected %q", text, got, want.String())
		}
	})
}

func TestHalfASurrogatePairBecomesU_FFFD(t *testing.T) {
	const text = `{"a\ud800":"\\ud800 \ud83d\ude00 \ude00\ud83d\ud83d\ude00 \uDFFF\n"}`
	const want = `{"a\ufffd":"\\ud800 \ud83d\ude00 \ufffd\ufffd\ud83d\ude00 \ufffd\n"}`
	s := NewScanner([]byte(text))
	if s.Skip(); !s.TakeLone() || s.TakeLone() {
		t.Error("it is not noticed, or twice")
	}
	if got := string(ReplaceLone([]byte(text))); got != want {
		t.Errorf("replaced to %s, expected %s", got, want)
	}
	s = NewScanner([]byte(want))
	if s.Skip(); s.TakeLone() {
		t.Error("it is noticed where there is none")
	}
}

func FuzzTimes(f *testing.F) {
	for _, seed := range []string{"2025-03-07T04:56:09.200005+00:00", "2025-03-07T04:56:09Z", "0000-01-01T00:00:00Z", "2025-03-28T23:59:59.000000001Z", "2025-03-07T04:56:09.+00:00"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		got, ok := parseUTC(text)
		var want time.Time
		if err := want.UnmarshalText(text); ok && (err != nil || !got.Equal(want) || got.Format(time.RFC3339Nano) != want.UTC().Format(time.RFC3339Nano)) {
			t.Errorf("%q is %v, package time has %v, %v", text, got, want, err)
		}
	})
}

func TestCommonTimesAreReadTheFastWay(t *testing.T) {
	for text, want := range map[string]bool{
		"2025-03-07T04:56:09.200005+00:00": true, "2025-03-07T04:56:09+00:00": true, "2025-03-07T04:56:09.5Z": true,
		"2025-03-31T04:56:09Z": true, "2025-04-31T04:56:09Z": false, "2024-02-29T04:56:09Z": false, "2025-00-01T00:00:00Z": false, "2025-03-07T04:56:09+09:00": false, "2025-02-29T00:00:00Z": false,
	} {
		if _, ok := parseUTC([]byte(text)); ok != want {
			t.Errorf("%s: %v, expected %v", text, ok, want)
		}
	}
}
