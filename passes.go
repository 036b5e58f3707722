package okchat

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/google/uuid"
)

// maxPasses is how often a list is read at most, before the walk gives up: it changes faster than it is read.
const maxPasses = 20

// passPages walks over the pages of op, of which the order is unknown.
func passPages[T any](ctx context.Context, c *Client, op *operation[T], limit int, opts CallOptions) iter.Seq2[*Page[T], error] {
	return pagesOf(ctx, c, op, func(info *CallInfo, yield func(*Page[T]) bool) error {
		q, err := newQuery(op.err, 1, limit, opts)
		if err != nil {
			return err
		}
		q.lenient = true
		w := unorderedWalk[T]{op: op, seen: map[uuid.UUID]bool{}}
		return w.run(func(n int) (*Page[T], error) {
			info.Pages++
			return fetch(ctx, c, op, q.at(n))
		}, yield)
	})
}

// sorted reads all pages before it hands out their items, ordered by the time that order returns; those of one moment keep the
// order of the server. It reads at most items. After an error it first hands out what came.
func sorted[T any](pages iter.Seq2[*Page[T], error], order func(*T) time.Time, most int) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var all []T
		var failure error
		for page, err := range pages {
			if failure = err; err != nil {
				break
			}
			if all = append(all, page.Items...); len(all) > most {
				e := broken(page, "/data", fmt.Sprintf("at most %d items to sort", most), "more")
				e.kind, e.Body, failure = ErrTooLarge, nil, e
				break
			}
		}
		slices.SortStableFunc(all, func(a, b T) int { return order(&a).Compare(order(&b)) })
		for _, item := range all {
			if !yield(item, nil) {
				return
			}
		}
		if failure != nil {
			var none T
			yield(none, failure)
		}
	}
}

// unorderedWalk is a walk over a list whose pages come in an unknown order, so that a new item may come in anywhere.
type unorderedWalk[T any] struct {
	op   *operation[T]
	seen map[uuid.UUID]bool // all ids that came
	oddities
}

// run reads the list in passes, from the first page to the last. A pass misses an item only where one that it has read
// leaves, which pulls others back over the end of a page. So the items are complete once all that a pass read are there in
// the pass after it. It returns nil once the caller has had enough.
func (w *unorderedWalk[T]) run(get func(page int) (*Page[T], error), yield func(*Page[T]) bool) error {
	var before map[uuid.UUID]bool // the ids of the pass before
	counted := -1                 // the server's count all through that pass, -1 if it changed
	var short *ContractError
	for range maxPasses {
		pass := map[uuid.UUID]bool{}
		short = nil
		var n, total, first int
		for {
			n++
			page, err := get(n)
			if incomplete, ok := errors.AsType[*ContractError](err); ok && page != nil {
				short, err = incomplete, nil
			}
			if err != nil {
				return err
			}
			if total = page.Metadata.TotalCount; n == 1 {
				first = total
			}
			empty := len(page.Items)+len(page.Odd) == 0
			if w.take(page, pass) && !yield(page) {
				return nil
			}
			if n >= page.Metadata.TotalPages || empty {
				break
			}
		}
		stable := n == 1 || before != nil && contains(pass, before)
		if complete := len(pass) >= total && short == nil; stable && complete {
			if odd := w.ended(); odd != nil {
				return odd
			}
			return nil
		}
		if stable && first == total && total == counted && len(pass) == len(before) { // nothing moves, and yet it is not all
			break
		}
		if before, counted = pass, first; first != total {
			counted = -1
		}
	}
	if short == nil {
		short = &ContractError{Where: "/data", Expected: "as many different items as totalCount says", Got: "fewer, or others each time", kind: ErrIncomplete}
	}
	return short
}

// take leaves on the page what comes for the first time, and reports whether the caller should see it.
func (w *unorderedWalk[T]) take(page *Page[T], pass map[uuid.UUID]bool) bool {
	again := func(id uuid.UUID) bool {
		pass[id] = true
		again := w.seen[id]
		w.seen[id] = true
		return again
	}
	page.Odd = slices.DeleteFunc(page.Odd, func(odd *ContractError) bool {
		for id := &odd.item; odd.nameless && pass[*id]; { // two of the same text on one pass are two items
			*id = idOf(id[:])
		}
		if again(odd.item) {
			return true
		}
		w.misfit(odd)
		return false
	})
	page.Items = slices.DeleteFunc(page.Items, func(item T) bool { return again(w.op.key(&item)) })
	return len(page.Items) > 0 || len(page.Odd) > 0
}

func contains(all, some map[uuid.UUID]bool) bool {
	for id := range some {
		if !all[id] {
			return false
		}
	}
	return true
}
