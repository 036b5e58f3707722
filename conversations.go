package okchat

import (
	"context"
	"iter"
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/okchat/okchat-go/gen/okchatapi"
	"github.com/okchat/okchat-go/internal/fastjson"
)

// The contract's own types, as far as this package's signatures name them.
type (
	// PageMetadata is where a page stands in the whole list.
	PageMetadata = okchatapi.PageMetadata
	// ConversationState is where a conversation stands. Like the next two it is an open set: any value decodes, and the method
	// Valid reports whether the contract knows it.
	ConversationState = okchatapi.ConversationState
	// Platform is the channel on which a conversation takes place.
	Platform = okchatapi.Platform
	// SenderType is who sent a message.
	SenderType = okchatapi.SenderType
	// LastMessage is the message that was said last, in one of its three forms.
	LastMessage = okchatapi.LastMessage
	// MessageSummary is the form of LastMessage that tells the sender.
	MessageSummary = okchatapi.MessageSummary
	// Attachment is a file that was sent with a message. It lies on another host, where the key must not go.
	Attachment = okchatapi.Attachment
	// MessageMetadata are the notes that the platform keeps with a message.
	MessageMetadata = okchatapi.MessageMetadata
	// Chatbot is a chatbot of the account, as far as a reader of conversations needs it: its instructions and keys are never kept.
	Chatbot = okchatapi.Chatbot
	// ConversationMetadata are the notes that the platform keeps with a conversation.
	ConversationMetadata = okchatapi.ConversationMetadata
)

// PageOptions select one page of a chatbot's conversations. The zero value selects the first, with the server's defaults.
type PageOptions struct {
	// Page is the page to get, counted from 1; 0 stands for 1.
	Page int
	// Limit is how many conversations a page holds, from 1; 0 leaves it to the server (10 was observed). The largest
	// value that the server takes is unknown; a server that caps it is assumed to say so in [PageMetadata].
	Limit int
	// State selects conversations in one state (assumed: the vendor only names the parameter). Empty sends none; that the
	// server then lists all is assumed.
	State ConversationState

	CallOptions
}

// ListOptions select what a walk over a chatbot's conversations hands out, and how it reads. The zero value selects all,
// with the server's defaults.
type ListOptions struct {
	// Page is the page to start at, counted from 1; 0 stands for 1. Limit and State are those of [PageOptions].
	Page  int
	Limit int
	State ConversationState

	CallOptions

	// MaxItems ends the walk after so many conversations; 0 stands for all.
	MaxItems int
	// CreatedAfter ends the walk at the first conversation that is not newer; the zero time stands for all. The list is
	// newest first, so older pages are never read.
	CreatedAfter time.Time
	// CreatedBefore leaves out conversations that are newer; the zero time stands for none. Where the walk starts is found
	// by binary search, at about log2 of the number of pages in requests. Walks with CreatedAfter t and with CreatedBefore
	// t share a list between them without a gap and without an overlap, so several workers can read it in parts.
	CreatedBefore time.Time
	// After makes the walk go on behind the page that returned it, see [Page.Next]; empty starts a new one. Chatbot, State
	// and Limit must be those of the walk before, and MaxItems counts from here on.
	After Token
	// ReadAhead is how many pages are read at once, up to [MaxReadAhead]; 0 and 1 read one after the other. See
	// [MaxReadAhead] for what it costs.
	ReadAhead int
}

// Page gets one page of the conversations of a chatbot, newest first (observed). chatbotID is a UUID.
//
// The error is one of *[APIError], *[ContractError] and *[TransportError], or matches [ErrArgument] where nothing was
// sent. How the server answers for a page beyond the last is unknown; the client expects the answer to be for the page that
// was asked for and its numbers to agree with each other.
func (c *Client) Page(ctx context.Context, chatbotID string, opts PageOptions) (*Page[Conversation], error) {
	return single(ctx, c, c.listConversations(chatbotID, opts.State), or(opts.Page, 1), opts.Limit, opts.CallOptions)
}

// Pages walks over all pages of a chatbot's conversations, from opts.Page on. Each range starts a walk of its own, under
// ctx; a break ends it and sends nothing more. After an error, which is one of those of [Client.Page], the walk is over.
// [Page.Next] of the last page that came lets another walk go on from there, even in another process; one that starts at
// the page that an error names loses conversations if the list has shrunk meanwhile.
//
// The list shifts while it is walked: conversations start, and others leave. The walk reads pages again where one that
// left may have pulled others back, and leaves out what it handed out already, so that a page holds only conversations
// that come for the first time. Every conversation that is in the list for the whole walk comes exactly once, provided
// that the list is ordered newest first (observed) and that none enters it anywhere but at its head. One that starts
// during the walk comes once or not at all, and may come after older ones. Memory does not grow with the list. The same
// page number may come again, and a page may be left with no conversations; its Body holds all that the server sent.
//
// A walk that hands out less than the list's own counts explain is no success. A page that holds fewer conversations than
// its metadata say is asked for again, as often as [RetryPolicy] allows; if that does not help, the walk hands out what
// there is, goes on to the end, and ends with a [ContractError] that matches [ErrIncomplete]. So does one that met fewer
// conversations in all than must be there, and one whose pages repeat what came before. After ten pages in a row that
// bring nothing, or two that repeat others, it goes no further. A list that merely shifts is no error; to tell the two
// apart, a walk that seems to miss something reads one page more.
//
// Single conversations that break the contract do not stop a walk: see [Page.Odd] and [ErrItems]. One that belongs to
// another chatbot does, and so do pages whose pageSize changes, and 1,000 pages in a row that bring nothing older.
//
// With opts.State conversations enter the list in its middle, by changing into that state. If others leave in the same
// moment their number is hidden: as many as entered may then be missed.
func (c *Client) Pages(ctx context.Context, chatbotID string, opts ListOptions) iter.Seq2[*Page[Conversation], error] {
	return walkPages(ctx, c, c.listConversations(chatbotID, opts.State), opts)
}

// Conversations walks over all conversations of a chatbot, newest first. It is [Client.Pages] with the pages taken apart,
// and promises the same.
func (c *Client) Conversations(ctx context.Context, chatbotID string, opts ListOptions) iter.Seq2[Conversation, error] {
	return itemsOf(c.Pages(ctx, chatbotID, opts))
}

// Conversation gets one conversation by its id. The state may be missing: the only recorded answer has none, and
// [Conversation.Missing] does not name it then. The errors are those of [Client.Page]; what the server answers for an id
// that it does not know is unknown, presumably an [APIError] with status 404.
func (c *Client) Conversation(ctx context.Context, chatbotID, conversationID string, opts CallOptions) (Conversation, error) {
	chatbot, id, err := parseIDs(chatbotID, conversationID)
	op := c.listConversations(chatbotID, "")
	op.name, op.ids, op.err, op.member, op.single, op.paged = "getConversation", bothIDs, err, "session", true, false
	op.request = func(int, int) (*http.Request, error) {
		return okchatapi.NewGetConversationRequest(c.server, chatbot, id)
	}
	op.read = func(conv *Conversation, s *fastjson.Scanner) *sent {
		conv.read(s)
		state, _ := conv.of.Bit("state")
		conv.missing &^= state
		return &conv.sent
	}
	page, err := single(ctx, c, op, 0, 0, opts)
	if err != nil {
		return Conversation{}, err
	}
	if page.Items[0].ID != id {
		return Conversation{}, broken(page, "/session/id", "the one asked for", "another")
	}
	return page.Items[0], nil
}

// bothIDs names what the path of a conversation is made from, see [operation].
const bothIDs = "the conversation id, the chatbot id and "

// listConversations returns the operation of the contract that lists the conversations of one chatbot.
func (c *Client) listConversations(chatbotID string, state ConversationState) *operation[Conversation] {
	id, err := parseID("chatbot", chatbotID)
	return &operation[Conversation]{
		name: "listConversations", ids: "the chatbot id and ", err: err, member: "data", paged: true,
		request: func(page, limit int) (*http.Request, error) {
			params := okchatapi.ListConversationsParams{Page: &page}
			if limit > 0 {
				params.Limit = &limit
			}
			if state != "" {
				params.State = &state
			}
			return okchatapi.NewListConversationsRequest(c.server, id, &params)
		},
		read:      (*Conversation).read,
		key:       func(conv *Conversation) uuid.UUID { return conv.ID },
		order:     func(conv *Conversation) time.Time { return conv.CreatedAt },
		owner:     func(conv *Conversation) uuid.UUID { return conv.ChatbotID },
		ownerName: "chatbot_id",
		of:        id,
	}
}

// parseID parses the id of what, which must be a UUID in the form of the contract: uuid.Parse takes others, too.
func parseID(what, id string) (uuid.UUID, error) {
	parsed, err := uuid.Parse(id)
	if err != nil || len(id) != 36 {
		return uuid.Nil, argumentErrorf("the %s id is not a UUID, expected the form 00000000-0000-0000-0000-000000000000", what)
	}
	return parsed, nil
}

// parseIDs parses the ids by which one conversation is asked for.
func parseIDs(chatbotID, conversationID string) (chatbot, conversation uuid.UUID, err error) {
	if chatbot, err = parseID("chatbot", chatbotID); err == nil {
		conversation, err = parseID("conversation", conversationID)
	}
	return chatbot, conversation, err
}
