package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"time"

	okchat "github.com/okchat/okchat-go"
	"github.com/okchat/okchat-go/archive"
	"github.com/okchat/okchat-go/internal/atomicfile"
	"github.com/okchat/okchat-go/internal/column"
)

// checkpoint tells how far a run has come that another one can continue. It stands beside the unfinished file.
type checkpoint struct {
	// What the run was asked for. It is continued only by one that is asked for the same.
	Format  string `json:"format"`
	Chatbot string `json:"chatbot"`
	State   string `json:"state,omitempty"`
	Since   string `json:"since,omitempty"`
	Until   string `json:"until,omitempty"`
	Limit   int    `json:"limit"`
	// Platform, User, Zone and Excel are those of the flags.
	Platform string `json:"platform,omitempty"`
	User     string `json:"user,omitempty"`
	Zone     string `json:"tz"`
	Excel    bool   `json:"excel,omitempty"`
	// Columns are those of CSV, of which another version of this program may have more.
	Columns []string `json:"columns,omitempty"`

	After     okchat.Token `json:"after"`
	Bytes     int64        `json:"bytes"` // of the unfinished file, whole pages
	Count     int          `json:"count"` // of the conversations in them
	Tally     tally        `json:"tally"`
	OwnSize   bool         `json:"own_size,omitempty"` // the server's page size took the place of Limit
	NewerThan time.Time    `json:"newer_than"`         // what Since meant when the first run began
	OlderThan time.Time    `json:"older_than"`
}

func (c *checkpoint) request() string {
	return fmt.Sprintf("--format %s --chatbot %s --state %q --platform %q --user %q --since %q --until %q --tz %s --limit %d --excel=%t",
		c.Format, c.Chatbot, c.State, c.Platform, c.User, c.Since, c.Until, c.Zone, c.Limit, c.Excel)
}

// resumable is an unfinished file with its checkpoint.
type resumable struct {
	checkpoint

	file  *atomicfile.File
	token string // name of the file with the checkpoint
	bytes int64  // written so far
	due   time.Time
}

// resume opens the unfinished file of an earlier run for the same command, or begins one.
func resume(target string, asked checkpoint) (*resumable, error) {
	file, err := atomicfile.Continue(target)
	if err != nil {
		return nil, err
	}
	r := &resumable{checkpoint: asked, file: file, token: file.Name() + ".token"}
	if err = r.load(); err == nil {
		if err = file.Keep(r.Bytes); err != nil {
			err = usageErrorf("%w: remove it and %s to start anew", err, r.token)
		}
	}
	if err != nil {
		file.Leave()
		return nil, err
	}
	r.bytes = r.Bytes
	return r, nil
}

func (r *resumable) load() error {
	text, err := os.ReadFile(r.token)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var saved checkpoint
	if err := json.Unmarshal(text, &saved); err != nil {
		return usageErrorf("%s is damaged: remove it and %s to start anew", r.token, r.file.Name())
	}
	if saved.request() != r.request() {
		return usageErrorf("%s was begun with %s, not with %s: ask for the same, or remove it and %s to start anew", r.file.Name(), saved.request(), r.request(), r.token)
	}
	if !slices.Equal(saved.Columns, r.Columns) {
		return usageErrorf("%s was begun by another version of okchat, whose files have other columns: remove it and %s to start anew", r.file.Name(), r.token)
	}
	r.checkpoint = saved
	return nil
}

func (r *resumable) Write(p []byte) (int, error) {
	n, err := r.file.Write(p)
	r.bytes += int64(n)
	return n, err
}

// save puts what was written, and then the checkpoint, on the disk: in this order, so that a checkpoint never counts bytes
// that a power cut takes away.
func (r *resumable) save(w archive.Writer) error {
	if err := cmp.Or(w.Flush(), r.file.Sync()); err != nil {
		return err
	}
	r.Bytes = r.bytes
	text, err := json.Marshal(&r.checkpoint)
	if err != nil {
		return err
	}
	next := r.token + ".next"
	file, err := os.OpenFile(next, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(text)
	if err = cmp.Or(err, file.Sync(), file.Close()); err != nil {
		return err
	}
	if err := os.Rename(next, r.token); err != nil {
		return err
	}
	atomicfile.SyncDir(r.token)
	return nil
}

// page counts a page that was written, and saves it unless that would take more than a tenth of the time.
func (r *resumable) page(w archive.Writer, p *okchat.Page[okchat.Conversation], own bool) error {
	r.After, r.Count, r.OwnSize = p.Next(), r.Count+len(p.Items), own
	start := time.Now()
	if start.Before(r.due) {
		return nil
	}
	err := r.save(w)
	r.due = time.Now().Add(9 * time.Since(start))
	return err
}

// resumed exports to a file that another run can continue, however this one ends.
func (e *exporter) resumed(ctx context.Context, kind string) error {
	if err := mayReplace(ctx, e.target, e.force); err != nil {
		return err
	}
	sweep(e.std, e.target)
	var columns []string
	if kind == "csv" {
		for _, c := range column.Conversations().Columns {
			columns = append(columns, c.Name)
		}
	}
	r, err := resume(e.target, checkpoint{Columns: columns, Format: kind, Chatbot: e.chatbot, State: e.state, Since: e.since, Until: e.until, Limit: e.limit,
		Platform: e.platform, User: e.user, Zone: e.zone, Excel: e.excel, NewerThan: e.opts.CreatedAfter, OlderThan: e.opts.CreatedBefore})
	if err != nil {
		return err
	}
	e.opts.After, e.opts.CreatedAfter, e.opts.CreatedBefore = r.After, r.NewerThan, r.OlderThan
	if r.OwnSize {
		e.opts.Limit = 0
	}
	if r.Count > 0 {
		e.progress.say("%s goes on behind %s", e.target, number(r.Count, "conversation"))
	}
	*e.told = r.Tally
	w := e.newWriter(kind, r, r.Bytes > 0)
	var ended error
	for page, err := range e.progress.Pages(ctx, e.chatbot, e.opts) {
		if ended = err; err != nil {
			break
		}
		if err = w.WritePage(page.Items); err == nil {
			r.Tally = *e.told
			err = r.page(w, page, e.own.list.Load())
		}
		if err != nil {
			r.file.Leave()
			return err
		}
	}
	if e.spoils(ended) {
		return e.interrupted(r, w, ended)
	}
	if err := cmp.Or(w.Flush(), r.file.Commit()); err != nil {
		r.file.Leave()
		return err
	}
	_ = os.Remove(r.token)
	e.progress.summary("%s are in %s", number(r.Count, "conversation"), e.target)
	return ended
}

// interrupted leaves the unfinished file for the next run, or nothing if no page came.
func (e *exporter) interrupted(r *resumable, w archive.Writer, ended error) error {
	if r.After == "" {
		r.file.Abort()
		e.progress.say("%s was not written", e.target)
		return ended
	}
	err := r.save(w)
	r.file.Leave()
	e.progress.say("%s has %s: the same command goes on from there", r.file.Name(), number(r.Count, "conversation"))
	return cmp.Or(ended, err)
}
