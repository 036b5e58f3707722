package atomicfile

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

const suffix = ".part"

// Folder ends the name of a folder that belongs to an unfinished file, behind that of the file. [Sweep] removes it, too.
const Folder = ".d"

var errLocked = errors.New("another process holds it")

// live holds the names of the unfinished files of this process. File locks do not tell two users within one process apart.
var live = struct {
	sync.Mutex
	names map[string]bool
}{names: map[string]bool{}}

// hold locks a file that has just been opened, so that no other run sweeps it. It reports whether the file still stands
// under its name; otherwise another run was faster.
func hold(file *os.File) bool {
	live.Lock()
	defer live.Unlock()
	// A file system without locks has nobody who sweeps.
	if live.names[file.Name()] || errors.Is(lock(file), errLocked) || !named(file) {
		return false
	}
	live.names[file.Name()] = true
	return true
}

func forget(name string) {
	live.Lock()
	defer live.Unlock()
	delete(live.names, name)
}

// prefix returns how the names of unfinished files for target begin.
func prefix(target string) string { return "." + filepath.Base(target) + "." }

// Sweep removes the unfinished files for path that earlier runs left when they were killed, and returns their names. Files of
// a run that is still alive are left alone.
func Sweep(path string) (swept []string) {
	target, _, err := inspect(path)
	if err != nil || target == "" {
		return nil
	}
	entries, err := os.ReadDir(filepath.Dir(target))
	if err != nil {
		return nil
	}
	for _, e := range entries {
		middle, mine := strings.CutPrefix(e.Name(), prefix(target))
		middle, unfinished := strings.CutSuffix(middle, suffix)
		if !mine || !unfinished || strings.Trim(middle, "0123456789") != "" || !e.Type().IsRegular() {
			continue
		}
		if name := filepath.Join(filepath.Dir(target), e.Name()); sweepOne(name) {
			swept = append(swept, name)
		}
	}
	return swept
}

// sweepOne removes the file unless a run holds it.
func sweepOne(name string) bool {
	live.Lock()
	defer live.Unlock()
	if live.names[name] {
		return false
	}
	file, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		return false
	}
	defer func() { _ = file.Close() }()
	if !canLock {
		_ = file.Close() // the system refuses to remove a file that somebody has open
	} else if lock(file) != nil || !named(file) {
		return false
	}
	_ = os.Remove(name + "-journal") // of SQLite, which may have written it
	_ = os.RemoveAll(name + Folder)
	return os.Remove(name) == nil
}

// named reports whether file still stands under its name.
func named(file *os.File) bool {
	is, err := file.Stat()
	if err != nil {
		return false
	}
	at, err := os.Lstat(file.Name())
	return err == nil && os.SameFile(is, at)
}
