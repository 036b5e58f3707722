package sqlite

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"

	"github.com/google/uuid"

	okchat "github.com/okchat/okchat-go"
	"github.com/okchat/okchat-go/archive"
	"github.com/okchat/okchat-go/internal/atomicfile"
)

// ExportOptions tell [Export] what to do instead of failing.
type ExportOptions struct {
	// Force replaces an archive that [Archive.Update] has brought up to date, too.
	Force bool
	// Partial keeps what came of a walk that ended with [okchat.ErrIncomplete].
	Partial bool
	// Picked tells that the source leaves conversations of the list out, which the first update of the file then brings. Those
	// that opts.State or opts.CreatedBefore leave out need no word.
	Picked bool
	// Messages, if not nil, has the messages of the conversations stored, too.
	Messages *MessageOptions
}

// Export writes a new archive, which takes the place of what is at path when it is whole. Until then, and where it fails, the
// old file is unchanged. The error matches [ErrKept] where that has a history.
//
// After a walk that ended with [okchat.ErrItems], or with [okchat.ErrIncomplete] if opts.Partial is set, the new file takes
// its place, too, and the error is returned.
func Export(ctx context.Context, path, chatbotID string, from archive.Source, list okchat.ListOptions, opts ExportOptions) (Result, error) {
	id, err := uuid.Parse(chatbotID)
	if err != nil {
		return Result{}, errNoUUID
	}
	if !opts.Force {
		if kept, err := Kept(ctx, path); err != nil {
			return Result{}, err
		} else if kept {
			return Result{}, keptError(path)
		}
	}
	file, err := atomicfile.Create(ctx, path)
	if err != nil {
		return Result{}, err
	}
	defer file.Abort()
	if file.Direct() {
		return Result{}, fmt.Errorf("%s is not a regular file, which SQLite needs", path)
	}
	a := &Archive{path: file.Name(), fresh: true, picked: opts.Picked || list.State != "" || !list.CreatedBefore.IsZero()}
	result, ended, err := a.fill(ctx, id.String(), from, list, opts)
	if closing := a.Close(); err == nil {
		err = closing
	}
	if err != nil {
		return result, err
	}
	if err := replace(ctx, file, path, opts.Force); err != nil {
		return result, err
	}
	return result, ended
}

func keptError(path string) error { return fmt.Errorf("%s is %w", path, ErrKept) }

// fill writes the archive, without what keeps a file whole when it is cut short: this one is temporary until it is complete.
// It returns the error that the walk ended with where that does not spoil the file.
func (a *Archive) fill(ctx context.Context, chatbotID string, from archive.Source, list okchat.ListOptions, opts ExportOptions) (result Result, ended, err error) {
	if err := a.open("mode=rw"); err != nil {
		return Result{}, nil, err
	}
	if err := a.exec("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA locking_mode = EXCLUSIVE; PRAGMA cache_size = -16384"); err != nil {
		return Result{}, nil, a.explain(err)
	}
	err = a.exec("BEGIN") // for all: a page for itself would write parts of indexes again and again
	if err == nil {
		err = a.create(chatbotID, tables(false))
	}
	if err != nil {
		return Result{}, nil, a.explain(err)
	}
	keep := func(walked error) error {
		incomplete := errors.Is(walked, okchat.ErrIncomplete) // and maybe odd, too
		if incomplete && opts.Partial || !incomplete && errors.Is(walked, okchat.ErrItems) {
			ended, walked = cmp.Or(ended, walked), nil
		}
		return walked
	}
	result, err = a.Update(ctx, from, list, false)
	if err = keep(err); err == nil {
		err = a.explain(a.makeUnique(ctx, &result))
	}
	if err == nil && opts.Messages != nil {
		result.Messages, err = a.UpdateMessages(ctx, okchat.ListOptions{}, archive.Filter{}, *opts.Messages)
		if err = keep(err); err == nil && !opts.Messages.NoIndex {
			err = a.explain(a.setFullText(ctx, true))
		}
	}
	if err == nil {
		_, err = a.conn.ExecContext(ctx, "INSERT INTO sightings SELECT 1, max(id) FROM runs;"+conversationRows.addRaw()+messageRows.addRaw()+indexes+views()+"COMMIT") //nolint:gosec // of this package
		err = a.explain(err)
	}
	return result, ended, err
}

// makeUnique makes the index of ids, which messages refer to. Of a conversation that came again, further down than the walk remembers,
// the row stays that came last.
func (a *Archive) makeUnique(ctx context.Context, result *Result) error {
	_, err := a.conn.ExecContext(ctx, uniqueIDs)
	if err == nil || ctx.Err() != nil {
		return err
	}
	removed, err := a.conn.ExecContext(ctx, "DELETE FROM conversations WHERE n NOT IN (SELECT max(n) FROM conversations GROUP BY id)")
	if err != nil {
		return err
	}
	again, _ := removed.RowsAffected()
	result.Added -= int(again)
	_, err = a.conn.ExecContext(ctx, uniqueIDs)
	return err
}

// replace puts file in the place of the one at path, together with the log that a program left beside the old one: SQLite
// would play it into the new file. Meanwhile the old file is locked.
func replace(ctx context.Context, file *atomicfile.File, path string, force bool) error {
	made := false
	if created, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600); err == nil {
		made = true // so that there is something to lock
		_ = created.Close()
	}
	old, err := lock(ctx, realPath(path))
	if err != nil {
		return err
	}
	defer func() { _ = old.Close() }()
	if old.version > 0 && !force {
		kept, err := old.kept(ctx)
		if err != nil {
			return err
		}
		if kept { // another run has begun it meanwhile
			return keptError(path)
		}
	}
	err = old.giveWay(file)
	if err != nil && made && old.version == 0 {
		_ = os.Remove(path) // while it is still locked
	}
	return err
}

// lock opens the file at path such that no other program can use it. A file that cannot be locked because it is not an SQLite
// file, damaged or read-only is nobody's.
func lock(ctx context.Context, path string) (*Archive, error) {
	a := &Archive{path: path}
	for {
		err := a.open("mode=rw")
		if err == nil {
			err = a.retry(ctx, a.exclude)
		}
		if err == nil {
			err = a.moved()
		}
		if errors.Is(err, errMoved) { // another program was faster
			_ = a.Close()
			continue
		}
		if err != nil && !errors.Is(err, ErrNotArchive) && !errors.Is(err, errDamaged) && !errors.Is(err, fs.ErrPermission) {
			_ = a.Close()
			return nil, err
		}
		if err != nil || a.recognize(ctx) != nil {
			a.version = 0
		}
		return a, nil
	}
}

// exclude begins a transaction that keeps all other programs from the file. Only without a log that is possible.
func (a *Archive) exclude() error {
	if err := a.exec("PRAGMA journal_mode = DELETE; BEGIN EXCLUSIVE"); err != nil {
		return err
	}
	var mode string
	err := a.row(context.Background(), "PRAGMA journal_mode").Scan(&mode)
	if err == nil && mode != "delete" { // another program has begun a log in between
		err = errInUse
	}
	if err != nil {
		_ = a.exec("ROLLBACK")
	}
	return err
}

// giveWay puts file in the place of the archive, which must be locked.
func (a *Archive) giveWay(file *atomicfile.File) error {
	for _, suffix := range []string{"-wal", "-shm", "-journal"} {
		if err := os.Remove(realPath(a.path) + suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	if runtime.GOOS == "windows" { // which replaces no open file
		_ = a.Close()
	}
	return file.Commit()
}
