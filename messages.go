package okchat

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"reflect"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/okchat/okchat-go/gen/okchatapi"
	"github.com/okchat/okchat-go/internal/fastjson"
)

// Message is one message of a conversation. The members that the contract knows are its fields, by way of the type that is
// generated from the contract:
//
//	Attachments  []Attachment
//	Content      string
//	CreatedAt    time.Time
//	ID           uuid.UUID
//	Metadata     MessageMetadata
//	MigratedData bool
//	Model        *string
//	Provider     *string
//	SenderType   SenderType
//	SessionID    uuid.UUID
//	SessionToken *string
//	TokensUsed   int
//	ToolCalls    json.RawMessage
//	ToolResults  json.RawMessage
//
// SessionID is the id of its conversation. Attachments is empty whether the server sent null, an empty list or nothing (assumed
// to mean the same). As for a [Conversation], the JSON is kept, SenderType takes any value, and several goroutines may read it.
type Message struct {
	okchatapi.Message

	sent
}

// String returns the message's id, sender and time. It leaves out the text.
func (m Message) String() string {
	return fmt.Sprintf("message %s (%s, %s)", m.ID, clip(oneLine(string(m.SenderType)), 64), m.CreatedAt.Format(time.RFC3339Nano))
}

func (m *Message) read(s *fastjson.Scanner) {
	m.sent = readItem(messageType.of(reflect.TypeFor[okchatapi.Message]()), s, &m.Message)
}

// UnmarshalJSON decodes one message, as that of [Conversation] does.
func (m *Message) UnmarshalJSON(b []byte) error {
	var message Message
	err := unmarshalItem(b, "message", message.read)
	if err == nil && message.raw != nil {
		*m = message
	}
	return err
}

// MarshalJSON encodes the message, as that of [Conversation] does.
func (m Message) MarshalJSON() ([]byte, error) { return m.marshal(m.Message) }

// bothIDs names what the path of a conversation is made from, see [operation].
const bothIDs = "the conversation id, the chatbot id and "

// MessageOptions select how the messages of a conversation are read. The zero value leaves the page size to the server.
type MessageOptions struct {
	// Limit is how many messages a page holds, from 1; 0 leaves it to the server (10 was observed). Larger pages cost fewer
	// requests, and a conversation that fits on one page is read with a single one.
	Limit int

	CallOptions
}

const (
	// MaxMessages is how many messages [Client.Messages] sorts at most. [Client.MessagePages] has no such limit.
	MaxMessages = 100_000

	// messagePasses is how often a conversation is read at most, before the walk gives up: it changes faster than it is read.
	messagePasses = 20
)

// Messages returns the messages of a conversation, oldest first; those of one moment keep the order of the server. It reads
// all of them before it hands out the first, as the order of the pages is unknown, and promises what [Client.MessagePages]
// does. After more than [MaxMessages] it ends with a [ContractError] that matches [ErrTooLarge]; after any error it first
// hands out what came. chatbotID and conversationID are UUIDs.
func (c *Client) Messages(ctx context.Context, chatbotID, conversationID string, opts MessageOptions) iter.Seq2[Message, error] {
	return func(yield func(Message, error) bool) {
		var all []Message
		var failure error
		for page, err := range c.MessagePages(ctx, chatbotID, conversationID, opts) {
			if failure = err; err != nil {
				break
			}
			if all = append(all, page.Items...); len(all) > MaxMessages {
				failure = &ContractError{Page: page.Metadata.CurrentPage, StatusCode: page.StatusCode, Header: page.Header, Where: "/data",
					Expected: fmt.Sprintf("at most %d messages to sort", MaxMessages), Got: "more", kind: ErrTooLarge}
				break
			}
		}
		slices.SortStableFunc(all, func(a, b Message) int { return a.CreatedAt.Compare(b.CreatedAt) })
		for _, m := range all {
			if !yield(m, nil) {
				return
			}
		}
		if failure != nil {
			yield(Message{}, failure)
		}
	}
}

// MessagePages walks over the messages of a conversation as the server's pages come, each message once. On a page the oldest
// comes first (observed); whether page 1 holds the oldest or the newest messages is unknown. Each range starts a walk of its
// own. The errors are those of [Client.Pages].
//
// Every message that is in the conversation for the whole walk comes; one that is sent or removed meanwhile comes or not. A
// single page shows that by itself. Several pages are read again until all that were read before are still there, so that
// nothing can have moved between two of them unseen, and until there are as many as the server counts. A conversation that
// changes faster, or of which the server shows fewer messages than it counts, ends with a [ContractError] that matches
// [ErrIncomplete]. Single messages that break the contract are left out and named as in [Client.Pages]. A message of another
// conversation is an error at once. Memory grows by an id for each message.
func (c *Client) MessagePages(ctx context.Context, chatbotID, conversationID string, opts MessageOptions) iter.Seq2[*Page[Message], error] {
	return func(yield func(*Page[Message], error) bool) {
		op, err := c.listMessages(chatbotID, conversationID)
		if err != nil {
			yield(nil, err)
			return
		}
		q, err := newQuery(1, opts.Limit, opts.CallOptions)
		if err != nil {
			yield(nil, err)
			return
		}
		q.lenient = true
		w := unorderedWalk[Message]{op: op, seen: map[uuid.UUID]bool{}}
		start, info := time.Now(), CallInfo{Operation: op.name}
		err = w.run(func(n int) (*Page[Message], error) {
			info.Pages++
			return fetch(ctx, c, op, q.at(n))
		}, func(page *Page[Message]) bool {
			info.Items += len(page.Items)
			return yield(page, nil)
		})
		info.Err = err
		c.called(ctx, start, info)
		if err != nil {
			yield(nil, err)
		}
	}
}

// unorderedWalk is a walk over a list whose pages come in an unknown order, so that a new item may come in anywhere.
type unorderedWalk[T any] struct {
	op   operation[T]
	seen map[uuid.UUID]bool // all ids that came
	oddities
}

// run reads the list in passes, from the first page to the last. A pass misses an item only where one that it has read
// leaves, which pulls others back over the end of a page. So the items are complete once all that a pass read are there in
// the pass after it. It returns nil once the caller has had enough.
func (w *unorderedWalk[T]) run(get func(page int) (*Page[T], error), yield func(*Page[T]) bool) error {
	var before map[uuid.UUID]bool // the ids of the pass before
	counted := -1                 // the server's count all through that pass, -1 if it changed
	var short *ContractError
	for range messagePasses {
		pass := map[uuid.UUID]bool{}
		short = nil
		var n, total, first int
		for {
			n++
			page, err := get(n)
			if incomplete, ok := errors.AsType[*ContractError](err); ok && page != nil {
				short, err = incomplete, nil
			}
			if err != nil {
				return err
			}
			if total = page.Metadata.TotalCount; n == 1 {
				first = total
			}
			empty := len(page.Items)+len(page.Odd) == 0
			if w.take(page, pass) && !yield(page) {
				return nil
			}
			if n >= page.Metadata.TotalPages || empty {
				break
			}
		}
		stable := n == 1 || before != nil && contains(pass, before)
		if complete := len(pass) >= total && short == nil; stable && complete {
			if odd := w.ended(); odd != nil {
				return odd
			}
			return nil
		}
		if stable && first == total && total == counted && len(pass) == len(before) { // nothing moves, and yet it is not all
			break
		}
		if before, counted = pass, first; first != total {
			counted = -1
		}
	}
	if short == nil {
		short = &ContractError{Where: "/data", Expected: "as many different messages as totalCount says", Got: "fewer, or others each time", kind: ErrIncomplete}
	}
	return short
}

// take leaves on the page what comes for the first time, and reports whether the caller should see it.
func (w *unorderedWalk[T]) take(page *Page[T], pass map[uuid.UUID]bool) bool {
	again := func(id uuid.UUID) bool {
		pass[id] = true
		again := w.seen[id]
		w.seen[id] = true
		return again
	}
	page.Odd = slices.DeleteFunc(page.Odd, func(odd *ContractError) bool {
		for id := &odd.item; odd.nameless && pass[*id]; { // two of the same text on one pass are two items
			*id = idOf(id[:])
		}
		if again(odd.item) {
			return true
		}
		w.misfit(odd)
		return false
	})
	page.Items = slices.DeleteFunc(page.Items, func(item T) bool { return again(w.op.key(&item)) })
	return len(page.Items) > 0 || len(page.Odd) > 0
}

func contains(all, some map[uuid.UUID]bool) bool {
	for id := range some {
		if !all[id] {
			return false
		}
	}
	return true
}

// listMessages returns the operation of the contract that lists the messages of one conversation.
func (c *Client) listMessages(chatbotID, conversationID string) (operation[Message], error) {
	chatbot, err := parseID("chatbot", chatbotID)
	if err != nil {
		return operation[Message]{}, err
	}
	conversation, err := parseID("conversation", conversationID)
	return operation[Message]{
		name: "listMessages", ids: bothIDs, member: "data", paged: true,
		request: func(page, limit int) (*http.Request, error) {
			params := okchatapi.ListMessagesParams{Page: &page}
			if limit > 0 {
				params.Limit = &limit
			}
			return okchatapi.NewListMessagesRequest(c.server, chatbot, conversation, &params)
		},
		read:      (*Message).read,
		sent:      func(m *Message) *sent { return &m.sent },
		key:       func(m *Message) uuid.UUID { return m.ID },
		order:     func(m *Message) time.Time { return m.CreatedAt },
		owner:     func(m *Message) uuid.UUID { return m.SessionID },
		ownerName: "session_id",
		of:        conversation,
	}, err
}

// Conversation gets one conversation by its id. The state may be missing: the only recorded answer has none, and
// [Conversation.Missing] does not name it then. The errors are those of [Client.Page]; what the server answers for an id
// that it does not know is unknown, presumably an [APIError] with status 404.
func (c *Client) Conversation(ctx context.Context, chatbotID, conversationID string, opts CallOptions) (Conversation, error) {
	op, err := c.listConversations(chatbotID, "")
	if err != nil {
		return Conversation{}, err
	}
	id, err := parseID("conversation", conversationID)
	if err != nil {
		return Conversation{}, err
	}
	chatbot := op.of
	op.name, op.ids, op.member, op.single, op.paged = "getConversation", bothIDs, "session", true, false
	op.request = func(int, int) (*http.Request, error) {
		return okchatapi.NewGetConversationRequest(c.server, chatbot, id)
	}
	op.read = func(conv *Conversation, s *fastjson.Scanner) {
		conv.read(s)
		state, _ := conv.of.Bit("state")
		conv.missing &^= state
	}
	page, err := plain(ctx, c, op, opts)
	if err != nil {
		return Conversation{}, err
	}
	if page.Items[0].ID != id {
		return Conversation{}, &ContractError{StatusCode: page.StatusCode, Header: page.Header, Body: page.Body, Tries: page.Tries,
			Where: "/session/id", Expected: "the one asked for", Got: "another"}
	}
	return page.Items[0], nil
}

// Chatbots gets the chatbots of the account. The list need not be all that the key can read: the vendor's own sample lacks
// one (observed). There are no pages and no total, so that a list that was cut off cannot be told from a whole one. What the
// answer says besides, among it the chatbots' instructions and keys, is dropped. The errors are those of [Client.Page], without
// the body of the answer.
func (c *Client) Chatbots(ctx context.Context, opts CallOptions) ([]Chatbot, error) {
	type chatbot struct {
		Chatbot
		sent
	}
	page, err := plain(ctx, c, operation[chatbot]{
		name: "listChatbots", member: "chatbots",
		request: func(int, int) (*http.Request, error) { return okchatapi.NewListChatbotsRequest(c.server) },
		read: func(bot *chatbot, s *fastjson.Scanner) {
			bot.sent = readItem(chatbotType.of(reflect.TypeFor[Chatbot]()), s, &bot.Chatbot)
		},
		sent: func(bot *chatbot) *sent { return &bot.sent },
		key:  func(bot *chatbot) uuid.UUID { return bot.ID },
	}, opts)
	if broken, ok := errors.AsType[*ContractError](err); ok {
		broken.Body = nil
	}
	if err != nil {
		return nil, err
	}
	bots := make([]Chatbot, len(page.Items))
	for i, bot := range page.Items {
		bots[i] = bot.Chatbot
	}
	return bots, nil
}

// plain makes a call that has no pages.
func plain[T any](ctx context.Context, c *Client, op operation[T], opts CallOptions) (*Page[T], error) {
	q, err := newQuery(0, 0, opts)
	if err != nil {
		return nil, err
	}
	return single(ctx, c, op, q.at(0))
}
