package okchat

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"
)

// MaxReadAhead is the largest ReadAhead of [ListOptions].
//
// Pages that are read at once are read in no order, so the counts on them do not show what moved between them. A fence
// does: after each batch of ReadAhead pages the head of the list is read again, with a limit of 1 and beside the next
// batch. While the head and the count stay what they were on the fence before, and each page shows that count, no
// conversation came or left in between. Where they do not, the batch is read again one page after the other. So reading
// ahead costs one small request a batch, holds at most two batches in memory, and promises the same as a walk without.
const MaxReadAhead = 64

// mark fingerprints the list: its count, and the id and time of its newest item. Equal marks before and after a batch prove that
// nothing moved in between.
type mark struct {
	total  int
	head   uuid.UUID
	newest time.Time
}

// batch is a run of pages that are read at once.
type batch[T any] struct {
	pages []*Page[T]
	short []*ContractError
	errs  []error
	done  sync.WaitGroup
}

// runAhead walks on from where w stands. Where the list moved, or a fence failed, runSequence reads on: it is right whatever moves. A
// page that failed while the list stood still ends the walk with its own error. docs/decisions/4-fences.md has the reasons.
func (w *walk[T]) runAhead(yield func(*Page[T]) bool) error {
	seen, fenced, patience := w.start, w.start != mark{}, w.opts.ReadAhead
	for !w.finished {
		if !fenced {
			seen, fenced = w.fence(w.ctx)
		}
		if fenced {
			var err error
			done := w.Done
			if fenced, err = w.runEpoch(seen, yield); err != nil {
				return err
			}
			if w.Done > done {
				patience = w.opts.ReadAhead
			}
		}
		if !fenced {
			// A list that keeps shifting is read in longer and longer stretches, or the walk would get nowhere.
			if err := w.runSequence(yield, patience); err != nil {
				return err
			}
			patience *= 2
		}
		fenced = false
	}
	return nil
}

// runEpoch reads batches for as long as the list stands as seen, and returns whether it still does.
func (w *walk[T]) runEpoch(seen mark, yield func(*Page[T]) bool) (stable bool, err error) {
	ctx, cancel := context.WithCancel(w.ctx)
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()

	next := w.nextPage(seen.total)
	var previous *batch[T]
	for {
		var current *batch[T]
		if previous == nil || !previous.failed() {
			current = w.startBatch(ctx, &running, next, w.lastPage(seen))
		}
		if previous == nil && current == nil {
			w.finished = true
			return true, nil
		}
		if previous != nil {
			if now, ok := w.fence(ctx); !ok || now != seen {
				return false, nil
			}
			if err := w.handBatch(previous, yield); err != nil || w.finished || current == nil {
				return true, err
			}
		}
		current.done.Wait()
		if !current.shows(seen) {
			return false, nil
		}
		next += len(current.pages)
		previous = current
	}
}

// lastPage returns the last page that this walk can want of a list that stands at m, 0 where there is none.
func (w *walk[T]) lastPage(m mark) int {
	if m.total == 0 {
		return 0
	}
	last := (m.total-1)/w.Size + 1
	if w.opts.MaxItems > 0 {
		first, more := w.nextPage(m.total), (w.opts.MaxItems-w.handed-1)/w.Size
		last = first + min(last-first, more)
	}
	return last
}

// startBatch starts reading the pages from first on; it returns nil behind the last page.
func (w *walk[T]) startBatch(ctx context.Context, running *sync.WaitGroup, first, last int) *batch[T] {
	n := min(w.opts.ReadAhead, last-first+1)
	if n <= 0 {
		return nil
	}
	b := &batch[T]{pages: make([]*Page[T], n), short: make([]*ContractError, n), errs: make([]error, n)}
	for i := range n {
		q := w.query.at(first + i)
		b.done.Add(1)
		running.Go(func() {
			defer b.done.Done()
			b.pages[i], b.short[i], b.errs[i] = w.fetch(ctx, q)
		})
	}
	return b
}

func (b *batch[T]) failed() bool {
	return slices.ContainsFunc(b.errs, func(err error) bool { return err != nil })
}

// shows reports whether each page that came was read from a list of m's count.
func (b *batch[T]) shows(m mark) bool {
	for _, page := range b.pages {
		if page != nil && page.Metadata.TotalCount != m.total {
			return false
		}
	}
	return true
}

func (w *walk[T]) handBatch(b *batch[T], yield func(*Page[T]) bool) error {
	for i, page := range b.pages {
		if b.errs[i] != nil {
			return b.errs[i]
		}
		if err := w.hand(page, b.short[i], yield); err != nil || w.finished {
			return err
		}
	}
	return nil
}

// fence reads the head of the list, as far as that succeeds.
func (w *walk[T]) fence(ctx context.Context) (mark, bool) {
	q := w.query.at(1)
	q.limit = 1
	page, short, err := w.fetch(ctx, q)
	if err != nil || short != nil {
		return mark{}, false
	}
	return w.markOf(page), true
}

func (w *walk[T]) markOf(p *Page[T]) mark {
	m := mark{total: p.Metadata.TotalCount}
	if len(p.Items) > 0 {
		m.head, m.newest = w.op.key(&p.Items[0]), w.op.order(&p.Items[0]).UTC() // so that equal ones are the same
	}
	return m
}
