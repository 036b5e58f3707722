package okchattest

import (
	"slices"
	"sort"

	"github.com/oapi-codegen/runtime/types"
	"github.com/okchat/okchat-go/gen/okchatapi"
)

// list is the chatbot's conversations in the order they are served: a synthetic sequence of any length, of which only
// the differences are held. Finding a place costs the logarithm of the number of differences, whatever the length.
type list struct {
	base  sequence
	gone  []int   // indexes that left base, ascending
	extra []extra // conversations that base does not make, in list order
}

// extra is a conversation that stands before index at of base, and after all extras before it.
type extra struct {
	at   int
	conv *okchatapi.Conversation // never changed once it is here: answers under way read it
}

// newList merges explicit conversations into base by created_at, keeping the given order among equals.
func newList(base sequence, explicit []okchatapi.Conversation) list {
	l := list{base: base, extra: make([]extra, len(explicit))}
	for i, c := range explicit {
		l.extra[i] = extra{conv: &c}
	}
	slices.SortStableFunc(l.extra, func(a, b extra) int { return b.conv.CreatedAt.Compare(a.conv.CreatedAt) })
	for i := range l.extra {
		created := l.extra[i].conv.CreatedAt
		l.extra[i].at = sort.Search(base.n, func(j int) bool { return !base.created(j).After(created) })
	}
	return l
}

func (l *list) len() int { return l.base.rank(l.base.n) - len(l.gone) + len(l.extra) }

// live counts the conversations of base that stand before index at and are still in the list.
func (l *list) live(at int) int {
	return l.base.rank(at) - sort.SearchInts(l.gone, at)
}

// find returns what stands at position p in [0, len): an extra, by its number j and with ok set, or otherwise the index
// raw of base. For the latter, j is the number of extras before it.
func (l *list) find(p int) (j, raw int, ok bool) {
	j = sort.Search(len(l.extra), func(j int) bool { return j+l.live(l.extra[j].at) >= p })
	if j < len(l.extra) && j+l.live(l.extra[j].at) == p {
		return j, 0, true
	}
	k := p - j // the place among what is left of base
	g := sort.Search(len(l.gone), func(g int) bool { return l.base.rank(l.gone[g])-g > k })
	return j, l.base.pick(k + g), false
}

func (l *list) at(p int) okchatapi.Conversation {
	j, raw, ok := l.find(p)
	if ok {
		return *l.extra[j].conv
	}
	return l.base.conversation(raw)
}

// get returns the conversation with this id.
func (l *list) get(id types.UUID) (okchatapi.Conversation, bool) {
	if j := l.indexExtra(id); j >= 0 {
		return *l.extra[j].conv, true
	}
	raw, ok := l.base.index(id)
	if _, gone := slices.BinarySearch(l.gone, raw); !ok || gone {
		return okchatapi.Conversation{}, false
	}
	return l.base.conversation(raw), true
}

// insertAt puts c at position p in [0, len].
func (l *list) insertAt(p int, c *okchatapi.Conversation) {
	j, at := len(l.extra), l.base.n
	if p < l.len() {
		var ok bool
		if j, at, ok = l.find(p); ok {
			at = l.extra[j].at
		}
	}
	l.extra = slices.Insert(l.extra, j, extra{at, c})
}

// insert puts c where its created_at belongs, before its equals.
func (l *list) insert(c *okchatapi.Conversation) {
	l.insertAt(sort.Search(l.len(), func(p int) bool { return !l.at(p).CreatedAt.After(c.CreatedAt) }), c)
}

// remove reports whether the conversation was there.
func (l *list) remove(id types.UUID) bool {
	if j := l.indexExtra(id); j >= 0 {
		l.extra = slices.Delete(l.extra, j, j+1)
		return true
	}
	raw, ok := l.base.index(id)
	return ok && l.leave(raw)
}

// setState reports whether the conversation is there. It keeps its place.
func (l *list) setState(id types.UUID, state okchatapi.ConversationState) bool {
	if j := l.indexExtra(id); j >= 0 {
		c := *l.extra[j].conv
		c.State = state
		l.extra[j].conv = &c
		return true
	}
	raw, ok := l.base.index(id)
	if !ok || !l.leave(raw) {
		return false
	}
	c := l.base.conversation(raw)
	c.State = state
	j := sort.Search(len(l.extra), func(j int) bool { return l.extra[j].at > raw })
	l.extra = slices.Insert(l.extra, j, extra{raw, &c})
	return true
}

func (l *list) leave(raw int) bool {
	i, already := slices.BinarySearch(l.gone, raw)
	if !already {
		l.gone = slices.Insert(l.gone, i, raw)
	}
	return !already
}

// indexExtra scans: the extras are few, or a list short enough to be written out.
func (l *list) indexExtra(id types.UUID) int {
	return slices.IndexFunc(l.extra, func(e extra) bool { return e.conv.ID == id })
}

// filter returns the part of the list that is in state, at the cost of the differences, not of the length.
func (l *list) filter(state okchatapi.ConversationState) list {
	f := list{base: l.base}
	f.base.only = state
	for _, raw := range l.gone {
		if l.base.state(raw) == state {
			f.gone = append(f.gone, raw)
		}
	}
	for _, e := range l.extra {
		if e.conv.State == state {
			f.extra = append(f.extra, e)
		}
	}
	return f
}
