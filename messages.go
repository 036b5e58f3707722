package okchat

import (
	"context"
	"fmt"
	"iter"
	"net/http"
	"reflect"
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

func (m *Message) read(s *fastjson.Scanner) *sent {
	m.sent = readItem(messageType.of(reflect.TypeFor[okchatapi.Message]()), s, &m.Message)
	return &m.sent
}

// UnmarshalJSON decodes one message, as that of [Conversation] does.
func (m *Message) UnmarshalJSON(b []byte) error {
	return unmarshalItem(b, "message", m, (*Message).read)
}

// MarshalJSON encodes the message, as that of [Conversation] does.
func (m Message) MarshalJSON() ([]byte, error) { return m.marshal(m.Message) }

// MessageOptions select how the messages of a conversation are read. The zero value leaves the page size to the server.
type MessageOptions struct {
	// Limit is how many messages a page holds, from 1; 0 leaves it to the server (10 was observed). Larger pages cost fewer
	// requests, and a conversation that fits on one page is read with a single one.
	Limit int

	CallOptions
}

// MaxMessages is how many messages [Client.Messages] sorts at most. [Client.MessagePages] has no such limit.
const MaxMessages = 100_000

// Messages returns the messages of a conversation, oldest first; those of one moment keep the order of the server. It reads
// all of them before it hands out the first, as the order of the pages is unknown, and promises what [Client.MessagePages]
// does. After more than [MaxMessages] it ends with a [ContractError] that matches [ErrTooLarge]; after any error it first
// hands out what came. chatbotID and conversationID are UUIDs.
func (c *Client) Messages(ctx context.Context, chatbotID, conversationID string, opts MessageOptions) iter.Seq2[Message, error] {
	return sorted(c.MessagePages(ctx, chatbotID, conversationID, opts), func(m *Message) time.Time { return m.CreatedAt }, MaxMessages)
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
	return passPages(ctx, c, c.listMessages(chatbotID, conversationID), opts.Limit, opts.CallOptions)
}

// listMessages returns the operation of the contract that lists the messages of one conversation.
func (c *Client) listMessages(chatbotID, conversationID string) *operation[Message] {
	chatbot, conversation, err := parseIDs(chatbotID, conversationID)
	return &operation[Message]{
		name: "listMessages", ids: bothIDs, err: err, member: "data", paged: true,
		request: func(page, limit int) (*http.Request, error) {
			params := okchatapi.ListMessagesParams{Page: &page}
			if limit > 0 {
				params.Limit = &limit
			}
			return okchatapi.NewListMessagesRequest(c.server, chatbot, conversation, &params)
		},
		read:      (*Message).read,
		key:       func(m *Message) uuid.UUID { return m.ID },
		owner:     func(m *Message) uuid.UUID { return m.SessionID },
		ownerName: "session_id",
		of:        conversation,
	}
}
