//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package atomicfile

import "errors"

func mkfifo(string) error { return errors.ErrUnsupported }
