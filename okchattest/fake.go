package okchattest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/oapi-codegen/runtime/types"
	"github.com/okchat/okchat-go/gen/okchatapi"
)

const (
	keyHeader    = "X-Api-Key" // the contract's, in Go's canonical form; a test holds the two together
	defaultLimit = 10          // observed: the vendor's sample was asked for without a limit
)

// Fake is OKChat's conversations endpoint, made up: an [http.Handler] that serves one chatbot. Make one with [New], or
// with a server around it by [NewServer] or [NewMemoryServer]. All methods are safe for concurrent use.
type Fake struct {
	// Key is the API key that the fake accepts. Read only.
	Key string
	// ChatbotID is the chatbot that the fake knows, a UUID. Read only.
	ChatbotID string

	chatbot  types.UUID
	maxLimit int
	latency  time.Duration
	between  func(n int)
	explicit []okchatapi.Conversation // until New has read all options
	ordinary http.Handler

	turn   sync.Mutex // held while a request is counted, so that hooks and scripts keep the order of arrival
	log    log
	script script

	newestFirst bool
	madeUp      bool // messages of all conversations

	mu    sync.RWMutex // guards the rest
	list  list
	talks map[types.UUID][]okchatapi.Message // those that are not as they were made up, oldest first
	added int
	// newest is of all conversations that ever were in the list.
	newest time.Time
}

// Option configures a [Fake] under construction.
type Option func(*Fake)

// Synthetic fills the list with n made-up conversations, from 0 to 90 million, newest first. Conversation i is made from
// seed and i when it is asked for, so a long list takes no more memory and no more time a page than a short one. Every
// platform that the contract knows and every form of last_message comes up in any ten in a row, or in as many as there are
// platforms where those are more; every fourth is in [StateClosed]. A filter by state costs no scan either.
func Synthetic(seed uint64, n int) Option {
	return func(f *Fake) { f.list.base.seed, f.list.base.n = seed, min(max(n, 0), most) }
}

// Ties makes about half of the synthetic conversations share their created_at with three neighbours.
func Ties() Option { return func(f *Fake) { f.list.base.ties = true } }

// Conversations adds these to the list, ordered by created_at, newest first; equals keep the order given. They are
// served with the chatbot_id of the fake, see [Chatbot]. Ids should differ; nothing checks it.
func Conversations(list ...okchatapi.Conversation) Option {
	return func(f *Fake) { f.explicit = append(f.explicit, list...) }
}

// Key sets the key to accept. The default is an obviously fake one.
func Key(key string) Option { return func(f *Fake) { f.Key = key } }

// Chatbot sets the id of the one chatbot.
func Chatbot(id types.UUID) Option { return func(f *Fake) { f.chatbot = id } }

// MaxLimit makes the server answer a larger limit with pages of n, n of at least 1; the pageSize it reports says so. The
// real API's maximum is unknown, and by default there is none.
func MaxLimit(n int) Option { return func(f *Fake) { f.maxLimit = max(n, 1) } }

// Latency makes every request wait for d before anything else happens to it but the hook of [Between].
func Latency(d time.Duration) Option { return func(f *Fake) { f.latency = d } }

// Between calls hook when the n-th request has come in, n from 1, before it is answered: the place to change the list
// between two pages. Calls come in order of n and never overlap. The hook must not send requests to the fake itself.
func Between(hook func(n int)) Option { return func(f *Fake) { f.between = hook } }

// New makes a fake for a server of your own. Its list is empty unless an option fills it.
func New(opts ...Option) *Fake {
	f := &Fake{Key: "fake-key-for-tests", chatbot: types.UUID{0xfa, 0xce, 6: 0x40, 8: 0x80}}
	for _, opt := range opts {
		opt(f)
	}
	f.ChatbotID = f.chatbot.String()
	f.list = newList(f.list.base, f.explicit)
	f.explicit = nil
	f.newest = epoch
	if f.list.len() > 0 {
		f.saw(f.list.at(0))
	}
	f.ordinary = okchatapi.HandlerWithOptions(
		okchatapi.NewStrictHandlerWithOptions(endpoint{f}, nil, okchatapi.StrictHTTPServerOptions{ResponseErrorHandlerFunc: refuse}),
		okchatapi.StdHTTPServerOptions{ErrorHandlerFunc: refuse})
	return f
}

// ServeHTTP answers a request as scripted, or as the API would.
func (f *Fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	fault := f.arrive(r)
	defer f.log.leave()
	if f.latency > 0 {
		pause(r.Context(), f.latency)
	}
	h := http.Handler(http.HandlerFunc(f.serve))
	if fault != nil {
		h = fault(h)
	}
	h.ServeHTTP(w, r)
}

func (f *Fake) arrive(r *http.Request) Fault {
	f.turn.Lock()
	defer f.turn.Unlock()
	query := r.URL.Query()
	n := f.log.note(r, query, f.Key)
	if f.between != nil {
		f.between(n)
	}
	return f.script.take(query)
}

func (f *Fake) serve(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get(keyHeader) != f.Key {
		refuse(w, r, refusal{http.StatusUnauthorized, "the API key is missing or wrong"})
		return
	}
	f.ordinary.ServeHTTP(w, r)
}

// endpoint keeps the generated method off [Fake].
type endpoint struct{ fake *Fake }

var _ okchatapi.StrictServerInterface = endpoint{}

// ListConversations answers with a page of the list as it is now.
func (e endpoint) ListConversations(_ context.Context, r okchatapi.ListConversationsRequestObject) (okchatapi.ListConversationsResponseObject, error) {
	f := e.fake
	f.mu.RLock()
	defer f.mu.RUnlock()
	list := f.list
	if r.Params.State != nil {
		list = list.filter(*r.Params.State)
	}
	return f.page(r.ChatbotID, r.Params.Page, r.Params.Limit, list.len(), false, func(a *answer, p int) {
		a.conversation = list.at(p)
		a.conversation.ChatbotID = f.chatbot
		a.item(a.writeConversation)
	})
}

// GetConversation answers with a conversation of the list, without its state, as the vendor's sample does.
func (e endpoint) GetConversation(_ context.Context, r okchatapi.GetConversationRequestObject) (okchatapi.GetConversationResponseObject, error) {
	f := e.fake
	f.mu.RLock()
	defer f.mu.RUnlock()
	conv, ok := f.list.get(r.SessionID)
	if r.ChatbotID != f.chatbot || !ok {
		return nil, refusal{http.StatusNotFound, "no such conversation"}
	}
	conv.ChatbotID = f.chatbot
	a := answerWith("")
	a.conversation = conv
	members := map[string]json.RawMessage{}
	a.err = errors.Join(a.err, json.Unmarshal(a.writeConversation(nil), &members))
	delete(members, "state")
	return a.close(`{"session":`, members)
}

// ListMessages answers with a page of a conversation's messages as they are now.
func (e endpoint) ListMessages(_ context.Context, r okchatapi.ListMessagesRequestObject) (okchatapi.ListMessagesResponseObject, error) {
	f := e.fake
	f.mu.RLock()
	defer f.mu.RUnlock()
	talk, ok := f.talk(r.SessionID)
	if !ok {
		return nil, refusal{http.StatusNotFound, "no such conversation"}
	}
	return f.page(r.ChatbotID, r.Params.Page, r.Params.Limit, talk.len, f.newestFirst, func(a *answer, k int) {
		a.message = talk.at(k)
		a.message.SessionID = r.SessionID
		a.item(a.writeMessage)
	})
}

// ListChatbots answers with the one chatbot. Its settings hold a prompt, which no reader may keep.
func (e endpoint) ListChatbots(context.Context, okchatapi.ListChatbotsRequestObject) (okchatapi.ListChatbotsResponseObject, error) {
	return answerWith("").close(`{"chatbots":`, []any{map[string]any{
		"id": e.fake.chatbot, "name": "Synthetic desk", "slug": "synthetic-desk", "active": true, "created_at": "2025-01-01T00:00:00+00:00",
		"openai_api_key": "synthetic-secret", "settings": map[string]any{"prompt": "A synthetic prompt that nobody may store."},
	}})
}

// page answers with a page of a list of n items, which item appends by their positions; with backwards set, page 1 has the last
// ones. f.mu is held.
func (f *Fake) page(chatbot types.UUID, page, limit *int, n int, backwards bool, item func(a *answer, i int)) (*answer, error) {
	m := okchatapi.PageMetadata{CurrentPage: 1, PageSize: defaultLimit, TotalCount: n}
	if page != nil {
		m.CurrentPage = *page
	}
	if limit != nil {
		m.PageSize = *limit
	}
	switch {
	case chatbot != f.chatbot:
		return nil, refusal{http.StatusNotFound, "no such chatbot"}
	case m.CurrentPage < 1 || m.PageSize < 1:
		return nil, refusal{http.StatusBadRequest, "page and limit must be whole numbers from 1"}
	case f.maxLimit > 0:
		m.PageSize = min(m.PageSize, f.maxLimit)
	}
	m.TotalPages = n / m.PageSize
	if n%m.PageSize > 0 {
		m.TotalPages++
	}
	first, end := 0, 0
	if m.CurrentPage <= m.TotalPages { // also keeps the product in range
		first = (m.CurrentPage - 1) * m.PageSize
		end = first + min(m.PageSize, n-first)
	}
	if backwards { // the pages come the other way round, the items on them do not
		first, end = n-end, n-first
	}
	a := answerWith(`{"data":[`)
	for i := first; i < end; i++ {
		item(a, i)
	}
	return a.close(`],"metadata":`, m)
}

// refusal is an answer with no page. What it looks like is made up: the API documents no errors.
type refusal struct {
	status  int
	message string
}

func (r refusal) Error() string { return r.message }

// refuse answers 400 to a request that the generated code cannot read, and as asked to a refusal.
func refuse(w http.ResponseWriter, _ *http.Request, err error) {
	r := refusal{http.StatusBadRequest, err.Error()}
	errors.As(err, &r)
	message, _ := json.Marshal(r.message)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(r.status)
	fmt.Fprintf(w, `{"error":%s}`, message)
}

// pause waits for d, or for the end of ctx, after which nobody wants the answer.
func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
		panic(http.ErrAbortHandler)
	}
}
