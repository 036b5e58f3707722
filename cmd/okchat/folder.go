package main

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"time"

	okchat "github.com/okchat/okchat-go"
	"github.com/okchat/okchat-go/archive/sqlite"
	"github.com/okchat/okchat-go/internal/atomicfile"
	"github.com/okchat/okchat-go/internal/pages"
)

// folder writes pages into a new folder, which appears once all are written.
func (e *exporter) folder(ctx context.Context) error {
	target := filepath.Clean(e.target)
	if linked, err := filepath.EvalSymlinks(target); err == nil {
		target = linked
	}
	if there, err := os.ReadDir(target); len(there) > 0 || err != nil && !errors.Is(err, fs.ErrNotExist) {
		return usageErrorf("%s is there already: name a new folder for the pages", e.target)
	}
	marker := target + ".pages" // which is held as long as the folder is unfinished, and never comes to be
	sweep(e.std, marker)
	held, err := atomicfile.Create(ctx, marker)
	if err != nil {
		return err
	}
	defer held.Abort()
	unfinished := held.Name() + atomicfile.Folder
	if err := os.Mkdir(unfinished, 0o700); err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(unfinished) }()
	zone, _ := e.location() // it was checked
	asOf := time.Now()
	if a := e.reading.archive; a != nil {
		if asOf, err = a.AsOf(ctx); err != nil {
			return archiveError(err)
		}
	}
	w := pages.NewFolder(unfinished, pages.FolderOptions{Name: filepath.Base(cmp.Or(e.exportFlags.archive, e.chatbot)), ChatbotID: e.chatbot, AsOf: asOf, Zone: zone, Parallel: e.parallel,
		Whole: func(conv *okchat.Conversation) (pages.Whole, error) { return e.whole(ctx, conv) }})
	if e.exportFlags.messages {
		e.transcripts = w
	}
	err = e.write(ctx, w)
	if !e.spoils(err) {
		_ = os.Remove(target) // an empty folder
		err = cmp.Or(os.Rename(unfinished, target), err)
	}
	return e.replaced(err)
}

// whole returns a conversation with its messages, from the archive, or from the server if messages were asked for.
func (e *exporter) whole(ctx context.Context, conv *okchat.Conversation) (pages.Whole, error) {
	if e.reading.archive != nil {
		c, err := e.reading.archive.Conversation(ctx, conv.ID.String())
		if err != nil {
			return pages.Whole{}, err
		}
		return pages.WholeOf(ctx, e.reading.archive, c), nil
	}
	messages := e.reading.messages.Messages(ctx, e.chatbot, conv.ID.String(), okchat.MessageOptions{Limit: e.opts.Limit})
	return pages.Whole{Conversation: conv, Unread: !e.exportFlags.messages, Messages: received(messages)}, nil
}

// received returns messages that come from a server as an archive would keep them.
func received(messages iter.Seq2[okchat.Message, error]) iter.Seq2[sqlite.Message, error] {
	return func(yield func(sqlite.Message, error) bool) {
		for m, err := range messages {
			if !yield(sqlite.Message{Message: m}, err) {
				return
			}
		}
	}
}
