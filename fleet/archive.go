package main

import (
	"context"
	"errors"
	"iter"
	"path/filepath"

	"github.com/riverqueue/river"

	okchat "github.com/okchat/okchat-go"
	"github.com/okchat/okchat-go/archive"
	"github.com/okchat/okchat-go/archive/sqlite"
)

// archive brings the SQLite archive of a chatbot up to date, which knows itself what is missing: where a run was cut short, what
// it brought is there.
func (w lister) archive(ctx context.Context, job *river.Job[listArgs], c chatbot) error {
	if err := w.db.transaction(ctx, func(w *work) { w.advance(c, true) }); err != nil {
		return err
	}
	next, err := w.after(ctx, job.JobRow, c, troubleOf(w.update(ctx, c)), false)
	if err != nil {
		return err
	}
	c.listed = true
	return commit(ctx, w.fleet, job, func(tx *work) {
		tx.advance(c, false)
		tx.count(c.id, progress{total: -1, problem: next.problem})
		tx.settle(w.fleet, c)
	}, nil)
}

func (w lister) update(ctx context.Context, c chatbot) error {
	a, err := sqlite.Create(ctx, filepath.Join(w.db.archives, c.id+".sqlite"), c.id)
	if err != nil {
		return err
	}
	defer func() { _ = a.Close() }()
	opts := okchat.ListOptions{Limit: c.pageSize}
	if _, err = a.Update(ctx, counted{w.fleet, c}, opts, false); err != nil && !troubleOf(err).over || !c.withMessages {
		return err
	}
	client, clientErr := w.client(c.key)
	if clientErr != nil {
		return clientErr
	}
	read, all := 0, 0
	note := func(messages int) error {
		return w.db.transaction(ctx, func(w *work) { w.count(c.id, progress{total: -1, toRead: all, haveRead: read, messages: messages}) })
	}
	result, failure := a.UpdateMessages(ctx, opts, archive.Filter{}, sqlite.MessageOptions{
		MessageOptions: okchat.MessageOptions{Limit: c.pageSize}, From: client, Parallel: parallel, Recheck: w.recheck,
		Progress: func(n, of int) { read, all = n, of },
	})
	return errors.Join(err, failure, note(result.Added))
}

// parallel is how many conversations of one archive are read at once.
const parallel = 4

// counted is a source of the conversations of a chatbot that notes the progress of each page.
type counted struct {
	*fleet
	chatbot chatbot
}

// Pages implements archive.Source.
func (s counted) Pages(ctx context.Context, _ string, _ okchat.ListOptions) iter.Seq2[*okchat.Page[okchat.Conversation], error] {
	return func(yield func(*okchat.Page[okchat.Conversation], error) bool) {
		var failed error
		_, err := s.walk(ctx, s.chatbot, func(page *okchat.Page[okchat.Conversation]) bool {
			p := progress{pages: 1, conversations: len(page.Items), total: page.Metadata.TotalCount}
			failed = s.db.transaction(ctx, func(w *work) { w.count(s.chatbot.id, p) })
			return failed == nil && yield(page, nil)
		})
		if err = errors.Join(failed, err); err != nil {
			yield(nil, err)
		}
	}
}
