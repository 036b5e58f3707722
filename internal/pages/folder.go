package pages

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	okchat "github.com/okchat/okchat-go"
	"github.com/okchat/okchat-go/archive"
)

// FolderOptions tell what a [Folder] shows.
type FolderOptions struct {
	// Name is the name of what is shown, such as that of an archive.
	Name      string
	ChatbotID string
	// AsOf is when the list was as it is shown.
	AsOf time.Time
	Zone *time.Location
	// Whole returns a conversation with its messages. Up to Parallel calls and readings of messages run at once.
	Whole    func(*okchat.Conversation) (Whole, error)
	Parallel int
}

// Folder is an [archive.Writer] of pages that a browser opens from a folder: index.html, which is the first part of the list,
// statistics.html, and a page for each conversation. What it holds in memory is one part of the list. Not for concurrent use.
type Folder struct {
	dir     string
	opts    FolderOptions
	counter *archive.Counter
	rows    []row // of the part of the list that is not written yet
	part    int   // its number
	count   int   // of messages
	unread  int   // conversations without any to read
	odd     error // the first one that spoils nothing
}

// partSize is how many conversations a part of the list has.
const partSize = 500

// NewFolder returns a writer into the folder dir, which must be there. Files are readable by their owner alone.
func NewFolder(dir string, opts FolderOptions) *Folder {
	return &Folder{dir: dir, opts: opts, part: 1, counter: archive.NewCounter(opts.ChatbotID, opts.AsOf, opts.Zone)}
}

// Count returns how many messages were written.
func (f *Folder) Count() int { return f.count }

// Unread returns how many conversations were written without messages, as there were none to read.
func (f *Folder) Unread() int { return f.unread }

// WritePage implements [archive.Writer].
func (f *Folder) WritePage(page []okchat.Conversation) error {
	type written struct {
		row    row
		unread bool
		sent   []archive.Sent
		odd    error
	}
	all := make([]written, len(page))
	var group errgroup.Group
	group.SetLimit(max(f.opts.Parallel, 1))
	for i := range page {
		group.Go(func() (err error) {
			w, err := f.opts.Whole(&page[i])
			if err != nil {
				return err
			}
			id := w.ID.String()
			link := "conversations/" + id[:2] + "/" + id + ".html"
			done := &all[i]
			write := func(out io.Writer) error {
				page := linked(f.opts.Name)
				page.Root = "../../"
				done.sent, done.odd, err = writeConversation(out, page, w, f.opts.Zone)
				return err
			}
			err = f.write(link, write)
			if err == nil && errors.Is(done.odd, okchat.ErrNotFound) && len(done.sent) == 0 { // the server no longer knows it
				w.Unread = true
				err = f.write(link, write)
			}
			if done.odd != nil {
				done.odd = fmt.Errorf("messages of conversation %s: %w", id, done.odd)
			}
			if err == nil && !errors.Is(done.odd, okchat.ErrItems) {
				err, done.odd = done.odd, nil
			}
			done.unread, done.row = w.Unread, conversationRow(w.Conversation, link, !w.GoneAt.IsZero(), f.opts.Zone)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	for i, done := range all {
		if len(f.rows) == partSize {
			if err := f.writePart(true); err != nil {
				return err
			}
		}
		f.rows = append(f.rows, done.row)
		if err := f.counter.AddConversation(&page[i]); err != nil {
			return err
		}
		if done.unread {
			f.unread++
		} else {
			f.counter.AddMessages(done.sent, page[i].IsHumanMode)
		}
		f.count += len(done.sent)
		f.odd = cmp.Or(f.odd, done.odd)
	}
	return nil
}

// Flush implements [archive.Writer]. It writes the last part of the list and the statistics.
func (f *Folder) Flush() error {
	if err := f.writePart(false); err != nil {
		return err
	}
	err := f.write("statistics.html", func(out io.Writer) error { return writeStatistics(out, linked(f.opts.Name), f.counter.Stats()) })
	if err == nil {
		err = f.write("style.css", func(out io.Writer) error {
			_, err := io.WriteString(out, styleText)
			return err
		})
	}
	return cmp.Or(err, f.odd)
}

// writePart writes the part of the list that is held, with a link to the next one if there is more.
func (f *Folder) writePart(more bool) error {
	name := func(part int) string {
		if part == 1 {
			return "index.html"
		}
		return fmt.Sprintf("index-%d.html", part)
	}
	p := listPage{frame: linked(f.opts.Name), Rows: f.rows}
	p.Title = "Conversations"
	if f.part > 1 {
		p.Title, p.Newest, p.Newer = fmt.Sprintf("Conversations, part %d", f.part), name(1), name(f.part-1)
	}
	if more {
		p.Older = name(f.part + 1)
	}
	if len(f.rows) == 0 {
		p.Note = "There is none."
	}
	err := f.write(name(f.part), func(out io.Writer) error { return templates().ExecuteTemplate(out, "list", p) })
	f.rows, f.part = f.rows[:0], f.part+1
	return err
}

// write writes a file of the folder.
func (f *Folder) write(name string, write func(io.Writer) error) error {
	path := filepath.Join(f.dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	out := bufio.NewWriterSize(file, 32<<10)
	err = write(out)
	if err == nil {
		err = out.Flush()
	}
	return cmp.Or(err, file.Close())
}
