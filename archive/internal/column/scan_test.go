package column

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"
	"unicode/utf8"
)

// FuzzScan holds the scanner to encoding/json, on what is JSON.
func FuzzScan(f *testing.F) {
	for _, s := range []string{`{}`, ` { } `, `{"a":1}`, `{"a":[1,{"b":"]}\""}],"\u0061":null , "a b" :"\\"}`, `[ 1 , "x y" ]`,
		"\"a\\\" b\"", `{"a":true,"b":-1.5e3}`, "{\"a\" : \t[ ]\n}", `{"`, `{"a":`, `"\`, "", `{"a":}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		got := AppendCompact(nil, text)
		object := map[string]json.RawMessage{}
		for name, value := range members(text) {
			object[string(name)] = value
		}
		if !json.Valid(text) {
			return
		}
		var want bytes.Buffer
		if err := json.Compact(&want, text); err != nil || !bytes.Equal(got, want.Bytes()) {
			t.Errorf("%q became %q, expected %q, %v", text, got, want.Bytes(), err)
		}
		var wanted map[string]json.RawMessage
		if !utf8.Valid(text) || json.Unmarshal(text, &wanted) != nil || wanted == nil {
			return
		}
		if !reflect.DeepEqual(object, wanted) {
			t.Errorf("%q has %s, expected %s", text, object, wanted)
		}
	})
}
