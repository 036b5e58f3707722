package exchange

import (
	"context"
	"iter"
	"runtime"
	"sync"

	"golang.org/x/sync/semaphore"
)

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
