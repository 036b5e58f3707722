//go:build !unix

package atomicfile

import "errors"

func duplicate(int) (uintptr, error) { return 0, errors.ErrUnsupported }
