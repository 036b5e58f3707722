package okchat

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/textproto"
	"time"

	"github.com/google/uuid"

	"github.com/okchat/okchat-go/gen/okchatapi"
)

// The contract's own types, as far as this package's signatures name them.
type (
	// PageMetadata says where a page stands in the whole list.
	PageMetadata = okchatapi.PageMetadata
	// ConversationState is where a conversation stands: an open set.
	ConversationState = okchatapi.ConversationState
)

// ListOptions says which conversations a call wants, and how. The zero value lists all, with the server's defaults.
type ListOptions struct {
	// Page is the page to get, or to start at, counted from 1; 0 stands for 1.
	Page int
	// Limit is how many conversations a page holds, from 1; 0 leaves it to the server (10 was observed). The largest
	// value that the server takes is unknown; a server that caps it is assumed to say so in [PageMetadata].
	Limit int
	// State selects conversations in one state (assumed: the vendor only names the parameter). Empty sends none; that the
	// server then lists all is assumed.
	State ConversationState
	// Header is sent along, in addition to what the client sends. It cannot name the key's header.
	Header http.Header
	// TryTimeout and MaxTries replace the client's for this call; 0 leaves them.
	TryTimeout time.Duration
	MaxTries   int

	// MaxItems ends a walk after so many conversations; 0 stands for all. For walks alone.
	MaxItems int
	// CreatedAfter ends a walk at the first conversation that is not newer; the zero time stands for all. The list is
	// newest first, so older pages are never read. For walks alone.
	CreatedAfter time.Time
	// ReadAhead is how many pages are read at once, up to [MaxReadAhead]; 0 and 1 read one after the other. See
	// [MaxReadAhead] for what it costs. For walks alone.
	ReadAhead int
}

// Page is one page of a chatbot's conversations, and the answer that it came in.
type Page struct {
	Conversations []Conversation
	Metadata      PageMetadata
	// StatusCode and Header are the answer's. Body is its bytes, after decompression; do not change them.
	StatusCode int
	Header     http.Header
	Body       []byte
	// Tries is how many requests this page took.
	Tries int
}

// Page gets one page of the conversations of a chatbot, newest first (observed). chatbotID is a UUID.
//
// The error is one of *[APIError], *[ContractError] and *[TransportError], or matches [ErrArgument] where nothing was
// sent. A page beyond the last is whatever the server makes of it (unknown); the client asks that the answer is for
// the page that was asked for and that its numbers agree with each other. MaxItems, CreatedAfter and ReadAhead are refused.
func (c *Client) Page(ctx context.Context, chatbotID string, opts ListOptions) (*Page, error) {
	if opts.MaxItems != 0 || !opts.CreatedAfter.IsZero() || opts.ReadAhead != 0 {
		return nil, argumentErrorf("MaxItems, CreatedAfter and ReadAhead are for walks: use Pages or Conversations")
	}
	q, err := newQuery(chatbotID, opts)
	if err != nil {
		return nil, err
	}
	return c.fetch(ctx, q)
}

// query is a checked call for one page.
type query struct {
	chatbotID  uuid.UUID
	page       int
	limit      int
	state      ConversationState
	header     http.Header
	tryTimeout time.Duration
	maxTries   int
}

func newQuery(chatbotID string, opts ListOptions) (query, error) {
	// uuid.Parse takes braces and other spellings too, which the contract does not.
	id, err := uuid.Parse(chatbotID)
	if err != nil || len(chatbotID) != 36 {
		return query{}, argumentErrorf("the chatbot id is not a UUID, expected the form 00000000-0000-0000-0000-000000000000")
	}
	switch {
	case opts.Page < 0:
		return query{}, argumentErrorf("Page is %d, expected 1 or more, or 0 for the first", opts.Page)
	case opts.Limit < 0:
		return query{}, argumentErrorf("Limit is %d, expected 1 or more, or 0 for the server's default", opts.Limit)
	case opts.TryTimeout < 0:
		return query{}, argumentErrorf("TryTimeout is %v, expected more than 0, or 0 for the client's", opts.TryTimeout)
	case opts.MaxTries < 0:
		return query{}, argumentErrorf("MaxTries is %d, expected 1 or more, or 0 for the client's", opts.MaxTries)
	}
	for name := range opts.Header {
		if textproto.CanonicalMIMEHeaderKey(name) == headerKey {
			return query{}, argumentErrorf("Header names %s, expected the key in New alone", headerKey)
		}
	}
	return query{
		chatbotID:  id,
		page:       max(opts.Page, 1),
		limit:      opts.Limit,
		state:      opts.State,
		header:     opts.Header,
		tryTimeout: opts.TryTimeout,
		maxTries:   opts.MaxTries,
	}, nil
}

func (c *Client) newRequest(ctx context.Context, q query) (*http.Request, error) {
	params := okchatapi.ListConversationsParams{Page: &q.page}
	if q.limit > 0 {
		params.Limit = &q.limit
	}
	if q.state != "" {
		params.State = &q.state
	}
	req, err := okchatapi.NewListConversationsRequest(c.server, q.chatbotID, &params)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", mediaType)
	req.Header.Set("User-Agent", c.conf.userAgent)
	for name, values := range q.header {
		req.Header[textproto.CanonicalMIMEHeaderKey(name)] = values
	}
	return req.WithContext(ctx), nil
}

var errTryTimeout = errors.New("the try timed out")

// try sends one request. It returns what the hooks report even where it fails.
func (c *Client) try(ctx context.Context, q query) (page *Page, status, size int, failure callError) {
	timeout := or(q.tryTimeout, c.conf.tryTimeout)
	tryCtx, cancel := context.WithTimeoutCause(ctx, timeout, errTryTimeout)
	defer cancel()
	transportError := func(err error) *TransportError {
		if ctx.Err() == nil && tryCtx.Err() != nil {
			err = fmt.Errorf("%w after %v", errTryTimeout, timeout)
		}
		return &TransportError{Page: q.page, err: c.key.scrubError(err), permanent: isPermanent(err)}
	}

	req, err := c.newRequest(tryCtx, q)
	if err != nil {
		return nil, 0, 0, transportError(err)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		if origin := (*originError)(nil); errors.As(err, &origin) {
			return nil, 0, 0, &ContractError{Page: q.page, Where: "Location header",
				Expected: "a redirect within " + origin.expected, Got: "one to another origin"}
		}
		return nil, 0, 0, transportError(err)
	}
	defer resp.Body.Close()

	body, err := c.readAnswer(resp)
	switch {
	case resp.StatusCode >= 400:
		// The status decides, whatever became of the body.
		return nil, resp.StatusCode, len(body), c.newAPIError(q, resp, body)
	case err != nil:
		if tooLarge := (*tooLargeError)(nil); errors.As(err, &tooLarge) {
			return nil, resp.StatusCode, len(body), &ContractError{Page: q.page, StatusCode: resp.StatusCode, Where: "body",
				Expected: fmt.Sprintf("at most %d bytes (see WithMaxBody)", tooLarge.limit), Got: "more"}
		}
		return nil, resp.StatusCode, len(body), transportError(fmt.Errorf("the body broke off after %d bytes: %w", len(body), err))
	}
	page, broken := decodePage(q, resp, body)
	if broken != nil {
		broken.Page, broken.StatusCode = q.page, resp.StatusCode
		broken.Got = c.key.scrub(broken.Got)
		return nil, resp.StatusCode, len(body), broken
	}
	return page, resp.StatusCode, len(body), nil
}
