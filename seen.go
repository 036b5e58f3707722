package okchat

import (
	"slices"
	"time"

	"github.com/google/uuid"
)

// recentIDs is how many items a walk remembers.
const recentIDs = 4096

// ring remembers the last items that came, and of those before them the least created_at.
type ring struct {
	last      []remembered
	ids       map[uuid.UUID]struct{} // of last
	next      int
	forgotten time.Time
}

type remembered struct {
	ID uuid.UUID `json:"id"`
	At time.Time `json:"at"`
}

func (r *ring) add(item remembered) {
	if r.ids == nil {
		r.ids = map[uuid.UUID]struct{}{}
	}
	r.ids[item.ID] = struct{}{}
	if len(r.last) < recentIDs {
		r.last = append(r.last, item)
		return
	}
	gone := r.last[r.next]
	if r.forgotten.IsZero() || gone.At.Before(r.forgotten) {
		r.forgotten = gone.At
	}
	delete(r.ids, gone.ID)
	r.last[r.next] = item
	r.next = (r.next + 1) % recentIDs
}

func (r *ring) has(id uuid.UUID) bool {
	_, ok := r.ids[id]
	return ok
}

// cameBefore reports whether an item at position at came before. One whose id is not remembered and that is older than all before
// it is new, and so the list commonly goes on; any other one moved here, shares its time with the last one, or entered the list
// above it. An item that may have been forgotten counts as seen, unless it stands out of order or where none of those can be.
func (w *walk[T]) cameBefore(item remembered, at int, disorder bool) bool {
	switch {
	case w.recent.has(item.ID):
		return true
	case item.At.Before(w.least):
		return false
	}
	// Many may share one time, more than are remembered: those are not taken for forgotten ones.
	forgotten := w.recent.forgotten
	return !disorder && at < w.knownTo && !forgotten.IsZero() && !item.At.Before(forgotten) && item.At.After(w.Oldest)
}

// meet remembers an item that has come for the first time, at a position of the list. Items that are newer than the first
// page have started since and are not counted, unless they are out of order.
func (w *walk[T]) meet(item remembered, at, total int, opening, disorder bool) {
	w.recent.add(item)
	if opening && (w.First == nil || item.At.After(w.First.At)) {
		w.First, w.FirstAt, w.FirstTotal = &item, at, total
	}
	if disorder || !item.At.After(w.First.At) {
		w.Met++
	}
	if w.least.IsZero() || item.At.Before(w.least) {
		w.least = item.At
	}
}

// confirm moves Oldest down to the last of lows that no later one is newer than, and Last to the last of lows. They are the
// items of a page, and the one before them, that are not newer than Oldest.
func (w *walk[T]) confirm(lows []remembered) {
	if len(lows) == 0 {
		return
	}
	last := lows[len(lows)-1]
	w.Last = &last
	for _, low := range slices.Backward(lows[:len(lows)-1]) {
		if low.At.Before(last.At) {
			continue
		}
		if !low.At.Equal(w.Oldest) {
			w.Oldest, w.Ties = low.At, nil
		}
		break
	}
	for _, low := range lows {
		if low.At.Equal(w.Oldest) {
			w.Ties = append(w.Ties[max(0, len(w.Ties)-recentIDs):], low.ID)
		}
	}
}
