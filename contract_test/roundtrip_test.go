package contract_test

import (
	"encoding/json"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/okchat/okchat-go/gen/okchatapi"
)

func unmarshal(t *testing.T, body []byte, v any) {
	t.Helper()
	if err := json.Unmarshal(body, v); err != nil {
		t.Fatal(err)
	}
}

func TestTheGeneratedTypesDecodeAndEncodeEachPageToTheSameJSON(t *testing.T) {
	t.Parallel()
	pages := 0
	for _, ex := range all(t) {
		if ex.Status != 200 {
			continue
		}
		pages++
		var page any = new(okchatapi.ConversationPage)
		switch path, _, _ := strings.Cut(ex.URL, "?"); {
		case strings.HasSuffix(path, "/chatbots"):
			continue // Go values leave out what no one should store
		case strings.HasSuffix(path, "/messages"):
			page = new(okchatapi.MessagePage)
		case !strings.HasSuffix(path, "/conversations"):
			page = new(okchatapi.ConversationEnvelope)
		}
		unmarshal(t, ex.ResponseBody, page)
		if diff := difference("", alike(decode(t, ex.ResponseBody)), alike(decode(t, encode(t, page)))); diff != "" {
			t.Errorf("%s: %s", ex.Source, diff)
		}
	}
	if pages < 3 {
		t.Errorf("expected at least 3 pages among the recordings, got %d", pages)
	}
}

// alike removes the members that mean the same whether they are null, empty or absent.
func alike(v any) any {
	switch v := v.(type) {
	case []any:
		for i := range v {
			v[i] = alike(v[i])
		}
	case map[string]any:
		for name, member := range v {
			v[name] = alike(member)
			list, _ := member.([]any)
			none := member == nil || list != nil && len(list) == 0
			if slices.Contains([]string{"attachments", "tool_calls", "tool_results"}, name) && none || name == "state" && member == "" {
				delete(v, name)
			}
		}
	}
	return v
}

// difference compares two JSON values and says where they part first: null is not the same as absent, numbers are equal
// in value and not in their digits, and members that hold times are equal as instants.
func difference(pointer string, want, got any) string {
	switch want := want.(type) {
	case map[string]any:
		object, ok := got.(map[string]any)
		if !ok || len(object) != len(want) {
			return fmt.Sprintf("%s: expected an object of %d members, got %T of %d", pointer, len(want), got, len(object))
		}
		for key, value := range want {
			other, ok := object[key]
			if !ok {
				return fmt.Sprintf("%s/%s: expected a member, got none", pointer, key)
			}
			if diff := difference(pointer+"/"+key, value, other); diff != "" {
				return diff
			}
		}
		return ""
	case []any:
		array, ok := got.([]any)
		if !ok || len(array) != len(want) {
			return fmt.Sprintf("%s: expected an array of %d items, got %T of %d", pointer, len(want), got, len(array))
		}
		for i := range want {
			if diff := difference(fmt.Sprint(pointer, "/", i), want[i], array[i]); diff != "" {
				return diff
			}
		}
		return ""
	case json.Number:
		n, ok := got.(json.Number)
		if !ok || rational(want).Cmp(rational(n)) != 0 {
			return fmt.Sprintf("%s: expected the number %s, got %v", pointer, want, got)
		}
		return ""
	case string:
		if strings.HasSuffix(pointer, "ed_at") {
			a, errA := time.Parse(time.RFC3339Nano, want)
			b, errB := time.Parse(time.RFC3339Nano, fmt.Sprint(got))
			if errA != nil || errB != nil || !a.Equal(b) {
				return fmt.Sprintf("%s: expected the instant %s, got %v", pointer, want, got)
			}
			return ""
		}
	}
	if want != got {
		return fmt.Sprintf("%s: expected %T, got another value, of %T", pointer, want, got)
	}
	return ""
}

func rational(n json.Number) *big.Rat {
	r, ok := new(big.Rat).SetString(n.String())
	if !ok {
		return new(big.Rat).SetInt64(-1 << 62)
	}
	return r
}

// TestTheComparisonSeesEachDifference holds the comparison itself: one that sees nothing would let any type pass.
func TestTheComparisonSeesEachDifference(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, a, b string }{
		{"null and absent", `{"a":null}`, `{}`},
		{"absent and null", `{}`, `{"a":null}`},
		{"null and empty", `{"a":null}`, `{"a":""}`},
		{"a number and its text", `{"a":1}`, `{"a":"1"}`},
		{"large numbers", `{"a":9007199254740993}`, `{"a":9007199254740992}`},
		{"a microsecond", `{"created_at":"2025-03-07T04:56:09.200005+00:00"}`, `{"created_at":"2025-03-07T04:56:09.200004Z"}`},
		{"an offset", `{"created_at":"2025-03-07T04:56:09+00:00"}`, `{"created_at":"2025-03-07T04:56:09+01:00"}`},
		{"a time in other members", `{"a":"2025-03-07T04:56:09+00:00"}`, `{"a":"2025-03-07T04:56:09Z"}`},
		{"order", `[1,2]`, `[2,1]`},
		{"length", `[1]`, `[1,1]`},
		{"false and absent", `{"a":false}`, `{}`},
	} {
		if difference("", decode(t, []byte(test.a)), decode(t, []byte(test.b))) == "" {
			t.Errorf("%s: expected a difference, got none", test.name)
		}
	}
	same := `{"created_at":"2025-03-07T04:56:09.20+00:00","n":1.0,"a":[null,{"b":""}]}`
	if diff := difference("", decode(t, []byte(same)), decode(t, []byte(strings.NewReplacer(".20+00:00", ".2Z", "1.0", "1").Replace(same)))); diff != "" {
		t.Error(diff)
	}
}
