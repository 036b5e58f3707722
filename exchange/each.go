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

// job is a part that is worked on, or that there is nothing to work on.
type job[T any] struct {
	size int64
	out  Outcome[T]
	done chan struct{} // closed when out is complete
}

// Each reads the recordings, calls work for each part on several goroutines, and yields the outcomes in the order in which
// the parts stand there. It holds a few parts at a time, whatever their number. The sequence ends at once when ctx does; work
// under way then ends by itself.
func Each[T any](ctx context.Context, list []Recording, work func(*Part) T) iter.Seq[Outcome[T]] {
	return func(yield func(Outcome[T]) bool) {
		caller := ctx
		ctx, stop := context.WithCancel(ctx)
		parts := 4 * runtime.GOMAXPROCS(0) // at a time
		queue, inFlight := make(chan *job[T], parts), semaphore.NewWeighted(maxInFlight)
		var running sync.WaitGroup
		defer func() {
			stop()
			if caller.Err() == nil { // or who asked for the end would wait for the work on a large part
				running.Wait()
			}
		}()
		send := func(part *Part, out Outcome[T]) bool {
			j := &job[T]{out: out, done: make(chan struct{})}
			if part == nil {
				close(j.done)
			} else {
				j.size = min(max(int64(len(part.Text)+len(part.sent)+len(part.attached)), maxInFlight/int64(parts)), maxInFlight)
				if inFlight.Acquire(ctx, j.size) != nil {
					return false
				}
				running.Go(func() {
					defer close(j.done)
					j.out.Value = work(part)
				})
			}
			select {
			case queue <- j:
				return true
			case <-ctx.Done():
				return false
			}
		}
		running.Go(func() {
			defer close(queue)
			for _, recording := range list {
				for part, err := range recording.Parts() {
					if !send(part, Outcome[T]{Recording: recording.Name, Err: err}) {
						return
					}
				}
				if !send(nil, Outcome[T]{Recording: recording.Name, End: true}) {
					return
				}
			}
		})
		for {
			var j *job[T]
			select {
			case j = <-queue:
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
			inFlight.Release(j.size)
			if !more {
				return
			}
		}
	}
}
