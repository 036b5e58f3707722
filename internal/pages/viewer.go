package pages

import (
	"bufio"
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	okchat "github.com/okchat/okchat-go"
	"github.com/okchat/okchat-go/archive"
	"github.com/okchat/okchat-go/archive/sqlite"
	"github.com/okchat/okchat-go/gen/okchatapi"
)

// Viewer serves the pages of an archive to a browser on the same machine. It changes nothing. Each request opens the archive
// anew, so that an update or a new export shows at once.
type Viewer struct {
	path, host, token string
	zone              *time.Location
	busy              chan struct{} // holds a value for each request that reads the archive

	counting sync.Mutex
	counted  *archive.Stats
	state    string // of the file when it was counted
}

// NewViewer returns a viewer of the archive at path, with times in the zone. It answers only requests to host, such as
// 127.0.0.1:8080, under /token/: other pages that the browser has open know no token, and a name that leads to loopback is
// another host.
func NewViewer(path, host, token string, zone *time.Location) *Viewer {
	return &Viewer{path: path, host: host, token: token, zone: zone, busy: make(chan struct{}, 4)}
}

const pageSize = 50

// query holds what the form asks for.
type query struct {
	Text, Platform, State, User, From, To string
	Gone                                  bool

	Platforms []okchat.Platform
	States    []okchat.ConversationState
}

// ServeHTTP implements [http.Handler].
func (v *Viewer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f := inline(filepath.Base(v.path))
	for name, value := range map[string]string{
		"Content-Security-Policy": f.Policy + "; frame-ancestors 'none'", "Content-Type": "text/html; charset=utf-8", "Cache-Control": "no-store",
		"Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff", "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin",
	} {
		w.Header().Set(name, value)
	}
	token, page, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	switch {
	case r.Host != v.host:
		http.Error(w, "this is no address of okchat view", http.StatusMisdirectedRequest)
	case subtle.ConstantTimeCompare([]byte(token), []byte(v.token)) != 1:
		http.Error(w, "the address is the one that okchat view has printed, with its token", http.StatusNotFound)
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "nothing can be changed here", http.StatusMethodNotAllowed)
	case page == "" && !strings.HasSuffix(r.URL.Path, "/"):
		http.Redirect(w, r, "/"+v.token+"/", http.StatusMovedPermanently)
	default:
		v.serve(w, r, f, page)
	}
}

func (v *Viewer) serve(w http.ResponseWriter, r *http.Request, f frame, page string) {
	select {
	case v.busy <- struct{}{}:
		defer func() { <-v.busy }()
	case <-r.Context().Done():
		return
	}
	f.Index, f.Statistics = "./", "statistics"
	id, isConversation := strings.CutPrefix(page, "conversations/")
	if isConversation {
		f.Root = "../"
	}
	begun := &answer{ResponseWriter: w}
	out := bufio.NewWriterSize(begun, 32<<10)
	a, err := sqlite.Read(r.Context(), v.path)
	if err == nil {
		defer func() { _ = a.Close() }()
		switch {
		case isConversation:
			err = v.conversation(r.Context(), out, f, a, id)
		case page == "":
			err = v.list(r.Context(), out, f, a, r.URL.Query())
		case page == f.Statistics:
			var s *archive.Stats
			if s, err = v.statistics(r.Context(), a); err == nil {
				err = writeStatistics(out, f, s)
			}
		default:
			err = errNoPage
		}
	}
	if err != nil && !begun.begun {
		out.Reset(w)
		title, status := "This cannot be shown", http.StatusInternalServerError
		switch {
		case errors.Is(err, errNoPage), errors.Is(err, sqlite.ErrNoConversation):
			title, status = "Not found", http.StatusNotFound
		case errors.Is(err, okchat.ErrArgument):
			title, status = "What was asked for?", http.StatusBadRequest
		}
		w.WriteHeader(status)
		_ = writeProblem(out, f, title, err)
	}
	_ = out.Flush()
}

// answer notes that something of it is on its way.
type answer struct {
	http.ResponseWriter

	begun bool
}

func (a *answer) Write(b []byte) (int, error) {
	a.begun = true
	return a.ResponseWriter.Write(b)
}

var errNoPage = errors.New("there is no such page")

func (v *Viewer) conversation(ctx context.Context, out *bufio.Writer, f frame, a *sqlite.Archive, id string) error {
	c, err := a.Conversation(ctx, id)
	if err != nil {
		return err
	}
	_, _, err = writeConversation(out, f, WholeOf(ctx, a, c), v.zone)
	return err
}

func (v *Viewer) list(ctx context.Context, out *bufio.Writer, f frame, a *sqlite.Archive, asked url.Values) error {
	for _, values := range asked {
		values[0] = strings.ToValidUTF8(values[0], "\ufffd") // the page repeats them
	}
	q := &query{Text: asked.Get("q"), Platform: asked.Get("platform"), State: asked.Get("state"), User: asked.Get("user"), From: asked.Get("from"), To: asked.Get("to"),
		Gone: asked.Get("gone") != "", Platforms: okchatapi.PlatformValues(), States: okchatapi.ConversationStateValues()}
	filter := archive.Filter{Platform: okchat.Platform(q.Platform), User: strings.TrimSpace(q.User), Gone: q.Gone}
	opts := okchat.ListOptions{State: okchat.ConversationState(q.State)}
	var err error
	if opts.CreatedAfter, err = v.day(q.From, 0); err != nil {
		return err
	}
	if opts.CreatedBefore, err = v.day(q.To, 1); err != nil {
		return err
	}
	after, err := sqlite.ParsePosition(asked.Get("after"))
	if err != nil {
		return fmt.Errorf("%w: %w", okchat.ErrArgument, err)
	}
	p := listPage{frame: f, Query: q}
	p.Title = "Conversations"
	var end sqlite.Position
	if strings.TrimSpace(q.Text) == "" {
		list, err := a.Newest(ctx, opts, filter, after, pageSize)
		if err != nil {
			return err
		}
		for _, c := range list {
			p.Rows, end = append(p.Rows, conversationRow(&c.Conversation, "conversations/"+c.ID.String(), !c.GoneAt.IsZero(), v.zone)), c.Position
		}
	} else {
		p.Title = "Messages with “" + q.Text + "”"
		hits, err := a.Search(ctx, q.Text, opts, filter, after, pageSize)
		if err != nil {
			return err
		}
		for _, h := range hits {
			link := "conversations/" + h.ConversationID
			if h.MessageID != "" {
				link += "#m-" + h.MessageID
			}
			p.Rows, end = append(p.Rows, row{link, h.At.In(v.zone), h.Platform, h.Sender, h.Gone, h.Before, h.Match, h.After}), h.Position
		}
	}
	here := func(position string) string {
		asked.Set("after", position)
		if position == "" {
			asked.Del("after")
		}
		return "?" + asked.Encode()
	}
	if len(p.Rows) == 0 {
		p.Note = "There is nothing that matches."
	}
	if len(p.Rows) == pageSize {
		p.Older = here(end.String())
	}
	if after != (sqlite.Position{}) {
		p.Newest = here("")
	}
	return templates().ExecuteTemplate(out, "list", p)
}

// statistics returns what there is in the archive. Counting a million messages takes seconds, so that it is done once, and
// again after the file has changed.
func (v *Viewer) statistics(ctx context.Context, a *sqlite.Archive) (*archive.Stats, error) {
	v.counting.Lock()
	defer v.counting.Unlock()
	state := ""
	for _, suffix := range []string{"", "-wal"} {
		if info, err := os.Stat(v.path + suffix); err == nil {
			state += fmt.Sprintln(info.ModTime().UnixNano(), info.Size())
		}
	}
	if v.counted == nil || state != v.state {
		s, err := a.Stats(ctx, okchat.ListOptions{}, archive.Filter{}, v.zone)
		if err != nil {
			return nil, err
		}
		v.counted, v.state = s, state
	}
	return v.counted, nil
}

// day returns the last moment before a day of the viewer's time zone, or before one some days later; the zero time for no day.
func (v *Viewer) day(text string, later int) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	day, err := time.ParseInLocation(time.DateOnly, text, v.zone)
	if err != nil {
		return time.Time{}, fmt.Errorf("%w: the day is %q, expected one such as 2025-03-07", okchat.ErrArgument, text)
	}
	return day.AddDate(0, 0, later).Add(-time.Microsecond), nil
}
