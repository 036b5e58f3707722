package okchat

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"slices"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
)

// walkPages walks over the pages of op, which come newest first.
func walkPages[T any](ctx context.Context, c *Client, op *operation[T], opts ListOptions) iter.Seq2[*Page[T], error] {
	return pagesOf(ctx, c, op, func(info *CallInfo, yield func(*Page[T]) bool) error {
		w, err := newWalk(ctx, c, op, opts)
		if err != nil {
			return err
		}
		err = w.run(yield)
		info.Pages = int(w.requested.Load())
		return err
	})
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

// walk is one range over the list. Positions in the list count from 0, newest first. docs/decisions/3-walks.md has the reasons; what
// came before is in seen.go, and whether all came in complete.go.
type walk[T any] struct {
	get       func(context.Context, query) (*Page[T], error)
	op        *operation[T]
	most      int // pages in a row that may bring nothing older, see maxStalled
	ctx       context.Context
	query     query
	opts      ListOptions
	requested atomic.Int64 // pages, by whichever goroutine

	standing
	recent    ring
	named     ring      // the last items that were left out
	resumed   int       // position at which After made the walk stand
	least     time.Time // the least created_at that came, by right or wrong
	knownTo   int       // each item that came, or has started since, stands before this position
	handed    int       // items that this range has handed out
	finished  bool      // nothing more is wanted
	abandoned bool      // the caller has left the loop
	pastEnd   bool      // the last item of the page before was too old for CreatedAfter
	stalled   int       // pages in a row that brought nothing older

	start  mark        // of the list when the walk began, if it began at page 1
	page   []uuid.UUID // ids on the last page
	lows   []remembered
	barren int // pages in a row that brought nothing though they should
}

// standing is where a walk stands between two pages: all that another process needs to go on.
type standing struct {
	// Size is the page size that the server reports, 0 until the first page came.
	Size int `json:"size"`
	// When the list counted Total, everything at a position before Done had been handed out.
	Total int `json:"total"`
	Done  int `json:"done"`
	// Oldest is the least created_at that came, and Ties are the ids that came with it. Last is the last item, which counts
	// for neither until an older one has come: its date may be wrong, and would make all that follow look seen.
	Oldest time.Time   `json:"oldest,omitzero"`
	Ties   []uuid.UUID `json:"ties,omitempty"`
	Last   *remembered `json:"last,omitempty"`

	tally
}

// maxStalled ends a walk through a list that has no end: a count that falls and rises again, more items starting than a
// page holds.
const maxStalled = 1000

func newWalk[T any](ctx context.Context, c *Client, op *operation[T], opts ListOptions) (*walk[T], error) {
	q, err := newQuery(op.err, or(opts.Page, 1), opts.Limit, opts.CallOptions)
	if err != nil {
		return nil, err
	}
	switch {
	case opts.MaxItems < 0:
		return nil, argumentErrorf("MaxItems is %d, expected 1 or more, or 0 for all", opts.MaxItems)
	case opts.ReadAhead < 0 || opts.ReadAhead > MaxReadAhead:
		return nil, argumentErrorf("ReadAhead is %d, expected 0 to %d", opts.ReadAhead, MaxReadAhead)
	case opts.Page != 0 && (opts.After != "" || !opts.CreatedBefore.IsZero()):
		return nil, argumentErrorf("Page is %d, expected 0 where After or CreatedBefore tells where to start", opts.Page)
	}
	q.lenient = true
	w := &walk[T]{get: func(ctx context.Context, q query) (*Page[T], error) { return fetch(ctx, c, op, q) }, op: op, most: c.conf.maxStalled, ctx: ctx, query: q, opts: opts}
	if opts.After != "" {
		err = w.resume(opts.After)
	}
	return w, err
}

func (w *walk[T]) run(yield func(*Page[T]) bool) error {
	if w.Size == 0 {
		if err := w.begin(yield); err != nil {
			return err
		}
	}
	var err error
	if w.opts.ReadAhead > 1 {
		err = w.runAhead(yield)
	} else {
		err = w.runSequence(yield, -1)
	}
	if err != nil || w.abandoned {
		return err
	}
	return w.judge()
}

// begin reads the page that the walk starts with, which sets the page size.
func (w *walk[T]) begin(yield func(*Page[T]) bool) error {
	page, short, err := w.fetch(w.ctx, w.query)
	if err != nil {
		return err
	}
	w.Size = page.Metadata.PageSize
	w.standBefore(page)
	if page.Metadata.CurrentPage == 1 {
		w.start = w.markOf(page)
	}
	if !w.opts.CreatedBefore.IsZero() {
		if page, short, err = w.seek(page, short); page == nil {
			return err
		}
	}
	return w.hand(page, short, yield)
}

// standBefore makes the first item of page the next one to hand out.
func (w *walk[T]) standBefore(page *Page[T]) {
	w.Total, w.Done = page.Metadata.TotalCount, position(page.Metadata)
}

// position returns where in the list a page begins.
func position(m PageMetadata) int {
	if m.CurrentPage > m.TotalPages {
		return m.TotalCount
	}
	return (m.CurrentPage - 1) * m.PageSize
}

// runSequence reads one page after the other until the walk is over or, where most is not negative, most pages came.
func (w *walk[T]) runSequence(yield func(*Page[T]) bool, most int) error {
	for ; !w.finished && most != 0; most-- {
		page, short, err := w.readUnseen(w.nextPage(w.Total))
		if err != nil {
			return err
		}
		if err := w.hand(page, short, yield); err != nil {
			return err
		}
	}
	return nil
}

// unseen returns the least position of an item that may not have come yet, in a list that counts total. Since the list
// counted w.Total, at most as many have left before w.Done as the count has fallen.
func (w *walk[T]) unseen(total int) int { return max(0, w.Done-max(0, w.Total-total)) }

// nextPage returns the page with the first item that may not have come yet, in a list that counts total.
func (w *walk[T]) nextPage(total int) int { return w.unseen(total)/w.Size + 1 }

// readUnseen gets page n, or the earlier page that has to be read first because the count fell in the meantime: items that left have
// pulled unseen ones back. What was read of page n is dropped then.
func (w *walk[T]) readUnseen(n int) (page *Page[T], short *ContractError, err error) {
	for {
		page, short, err = w.fetch(w.ctx, w.query.at(n))
		if err != nil {
			return nil, nil, err
		}
		again := w.nextPage(page.Metadata.TotalCount)
		if again >= n {
			return page, short, nil
		}
		// The pages in between may bring nothing older, and that is no standstill.
		w.stalled -= n - again - 1
		n = again
	}
}

// fetch gets one page. A page that holds fewer items than its own metadata leave for it comes together with an error that says so,
// short; a list that shifts makes no page short.
func (w *walk[T]) fetch(ctx context.Context, q query) (page *Page[T], short *ContractError, err error) {
	w.requested.Add(1)
	page, err = w.get(ctx, q)
	if page == nil {
		return nil, nil, err
	}
	short, _ = errors.AsType[*ContractError](err)
	if m := page.Metadata; w.Size != 0 && q.limit == w.query.limit && m.PageSize != w.Size {
		return nil, nil, broken(page, "/metadata/pageSize", fmt.Sprintf("%d, as on the pages before", w.Size), fmt.Sprint(m.PageSize))
	}
	return page, short, nil
}

// hand hands out what of page is new and moves on behind it.
func (w *walk[T]) hand(page *Page[T], short *ContractError, yield func(*Page[T]) bool) error {
	m := page.Metadata
	w.stalled++
	items := page.Items
	fresh, end := w.admit(page)
	repeats := len(fresh) == 0 && w.repeats(items)
	w.keep(items)
	w.query.short = w.query.short || short != nil && len(items) > 0
	if repeats && short == nil && w.proven(m) {
		short = broken(page, "/data", "items that the page before did not hold, as the list has not moved", "the same")
	}
	if short != nil {
		w.Short = or(w.Short, short)
	}
	if short == nil || len(fresh) > 0 {
		w.barren = 0
	} else if w.barren++; repeats && w.barren > 1 {
		w.barren = maxBarren
	}
	w.Moved = w.Moved || m.TotalCount != w.Total
	w.Total = m.TotalCount
	switch {
	case end >= 0:
		w.Done, w.finished = end, true
	case m.CurrentPage >= m.TotalPages:
		w.Done, w.finished = m.TotalCount, true
	default:
		// A page that is short or empty has used up its positions all the same.
		w.Done = m.CurrentPage * m.PageSize
	}
	if w.stalled >= w.most && !w.finished {
		return broken(page, "/data", fmt.Sprintf("an older item, as totalCount is %d", m.TotalCount),
			fmt.Sprintf("none on %d pages in a row", w.stalled))
	}
	page.Items = fresh
	page.next = w.here()
	w.handed += len(fresh)
	if !yield(page) {
		w.finished, w.abandoned = true, true
	}
	if w.barren >= maxBarren {
		w.finished = true
	}
	return nil
}

// admit returns the items of page that are to be handed out, and the position in the list where the walk ends, -1 if it
// does not.
func (w *walk[T]) admit(page *Page[T]) (fresh []T, end int) {
	m := page.Metadata
	start, place := position(m), placesOf(page)
	w.knownTo = max(w.knownTo, w.Done)
	if risen := m.TotalCount - w.Total; risen > 0 && w.knownTo <= math.MaxInt-risen {
		w.knownTo += risen
	}
	odds := page.Odd[:0]
	for _, odd := range page.Odd {
		// One without an id has none to know it by again, so there only its page tells. A walk that goes on in another process
		// knows no more than where it stands.
		again := start < w.Done
		if !odd.nameless {
			again = w.named.has(odd.item) || start+odd.place < w.resumed
		}
		if !again {
			w.named.add(remembered{ID: odd.item})
			w.Met++
			w.misfit(odd)
			odds = append(odds, odd)
		}
	}
	page.Odd = odds
	last, end := w.lastWanted(page), -1
	if last < len(page.Items) {
		end = start + place(last)
	}
	fresh = page.Items[:0]
	opening, bound, lows := w.First == nil, w.Oldest, w.lows[:0]
	if w.Last != nil {
		lows = append(lows, *w.Last)
		if bound.IsZero() {
			bound = w.Last.At
		}
	}
	var previous time.Time
	for i := range page.Items[:last] {
		item := &page.Items[i]
		seen, at := remembered{w.op.key(item), w.op.order(item)}, start+place(i)
		disorder := i > 0 && seen.At.After(previous)
		previous = seen.At
		if w.tooNew(seen.At) || w.cameBefore(seen, at, disorder) {
			continue
		}
		if disorder {
			e := broken(page, fmt.Sprintf("/data/%d/created_at", place(i)), "one no newer than the one before it (newest first)", "a newer one")
			page.Odd, w.Disorder = append(page.Odd, e), true
			w.misfit(e)
		}
		w.meet(seen, at, m.TotalCount, opening, disorder)
		if bound.IsZero() || !seen.At.After(bound) {
			lows, w.stalled = append(lows, seen), 0
		}
		if w.tooOld(seen.At) {
			continue
		}
		if fresh = append(fresh, *item); w.opts.MaxItems > 0 && w.handed+len(fresh) >= w.opts.MaxItems {
			end = at + 1
			break
		}
	}
	w.confirm(lows)
	w.lows = lows
	return slices.Clip(fresh), end
}

func (w *walk[T]) tooNew(created time.Time) bool {
	return !w.opts.CreatedBefore.IsZero() && created.After(w.opts.CreatedBefore)
}

func (w *walk[T]) tooOld(created time.Time) bool {
	return !w.opts.CreatedAfter.IsZero() && !created.After(w.opts.CreatedAfter)
}

// lastWanted returns the index of the item from which on page is too old for CreatedAfter, and with it the rest of the
// list: the number of items if there is none. A single one at the end of a page may just be out of order.
func (w *walk[T]) lastWanted(page *Page[T]) int {
	n := len(page.Items)
	i := n
	for i > 0 && w.tooOld(w.op.order(&page.Items[i-1])) {
		i--
	}
	pastEnd := w.pastEnd
	w.pastEnd = i < n
	if i == n-1 && !(pastEnd && i == 0) && page.Metadata.CurrentPage < page.Metadata.TotalPages {
		return n
	}
	return i
}

// placesOf returns a function from an index of Items to the index in the data that the server sent.
func placesOf[T any](page *Page[T]) func(i int) int {
	odd := page.Odd
	if len(odd) == 0 {
		return func(i int) int { return i }
	}
	places := make([]int, 0, len(page.Items))
	for n := 0; len(places) < len(page.Items); n++ {
		if len(odd) > 0 && odd[0].place == n { // they come in order
			odd = odd[1:]
			continue
		}
		places = append(places, n)
	}
	return func(i int) int { return places[i] }
}

func broken[T any](page *Page[T], where, expected, got string) *ContractError {
	return &ContractError{Where: where, Expected: expected, Got: got, StatusCode: page.StatusCode, Header: page.Header,
		Body: page.Body, Page: page.Metadata.CurrentPage, Tries: page.Tries}
}
