package okchat

import (
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"github.com/okchat/okchat-go/gen/okchatapi"
	"github.com/okchat/okchat-go/okchattest"
)

func TestAListWithoutEndEndsWithAnError(t *testing.T) {
	for name, server := range map[string]func(*okchattest.Fake){
		"it grows faster than it is read": func(fake *okchattest.Fake) {
			fake.Every(okchattest.EditPage(func(*okchatapi.ConversationPage) { fake.AddNew(3) }))
		},
		"its count falls and rises": func(fake *okchattest.Fake) {
			fake.Every(okchattest.EditPage(func(p *okchatapi.ConversationPage) {
				p.Metadata.TotalCount -= p.Metadata.CurrentPage % 2
				p.Metadata.TotalPages = p.Metadata.TotalCount
			}))
		},
		"its pages stay empty": func(fake *okchattest.Fake) {
			fake.Every(okchattest.EditPage(func(p *okchatapi.ConversationPage) {
				p.Data, p.Metadata.TotalCount, p.Metadata.TotalPages = []okchatapi.Conversation{}, 1<<62, 1<<62
			}))
		},
	} {
		for _, readAhead := range []int{1, 4} {
			synctest.Test(t, func(t *testing.T) {
				fake := okchattest.New(okchattest.Synthetic(1, 20))
				server(fake)
				client, err := New(fake.Key, WithTransport(direct(fake, func() time.Duration { return 0 })))
				if err != nil {
					t.Fatal(err)
				}
				_, err = collect(t, client, fake.ChatbotID, ListOptions{Limit: 1, ReadAhead: readAhead})
				var broken *ContractError
				if !errors.As(err, &broken) || broken.Where != "/data" || fake.Count() > 5*maxStalled {
					t.Errorf("%s, read-ahead %d: %d requests, then %v", name, readAhead, fake.Count(), err)
				}
				if most := maxBarren + (RetryPolicy{}).withDefaults().Budget; readAhead == 1 && name == "its pages stay empty" && fake.Count() != most {
					t.Errorf("%s: %d requests, expected %d", name, fake.Count(), most)
				}
			})
		}
	}
}

func TestPagesReadAgainAreNoStandstill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var fake *okchattest.Fake
		fake = okchattest.New(okchattest.Synthetic(1, 100), okchattest.Between(func(n int) {
			if n == 41 { // the tail leaves, which makes 20 pages come again
				for range 20 {
					fake.RemoveAt(fake.Len() - 1)
				}
			}
		}))
		client := newTestClient(t, direct(fake, func() time.Duration { return 0 }))
		client.conf.maxStalled = 5
		all, err := collect(t, client, fake.ChatbotID, ListOptions{Limit: 1})
		if err != nil || len(all) != 80 || fake.Count() != 101 {
			t.Errorf("%d conversations in %d requests, then %v; expected 80 in 101", len(all), fake.Count(), err)
		}
	})
}

func TestAConversationThatCannotBeReadIsNamedOnce(t *testing.T) {
	for readAhead := range 3 {
		synctest.Test(t, func(t *testing.T) {
			var fake *okchattest.Fake
			fake = okchattest.New(okchattest.Synthetic(1, 60), okchattest.Between(func(n int) {
				if n == 4 { // the head leaves, which makes pages come again
					for range 13 {
						fake.RemoveAt(0)
					}
				}
			}))
			var named []string
			for _, i := range []int{14, 17, 25, 33} {
				conv, _ := fake.At(i)
				named = append(named, conv.ID.String())
			}
			fake.Every(oddRows("active", named, nil))
			var odd, came int
			var failure error
			for page, err := range newTestClient(t, direct(fake, func() time.Duration { return 0 })).Pages(t.Context(), fake.ChatbotID, ListOptions{Limit: 10, ReadAhead: readAhead}) {
				if failure = err; err == nil {
					odd, came = odd+len(page.Odd), came+len(page.Items)
				}
			}
			if odd != 4 || came < 43 || !errors.Is(failure, ErrItems) || errors.Is(failure, ErrIncomplete) || !strings.Contains(failure.Error(), "in all: 4;") {
				t.Errorf("read-ahead %d: expected 4 named once and in the error, got %d, %d others and %v", readAhead, odd, came, failure)
			}
		})
	}
}

func TestWhatEntersTheMiddleAndIsReadIsHandedOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var fake *okchattest.Fake
		var entered okchatapi.Conversation
		fake = okchattest.New(okchattest.Synthetic(1, 50), okchattest.Between(func(n int) {
			if n != 4 {
				return
			}
			for range 2 { // so that page 3 is read again
				fake.RemoveAt(fake.Len() - 1)
			}
			entered, _ = fake.At(24)
			entered.ID = uuid.MustParse("11111111-1111-4111-8111-111111111111")
			fake.InsertAt(25, entered)
		}))
		client := newTestClient(t, direct(fake, func() time.Duration { return 0 }))
		all, err := collect(t, client, fake.ChatbotID, ListOptions{})
		n := 0
		for _, conv := range all {
			if conv.ID == entered.ID {
				n++
			}
		}
		if err != nil || n != 1 || len(all) != 49 {
			t.Errorf("%d conversations, the one that entered %d times, then %v; expected 49 and 1", len(all), n, err)
		}
	})
}

// A server that sorts by created_at alone may put those that share one in another order each time, and so some of them on none of
// the pages that are read.
func TestAWalkThatMissesOneOfThoseThatShareATimeIsNoSuccess(t *testing.T) {
	lacking := 0
	synctest.Test(t, func(t *testing.T) {
		for seed := range uint64(120) {
			r := rand.New(rand.NewPCG(seed, 4))
			made := okchattest.New(okchattest.Synthetic(seed, 40))
			first, last := []int{0, r.IntN(20)}[seed%2], 20+r.IntN(21) // share a time
			var list []okchatapi.Conversation
			for i := range made.Len() {
				conv, _ := made.At(i)
				if conv.State = "in_progress"; i > first && i < last {
					conv.CreatedAt = list[first].CreatedAt
				}
				list = append(list, conv)
			}
			var fake *okchattest.Fake
			fake = okchattest.New(okchattest.Conversations(list...), okchattest.Between(func(int) {
				for range 2 * (last - first) {
					conv, _ := fake.RemoveAt(first + r.IntN(last-first))
					fake.InsertAt(first+r.IntN(last-first), conv)
				}
			}))
			opts := ListOptions{Limit: 5, ReadAhead: r.IntN(3), State: []okchatapi.ConversationState{"", "in_progress"}[r.IntN(2)]}
			all, err := collect(t, newTestClient(t, direct(fake, func() time.Duration { return 0 })), fake.ChatbotID, opts)
			came := map[uuid.UUID]int{}
			for _, conv := range all {
				if came[conv.ID]++; came[conv.ID] > 1 {
					t.Errorf("seed %d: %v came twice", seed, conv.ID)
				}
			}
			if len(came) < len(list) {
				lacking++
			}
			if (len(came) < len(list)) != errors.Is(err, ErrIncomplete) {
				t.Errorf("seed %d, %+v: %d of %d came, then %v", seed, opts, len(came), len(list), err)
			}
		}
	})
	if lacking < 60 {
		t.Errorf("some were missed in %d of 120 walks: expected most, or the test shows nothing", lacking)
	}
}

func TestOneThatIsListedTwiceComesOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, at := range []int{6, 17, 40} { // on the same page as the first, on another, at the end
			fake := okchattest.New(okchattest.Synthetic(1, 40))
			again, _ := fake.At(5)
			if before, ok := fake.At(at - 1); ok {
				again.CreatedAt = before.CreatedAt.Add(-time.Microsecond)
			}
			fake.InsertAt(at, again)
			all, err := collect(t, newTestClient(t, direct(fake, func() time.Duration { return 0 })), fake.ChatbotID, ListOptions{Limit: 10})
			if len(all) != 40 || !errors.Is(err, ErrIncomplete) {
				t.Errorf("again at %d: %d came, then %v; expected 40 and that one of 41 is missing", at, len(all), err)
			}
		}
	})
}

func TestManyLeaveAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var fake *okchattest.Fake
		fake = okchattest.New(okchattest.Synthetic(1, 10_000), okchattest.Between(func(n int) {
			switch n {
			case 60: // further back than the walk remembers
				for range 5_000 {
					fake.RemoveAt(0)
				}
			case 70:
				fake.AddNew(5_000)
			}
		}))
		client, err := New(fake.Key, WithTransport(direct(fake, func() time.Duration { return 0 })))
		if err != nil {
			t.Fatal(err)
		}
		all, err := collect(t, client, fake.ChatbotID, ListOptions{Limit: 100})
		if err != nil {
			t.Fatal(err)
		}
		came := map[uuid.UUID]int{}
		for _, conv := range all {
			came[conv.ID]++
		}
		for i := range 5_000 {
			if conv, _ := fake.At(5_000 + i); came[conv.ID] != 1 {
				t.Fatalf("the conversation at %d came %d times", i, came[conv.ID])
			}
		}
	})
}

func TestManyShareOneTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var list []okchatapi.Conversation
		source := okchattest.New(okchattest.Synthetic(1, 3*recentIDs))
		first, _ := source.At(0)
		for i := range source.Len() {
			conv, _ := source.At(i)
			conv.CreatedAt = first.CreatedAt
			list = append(list, conv)
		}
		var fake *okchattest.Fake
		fake = okchattest.New(okchattest.Conversations(list...), okchattest.Between(func(n int) {
			if n%7 == 0 {
				fake.AddNew(1)
			}
		}))
		client, err := New(fake.Key, WithTransport(direct(fake, func() time.Duration { return 0 })))
		if err != nil {
			t.Fatal(err)
		}
		all, err := collect(t, client, fake.ChatbotID, ListOptions{Limit: 100})
		if err != nil {
			t.Fatal(err)
		}
		came := map[uuid.UUID]int{}
		for _, conv := range all {
			came[conv.ID]++
		}
		for i, conv := range list {
			if came[conv.ID] != 1 {
				t.Fatalf("conversation %d came %d times", i, came[conv.ID])
			}
		}
	})
}
