package okchat

import (
	"fmt"
	"reflect"
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

// String returns the conversation's id, platform, state and time. It leaves out texts and other personal data, and the
// JSON, which package fmt would print as a list of numbers.
func (c Conversation) String() string {
	return fmt.Sprintf("conversation %s (%s, %s, %s)", c.ID, clip(oneLine(string(c.Platform)), 64), clip(oneLine(string(c.State)), 64),
		c.CreatedAt.Format(time.RFC3339Nano))
}

// read reads one conversation. It shares memory with the scanner's text.
func (c *Conversation) read(s *fastjson.Scanner) *sent {
	c.sent = readItem(conversationType.of(reflect.TypeFor[okchatapi.Conversation]()), s, &c.Conversation)
	return &c.sent
}

// UnmarshalJSON decodes one conversation, for instance from an archive, and keeps a copy of b. It fails on a value whose type
// is not the contract's, but not on a member that is missing.
func (c *Conversation) UnmarshalJSON(b []byte) error {
	return unmarshalItem(b, "conversation", c, (*Conversation).read)
}

// MarshalJSON encodes the conversation. A member that was not changed in Go is encoded as the server sent it, or left out if it
// did not; members that the contract does not know are kept.
func (c Conversation) MarshalJSON() ([]byte, error) { return c.marshal(c.Conversation) }
