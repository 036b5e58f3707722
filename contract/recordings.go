package contract

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
)

// Recording is a source of exchanges in the HAR format.
type Recording struct {
	// Name is what findings and errors call it.
	Name string
	// Open returns its text from the beginning.
	Open func() (io.ReadCloser, error)
}

// FindRecordings returns the recordings at paths: files as they are, and the files *.har in folders and the folders in
// them, by name, numbers in names by their value, so that page-2 comes before page-10. It fails where a path cannot be
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
			if err == nil && !entry.IsDir() && strings.EqualFold(filepath.Ext(path), ".har") {
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

// Result is what the check of one recorded exchange found.
type Result struct {
	// Exchange is the one that was checked.
	Exchange *Exchange
	// Findings are those of the exchange and of its walk, with the leaks of the recording. None where it keeps the contract.
	Findings []Finding
	// Elsewhere says that the exchange called a path that is none of the contract, as most of a browser's recording does.
	// Nothing was checked then.
	Elsewhere bool
}

// CheckRecordings checks all exchanges of the recordings, in parallel, and yields a result for each in the order in which
// they stand there; the pages of a walk are held against each other, across files too. It holds a few exchanges at a time,
// whatever their number.
//
// An error is yielded where a recording cannot be checked: it cannot be opened or read, it is no HAR file, or none of its
// exchanges is one of the contract's. The sequence goes on with the next recording. It ends when ctx does, with its
// error.
func (c *Contract) CheckRecordings(ctx context.Context, list []Recording) iter.Seq2[*Result, error] {
	return func(yield func(*Result, error) bool) {
		ctx, stop := context.WithCancel(ctx)
		workers := runtime.GOMAXPROCS(0)
		jobs, queue := make(chan *job, workers), make(chan *job, 4*workers)
		var running sync.WaitGroup
		defer running.Wait()
		defer stop()
		running.Go(func() {
			defer close(queue)
			defer close(jobs)
			cut(ctx, list, jobs, queue)
		})
		for range workers {
			running.Go(func() {
				for j := range jobs {
					j.run(c)
					close(j.done)
				}
			})
		}
		walk, relevant := c.NewWalk(), 0
		for j := range queue {
			<-j.done
			switch {
			case j.err != nil:
				if !yield(nil, j.err) {
					return
				}
				relevant++ // one error is enough
			case j.entry == nil: // a recording ends
				if relevant == 0 && !yield(nil, fmt.Errorf("%s: expected an exchange with %s, got only others: record a call of the API",
					j.name, c.operations[0].method+" "+c.operations[0].path)) {
					return
				}
				relevant = 0
			default:
				result := &Result{Exchange: j.exchange, Elsewhere: j.checked.elsewhere}
				if !result.Elsewhere {
					relevant++
					result.Findings = append(walk.add(j.exchange, j.checked), j.leaks...)
				}
				if !yield(result, nil) {
					return
				}
			}
		}
		if err := ctx.Err(); err != nil {
			yield(nil, err)
		}
	}
}

// job is an entry on its way through the check, or the end of a recording.
type job struct {
	name     string
	entry    *harEntry
	exchange *Exchange
	checked  *checked
	leaks    []Finding
	err      error
	done     chan struct{}
}

// cut reads the recordings, and puts each entry before the workers and in the queue that keeps the order.
func cut(ctx context.Context, list []Recording, jobs, queue chan<- *job) {
	send := func(j *job) bool {
		j.done = make(chan struct{})
		if j.entry == nil {
			close(j.done)
		} else {
			select {
			case jobs <- j:
			case <-ctx.Done():
				return false
			}
		}
		select {
		case queue <- j:
			return true
		case <-ctx.Done():
			return false
		}
	}
	for _, recording := range list {
		file, err := recording.Open()
		if err != nil {
			if !send(&job{err: err}) {
				return
			}
		} else {
			for entry, err := range readEntries(file, recording.Name) {
				if !send(&job{entry: entry, err: err}) {
					file.Close()
					return
				}
			}
			file.Close()
		}
		if !send(&job{name: recording.Name}) {
			return
		}
	}
}

func (j *job) run(c *Contract) {
	if j.exchange, j.err = j.entry.exchange(); j.err != nil {
		return
	}
	j.entry.text = nil // the exchange has what is still needed
	j.checked = c.check(j.exchange)
	if !j.checked.elsewhere {
		j.leaks = c.leaks(j.exchange, j.checked)
	}
}
