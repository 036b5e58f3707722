package okchattest

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/oapi-codegen/runtime/types"
	"github.com/okchat/okchat-go/gen/okchatapi"
)

const (
	keyHeader    = "X-Api-Key" // the contract's, in Go's canonical form; a test holds the two together
	defaultLimit = 10          // observed: the vendor's sample was asked for without a limit
	keepRequests = 1000
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
	handler  http.Handler

	explicit []okchatapi.Conversation // until New has read all options

	mu    sync.RWMutex // guards list and added
	list  list
	added int

	log    log
	script script
}

// Option configures a [Fake] under construction.
type Option func(*Fake)

// Synthetic fills the list with n made-up conversations, from 0 to 90 million, newest first. Conversation i is made from
// seed and i when it is asked for, so a long list takes no more memory and no more time a page than a short one. Every
// platform and every form of last_message comes up in any ten in a row, and 4 of every 16 are in [StateClosed].
func Synthetic(seed uint64, n int) Option {
	return func(f *Fake) { f.list.base.seed, f.list.base.n = seed, min(max(n, 0), 90_000_000) }
}

// Ties makes about half of the synthetic conversations share their created_at with up to three neighbours.
func Ties() Option { return func(f *Fake) { f.list.base.ties = true } }

// Conversations adds these to the list, ordered by created_at, newest first; equals keep the order given. Their
// chatbot_id is not served: that of [Fake.ChatbotID] is. Ids should differ; nothing checks it.
func Conversations(list ...okchatapi.Conversation) Option {
	return func(f *Fake) { f.explicit = append(f.explicit, list...) }
}

// WithKey sets the key to accept. The default is an obviously fake one.
func WithKey(key string) Option { return func(f *Fake) { f.Key = key } }

// WithChatbot sets the id of the one chatbot.
func WithChatbot(id types.UUID) Option { return func(f *Fake) { f.chatbot = id } }

// MaxLimit makes the server answer a larger limit with pages of n, n of at least 1; the pageSize it reports says so. The
// real API's maximum is unknown, and by default there is none.
func MaxLimit(n int) Option { return func(f *Fake) { f.maxLimit = max(n, 1) } }

// Latency makes every request wait for d before anything else happens to it but the hook of [Between].
func Latency(d time.Duration) Option { return func(f *Fake) { f.latency = d } }

// Between calls hook when the n-th request came in, n from 1, before it is answered: the place to change the list
// between two pages. Calls never overlap and come in order of n. The hook must not send requests to the fake itself.
func Between(hook func(n int)) Option { return func(f *Fake) { f.between = hook } }

// KeepRequests sets how many of the latest requests [Fake.Requests] returns, 1,000 by default.
func KeepRequests(n int) Option { return func(f *Fake) { f.log.keep = max(n, 0) } }

// New makes a fake for a server of your own. Its list is empty unless an option fills it.
func New(opts ...Option) *Fake {
	f := &Fake{
		Key:     "fake-key-for-tests",
		chatbot: types.UUID{0xfa, 0xce, 6: 0x40, 8: 0x80},
	}
	f.log.keep = keepRequests
	for _, opt := range opts {
		opt(f)
	}
	f.ChatbotID = f.chatbot.String()
	f.list = newList(f.list.base, f.explicit)
	f.explicit = nil

	badRequest := func(w http.ResponseWriter, _ *http.Request, err error) {
		writeError(w, http.StatusBadRequest, err.Error())
	}
	f.handler = okchatapi.HandlerWithOptions(
		okchatapi.NewStrictHandlerWithOptions(endpoint{f}, nil, okchatapi.StrictHTTPServerOptions{
			ResponseErrorHandlerFunc: func(w http.ResponseWriter, _ *http.Request, err error) {
				writeError(w, http.StatusInternalServerError, err.Error())
			},
		}),
		okchatapi.StdHTTPServerOptions{ErrorHandlerFunc: badRequest})
	return f
}

// ServeHTTP answers a request as scripted, or as the API would.
func (f *Fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	page := f.log.arrive(r, f.Key, f.between)
	defer f.log.leave()
	if f.latency > 0 {
		pause(r.Context(), f.latency)
	}
	h := http.Handler(http.HandlerFunc(f.serve))
	if fault := f.script.take(page); fault != nil {
		h = fault(h)
	}
	h.ServeHTTP(w, r)
}

func (f *Fake) serve(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get(keyHeader) != f.Key {
		writeError(w, http.StatusUnauthorized, "the API key is missing or wrong")
		return
	}
	f.handler.ServeHTTP(w, r)
}

// endpoint keeps the generated method off [Fake].
type endpoint struct{ fake *Fake }

var _ okchatapi.StrictServerInterface = endpoint{}

func (e endpoint) ListConversations(_ context.Context, r okchatapi.ListConversationsRequestObject) (okchatapi.ListConversationsResponseObject, error) {
	f, page, limit := e.fake, 1, defaultLimit
	if r.Params.Page != nil {
		page = *r.Params.Page
	}
	if r.Params.Limit != nil {
		limit = *r.Params.Limit
	}
	switch {
	case r.ChatbotID != f.chatbot:
		return failure(http.StatusNotFound, "no such chatbot"), nil
	case page < 1:
		return failure(http.StatusBadRequest, "page must be a whole number from 1"), nil
	case limit < 1:
		return failure(http.StatusBadRequest, "limit must be a whole number from 1"), nil
	}
	if f.maxLimit > 0 {
		limit = min(limit, f.maxLimit)
	}

	f.mu.RLock()
	defer f.mu.RUnlock()
	view := &f.list
	if r.Params.State != nil {
		filtered := f.list.filter(*r.Params.State)
		view = &filtered
	}
	m := okchatapi.PageMetadata{CurrentPage: page, PageSize: limit, TotalCount: view.len()}
	m.TotalPages = m.TotalCount / limit
	if m.TotalCount%limit > 0 {
		m.TotalPages++
	}
	first, items := 0, 0
	if page <= m.TotalPages {
		first = (page - 1) * limit
		items = min(limit, m.TotalCount-first)
	}
	a := answer{buffers.Get().(*[]byte)}
	var err error
	*a.buf, err = appendPage((*a.buf)[:0], f.chatbot, view, first, items, m)
	return a, err
}

func failure(status int, message string) okchatapi.ListConversations4XXAsteriskResponse {
	body := errorBody(message)
	return okchatapi.ListConversations4XXAsteriskResponse{
		StatusCode: status, ContentType: "application/json", ContentLength: int64(len(body)), Body: strings.NewReader(body),
	}
}

// errorBody is made up: the API documents no body of an error.
func errorBody(message string) string {
	j, _ := json.Marshal(message)
	return fmt.Sprintf("{\"error\":%s}\n", j)
}

func writeError(w http.ResponseWriter, status int, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, errorBody(message))
}

// pause waits for d, or for the end of ctx: then the answer is not wanted any more.
func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
		panic(http.ErrAbortHandler)
	}
}
