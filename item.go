package okchat

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"sync"

	"github.com/okchat/okchat-go/internal/fastjson"
)

// sent holds the parts of a received item that its fields do not: the JSON, and which members came. It is zero for an item
// made in Go.
type sent struct {
	of      *fastjson.Type
	raw     json.RawMessage
	missing uint64 // bits of the type
	extra   bool   // a member that the contract does not know came, here or further down
}

// Raw returns the JSON that the item was decoded from, or nil if it was made in Go. It equals the text that the server sent,
// byte for byte, except that half a surrogate pair, which is no text, is the escape of U+FFFD. Do not change it: it may share
// memory with its page.
func (i *sent) Raw() json.RawMessage { return i.raw }

// Unknown returns the members that the contract does not know by their names, or nil if there are none. The map is the
// caller's. Unknown members of objects within are in Raw.
func (i *sent) Unknown() map[string]json.RawMessage {
	if !i.extra {
		return nil
	}
	_, unknown := splitMembers(i.of, i.raw)
	return unknown
}

// Missing returns the names of the members that the contract requires and the server did not send, or sent as null where
// the contract allows none, in the order of the fields. It returns nil if there are none, and for an item made in Go. A
// member of an object within has the name of the object and a slash before its own, as in "last_message/id". The id and
// created_at of an item that the client hands out are never missing, nor is the id of what it belongs to.
func (i *sent) Missing() []string {
	if i.missing == 0 {
		return nil
	}
	return i.of.Names(i.missing)
}

// lazyType is a type of the contract that is compiled for reading when it is first needed. A program that reads no messages
// then links nothing of them.
type lazyType struct {
	once sync.Once
	made *fastjson.Type
}

// of returns the compiled type. t is the same in each call.
func (l *lazyType) of(t reflect.Type) *fastjson.Type {
	l.once.Do(func() { l.made = fastjson.Compile(t) })
	return l.made
}

var conversationType, messageType, chatbotType, metadataType lazyType

// readItem reads an item of type t into the zero value that into points to.
func readItem(t *fastjson.Type, s *fastjson.Scanner, into any) sent {
	s.Next()
	start := s.Offset()
	item := sent{of: t, missing: t.Read(s, into), extra: s.TakeExtra()}
	if item.raw = s.From(start); s.TakeLone() {
		item.raw = fastjson.ReplaceLone(item.raw)
	}
	return item
}

// firstMissing returns the first of some required members that did not come with the item and a description of its type, or
// "" if all came.
func (i *sent) firstMissing(members []string) (member, expected string) {
	if i.missing == 0 {
		return "", ""
	}
	for _, member := range members {
		if bit, expected := i.of.Bit(member); i.missing&bit != 0 {
			return member, expected
		}
	}
	return "", ""
}

// unmarshalItem sets item to what a copy of b holds. It does nothing where b is null, as encoding/json does for other types.
func unmarshalItem[T any](b []byte, what string, item *T, read func(*T, *fastjson.Scanner) *sent) error {
	if string(b) == "null" {
		return nil
	}
	var decoded T
	s := fastjson.NewScanner(bytes.Clone(b))
	read(&decoded, s)
	s.End()
	if err := s.Err(); err != nil {
		return fmt.Errorf("okchat: not a %s: %w", what, err)
	}
	if m, odd := s.TakeMismatch(); odd {
		return fmt.Errorf("okchat: a %s breaks the contract at %s: expected %s, got %s", what, or(m.Where, "its beginning"), m.Expected, m.Got)
	}
	*item = decoded
	return nil
}

// marshal encodes an item whose members are now, a struct of its type.
func (i *sent) marshal(now any) ([]byte, error) {
	if i.raw == nil {
		return json.Marshal(now)
	}
	is := reflect.ValueOf(now)
	original := reflect.New(is.Type())
	i.of.Read(fastjson.NewScanner(i.raw), original.Interface())
	was := original.Elem()
	if reflect.DeepEqual(was.Interface(), now) {
		return i.raw, nil
	}
	encoded, err := json.Marshal(now)
	if err != nil {
		return nil, err
	}
	changed, _ := splitMembers(i.of, encoded)
	came, unknown := splitMembers(i.of, i.raw)
	for _, f := range i.of.Fields {
		if !reflect.DeepEqual(is.Field(f.Index).Interface(), was.Field(f.Index).Interface()) {
			continue
		}
		if old, ok := came[f.Name]; ok {
			changed[f.Name] = old
		} else {
			delete(changed, f.Name)
		}
	}
	maps.Copy(changed, unknown)
	return json.Marshal(changed)
}

// splitMembers returns the members of an item that the contract knows, and the others.
func splitMembers(t *fastjson.Type, raw json.RawMessage) (known, unknown map[string]json.RawMessage) {
	known = map[string]json.RawMessage{}
	for name, value := range fastjson.Members(raw) {
		if slices.ContainsFunc(t.Fields, func(f fastjson.Field) bool { return f.Name == string(name) }) {
			known[string(name)] = value
			continue
		}
		if unknown == nil {
			unknown = map[string]json.RawMessage{}
		}
		unknown[string(name)] = value
	}
	return known, unknown
}
