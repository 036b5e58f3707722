package okchat

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/bits"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"github.com/okchat/okchat-go/okchattest"
)

// tokens walks over the whole list and returns the token of each page.
func tokens(t *testing.T, client *Client, bot string, opts ListOptions) []Token {
	t.Helper()
	var all []Token
	for page, err := range client.Pages(t.Context(), bot, opts) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, page.Next())
	}
	return all
}

func TestATokenGoesOnWhereItsPageEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := okchattest.New(okchattest.Synthetic(1, 95), okchattest.Ties())
		client := newTestClient(t, direct(fake, func() time.Duration { return 0 }))
		for i, token := range tokens(t, client, fake.ChatbotID, ListOptions{}) {
			before := fake.Count()
			rest, err := collect(t, client, fake.ChatbotID, ListOptions{After: token})
			if want := 95 - min(95, 10*(i+1)); err != nil || len(rest) != want || fake.Count()-before > 9-i {
				t.Errorf("page %d: %d conversations in %d requests, %v, expected %d", i+1, len(rest), fake.Count()-before, err, want)
			}
			if len(token) > 1000 || strings.Contains(string(token), fake.ChatbotID) || !json.Valid([]byte(token)) {
				t.Errorf("page %d: the token is %s", i+1, token)
			}
			page, err := client.Page(t.Context(), fake.ChatbotID, PageOptions{Page: i + 1})
			if err != nil || page.Next() != "" {
				t.Errorf("a page of no walk has the token %q, %v", page.Next(), err)
			}
		}
		// What a walk was to leave for later is still to come.
		part := tokens(t, client, fake.ChatbotID, ListOptions{MaxItems: 33})
		if rest, err := collect(t, client, fake.ChatbotID, ListOptions{After: part[len(part)-1]}); err != nil || len(rest) != 62 {
			t.Errorf("after 33: %d conversations, %v, expected 62", len(rest), err)
		}
	})
}

func TestATokenThatDoesNotFitIsAnArgument(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := okchattest.New(okchattest.Synthetic(1, 95))
		client := newTestClient(t, direct(fake, func() time.Duration { return 0 }))
		token := tokens(t, client, fake.ChatbotID, ListOptions{Limit: 20})[1]
		sent := fake.Count()
		refused := func(name, bot string, opts ListOptions) {
			t.Helper()
			if _, err := collect(t, client, bot, opts); !errors.Is(err, ErrArgument) || strings.Contains(err.Error(), "\n") {
				t.Errorf("%s: error %v", name, err)
			}
		}
		refused("another limit", fake.ChatbotID, ListOptions{After: token})
		refused("another state", fake.ChatbotID, ListOptions{After: token, Limit: 20, State: "closed"})
		refused("another chatbot", testBot, ListOptions{After: token, Limit: 20})
		refused("a page as well", fake.ChatbotID, ListOptions{After: token, Limit: 20, Page: 2})
		for i := range len(token) {
			refused(fmt.Sprint("cut to ", i), fake.ChatbotID, ListOptions{After: token[:i] + " ", Limit: 20})
			changed := []byte(token)
			changed[i]++
			refused(fmt.Sprint("changed at ", i), fake.ChatbotID, ListOptions{After: Token(changed), Limit: 20})
		}
		if fake.Count() != sent {
			t.Errorf("%d requests were sent", fake.Count()-sent)
		}
	})
}

// Whoever forges a token gets another part of the list, or an error.
func FuzzToken(f *testing.F) {
	fake := okchattest.New(okchattest.Synthetic(1, 30))
	f.Add(`{"size":10,"total":30,"done":10,"oldest":"2025-03-07T04:45:00Z","last":null}`)
	f.Add(`{"size":1,"total":9223372036854775807,"done":9223372036854775807,"met":-1,"firstAt":-9223372036854775808,"first":{"id":"","at":""}}`)
	f.Fuzz(func(t *testing.T, content string) {
		var forged token
		if json.Unmarshal([]byte(content), &forged) != nil {
			return
		}
		synctest.Test(t, func(t *testing.T) {
			client := newTestClient(t, direct(fake, func() time.Duration { return 0 }), WithRetry(RetryPolicy{MaxTries: 1}))
			client.conf.maxStalled = 40
			id := uuid.MustParse(fake.ChatbotID)
			forged.List, forged.State, forged.Limit = listDigest[Conversation](id), "", 0
			for _, readAhead := range []int{1, 3} {
				_, err := collect(t, client, fake.ChatbotID, ListOptions{After: forged.encode(), ReadAhead: readAhead})
				if err != nil && !errors.Is(err, ErrArgument) && len(kindsOf(err)) != 1 {
					t.Errorf("error %v", err)
				}
			}
		})
	})
}

func TestWalksInTimeRangesShareAListBetweenThem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, ties := range [][]okchattest.Option{nil, {okchattest.Ties()}} {
			fake := okchattest.New(append(ties, okchattest.Synthetic(3, 1000))...)
			client := newTestClient(t, direct(fake, func() time.Duration { return 0 }))
			for at := range 1001 {
				if at%37 > 1 && at < 990 || testing.Short() && at%11 > 0 {
					continue
				}
				bound := time.Unix(0, 0)
				if conv, ok := fake.At(at); ok {
					bound = conv.CreatedAt
				}
				newer, err := collect(t, client, fake.ChatbotID, ListOptions{CreatedAfter: bound})
				if err != nil {
					t.Fatal(err)
				}
				before := fake.Count()
				older, err := collect(t, client, fake.ChatbotID, ListOptions{CreatedBefore: bound, ReadAhead: at % 3})
				if err != nil || len(newer)+len(older) != 1000 || len(older) > 0 && older[0].CreatedAt.After(bound) {
					t.Errorf("at %d: %d and %d conversations, %v", at, len(newer), len(older), err)
				}
				pages := (len(older)+9)/10 + 1
				if most := pages + bits.Len(100) + 1 + pages; at%3 < 2 && fake.Count()-before > pages+bits.Len(100)+1 || fake.Count()-before > most {
					t.Errorf("at %d: %d requests for %d conversations", at, fake.Count()-before, len(older))
				}
			}
		}
	})
}

func TestARangeIsFoundInAListThatShifts(t *testing.T) {
	seeds := uint64(300)
	if testing.Short() {
		seeds = 30
	}
	synctest.Test(t, func(t *testing.T) {
		for seed := range seeds {
			var fake *okchattest.Fake
			fake = okchattest.New(okchattest.Synthetic(seed, 200), okchattest.Between(func(n int) {
				if n > 60 {
					return
				}
				switch (uint64(n) + seed) % 4 {
				case 0:
					fake.AddNew(int(seed % 9))
				case 1:
					for range seed % 7 {
						fake.RemoveAt(int(seed*31+uint64(n)*17) % 40)
					}
				}
			}))
			bound, _ := fake.At(60 + int(seed%100))
			must := map[uuid.UUID]bool{}
			for i := range 200 {
				if conv, _ := fake.At(i); !conv.CreatedAt.After(bound.CreatedAt) {
					must[conv.ID] = true
				}
			}
			client := newTestClient(t, direct(fake, func() time.Duration { return 0 }))
			all, err := collect(t, client, fake.ChatbotID, ListOptions{Limit: 1 + int(seed%13), CreatedBefore: bound.CreatedAt, ReadAhead: int(seed % 3)})
			if err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
			for _, conv := range all {
				delete(must, conv.ID)
			}
			for i := range fake.Len() { // those that left may be missed
				if conv, _ := fake.At(i); must[conv.ID] {
					t.Errorf("seed %d: the conversation at %d was lost", seed, i)
				}
			}
		}
	})
}
