package okchat

import (
	"fmt"
	"slices"
)

// maxBarren ends a walk after so many pages in a row that bring nothing though they should.
const maxBarren = 10

// tally holds the counts that tell at the end of a walk whether it met all that it had to.
type tally struct {
	// Met is how many different items came, those that could not be read included, and those not that have started since.
	Met int `json:"met"`
	// First is the newest item of the first page, FirstAt its position then, and FirstTotal what the list counted.
	First      *remembered `json:"first,omitempty"`
	FirstAt    int         `json:"firstAt"`
	FirstTotal int         `json:"firstTotal"`
	// Moved reports that the list has not always counted the same.
	Moved bool `json:"moved,omitempty"`
	// Short is the first page that held less than it should.
	Short *ContractError `json:"short,omitempty"`
	oddities
	// Disorder reports that one of them was out of order.
	Disorder bool `json:"disorder,omitempty"`
}

// oddities counts the items of a walk that break the contract.
type oddities struct {
	// Odd is the first of them, and Odds how many there are.
	Odd  *ContractError `json:"odd,omitempty"`
	Odds int            `json:"odds,omitempty"`
}

// misfit counts an item that breaks the contract.
func (o *oddities) misfit(odd *ContractError) {
	o.Odd = or(o.Odd, odd)
	o.Odds++
}

// ended returns the error of a walk that met such items, or nil.
func (o *oddities) ended() *ContractError {
	if o.Odd == nil {
		return nil
	}
	return o.Odd.with(ErrItems, "items of this kind in all: %d; all others were handed out", o.Odds)
}

// checkCount returns an error if fewer than the got items came that the metadata leave for their page.
func checkCount(m PageMetadata, got int) *ContractError {
	expected := min(m.PageSize, m.TotalCount-position(m))
	if got >= expected {
		return nil
	}
	e := &ContractError{Where: "/data", Expected: fmt.Sprintf("%d items, as totalCount is %d", expected, m.TotalCount),
		Got: fmt.Sprint(got), kind: ErrIncomplete}
	if got > 0 {
		e.Got += ": the server sends fewer rows than the page size, so smaller pages may help"
	}
	return e
}

// proven reports whether the server repeats itself at the page that m describes: read again, that page and the one before it
// share an item, while the head and the count of the list are the same before and after. Had an item started meanwhile, it
// would be the head; had it left again together with others, the count would have fallen. Pages that were read earlier prove
// nothing, as the list may have shifted since.
func (w *walk[T]) proven(m PageMetadata) bool {
	if m.TotalCount != w.Total || m.CurrentPage < 2 {
		return false
	}
	before, ok := w.fence(w.ctx)
	if !ok || before.total != m.TotalCount {
		return false
	}
	var pages [2]*Page[T]
	for i := range pages {
		page, _, err := w.fetch(w.ctx, w.query.at(m.CurrentPage-1+i))
		if err != nil || page.Metadata.TotalCount != before.total {
			return false
		}
		pages[i] = page
	}
	after, ok := w.fence(w.ctx)
	w.keep(pages[0].Items)
	repeats := w.repeats(pages[1].Items)
	w.keep(pages[1].Items)
	return ok && after == before && repeats
}

// judge returns the error of a walk that has gone as far as it could but cannot be called a success. One that is both
// incomplete and met items that break the contract matches both sentinels.
func (w *walk[T]) judge() error {
	if w.Short == nil {
		if err := w.count(); err != nil {
			return err
		}
	}
	odd := w.ended()
	if odd != nil && w.Disorder {
		odd.Got += ": without an order, one may come twice or be missed where others started or left meanwhile"
	}
	switch {
	case w.Short != nil:
		short := w.Short.with(ErrIncomplete, "the walk met %d items of %d", w.Met, w.wanted())
		if odd != nil {
			short.stopped = odd
		}
		return short
	case odd != nil:
		return odd
	default:
		return nil
	}
}

// with returns a copy of e that matches kind and says more about what came.
func (e *ContractError) with(kind error, format string, args ...any) *ContractError {
	c := *e
	c.kind = kind
	c.Got += " (" + fmt.Sprintf(format, args...) + ")"
	return &c
}

// wanted returns how many items the walk had to meet if none started or left meanwhile.
func (w *walk[T]) wanted() int {
	if w.barren >= maxBarren {
		return w.Total - w.FirstAt
	}
	return w.Done - w.FirstAt
}

// count sets Short where the walk met fewer items than the list's counts explain. Of those between the first one that it
// met and the place where it stopped, it may only lack those that left. It need not look where it met enough, or as many
// fewer as the count has risen.
//
// Otherwise it looks where its first item, or any of the same time, stands now. All that the list counts behind it were there
// from the beginning, as items start at the head: all of these must have come, but for those that the walk did not want, behind
// its end. With a filter items enter anywhere, so then nothing is concluded unless the list stood still.
func (w *walk[T]) count() error {
	if w.First == nil || w.Met >= w.wanted()-max(0, w.Total-w.FirstTotal) {
		return nil
	}
	if w.opts.State != "" {
		if now, ok := w.fence(w.ctx); w.Moved || !ok || now.total != w.start.total || !now.newest.Equal(w.start.newest) {
			return nil
		}
	}
	n, behind := w.FirstAt/w.Size+1, w.Total-w.Done
	for back := true; ; {
		page, _, err := w.fetch(w.ctx, w.query.at(n))
		if err != nil {
			return err
		}
		m := page.Metadata
		i, sure := w.find(page)
		if i == 0 && !sure && back && n > 1 { // the first item may stand on the page before
			n--
			continue
		}
		at := position(m) + len(page.Items) + len(page.Odd)
		if i >= 0 {
			at = position(m) + placesOf(page)(i)
		}
		expected := m.TotalCount - at - behind
		if i < 0 && m.CurrentPage < m.TotalPages && w.Met < expected {
			n, back = n+1, false
			continue
		}
		if w.Met < expected {
			w.Short = broken(page, "/data", fmt.Sprintf("a walk that meets %d items, as totalCount is %d", expected, m.TotalCount), fmt.Sprint(w.Met))
		}
		return nil
	}
}

// repeats reports whether one of items was on the page before.
func (w *walk[T]) repeats(items []T) bool {
	return slices.ContainsFunc(items, func(item T) bool { return slices.Contains(w.page, w.op.key(&item)) })
}

// keep remembers the items of a page for the next one.
func (w *walk[T]) keep(items []T) {
	w.page = w.page[:0]
	for i := range items {
		w.page = append(w.page, w.op.key(&items[i]))
	}
}

// find returns the index on page of the first item that the walk had to meet, -1 if all on it are newer. Where the walk met the
// whole list, that is the first one that is no newer than its first item: of those that share its time any may stand first, and
// a server need not keep them in one order. Otherwise it is the first item itself or else, as that may have left, the first
// older one. Sure reports that none before the page can be it.
func (w *walk[T]) find(page *Page[T]) (i int, sure bool) {
	whole := w.FirstAt == 0 || !w.opts.CreatedBefore.IsZero()
	if !whole || w.Disorder {
		i = slices.IndexFunc(page.Items, func(item T) bool { return w.op.key(&item) == w.First.ID })
		if i >= 0 || w.Disorder {
			return i, i >= 0
		}
	}
	i = slices.IndexFunc(page.Items, func(item T) bool {
		at := w.op.order(&item)
		return at.Before(w.First.At) || whole && at.Equal(w.First.At)
	})
	return i, i > 0
}
