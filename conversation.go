package okchat

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"sync"
	"time"

	"github.com/okchat/okchat-go/gen/okchatapi"
	"github.com/okchat/okchat-go/internal/fastjson"
)

// Conversation is one conversation of an end user with a chatbot. The members that the contract knows are its fields, by way
// of the type that is generated from the contract:
//
//	Active       bool
//	ChatbotID    uuid.UUID
//	CreatedAt    time.Time
//	ID           uuid.UUID
//	IsHumanMode  bool
//	LastMessage  LastMessage
//	Metadata     ConversationMetadata
//	MigratedData bool
//	Platform     Platform
//	SessionToken *string
//	SNSUserID    *string
//	State        ConversationState
//	UpdatedAt    time.Time
//	UserID       *string
//	VoicePath    *string
//
// The JSON that it was decoded from is kept, see [Conversation.Raw] and [Conversation.Unknown]. A field whose member the server did
// not send has its zero value, see [Conversation.Missing].
//
// Platform, State and the SenderType of a message are open sets: any value decodes, and the method Valid reports whether the
// contract knows it. A conversation may be read by several goroutines at once.
type Conversation struct {
	okchatapi.Conversation

	sent
}

// sent holds the parts of a received item that its fields do not: the JSON, and which members came. It is zero for an item
// made in Go.
type sent struct {
	of      *fastjson.Type
	raw     json.RawMessage
	missing uint64 // bits of the type
	extra   bool   // a member that the contract does not know came, here or further down
}

// String returns the conversation's id, platform, state and time. It leaves out texts and other personal data, and the
// JSON, which package fmt would print as a list of numbers.
func (c Conversation) String() string {
	return fmt.Sprintf("conversation %s (%s, %s, %s)", c.ID, clip(oneLine(string(c.Platform)), 64), clip(oneLine(string(c.State)), 64),
		c.CreatedAt.Format(time.RFC3339Nano))
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

// read reads one conversation. It shares memory with the scanner's text.
func (c *Conversation) read(s *fastjson.Scanner) {
	c.sent = readItem(conversationType.of(reflect.TypeFor[okchatapi.Conversation]()), s, &c.Conversation)
}

// UnmarshalJSON decodes one conversation, for instance from an archive, and keeps a copy of b. It fails on a value whose type
// is not the contract's, but not on a member that is missing.
func (c *Conversation) UnmarshalJSON(b []byte) error {
	var conv Conversation
	err := unmarshalItem(b, "conversation", conv.read)
	if err == nil && conv.raw != nil {
		*c = conv
	}
	return err
}

// MarshalJSON encodes the conversation. A member that was not changed in Go is encoded as the server sent it, or left out if it
// did not; members that the contract does not know are kept.
func (c Conversation) MarshalJSON() ([]byte, error) { return c.marshal(c.Conversation) }

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

// unmarshalItem reads a copy of b as one item. It does nothing where b is null, as encoding/json does for other types.
func unmarshalItem(b []byte, what string, read func(*fastjson.Scanner)) error {
	if string(b) == "null" {
		return nil
	}
	s := fastjson.NewScanner(bytes.Clone(b))
	read(s)
	s.End()
	if err := s.Err(); err != nil {
		return fmt.Errorf("okchat: not a %s: %w", what, err)
	}
	if m, odd := s.TakeMismatch(); odd {
		return fmt.Errorf("okchat: a %s breaks the contract at %s: expected %s, got %s", what, or(m.Where, "its beginning"), m.Expected, m.Got)
	}
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
