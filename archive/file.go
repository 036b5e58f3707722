package archive

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// File is a file under way: what is written stands beside its target under another name and takes its place by
// [File.Commit]. Until then, and after [File.Abort], the target is what it was.
//
// A target that is no regular file, such as a device or a named pipe, is written to as it is.
type File struct {
	*os.File
	target string
	done   bool
	direct bool
}

// CreateFile begins a file that is to stand at path. It is the owner's alone (mode 0600, as it holds personal data)
// unless there is one already, whose mode it takes. Where path is a symbolic link, the file that it leads to is replaced.
func CreateFile(path string) (*File, error) {
	target, mode, direct, err := inspect(path)
	if err != nil {
		return nil, err
	}
	if direct {
		file, err := os.OpenFile(target, os.O_WRONLY, 0)
		if err != nil {
			return nil, err
		}
		return &File{File: file, target: target, direct: true}, nil
	}
	file, err := os.CreateTemp(filepath.Dir(target), "."+filepath.Base(target)+".*.part")
	if err != nil {
		return nil, err
	}
	if err := file.Chmod(mode); err != nil {
		_ = file.Close()
		_ = os.Remove(file.Name())
		return nil, err
	}
	return &File{File: file, target: target}, nil
}

// inspect returns the file that path leads to, the mode that its successor is to have, and whether there is something
// that cannot be replaced.
func inspect(path string) (target string, mode fs.FileMode, direct bool, err error) {
	target, err = filepath.EvalSymlinks(path)
	if errors.Is(err, fs.ErrNotExist) {
		if _, err := os.Lstat(path); err == nil {
			return "", 0, false, fmt.Errorf("%s is a symbolic link to nowhere", path)
		}
		return path, 0o600, false, nil
	}
	if err != nil {
		return "", 0, false, err
	}
	info, err := os.Stat(target)
	switch {
	case err != nil:
		return "", 0, false, err
	case info.IsDir():
		return "", 0, false, fmt.Errorf("%s is a directory", path)
	}
	return target, info.Mode().Perm(), !info.Mode().IsRegular(), nil
}

// Commit puts the file in its place, when all of it is on the disk.
func (f *File) Commit() error {
	if f.done {
		return fs.ErrClosed
	}
	if f.direct {
		f.done = true
		return f.Close()
	}
	err := f.Sync()
	if closing := f.Close(); err == nil {
		err = closing
	}
	if err == nil {
		err = os.Rename(f.Name(), f.target)
	}
	if err != nil {
		_ = os.Remove(f.Name())
	} else {
		syncDir(f.target)
	}
	f.done = true
	return err
}

// Abort leaves the target as it was. After Commit it does nothing.
func (f *File) Abort() {
	if f.done {
		return
	}
	f.done = true
	_ = f.Close()
	if !f.direct {
		_ = os.Remove(f.Name())
	}
}

// syncDir makes the new name last. Not every file system can; the file is whole either way.
func syncDir(path string) {
	if dir, err := os.Open(filepath.Dir(path)); err == nil {
		_ = dir.Sync()
		_ = dir.Close()
	}
}
