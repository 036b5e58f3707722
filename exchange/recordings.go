package exchange

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/semaphore"
)

// Recording is a source of exchanges in the HAR format.
type Recording struct {
	// Name names it in findings and errors.
	Name string
	// Open returns its text from the beginning.
	Open func() (io.ReadCloser, error)
	// MaxBody is how many bytes of a body are read at most; 0 stands for DefaultMaxBody.
	MaxBody int
}

// FindRecordings returns the recordings at paths: files as they are, and the files *.har, *.har.gz, *.zhar and *.har.zip in
// folders and the folders in them, by name, numbers in names by their value, so that page-2 comes before page-10. It fails where a path cannot be
// read, or a folder holds no recording.
func FindRecordings(paths ...string) ([]Recording, error) {
	var list []Recording
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil {
			return nil, fmt.Errorf("%w: name a HAR file or a folder of them", err)
		}
		if !info.IsDir() {
			list = append(list, recordingFile(path))
			continue
		}
		var found []string
		err = filepath.WalkDir(path, func(path string, entry fs.DirEntry, err error) error {
			if err == nil && !entry.IsDir() && isRecording(path) {
				found = append(found, path)
			}
			return err
		})
		if err != nil {
			return nil, err
		}
		if len(found) == 0 {
			return nil, fmt.Errorf("%s: expected files *.har in the folder, got none: record some", path)
		}
		slices.SortFunc(found, natural)
		for _, path := range found {
			list = append(list, recordingFile(path))
		}
	}
	return list, nil
}

// isRecording reports whether a name is that of a recording: HAR as it is, compressed with gzip, or in a zip archive with the
// files that it names.
func isRecording(name string) bool {
	name = strings.ToLower(name)
	return slices.ContainsFunc([]string{".har", ".zhar", ".har.gz", ".har.zip"}, func(ending string) bool { return strings.HasSuffix(name, ending) })
}

func recordingFile(path string) Recording {
	return Recording{Name: path, Open: func() (io.ReadCloser, error) { return os.Open(path) }}
}

// natural compares names, runs of digits by their value.
func natural(a, b string) int {
	isDigit := func(r rune) bool { return r >= '0' && r <= '9' }
	for a != "" && b != "" {
		da, db := len(a)-len(strings.TrimLeftFunc(a, isDigit)), len(b)-len(strings.TrimLeftFunc(b, isDigit))
		if da > 0 && db > 0 {
			na, nb := strings.TrimLeft(a[:da], "0"), strings.TrimLeft(b[:db], "0")
			if c := cmp.Or(cmp.Compare(len(na), len(nb)), strings.Compare(na, nb)); c != 0 {
				return c
			}
			a, b = a[da:], b[db:]
			continue
		}
		if a[0] != b[0] {
			return cmp.Compare(a[0], b[0])
		}
		a, b = a[1:], b[1:]
	}
	return cmp.Compare(len(a), len(b))
}

// Outcome is one step of [Each]: a part of a recording with what was made of it, an error, or the end of a recording.
type Outcome[T any] struct {
	// Recording is the recording's name.
	Recording string
	// Value is the result of work for a part.
	Value T
	// Err is why the recording cannot be read, or not to its end.
	Err error
	// End marks the end of the recording. Value and Err are not set.
	End bool
}

// maxInFlight is how many bytes of recordings are worked on at a time, or one part where that is larger.
const maxInFlight = 16 << 20

// Each reads the recordings, calls work for each part on several goroutines, and yields the outcomes in the order in which
// the parts stand there. It holds a few parts at a time, whatever their number. The sequence ends at once when ctx does; work
// under way then ends by itself.
func Each[T any](ctx context.Context, list []Recording, work func(*Part) T) iter.Seq[Outcome[T]] {
	return func(yield func(Outcome[T]) bool) {
		caller := ctx
		ctx, stop := context.WithCancel(ctx)
		workers := runtime.GOMAXPROCS(0)
		e := &each[T]{
			jobs: make(chan *job[T], workers), queue: make(chan *job[T], 4*workers), bytes: semaphore.NewWeighted(maxInFlight),
		}
		var running sync.WaitGroup
		defer func() {
			stop()
			if caller.Err() == nil { // or who asked for the end would wait for the work on a large part
				running.Wait()
			}
		}()
		running.Go(func() {
			defer close(e.queue)
			defer close(e.jobs)
			e.read(ctx, list)
		})
		for range workers {
			running.Go(func() {
				for j := range e.jobs {
					j.out.Value = work(j.part)
					j.part = nil
					close(j.done)
				}
			})
		}
		for {
			var j *job[T]
			select {
			case j = <-e.queue:
			case <-caller.Done():
			}
			if j == nil {
				return
			}
			select {
			case <-j.done:
			case <-caller.Done():
				return
			}
			more := yield(j.out)
			e.bytes.Release(j.size)
			if !more {
				return
			}
		}
	}
}

type each[T any] struct {
	jobs, queue chan *job[T] // before the workers, and in the order of the recordings
	bytes       *semaphore.Weighted
}

type job[T any] struct {
	part *Part // nil where there is nothing to work on
	size int64
	out  Outcome[T]
	done chan struct{}
}

// read puts the parts of the recordings into both queues.
func (e *each[T]) read(ctx context.Context, list []Recording) {
	for _, recording := range list {
		for part, err := range recording.Parts() {
			if !e.send(ctx, &job[T]{part: part, out: Outcome[T]{Recording: recording.Name, Err: err}}) {
				return
			}
		}
		if !e.send(ctx, &job[T]{out: Outcome[T]{Recording: recording.Name, End: true}}) {
			return
		}
	}
}

func (e *each[T]) send(ctx context.Context, j *job[T]) bool {
	j.done = make(chan struct{})
	if j.part == nil {
		close(j.done)
	} else {
		j.size = min(int64(len(j.part.Text)+len(j.part.attached)), maxInFlight)
		if e.bytes.Acquire(ctx, j.size) != nil {
			return false
		}
		select {
		case e.jobs <- j:
		case <-ctx.Done():
			return false
		}
	}
	select {
	case e.queue <- j:
		return true
	case <-ctx.Done():
		return false
	}
}

// Parts opens the recording and yields its parts. The sequence ends with the first error.
func (r Recording) Parts() iter.Seq2[*Part, error] {
	return func(yield func(*Part, error) bool) {
		file, files, err := r.open()
		if err != nil {
			yield(nil, err)
			return
		}
		defer file.Close()
		readParts(file, r, files)(yield)
	}
}
