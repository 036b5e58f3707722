//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package atomicfile

import (
	"errors"
	"io"
	"os"
	"syscall"
)

const canLock = true

// lockAt is the byte that is locked: far behind the bytes that SQLite locks, which writes such files, too.
const lockAt = 1 << 40

// lock takes a lock that ends with the process, however that ends. The error is errLocked where another process holds it,
// and another one where the file system has no locks.
func lock(file *os.File) error {
	l := syscall.Flock_t{Type: syscall.F_WRLCK, Whence: io.SeekStart, Start: lockAt, Len: 1}
	err := syscall.FcntlFlock(file.Fd(), syscall.F_SETLK, &l)
	if errors.Is(err, syscall.EAGAIN) || errors.Is(err, syscall.EACCES) {
		return errLocked
	}
	return err
}
