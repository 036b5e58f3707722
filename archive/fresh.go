package archive

import (
	"context"
	"errors"
	"syscall"

	okchat "github.com/okchat/okchat-go"
)

// errDiskFull is what a full disk is, told by SQLite.
var errDiskFull = syscall.ENOSPC

// ExportSQLite makes a new archive at path, which takes the place of what is there when it is whole. Until then, and
// where it fails, the old file is what it was.
func ExportSQLite(ctx context.Context, path, chatbotID string, from Source, opts okchat.ListOptions) (Result, error) {
	file, err := CreateFile(path)
	if err != nil {
		return Result{}, err
	}
	defer file.Abort()
	if file.direct {
		return Result{}, errors.New(path + " is no regular file, which SQLite needs")
	}
	s, err := open(file.Name(), "rw")
	if err != nil {
		return Result{}, err
	}
	s.path, s.fresh = path, true
	result, err := s.fill(ctx, chatbotID, from, opts)
	if closing := s.Close(); err == nil {
		err = closing
	}
	if err != nil {
		return result, err
	}
	return result, file.Commit()
}

// fill does without what keeps a file whole when it is cut short: then this one goes.
func (s *SQLite) fill(ctx context.Context, chatbotID string, from Source, opts okchat.ListOptions) (Result, error) {
	if err := s.exec("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA locking_mode = EXCLUSIVE; PRAGMA cache_size = -16384"); err != nil {
		return Result{}, err
	}
	if err := s.create(chatbotID, schemaTables); err != nil {
		return Result{}, err
	}
	result, err := s.Update(ctx, from, opts, false)
	if err != nil {
		return result, err
	}
	return result, s.exec(schemaIndexes)
}
