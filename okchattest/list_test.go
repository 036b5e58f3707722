package okchattest

import (
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/okchat/okchat-go/gen/okchatapi"
)

// The model is the list written out.
func TestAListBehavesLikeOneThatIsWrittenOut(t *testing.T) {
	for seed := range uint64(50) {
		rnd := rand.New(rand.NewPCG(seed, 0))
		opts := []Option{Synthetic(seed, rnd.IntN(60)), Conversations(given(rnd, rnd.IntN(8))...)}
		if seed%2 == 0 {
			opts = append(opts, Ties())
		}
		f := New(opts...)
		var model []okchatapi.Conversation
		for i := range f.Len() {
			c, _ := f.At(i)
			model = append(model, c)
		}
		if !newestFirst(model) {
			t.Fatalf("seed %d: the list does not begin in order", seed)
		}
		for range 60 {
			at := func() int { return rnd.IntN(len(model) + 1) }
			switch p := at(); rnd.IntN(6) {
			case 0:
				for _, c := range f.AddNew(1 + rnd.IntN(2)) {
					model = slices.Insert(model, 0, c)
				}
			case 1:
				c := given(rnd, 1)[0]
				c.ChatbotID = f.chatbot
				if p < len(model) {
					c.CreatedAt = model[p].CreatedAt
				}
				f.Insert(c)
				p = slices.IndexFunc(model, func(m okchatapi.Conversation) bool { return !m.CreatedAt.After(c.CreatedAt) })
				if p < 0 {
					p = len(model)
				}
				model = slices.Insert(model, p, c)
			case 2:
				c := given(rnd, 1)[0]
				c.ChatbotID = f.chatbot
				if p > 0 { // keep the order, which Insert relies on
					c.CreatedAt = model[p-1].CreatedAt
				} else if len(model) > 0 {
					c.CreatedAt = model[0].CreatedAt
				}
				f.InsertAt(p, c)
				model = slices.Insert(model, p, c)
			case 3, 4:
				c, ok := f.RemoveAt(p)
				if ok != (p < len(model)) {
					t.Fatalf("seed %d: RemoveAt(%d) of %d says %v", seed, p, len(model), ok)
				}
				if ok {
					if f.Remove(c.ID) || f.SetState(c.ID, "x") {
						t.Fatalf("seed %d: a removed conversation is still known", seed)
					}
					model = slices.Delete(model, p, p+1)
				}
			case 5:
				if p < len(model) {
					model[p].State = []okchatapi.ConversationState{"in_progress", StateClosed, "other"}[rnd.IntN(3)]
					if !f.SetState(model[p].ID, model[p].State) {
						t.Fatalf("seed %d: SetState(%d) did not find it", seed, p)
					}
				}
			}
			for _, state := range []okchatapi.ConversationState{"", "in_progress", StateClosed, "other", "none"} {
				want, view := model, f.list
				if state != "" {
					view = view.filter(state)
					want = slices.DeleteFunc(slices.Clone(model), func(c okchatapi.Conversation) bool { return c.State != state })
				}
				if view.len() != len(want) {
					t.Fatalf("seed %d, state %q: %d conversations, want %d", seed, state, view.len(), len(want))
				}
				for i, w := range want {
					if got := view.at(i); got.ID != w.ID || got.State != w.State {
						t.Fatalf("seed %d, state %q: position %d holds %v %s, want %v %s", seed, state, i, got.ID, got.State, w.ID, w.State)
					}
				}
			}
		}
	}
}

func given(rnd *rand.Rand, n int) []okchatapi.Conversation {
	s := sequence{seed: rnd.Uint64(), n: 1000}
	var list []okchatapi.Conversation
	for _, i := range rnd.Perm(60)[:n] {
		list = append(list, s.conversation(i))
	}
	return list
}

func newestFirst(list []okchatapi.Conversation) bool {
	return slices.IsSortedFunc(list, func(a, b okchatapi.Conversation) int { return b.CreatedAt.Compare(a.CreatedAt) })
}

func TestChangingAListOfNinetyMillionHoldsOnlyTheChanges(t *testing.T) {
	f := New(Synthetic(3, 1<<40))
	if f.Len() != most {
		t.Fatalf("%d conversations, want %d", f.Len(), most)
	}
	f.AddNew(1)
	f.RemoveAt(50_000_000)
	c, _ := f.At(most / 2)
	f.SetState(c.ID, "other")
	if f.Len() != most || len(f.list.gone)+len(f.list.extra) != 4 {
		t.Errorf("%d conversations and %d differences, want %d and 4", f.Len(), len(f.list.gone)+len(f.list.extra), most)
	}
	if got := f.list.filter("other"); got.len() != 1 || got.at(0).ID != c.ID {
		t.Errorf("the filter does not find the changed one")
	}
	oldest, _ := f.At(f.Len() - 1)
	if y := oldest.CreatedAt.Year(); y < 1700 || y > 1800 {
		t.Errorf("the oldest is of %d: the times have overflowed", y)
	}
}

func TestPositionsOutsideOfTheListAreNotThere(t *testing.T) {
	f := New(Synthetic(1, 2))
	for _, i := range []int{-1, 2} {
		if _, ok := f.At(i); ok {
			t.Errorf("At(%d) of 2 found one", i)
		}
		if _, ok := f.RemoveAt(i); ok {
			t.Errorf("RemoveAt(%d) of 2 found one", i)
		}
	}
	f.InsertAt(-5, okchatapi.Conversation{State: "first"})
	f.InsertAt(99, okchatapi.Conversation{State: "last"})
	first, _ := f.At(0)
	last, _ := f.At(3)
	if first.State != "first" || last.State != "last" {
		t.Errorf("got %q and %q at the ends", first.State, last.State)
	}
	if New(Synthetic(1, -1)).Len() != 0 {
		t.Error("a negative length is not 0")
	}
}

func TestGivenConversationsOfOneTimeKeepTheirOrder(t *testing.T) {
	at := epoch.Add(-time.Hour)
	f := New(Conversations(
		okchatapi.Conversation{State: "c", CreatedAt: at.Add(-1)},
		okchatapi.Conversation{State: "a", CreatedAt: at},
		okchatapi.Conversation{State: "b", CreatedAt: at}))
	var got string
	for i := range f.Len() {
		c, _ := f.At(i)
		got += string(c.State)
	}
	if got != "abc" {
		t.Errorf("got %s, want abc", got)
	}
}

func TestTheRequestsKeptDoNotGrow(t *testing.T) {
	f := New()
	for range 10 * keep {
		f.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil))
	}
	if n := len(f.log.kept); n < keep || n > 2*keep {
		t.Errorf("%d requests are held, want at least %d and at most twice that", n, keep)
	}
}
