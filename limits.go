package okchat

import (
	"fmt"
	"io"
)

const (
	// maxHeader bounds the header of an answer, in bytes.
	maxHeader = 256 << 10
	// maxDepth bounds how deep JSON may nest. A page needs 5; what an open object holds may need a few more.
	maxDepth = 64
)

// tooLargeError is the reason to stop reading a body.
type tooLargeError struct{ limit int64 }

func (e *tooLargeError) Error() string { return fmt.Sprintf("more than %d bytes", e.limit) }

// readBody reads at most limit bytes and one more, to know. size is the announced length, or -1. The buffer grows
// fourfold up to the limit exactly, so that all buffers together stay under one and a half limits.
func readBody(r io.Reader, size, limit int64) ([]byte, error) {
	if size > limit {
		return nil, &tooLargeError{limit}
	}
	capacity := size
	if size < 0 {
		capacity = limit
		for capacity > 64<<10 {
			capacity /= 4
		}
	}
	buf := make([]byte, 0, max(capacity, 512))
	for {
		if len(buf) == cap(buf) {
			// The announced length is the common end: one byte more tells without growing.
			var extra [1]byte
			n, err := r.Read(extra[:])
			if n == 0 && err != nil {
				return buf, eofIsNil(err)
			}
			if n > 0 {
				if int64(len(buf)) >= limit {
					return nil, &tooLargeError{limit}
				}
				grown := make([]byte, len(buf), min(4*int64(cap(buf)), max(limit, int64(len(buf))+1)))
				copy(grown, buf)
				grown = append(grown, extra[0])
				buf = grown
			}
			continue
		}
		n, err := r.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		if int64(len(buf)) > limit {
			return nil, &tooLargeError{limit}
		}
		if err != nil {
			return buf, eofIsNil(err)
		}
	}
}

func eofIsNil(err error) error {
	if err == io.EOF { //nolint:errorlint // a wrapped one is a connection that broke
		return nil
	}
	return err
}

// checkDepth looks at brackets only: whether the text is JSON is for the decoder to say.
func checkDepth(b []byte) bool {
	depth := 0
	for i := 0; i < len(b); i++ {
		switch b[i] {
		case '"':
			for i++; i < len(b) && b[i] != '"'; i++ {
				if b[i] == '\\' {
					i++
				}
			}
		case '{', '[':
			if depth++; depth > maxDepth {
				return false
			}
		case '}', ']':
			depth--
		}
	}
	return true
}
