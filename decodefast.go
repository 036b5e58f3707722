package okchat

import (
	"encoding/json"
	"reflect"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/okchat/okchat-go/gen/okchatapi"
)

// scanPage decodes a page some ten times as fast as encoding/json, and to the same values. Where it returns false it is
// in doubt, and encoding/json has to say what the body is or what is wrong with it.
//
// What an object's members are follows from the generated types, so this changes with the contract by itself. A type that
// [scanner.value] does not know is left to encoding/json, value by value: add it there.
func scanPage(body []byte, guess int, metadata *PageMetadata) (conversations []Conversation, ok bool) {
	s := &scanner{text: body}
	members := membersOf[okchatapi.ConversationPage]()
	var seen [2]bool
	for more := s.begin('{', '}'); more; more = s.more('}') {
		switch name := s.name(); string(name) {
		case "data":
			if seen[0] {
				s.fail()
			}
			seen[0] = true
			conversations = s.conversations(guess)
		case "metadata":
			if seen[1] {
				s.fail()
			}
			seen[1] = true
			s.value(metadata)
		default:
			s.unknown(name, members)
		}
	}
	if s.next() != 0 || s.at < len(body) {
		s.fail()
	}
	return conversations, !s.bad
}

func (s *scanner) conversations(guess int) []Conversation {
	const smallest = 300 // bytes of a conversation with all its members
	conversations := make([]Conversation, 0, min(guess, 1+len(s.text)/smallest))
	for more := s.begin('[', ']'); more; more = s.more(']') {
		s.next()
		start := s.at
		conversations = append(conversations, Conversation{})
		conv := &conversations[len(conversations)-1]
		s.value(&conv.Conversation)
		conv.raw = s.text[start:s.at:s.at]
	}
	return conversations
}

// scanConversation decodes one conversation, as far as it is without doubt.
func scanConversation(b []byte, conv *okchatapi.Conversation) bool {
	s := &scanner{text: b}
	s.value(conv)
	return s.next() == 0 && s.at == len(b) && !s.bad
}

// value reads a value into what p points to, which holds its zero value: one line for each Go type that the generator
// makes of the contract's.
func (s *scanner) value(p any) {
	switch p := p.(type) {
	case *bool:
		*p = s.boolean()
	case *int:
		*p = s.integer()
	case *string:
		*p = s.string()
	case *okchatapi.Platform:
		*p = okchatapi.Platform(s.word())
	case *okchatapi.ConversationState:
		*p = okchatapi.ConversationState(s.word())
	case *okchatapi.SenderType:
		*p = okchatapi.SenderType(s.word())
	case **bool:
		if !s.null() {
			b := s.boolean()
			*p = &b
		}
	case **string:
		if !s.null() {
			text := s.string()
			*p = &text
		}
	case *uuid.UUID:
		inner, plain := s.quoted()
		var err error
		if *p, err = uuid.ParseBytes(inner); err != nil || !plain {
			s.fail()
		}
	case *time.Time:
		inner, plain := s.quoted()
		if p.UnmarshalText(inner) != nil || !plain {
			s.fail()
		}
	case *okchatapi.LastMessage:
		switch s.next() {
		case '{':
			p.Message = new(okchatapi.Message)
			s.value(p.Message)
		case 'n':
			s.null()
		default:
			s.value(&p.Text)
		}
	case *okchatapi.ConversationMetadata:
		s.open(p)
	case *okchatapi.Conversation:
		s.object(reflect.ValueOf(p).Elem(), membersOf[okchatapi.Conversation]())
	case *okchatapi.Message:
		s.object(reflect.ValueOf(p).Elem(), membersOf[okchatapi.Message]())
	case *okchatapi.PageMetadata:
		s.object(reflect.ValueOf(p).Elem(), membersOf[okchatapi.PageMetadata]())
	default:
		s.stock(p)
	}
}

// stock leaves a value to encoding/json.
func (s *scanner) stock(p any) {
	if raw := s.skip(); s.bad || s.noStock || json.Unmarshal(raw, p) != nil {
		s.fail()
	}
}

// object reads a struct. A member that comes twice is a doubt.
func (s *scanner) object(v reflect.Value, members []string) {
	var seen uint64
	for more := s.begin('{', '}'); more; more = s.more('}') {
		name := s.name()
		i := find(members, name)
		switch {
		case i < 0:
			s.unknown(name, members)
		case seen>>i&1 != 0:
			s.fail()
		default:
			seen |= 1 << i
			s.value(v.Field(i).Addr().Interface())
		}
	}
}

// open reads an object that any member may come in. One that has others than those the contract knows is left to the
// generated type's own method.
func (s *scanner) open(p *okchatapi.ConversationMetadata) {
	s.next()
	at, depth, members, seen := s.at, s.depth, membersOf[okchatapi.ConversationMetadata](), uint64(0)
	v := reflect.ValueOf(p).Elem()
	for more := s.begin('{', '}'); more; more = s.more('}') {
		i := find(members, s.name())
		if i < 0 || seen>>i&1 != 0 {
			s.at, s.depth, s.bad = at, depth, false
			*p = okchatapi.ConversationMetadata{}
			s.stock(p)
			return
		}
		seen |= 1 << i
		s.value(v.Field(i).Addr().Interface())
	}
}

// unknown skips a member that has no field. encoding/json is lenient with the case of names; that is a doubt.
func (s *scanner) unknown(name []byte, members []string) {
	for _, member := range members {
		if strings.EqualFold(member, string(name)) {
			s.fail()
		}
	}
	s.skip()
}

func find(members []string, name []byte) int {
	for i, member := range members {
		if member == string(name) {
			return i
		}
	}
	return -1
}

// noMember stands for a field that is no member: no name of a member has a control character.
const noMember = "\x00"

var memberTables sync.Map // reflect.Type to []string

// membersOf returns the name of the member that each field of a generated struct holds.
func membersOf[T any]() []string {
	t := reflect.TypeFor[T]()
	if known, ok := memberTables.Load(t); ok {
		return known.([]string)
	}
	members := make([]string, t.NumField())
	for i := range members {
		if members[i] = memberName(t.Field(i)); members[i] == "-" {
			members[i] = noMember
		}
	}
	known, _ := memberTables.LoadOrStore(t, members)
	return known.([]string)
}
