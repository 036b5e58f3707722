package okchattest

import (
	"encoding/binary"
	"encoding/json"
	"slices"
	"strconv"
	"time"

	"github.com/oapi-codegen/runtime/types"

	"github.com/okchat/okchat-go/gen/okchatapi"
)

// NewestFirst makes the pages of messages come with the newest first. By default the oldest do; which way the API does it
// is unknown. The messages on a page are always oldest first, as was observed.
func NewestFirst() Option { return func(f *Fake) { f.newestFirst = true } }

// MadeUpMessages makes up messages for the conversations that are not synthetic, too. By default those have none but the ones
// of [Fake.SetMessages].
func MadeUpMessages() Option { return func(f *Fake) { f.madeUp = true } }

// talk holds the messages of one conversation, oldest first.
type talk struct {
	len int
	at  func(k int) okchatapi.Message
}

// talk returns the messages of a conversation that is in the list: those that were set, or else made-up ones for each
// synthetic conversation and none for any other. f.mu is held.
func (f *Fake) talk(id types.UUID) (talk, bool) {
	if list, ok := f.talks[id]; ok {
		return talk{len(list), func(k int) okchatapi.Message { return list[k] }}, true
	}
	conv, ok := f.list.get(id)
	s := f.list.base
	s.n += f.added // those of AddNew are made up, too
	if i, made := s.index(id); ok && made {
		return s.talk(i, conv), true
	}
	if ok && f.madeUp {
		return f.list.base.talk(int(binary.BigEndian.Uint32(id[:4])^binary.BigEndian.Uint32(id[12:])), conv), true
	}
	return talk{}, ok
}

// Messages returns the messages of a conversation, oldest first, or nil where there are none.
func (f *Fake) Messages(conversation types.UUID) []okchatapi.Message {
	f.mu.RLock()
	defer f.mu.RUnlock()
	t, _ := f.talk(conversation)
	var list []okchatapi.Message
	for k := range t.len {
		m := t.at(k)
		m.SessionID = conversation
		list = append(list, m)
	}
	return list
}

// SetMessages replaces the messages of a conversation: they are served in the order given, with the id of the conversation
// as their session_id. The conversation need not be in the list.
func (f *Fake) SetMessages(conversation types.UUID, list ...okchatapi.Message) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.talks == nil {
		f.talks = make(map[types.UUID][]okchatapi.Message)
	}
	f.talks[conversation] = slices.Clone(list)
}

// models answered the synthetic messages, and openAI runs them.
var (
	models = [2]string{"gpt-4o-mini", "gpt-4o"}
	openAI = "openai"
)

// messagesOf returns how many messages conversation i has: none where the list has no last message, mostly a few, some
// hundreds for one in 256, thousands for one in 4,096.
func (s sequence) messagesOf(i int, conv okchatapi.Conversation) int {
	h := s.hash(i, 6)
	switch {
	case conv.LastMessage == okchatapi.LastMessage{}:
		return 0
	case h>>4%4096 == 0:
		return 2000 + int(h>>32%3000)
	case h>>4%256 == 0:
		return 200 + int(h>>32%600)
	}
	return 1 + int(h>>32%24)
}

// talk makes up what was said in conversation i. Message k follows from the seed, i and k alone. The list's last_message is
// the last of them or, on the web, the user's last text, as was observed.
func (s sequence) talk(i int, conv okchatapi.Conversation) talk {
	n := s.messagesOf(i, conv)
	return talk{n, func(k int) okchatapi.Message {
		h := s.hash(i, 1<<32+uint64(k))
		m := okchatapi.Message{
			ID: s.id(i, 1<<32+uint64(k)), SenderType: okchatapi.SenderTypeUser, Content: texts[h>>16%4],
			ToolCalls: json.RawMessage("null"), ToolResults: json.RawMessage("null"),
		}
		moment := k
		if k%8 == 7 { // sent at the same time as the one before
			moment--
		}
		m.CreatedAt = conv.CreatedAt.Add(58*time.Millisecond + time.Duration(moment)*13*time.Second +
			time.Duration(s.hash(i, 1<<32+uint64(moment))%1e6)*time.Microsecond)
		last := n - 1 - k
		switch {
		case last == 0 && conv.LastMessage.Message != nil:
			m.ID, m.Content, m.SenderType = conv.LastMessage.Message.ID, conv.LastMessage.Message.Content, conv.LastMessage.Message.SenderType
		case last%2 == 0 && n > 1:
			m.SenderType = okchatapi.SenderTypeBot
		case last <= 1 && conv.LastMessage.Text != nil:
			m.Content = *conv.LastMessage.Text
		}
		if m.SenderType == okchatapi.SenderTypeBot {
			mid := "msg-synthetic" + strconv.FormatUint(h>>40, 10)
			m.Model, m.Provider, m.Metadata.Mid = &models[h>>24%2], &openAI, &mid
			m.ToolCalls, m.ToolResults = json.RawMessage("[]"), json.RawMessage("[]")
		} else if h>>28%8 == 0 {
			name := "0." + strconv.FormatUint(h>>8, 10) + ".png"
			m.Attachments = []okchatapi.Attachment{{Name: name, URL: "https://storage.example.invalid/storage/v1/object/public/user_images/internal/" + name}}
		}
		return m
	}}
}
