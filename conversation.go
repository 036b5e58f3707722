package okchat

import (
	"bytes"
	"encoding/json"
	"maps"
	"reflect"
	"strings"
	"sync"

	"github.com/okchat/okchat-go/gen/okchatapi"
)

// Conversation is one conversation: the members that the contract knows as fields, and the JSON that it came as.
//
// Values of open sets (Platform, State, the SenderType of a message) decode whatever they are; their method Valid tells
// known ones from new ones. Values may be shared between goroutines that only read.
type Conversation struct {
	okchatapi.Conversation

	raw json.RawMessage
}

// Raw returns the JSON that the conversation was decoded from, byte for byte, or nil where it was made in Go. Do not
// change it. It shares memory with the page it came on.
func (c *Conversation) Raw() json.RawMessage { return c.raw }

// Unknown returns the members that the contract does not know, by name; nil where there are none. The map is the
// caller's. Unknown members further down are in Raw.
func (c *Conversation) Unknown() map[string]json.RawMessage {
	_, unknown := splitMembers(c.Raw())
	return unknown
}

// Missing returns the names of the members that the contract requires and the server did not send, or sent as null where
// the contract has no null, in the order of the fields; nil where there are none and for a conversation made in Go. The
// fields of such members hold their zero value, which the server did not send. The id, chatbot_id and created_at of a
// conversation that the client hands out are never missing.
func (c *Conversation) Missing() []string {
	if c.raw == nil {
		return nil
	}
	var missing []string
	sent, _ := splitMembers(c.raw)
	for _, m := range requiredMembers() {
		if value, ok := sent[m.name]; !ok || !m.nullable && string(value) == "null" {
			missing = append(missing, m.name)
		}
	}
	return missing
}

// requiredMember is a member that the contract requires of each conversation.
type requiredMember struct {
	name     string
	nullable bool
}

// requiredMembers derives from the generated type what the contract requires: the generator gives an optional member
// omitempty, and a nullable one a pointer or a type of its own that encodes as null.
var requiredMembers = sync.OnceValue(func() (required []requiredMember) {
	for t, i := reflect.TypeFor[okchatapi.Conversation](), 0; i < t.NumField(); i++ {
		field := t.Field(i)
		if name, options, _ := strings.Cut(field.Tag.Get("json"), ","); options == "" {
			zero, err := json.Marshal(reflect.Zero(field.Type).Interface())
			required = append(required, requiredMember{name, err == nil && string(zero) == "null"})
		}
	}
	return required
})

// UnmarshalJSON reads one conversation, for instance from an archive. It keeps a copy of b.
func (c *Conversation) UnmarshalJSON(b []byte) error {
	known, err := decodeConversation(b)
	if err != nil {
		return err
	}
	*c = Conversation{Conversation: known, raw: bytes.Clone(b)}
	return nil
}

func decodeConversation(b []byte) (conv okchatapi.Conversation, err error) {
	if !scanConversation(b, &conv) {
		conv = okchatapi.Conversation{}
		err = json.Unmarshal(b, &conv)
	}
	return conv, err
}

// MarshalJSON writes the conversation with all it came with: a member that was not changed in Go stands as it came, down
// to members that the contract does not know; a member that was changed stands as Go has it.
func (c Conversation) MarshalJSON() ([]byte, error) {
	raw := c.Raw()
	if raw == nil {
		return json.Marshal(c.Conversation)
	}
	original, err := decodeConversation(raw)
	if err != nil {
		return nil, err
	}
	if reflect.DeepEqual(original, c.Conversation) {
		return raw, nil
	}
	encoded, err := json.Marshal(c.Conversation)
	if err != nil {
		return nil, err
	}
	changed, _ := splitMembers(encoded)
	came, unknown := splitMembers(raw)
	is, was := reflect.ValueOf(c.Conversation), reflect.ValueOf(original)
	for i := range is.NumField() {
		name := memberName(is.Type().Field(i))
		if old, ok := came[name]; ok && reflect.DeepEqual(is.Field(i).Interface(), was.Field(i).Interface()) {
			changed[name] = old
		}
	}
	maps.Copy(changed, unknown)
	return json.Marshal(changed)
}

var knownMembers = sync.OnceValue(func() map[string]bool {
	known := map[string]bool{}
	for t, i := reflect.TypeFor[okchatapi.Conversation](), 0; i < t.NumField(); i++ {
		known[memberName(t.Field(i))] = true
	}
	return known
})

func memberName(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	return name
}

func splitMembers(raw json.RawMessage) (known, unknown map[string]json.RawMessage) {
	var members map[string]json.RawMessage
	if raw == nil || json.Unmarshal(raw, &members) != nil {
		return nil, nil
	}
	for name, value := range members {
		if !knownMembers()[name] {
			if unknown == nil {
				unknown = map[string]json.RawMessage{}
			}
			unknown[name] = value
			delete(members, name)
		}
	}
	return members, unknown
}
