package okchat

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/okchat/okchat-go/gen/okchatapi"
)

// scanPage decodes a page several times as fast as encoding/json, and to the same values. Where it returns false it is in
// doubt, and encoding/json has to say what the body is or what is wrong with it: see docs/decisions/7-decoding.md.
//
// The tables below name what is decoded this way. A member of the contract that they lack is a doubt, so the worst that
// forgetting one does is that pages are decoded as slowly as before; a test fails then.
func scanPage(body []byte, guess int, metadata *PageMetadata) (conversations []Conversation, ok bool) {
	s := &scanner{text: body}
	p := scannedPage{guess: guess, metadata: metadata}
	pageMembers.read(s, &p)
	return p.conversations, s.end()
}

// scanConversation decodes one conversation, as far as it is without doubt.
func scanConversation(b []byte, conv *okchatapi.Conversation) bool {
	s := &scanner{text: b}
	conversationMembers.read(s, conv)
	return s.end()
}

type scannedPage struct {
	guess         int // how many conversations there may be
	conversations []Conversation
	metadata      *PageMetadata
}

var pageMembers = members[okchatapi.ConversationPage, scannedPage]{
	{"data", func(s *scanner, p *scannedPage) { p.conversations = s.conversations(p.guess) }},
	{"metadata", func(s *scanner, p *scannedPage) { metadataMembers.read(s, p.metadata) }},
}

var metadataMembers = members[PageMetadata, PageMetadata]{
	{"currentPage", func(s *scanner, m *PageMetadata) { m.CurrentPage = s.integer() }},
	{"pageSize", func(s *scanner, m *PageMetadata) { m.PageSize = s.integer() }},
	{"totalCount", func(s *scanner, m *PageMetadata) { m.TotalCount = s.integer() }},
	{"totalPages", func(s *scanner, m *PageMetadata) { m.TotalPages = s.integer() }},
}

type conversation = okchatapi.Conversation

var conversationMembers = members[conversation, conversation]{
	{"id", func(s *scanner, c *conversation) { c.ID = s.uuid() }},
	{"chatbot_id", func(s *scanner, c *conversation) { c.ChatbotID = s.uuid() }},
	{"active", func(s *scanner, c *conversation) { c.Active = s.boolean() }},
	{"is_human_mode", func(s *scanner, c *conversation) { c.IsHumanMode = s.boolean() }},
	{"migrated_data", func(s *scanner, c *conversation) { c.MigratedData = s.boolean() }},
	{"platform", func(s *scanner, c *conversation) { c.Platform = okchatapi.Platform(s.word()) }},
	{"state", func(s *scanner, c *conversation) { c.State = okchatapi.ConversationState(s.word()) }},
	{"created_at", func(s *scanner, c *conversation) { s.time(&c.CreatedAt) }},
	{"updated_at", func(s *scanner, c *conversation) { s.time(&c.UpdatedAt) }},
	{"last_message", func(s *scanner, c *conversation) { s.lastMessage(&c.LastMessage) }},
	{"metadata", func(s *scanner, c *conversation) { s.notes(&c.Metadata) }},
	{"sns_user_id", func(s *scanner, c *conversation) { c.SNSUserID = s.stringOrNull() }},
	{"session_token", func(s *scanner, c *conversation) { c.SessionToken = s.stringOrNull() }},
	{"user_id", func(s *scanner, c *conversation) { c.UserID = s.stringOrNull() }},
	{"voice_path", func(s *scanner, c *conversation) { c.VoicePath = s.stringOrNull() }},
}

var messageMembers = members[okchatapi.Message, okchatapi.Message]{
	{"id", func(s *scanner, m *okchatapi.Message) { m.ID = s.uuid() }},
	{"content", func(s *scanner, m *okchatapi.Message) { m.Content = s.string() }},
	{"sender_type", func(s *scanner, m *okchatapi.Message) { m.SenderType = okchatapi.SenderType(s.word()) }},
}

var notesMembers = members[okchatapi.ConversationMetadata, okchatapi.ConversationMetadata]{
	{"anonymous", func(s *scanner, m *okchatapi.ConversationMetadata) { m.Anonymous = s.booleanOrNull() }},
	{"type", func(s *scanner, m *okchatapi.ConversationMetadata) { m.Type = s.stringOrNull() }},
}

func (s *scanner) conversations(guess int) []Conversation {
	const smallest = 300 // bytes of a conversation with all its members
	list := make([]Conversation, 0, min(guess, 1+len(s.text)/smallest))
	for more := s.begin('[', ']'); more; more = s.more(']') {
		s.next()
		start := s.at
		list = slices.Grow(list, 1)[:len(list)+1]
		conv := &list[len(list)-1]
		conversationMembers.read(s, &conv.Conversation)
		conv.raw = s.text[start:s.at:s.at]
	}
	return list
}

func (s *scanner) lastMessage(m *okchatapi.LastMessage) {
	if s.next() == '{' {
		m.Message = new(okchatapi.Message)
		messageMembers.read(s, m.Message)
		return
	}
	m.Text = s.stringOrNull()
}

// notes reads an open object. One that has other members than the contract knows is left to the type's own method.
func (s *scanner) notes(m *okchatapi.ConversationMetadata) {
	s.next()
	start, depth := s.at, s.depth
	if notesMembers.readClosed(s, m); s.bad {
		s.at, s.depth, s.bad = start, depth, false
		*m = okchatapi.ConversationMetadata{}
		if raw := s.skip(); s.bad || json.Unmarshal(raw, m) != nil {
			s.fail()
		}
	}
}

func (s *scanner) uuid() uuid.UUID {
	inner, plain := s.quoted()
	id, err := uuid.ParseBytes(inner)
	if err != nil || !plain {
		s.fail()
	}
	return id
}

func (s *scanner) time(t *time.Time) {
	if inner, plain := s.quoted(); !plain || t.UnmarshalText(inner) != nil {
		s.fail()
	}
}

func (s *scanner) stringOrNull() *string {
	if s.null() {
		return nil
	}
	text := s.string()
	return &text
}

func (s *scanner) booleanOrNull() *bool {
	if s.null() {
		return nil
	}
	b := s.boolean()
	return &b
}

// members says how those of the contract's type C are read into a T: at most 64.
type members[C, T any] []struct {
	name string
	read func(*scanner, *T)
}

// read reads an object. A member that comes twice is a doubt.
func (m members[C, T]) read(s *scanner, into *T) { m.object(s, into, true) }

// readClosed is read where a member that is not in the table is a doubt.
func (m members[C, T]) readClosed(s *scanner, into *T) { m.object(s, into, false) }

func (m members[C, T]) object(s *scanner, into *T, open bool) {
	var seen uint64
next:
	for more := s.begin('{', '}'); more; more = s.more('}') {
		name := s.name()
		for i := range m {
			if m[i].name == string(name) {
				if seen>>i&1 != 0 {
					s.fail()
				}
				seen |= 1 << i
				m[i].read(s, into)
				continue next
			}
		}
		if !open || mayBeMember(reflect.TypeFor[C](), string(name)) {
			s.fail()
		}
		s.skip()
	}
}

// mayBeMember says whether encoding/json, which is lenient with the case of names, may find a field for name in t.
func mayBeMember(t reflect.Type, name string) bool {
	for i := range t.NumField() { //nolint:modernize // as in decode.go
		field := t.Field(i)
		if strings.EqualFold(memberName(field), name) {
			return true
		}
	}
	return false
}
