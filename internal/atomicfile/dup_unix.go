//go:build unix

package atomicfile

import "syscall"

func duplicate(fd int) (uintptr, error) {
	n, err := syscall.Dup(fd)
	return uintptr(n), err
}
