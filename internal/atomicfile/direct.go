package atomicfile

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/okchat/okchat-go/internal/lazy"
)

// grace is how long a write may still take once its context is done, so that a stream ends with whole lines.
const grace = time.Second

// NewWriter returns a writer to w whose writes end with the error of ctx where they still block one second after ctx is
// done, as a pipe does that nobody reads from. After such an error nothing more is written.
func NewWriter(ctx context.Context, w io.Writer) io.Writer { return &writer{ctx: ctx, to: w} }

type writer struct {
	ctx   context.Context
	to    io.Writer
	stuck bool
}

func (w *writer) Write(p []byte) (int, error) {
	if w.stuck {
		return 0, w.ctx.Err()
	}
	var n int
	var err error
	done, own := make(chan struct{}), bytes.Clone(p) // the write may outlast this call
	go func() {
		defer close(done)
		n, err = w.to.Write(own)
	}()
	select {
	case <-done:
		return n, err
	case <-w.ctx.Done():
	}
	select {
	case <-done:
		return n, err
	case <-time.After(grace):
		w.stuck = true
		return 0, w.ctx.Err()
	}
}

func createDirect(ctx context.Context, path string) (*File, error) {
	type opened struct {
		file *os.File
		err  error
	}
	answer := make(chan opened, 1)
	go func() { // a named pipe waits for its reader here
		file, err := openDirect(path)
		answer <- opened{file, err}
	}()
	select {
	case a := <-answer:
		if a.err != nil {
			return nil, a.err
		}
		return &File{file: a.file, direct: &writer{ctx: ctx, to: a.file}, target: path}, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// openDirect opens what stands at path for writing. A name of an open descriptor gives a copy of it: opened by name, a file
// that the shell has redirected to would be written from its beginning, and a socket could not be opened.
func openDirect(path string) (*os.File, error) {
	n, ok := descriptor(path)
	if !ok {
		return os.OpenFile(path, os.O_WRONLY, 0)
	}
	fd, err := duplicate(n)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return os.NewFile(fd, path), nil
}

var descriptorNames = lazy.Regexp(`^/(?:dev/fd|proc/self/fd)/(\d+)$`)

// descriptor returns the number of the open descriptor that path names, also through symbolic links.
func descriptor(path string) (n int, ok bool) {
	for range 40 { // as many links as Linux follows
		switch path {
		case "/dev/stdout":
			return 1, true
		case "/dev/stderr":
			return 2, true
		}
		if match := descriptorNames().FindStringSubmatch(path); match != nil {
			n, err := strconv.Atoi(match[1])
			return n, err == nil
		}
		to, err := os.Readlink(path)
		if err != nil {
			return 0, false
		}
		if !filepath.IsAbs(to) {
			to = filepath.Join(filepath.Dir(path), to)
		}
		path = to
	}
	return 0, false
}
