package okchat

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
)

// walkPages walks over the pages of op.
func walkPages[T any](ctx context.Context, c *Client, op operation[T], opts ListOptions, yield func(*Page[T], error) bool) {
	w, err := newWalk(ctx, c, op, opts)
	if err != nil {
		yield(nil, err)
		return
	}
	start := time.Now()
	err = w.run(func(p *Page[T]) bool { return yield(p, nil) })
	if c.conf.hooks.Call != nil {
		callHook(ctx, c.conf.hooks.Call, CallInfo{Pages: int(w.requested.Load()), Items: w.handed, Duration: time.Since(start), Err: err})
	}
	if err != nil {
		yield(nil, err)
	}
}

// itemsOf takes pages apart.
func itemsOf[T any](pages iter.Seq2[*Page[T], error]) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for page, err := range pages {
			if err != nil {
				var none T
				yield(none, err)
				return
			}
			for _, item := range page.Items {
				if !yield(item, nil) {
					return
				}
			}
		}
	}
}

// walk is one range over the list. It stands on an anchor: when the list counted total, everything at a position before
// done had been handed out. Positions count from 0, newest first.
type walk[T any] struct {
	client    *Client
	op        operation[T]
	ctx       context.Context
	query     query
	opts      ListOptions
	requested atomic.Int64 // pages, by whichever goroutine

	total, done int
	pageSize    int // 0 until the first page came
	over        bool

	oldest  time.Time // the least created_at handed out
	recent  ring
	handed  int
	stalled int // pages in a row that brought nothing older
}

// maxStalled ends a walk through a list that has no end: pages that stay empty, a count that falls and rises again, more
// conversations starting than a page holds.
const maxStalled = 1000

func newWalk[T any](ctx context.Context, c *Client, op operation[T], opts ListOptions) (*walk[T], error) {
	q, err := newQuery(opts.Page, opts.Limit, opts.CallOptions)
	if err != nil {
		return nil, err
	}
	if opts.MaxItems < 0 {
		return nil, argumentErrorf("MaxItems is %d, expected 1 or more, or 0 for all", opts.MaxItems)
	}
	if opts.ReadAhead < 0 || opts.ReadAhead > MaxReadAhead {
		return nil, argumentErrorf("ReadAhead is %d, expected 0 to %d", opts.ReadAhead, MaxReadAhead)
	}
	return &walk[T]{client: c, op: op, ctx: ctx, query: q, opts: opts}, nil
}

func (w *walk[T]) run(yield func(*Page[T]) bool) error {
	first, err := w.readFirst()
	if err != nil {
		return err
	}
	seen := w.markOf(first)
	if err := w.hand(first, yield); err != nil {
		return err
	}
	if w.opts.ReadAhead > 1 {
		return w.runAhead(seen, yield)
	}
	return w.runSequence(yield, -1)
}

// runSequence reads one page after the other until the walk is over or, where most is not negative, most pages came.
func (w *walk[T]) runSequence(yield func(*Page[T]) bool, most int) error {
	for ; !w.over && most != 0; most-- {
		page, err := w.read(w.nextPage(w.total))
		if err != nil {
			return err
		}
		if err := w.hand(page, yield); err != nil {
			return err
		}
	}
	return nil
}

// nextPage returns the page with the first conversation that may not have come yet, in a list that counts total. Since
// the anchor, at most as many have left before that position as the count has fallen.
func (w *walk[T]) nextPage(total int) int {
	return max(0, w.done-max(0, w.total-total))/w.pageSize + 1
}

// readFirst gets the first page, which sets the page size for the walk.
func (w *walk[T]) readFirst() (*Page[T], error) {
	page, err := w.fetch(w.ctx, w.query.page)
	if err != nil {
		return nil, err
	}
	w.pageSize, w.total = page.Metadata.PageSize, page.Metadata.TotalCount
	return page, nil
}

// read gets page n, or the earlier page that has to be read first because the count fell in the meantime.
func (w *walk[T]) read(n int) (*Page[T], error) {
	for {
		page, err := w.fetch(w.ctx, n)
		if err != nil {
			return nil, err
		}
		again := w.nextPage(page.Metadata.TotalCount)
		if again >= n {
			return page, nil
		}
		// The pages in between may bring nothing older, and that is no standstill.
		w.stalled -= n - again - 1
		n = again
	}
}

func (w *walk[T]) fetch(ctx context.Context, n int) (*Page[T], error) {
	w.requested.Add(1)
	q := w.query
	q.page = n
	page, err := fetch(ctx, w.client, w.op, q)
	if err != nil {
		return nil, err
	}
	if m := page.Metadata; w.pageSize != 0 && m.PageSize != w.pageSize {
		return nil, w.broken(page, "/metadata/pageSize", fmt.Sprintf("%d, as on the pages before", w.pageSize), fmt.Sprint(m.PageSize))
	}
	return page, nil
}

// hand moves the anchor behind page and hands out what of it is new.
func (w *walk[T]) hand(page *Page[T], yield func(*Page[T]) bool) error {
	m := page.Metadata
	w.stalled++
	fresh, err := w.admit(page)
	if err != nil {
		return err
	}
	w.total = m.TotalCount
	if m.CurrentPage >= m.TotalPages {
		w.done, w.over = m.TotalCount, true
	} else {
		// A page that is short or empty has used up its positions all the same.
		w.done = m.CurrentPage * m.PageSize
	}
	if w.stalled >= w.client.conf.maxStalled && !w.over {
		return w.standstill(page)
	}
	page.Items = fresh
	w.handed += len(fresh)
	if !yield(page) {
		w.over = true
	}
	return nil
}

// admit returns the conversations of page that were not handed out before, and checks the order that tells them.
func (w *walk[T]) admit(page *Page[T]) ([]T, error) {
	fresh := page.Items[:0]
	var previous time.Time
	for i := range page.Items {
		item := &page.Items[i]
		created := w.op.order(item)
		if i > 0 && created.After(previous) {
			return nil, w.disorder(page, i)
		}
		previous = created
		// One that is older than all before it is new, and so the list commonly goes on. Any other one moved here, shares
		// its time with the last one, or entered the list above it.
		if !created.Before(w.oldest) && w.cameBefore(w.op.key(item), created) {
			continue
		}
		if !created.After(w.opts.CreatedAfter) && !w.opts.CreatedAfter.IsZero() || w.opts.MaxItems > 0 && w.handed+len(fresh) >= w.opts.MaxItems {
			w.over = true
			break
		}
		w.recent.add(remembered{w.op.key(item), created})
		if w.oldest.IsZero() || !created.After(w.oldest) {
			w.oldest, w.stalled = created, 0
		}
		fresh = append(fresh, *item)
	}
	if w.opts.MaxItems > 0 && w.handed+len(fresh) >= w.opts.MaxItems {
		w.over = true
	}
	return slices.Clip(fresh), nil
}

// cameBefore errs only where conv may be one that is forgotten: then it says yes.
func (w *walk[T]) cameBefore(id uuid.UUID, created time.Time) bool {
	forgotten := w.recent.forgotten
	// Many may share one time, more than are remembered: those are not taken for forgotten ones.
	if !forgotten.IsZero() && !created.Before(forgotten) && created.After(w.oldest) {
		return true
	}
	return slices.ContainsFunc(w.recent.last, func(seen remembered) bool { return seen.id == id })
}

func (w *walk[T]) disorder(page *Page[T], i int) error {
	return w.broken(page, fmt.Sprintf("/data/%d/created_at", i), "one no newer than the one before it (newest first)",
		"a newer one, so that a walk cannot tell what it misses: get pages one by one with Page")
}

func (w *walk[T]) standstill(page *Page[T]) error {
	return w.broken(page, "/data", fmt.Sprintf("an older conversation, as totalCount is %d", page.Metadata.TotalCount),
		fmt.Sprintf("none on %d pages in a row", w.client.conf.maxStalled))
}

func (w *walk[T]) broken(page *Page[T], where, expected, got string) error {
	return &ContractError{Where: where, Expected: expected, Got: got,
		StatusCode: page.StatusCode, Page: page.Metadata.CurrentPage, Tries: page.Tries}
}

// recentIDs is how many conversations a walk remembers.
const recentIDs = 4096

// ring remembers the last conversations handed out, and of those before them the least created_at.
type ring struct {
	last      []remembered
	next      int
	forgotten time.Time
}

type remembered struct {
	id      uuid.UUID
	created time.Time
}

func (r *ring) add(seen remembered) {
	if len(r.last) < recentIDs {
		r.last = append(r.last, seen)
		return
	}
	if gone := r.last[r.next].created; r.forgotten.IsZero() || gone.Before(r.forgotten) {
		r.forgotten = gone
	}
	r.last[r.next] = seen
	r.next = (r.next + 1) % recentIDs
}
