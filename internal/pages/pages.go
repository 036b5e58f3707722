// Package pages shows an archive as pages of HTML that need no script and load nothing from elsewhere: a [Viewer] serves them, a
// [Folder] holds them as files.
package pages

import (
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"iter"
	"strings"
	"sync"
	"time"

	okchat "github.com/okchat/okchat-go"
	"github.com/okchat/okchat-go/archive"
	"github.com/okchat/okchat-go/archive/sqlite"
	"github.com/okchat/okchat-go/gen/okchatapi"
)

var (
	//go:embed pages.html
	pagesText string
	//go:embed style.css
	styleText string
)

var templates = sync.OnceValue(func() *template.Template { return template.Must(template.New("pages").Parse(pagesText)) })

// frame is the part that all pages share. Links are relative to Root.
type frame struct {
	Title, Name             string
	Root, Index, Statistics string
	Style                   template.CSS // within the page; empty for the file style.css
	Policy                  string       // the Content-Security-Policy
}

// linked returns the frame of a page that is a file and has its style in another.
func linked(name string) frame {
	return frame{Name: name, Index: "index.html", Statistics: "statistics.html",
		Policy: "default-src 'none'; img-src data:; base-uri 'none'; form-action 'none'; style-src 'self' file:"}
}

// inline returns the frame of a page that has its style within it.
func inline(name string) frame {
	sum := sha256.Sum256([]byte(styleText))
	return frame{Name: name, Style: template.CSS(styleText), //nolint:gosec // ours
		Policy: "default-src 'none'; img-src data:; base-uri 'none'; form-action 'self'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"}
}

// listPage is a page of conversations or of hits.
type listPage struct {
	frame

	Query                *query // nil where nothing can be asked for
	Note                 string
	Rows                 []row
	Newest, Newer, Older string // links
}

// row is a line of a list.
type row struct {
	Link                 string
	At                   time.Time
	Where, Who           string
	Gone                 bool
	Before, Match, After string
}

// conversationRow returns the line of a conversation.
func conversationRow(c *okchat.Conversation, link string, gone bool, zone *time.Location) row {
	text, _ := c.LastMessage.Content()
	const most = 300
	if runes := []rune(text); len(runes) > most {
		text = string(runes[:most]) + "…"
	}
	where := strings.TrimSuffix(string(c.Platform)+", "+string(c.State), ", ")
	return row{Link: link, At: c.CreatedAt.In(zone), Where: where, Who: UserOf(c), Gone: gone, After: text}
}

// UserOf returns the end user's id, empty where none came.
func UserOf(c *okchat.Conversation) string {
	for _, id := range []*string{c.SNSUserID, c.UserID} {
		if id != nil {
			return *id
		}
	}
	return ""
}

// conversationPage is a page with a transcript.
type conversationPage struct {
	frame

	Facts    []fact
	Note     string
	Messages iter.Seq[message] // as they are read
	sent     []archive.Sent
	err      error // that the reading ended with
}

// Failed returns the error that the reading of the messages has ended with.
func (p *conversationPage) Failed() string {
	if p.err == nil {
		return ""
	}
	return p.err.Error()
}

type fact struct{ Name, Value string }

// message is a message of a transcript.
type message struct {
	ID     string
	Day    string // where another one begins
	Sender string
	Ours   bool // whoever wrote it, it was not the end user
	At     time.Time
	Gone   bool
	Text   string
	Files  []okchatapi.Attachment
}

// Whole is a conversation with its messages.
type Whole struct {
	*okchat.Conversation
	// GoneAt is when it left the list, zero while it is there.
	GoneAt time.Time
	// Unread reports whether its messages are not known.
	Unread bool
	// Messages are all that are known, oldest first.
	Messages iter.Seq2[sqlite.Message, error]
}

// WholeOf returns a conversation of an archive with its messages.
func WholeOf(ctx context.Context, a *sqlite.Archive, c *sqlite.Conversation) Whole {
	return Whole{Conversation: &c.Conversation, GoneAt: c.GoneAt, Unread: c.Unread, Messages: a.Transcript(ctx, c.ID.String())}
}

// writeConversation writes the page of a conversation. It returns which messages are on it, and the error that their reading has
// ended with, of which the page tells, too.
func writeConversation(out io.Writer, f frame, w Whole, zone *time.Location) (sent []archive.Sent, ended, err error) {
	const layout = "2006-01-02 15:04:05 MST"
	f.Title = "Conversation " + w.ID.String()
	p := &conversationPage{frame: f}
	add := func(name, value string) {
		if value != "" {
			p.Facts = append(p.Facts, fact{name, value})
		}
	}
	add("id", w.ID.String())
	add("platform", string(w.Platform))
	add("state", string(w.State))
	add("end user", UserOf(w.Conversation))
	add("started", w.CreatedAt.In(zone).Format(layout))
	if !w.UpdatedAt.IsZero() { // it came
		add("updated", w.UpdatedAt.In(zone).Format(layout))
	}
	if !w.GoneAt.IsZero() {
		add("left the list", w.GoneAt.In(zone).Format(layout))
	}
	p.Messages = p.read(w, zone)
	if w.Unread {
		p.Note = "Its messages are not here. This is the last one, as the list of conversations shows it:"
		p.Messages = func(yield func(message) bool) {
			if text, ok := w.LastMessage.Content(); ok {
				yield(message{Sender: "last message", Text: text})
			}
		}
	}
	err = templates().ExecuteTemplate(out, "conversation", p)
	return p.sent, p.err, err
}

// read returns the messages as the page shows them.
func (p *conversationPage) read(w Whole, zone *time.Location) iter.Seq[message] {
	return func(yield func(message) bool) {
		last := ""
		for m, err := range w.Messages {
			if err != nil {
				p.err = err
				return
			}
			p.sent = append(p.sent, archive.Sent{At: m.CreatedAt, Sender: m.SenderType})
			at := m.CreatedAt.In(zone)
			shown := message{ID: "m-" + m.ID.String(), Sender: string(m.SenderType), Ours: m.SenderType != okchatapi.SenderTypeUser,
				At: at, Gone: !m.GoneAt.IsZero(), Text: m.Content, Files: m.Attachments}
			if day := at.Format("Monday, 2 January 2006"); day != last {
				shown.Day, last = day, day
			}
			if !yield(shown) {
				return
			}
		}
	}
}

// writeProblem writes a page that says why there is no other.
func writeProblem(out io.Writer, f frame, title string, err error) error {
	f.Title = title
	return templates().ExecuteTemplate(out, "problem", listPage{frame: f, Note: fmt.Sprint(err)})
}
