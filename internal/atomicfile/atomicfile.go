// Package atomicfile writes files that appear whole or not at all.
package atomicfile

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

// ErrInUse matches the error of [Continue] where another run is writing the same file.
var ErrInUse = errors.New("another run is writing it")

// File is a file being written. It stands beside its target under a name that ends in .part and takes the target's place
// by [File.Commit]; until then, and after [File.Abort], the target is unchanged.
//
// A target that is not a regular file, such as a device, a pipe or an open descriptor (/dev/stdout), cannot be replaced:
// it is written to directly.
type File struct {
	file   *os.File
	direct *writer // nil unless the target is written to directly
	target string
	// published reports whether the file stands in its target's place already, and is still written to.
	published bool
	done      bool
}

// Create begins a file that is to replace path. A new file is readable by its owner alone (mode 0600), as it holds personal
// data; one that replaces another takes its mode. A symbolic link is followed: the file that it leads to is replaced.
//
// Opening and writing a pipe may block until somebody reads. Both end with the error of ctx soon after ctx is done.
func Create(ctx context.Context, path string) (*File, error) {
	target, mode, err := inspect(path)
	if err != nil {
		return nil, err
	}
	if target == "" {
		return createDirect(ctx, path)
	}
	f := &File{target: target}
	for f.file == nil {
		file, err := os.CreateTemp(filepath.Dir(target), prefix(target)+"*"+suffix)
		if err != nil {
			return nil, err
		}
		if !hold(file) { // a run that sweeps was faster
			_ = file.Close()
			continue
		}
		f.file = file
	}
	if err := f.file.Chmod(mode); err != nil {
		f.Abort()
		return nil, err
	}
	return f, nil
}

// Continue opens the file path.part, which an earlier run left unfinished by [File.Leave], or begins it. The error matches
// [ErrInUse] where another run has the file open.
func Continue(path string) (*File, error) {
	target, mode, err := inspect(path)
	if err != nil {
		return nil, err
	}
	if target == "" {
		return nil, fmt.Errorf("%s is not a regular file, so that it cannot be continued", path)
	}
	name := target + suffix
	if info, err := os.Lstat(name); err == nil && !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file", name)
	}
	file, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, mode)
	if err != nil {
		return nil, err
	}
	if !hold(file) {
		_ = file.Close()
		return nil, fmt.Errorf("%s: %w", name, ErrInUse)
	}
	return &File{file: file, target: target}, nil
}

// inspect returns the file that path leads to and the mode that its successor is to have. The target is empty where path
// leads to something that cannot be replaced.
func inspect(path string) (target string, mode fs.FileMode, err error) {
	if _, ok := descriptor(path); ok {
		return "", 0, nil
	}
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		if _, err := os.Lstat(path); err == nil {
			return "", 0, fmt.Errorf("%s is a symbolic link to nowhere", path)
		}
		return path, 0o600, nil
	}
	switch {
	case err != nil:
		return "", 0, err
	case info.IsDir():
		return "", 0, fmt.Errorf("%s is a directory", path)
	case !info.Mode().IsRegular():
		return "", 0, nil
	}
	target, err = filepath.EvalSymlinks(path)
	return target, info.Mode().Perm(), err
}

// Name returns the name of the file while it is being written.
func (f *File) Name() string { return f.file.Name() }

// Direct reports whether the target is written to directly.
func (f *File) Direct() bool { return f.direct != nil }

// Fd returns the descriptor of the file.
func (f *File) Fd() uintptr { return f.file.Fd() }

// Write appends to the file.
func (f *File) Write(p []byte) (int, error) {
	if f.direct != nil {
		return f.direct.Write(p)
	}
	return f.file.Write(p)
}

// Sync waits until all that was written is on the disk.
func (f *File) Sync() error { return f.file.Sync() }

// Keep cuts the file off behind its first n bytes and goes on writing there. It fails where the file is shorter.
func (f *File) Keep(n int64) error {
	info, err := f.file.Stat()
	if err != nil {
		return err
	}
	if info.Size() < n {
		return fmt.Errorf("%s holds %d bytes, expected at least %d", f.Name(), info.Size(), n)
	}
	if err := f.file.Truncate(n); err != nil {
		return err
	}
	_, err = f.file.Seek(n, 0)
	return err
}

// WriteAt writes at an offset of a file that is not written to directly.
func (f *File) WriteAt(p []byte, offset int64) (int, error) { return f.file.WriteAt(p, offset) }

// Truncate cuts the file off, or lengthens it, to a size.
func (f *File) Truncate(size int64) error { return f.file.Truncate(size) }

// Publish puts the file in its target's place before it is complete: what is written from then on is written to the target.
// Where that fails, the target is unchanged.
func (f *File) Publish() error {
	if f.direct != nil || f.published {
		return nil
	}
	f.closeEarly()
	if err := os.Rename(f.Name(), f.target); err != nil {
		return err
	}
	f.published = true
	SyncDir(f.target)
	if runtime.GOOS != "windows" {
		return nil
	}
	file, err := os.OpenFile(f.target, os.O_RDWR, 0)
	if err == nil {
		f.file = file
	}
	return err
}

// Commit puts the file in its target's place once all of it is on the disk. Where that fails, the target is unchanged.
func (f *File) Commit() error {
	if f.done {
		return fs.ErrClosed
	}
	if f.direct != nil {
		f.done = true
		return f.file.Close()
	}
	if err := f.file.Sync(); err != nil {
		f.Abort()
		return err
	}
	if f.published {
		f.Leave()
		return nil
	}
	f.closeEarly()
	if err := os.Rename(f.Name(), f.target); err != nil {
		f.Abort()
		return err
	}
	f.Leave()
	SyncDir(f.target)
	return nil
}

// Abort removes the unfinished file and leaves the target unchanged. After Commit or Leave it does nothing.
func (f *File) Abort() {
	if f.done {
		return
	}
	if f.direct == nil && !f.published {
		f.closeEarly()
		_ = os.Remove(f.Name())
	}
	f.Leave()
}

// Leave closes the unfinished file and leaves it where it is, for [Continue].
func (f *File) Leave() {
	f.done = true
	_ = f.file.Close()
	forget(f.Name())
}

// closeEarly closes the file where an open one cannot be renamed or removed. Elsewhere it stays open, and so locked, until
// that is done.
func (f *File) closeEarly() {
	if runtime.GOOS == "windows" {
		_ = f.file.Close()
	}
}

// SyncDir makes a new name in the folder of path survive a power cut. Not every file system can; the file is whole either
// way.
func SyncDir(path string) {
	if dir, err := os.Open(filepath.Dir(path)); err == nil {
		_ = dir.Sync()
		_ = dir.Close()
	}
}
