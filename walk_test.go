package okchat

import (
	"context"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"github.com/okchat/okchat-go/okchattest"
)

var walksFlag = flag.Int("walks", 4000, "random walks of the property test, an eighth of them with -short")

// walks returns how many random walks are tried.
func walks() int {
	if testing.Short() {
		return *walksFlag / 8
	}
	return *walksFlag
}

// direct serves requests from h without a network. Each waits for a while of its own first, so that pages read at once
// come in any order.
func direct(h http.Handler, latency func() time.Duration) roundTrip {
	return func(req *http.Request) (resp *http.Response, err error) {
		if err := sleep(req.Context(), latency()); err != nil {
			return nil, err
		}
		defer func() {
			if recover() != nil {
				resp, err = nil, io.ErrUnexpectedEOF
			}
		}()
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, req)
		resp = rec.Result()
		if resp.ContentLength > int64(rec.Body.Len()) {
			resp.Body = io.NopCloser(io.MultiReader(rec.Body, brokenReader{}))
		}
		return resp, nil
	}
}

// walkScript is one random walk: a list, how it is asked for, and what happens to it meanwhile.
type walkScript struct {
	seed                      uint64
	n, limit, cap, readAhead  int
	ties, shifts, faults      bool
	changeRate, maxChange     int
	insertsOnly, removalsOnly bool
	deaths                    bool // the walk dies after 1 to 12 pages, and a new client goes on
}

func newWalkScript(seed uint64) walkScript {
	r := rand.New(rand.NewPCG(seed, 1))
	s := walkScript{
		seed: seed, n: r.IntN(60), limit: 1 + r.IntN(12), readAhead: []int{1, 4, 16}[r.IntN(3)],
		ties: r.IntN(2) == 0, shifts: r.IntN(4) > 0, faults: r.IntN(4) == 0,
		changeRate: 2 + r.IntN(8), maxChange: 1 + r.IntN(6),
	}
	if r.IntN(8) == 0 {
		s.cap = 1 + r.IntN(5)
	}
	switch r.IntN(6) {
	case 0:
		s.insertsOnly = true
	case 1:
		s.removalsOnly = true
	}
	return s
}

// run walks and returns how often each id came, which ids had to come, and how many requests there were.
func (s walkScript) run(ctx context.Context) (came map[uuid.UUID]int, must map[uuid.UUID]bool, requests int, err error) {
	r := rand.New(rand.NewPCG(s.seed, 2))
	came, must = map[uuid.UUID]int{}, map[uuid.UUID]bool{}
	var fake *okchattest.Fake
	change := func(n int) {
		requests = n
		if !s.shifts || n == 1 || r.IntN(s.changeRate) > 0 || s.deaths && n > 100 { // a walk that reads ahead and dies at once would never end
			return
		}
		if s.insertsOnly || !s.removalsOnly && r.IntN(2) == 0 {
			fake.AddNew(1 + r.IntN(min(s.maxChange, s.pageSize()))) // more than a page at each request, and no walk would end
		}
		if s.removalsOnly || !s.insertsOnly && r.IntN(2) == 0 {
			for range 1 + r.IntN(s.maxChange) {
				if fake.Len() > 0 {
					gone, _ := fake.RemoveAt(r.IntN(fake.Len()))
					delete(must, gone.ID)
				}
			}
		}
	}
	with := []okchattest.Option{okchattest.Synthetic(s.seed, s.n), okchattest.Between(change)}
	if s.ties {
		with = append(with, okchattest.Ties())
	}
	if s.cap > 0 {
		with = append(with, okchattest.MaxLimit(s.cap))
	}
	fake = okchattest.New(with...)
	for i := range fake.Len() {
		conv, _ := fake.At(i)
		must[conv.ID] = true
	}
	if s.faults {
		for range 1 + r.IntN(2) {
			fake.Next([]okchattest.Fault{
				okchattest.Status(503, "busy"), okchattest.HTML(502), okchattest.Status(429, "", "Retry-After", "2"),
				okchattest.Truncate(20), okchattest.Drop(),
			}[r.IntN(5)])
		}
	}
	var mu sync.Mutex
	lag := rand.New(rand.NewPCG(s.seed, 3))
	opts := ListOptions{Limit: s.limit, ReadAhead: s.readAhead}
	for ended, lives := false, 0; !ended; lives++ {
		client, err := New(fake.Key, WithTransport(direct(fake, func() time.Duration {
			mu.Lock()
			defer mu.Unlock()
			return time.Duration(lag.IntN(50)) * time.Millisecond
		})))
		if err != nil {
			return nil, nil, 0, err
		}
		ended = true
		life := 1 + r.IntN(12)
		for page, err := range client.Pages(ctx, fake.ChatbotID, opts) {
			if err != nil {
				return nil, nil, 0, err
			}
			for _, conv := range page.Items {
				came[conv.ID]++
			}
			if life--; s.deaths && life == 0 {
				ended, opts.After = false, page.Next()
				break
			}
		}
		if !ended && s.shifts && lives < 8 {
			s.meanwhile(fake, r, must)
		}
	}
	return came, must, requests, nil
}

// meanwhile changes the list between two lives of a walk.
func (s walkScript) meanwhile(fake *okchattest.Fake, r *rand.Rand, must map[uuid.UUID]bool) {
	fake.AddNew(r.IntN(30))
	for range r.IntN(min(20, fake.Len()+1)) {
		gone, _ := fake.RemoveAt(r.IntN(fake.Len()))
		delete(must, gone.ID)
	}
}

func (s walkScript) pageSize() int { return min(s.limit, or(s.cap, s.limit)) }

// promised is how many requests the walk may take when nothing shifts and nothing fails.
func (s walkScript) promised() int {
	pages := max(1, (s.n+s.pageSize()-1)/s.pageSize())
	if s.readAhead > 1 {
		return pages + (pages-1+s.readAhead-1)/s.readAhead // a fence for each batch behind the first page
	}
	return pages
}

func TestRandomWalksLoseNothingAndRepeatNothing(t *testing.T) {
	testRandomWalks(t, walks(), func(*walkScript) {})
}

func TestWalksThatDieAndGoOnLoseNothingAndRepeatNothing(t *testing.T) {
	testRandomWalks(t, walks()/5, func(s *walkScript) { s.deaths, s.n, s.readAhead = true, 2*s.n, 1+s.readAhead/4 })
}

func testRandomWalks(t *testing.T, n int, vary func(*walkScript)) {
	t.Helper()
	var lost, twice, miscounted, failed, handed int
	synctest.Test(t, func(t *testing.T) {
		for seed := range uint64(n) {
			script := newWalkScript(seed)
			vary(&script)
			came, must, requests, err := script.run(t.Context())
			if err != nil {
				failed++
				t.Errorf("%+v: %v", script, err)
				continue
			}
			handed += len(came)
			for id := range must {
				if came[id] == 0 {
					lost++
					t.Errorf("%+v: a conversation was lost", script)
				}
			}
			for _, n := range came {
				if n > 1 {
					twice++
					t.Errorf("%+v: a conversation came %d times", script, n)
				}
			}
			if !script.shifts && !script.faults && !script.deaths && requests != script.promised() {
				miscounted++
				t.Errorf("%+v: %d requests, expected %d", script, requests, script.promised())
			}
			if lost+twice+miscounted+failed > 20 {
				break
			}
		}
	})
	t.Logf("walks: %d, conversations: %d, lost: %d, twice: %d, requests other than promised: %d, failed: %d",
		n, handed, lost, twice, miscounted, failed)
}

// onPages makes a fault of those for single pages.
func onPages(faults map[int]okchattest.Fault) okchattest.Fault {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			h := next
			if page, _ := strconv.Atoi(r.URL.Query().Get("page")); faults[page] != nil {
				h = faults[page](next)
			}
			h.ServeHTTP(w, r)
		})
	}
}

func TestNoServerThatMisbehavesMakesAWalkASuccessWithAWrongResult(t *testing.T) {
	var wrong, successes, errs, strangers int
	scripts := walks() / 10
	synctest.Test(t, func(t *testing.T) {
		for seed := range uint64(scripts) {
			r := rand.New(rand.NewPCG(seed, 4))
			limit := 1 + r.IntN(10)
			pages := 2 + r.IntN(12)
			n := (pages-1)*limit + 1 + r.IntN(limit)
			readAhead := []int{1, 3, 8}[r.IntN(3)]
			grows := r.IntN(4) == 0
			var fake *okchattest.Fake
			fake = okchattest.New(okchattest.Synthetic(seed, n), okchattest.Between(func(int) {
				if grows && r.IntN(6) == 0 {
					fake.AddNew(1)
				}
			}))
			faults, names, transient := map[int]okchattest.Fault{}, "", r.IntN(3) == 0
			for range 1 + r.IntN(2) {
				at := 1 + r.IntN(pages)
				if transient { // nothing tells a first page that lacks its rows once from one before which others started
					at = max(at, 2)
				}
				kind := r.IntN(6)
				names += fmt.Sprint(" ", kind, "@", at)
				switch kind {
				case 0: // from here on, each page is the one behind it
					for p := at; p <= pages+5; p++ {
						faults[p] = okchattest.RowsOf(func(n int) int { return n + 1 })
					}
				case 1:
					faults[at] = okchattest.RowsOf(func(n int) int { return n + 1 })
				case 2:
					faults[at] = okchattest.RowsOf(func(n int) int { return max(1, n-1) })
				case 3:
					faults[at] = okchattest.RowCap(0)
				case 4:
					faults[at] = okchattest.RowCap(r.IntN(limit))
				case 5:
					faults[at] = okchattest.EditRow(r.IntN(limit), func(row map[string]any) { row["chatbot_id"] = "5afe16ed-5fd2-4552-a993-903bc9c32bb6" })
				}
			}
			if transient {
				for at, fault := range faults {
					fake.OnPage(at, fault, fault) // for a while
				}
			} else {
				fake.Every(onPages(faults))
			}
			must := map[uuid.UUID]bool{}
			for i := range n {
				conv, _ := fake.At(i)
				must[conv.ID] = true
			}
			client, err := New(fake.Key, WithTransport(direct(fake, func() time.Duration { return 0 })))
			if err != nil {
				t.Fatal(err)
			}
			came := map[uuid.UUID]int{}
			bad := false
			for conv, e := range client.Conversations(t.Context(), fake.ChatbotID, ListOptions{Limit: limit, ReadAhead: readAhead}) {
				if err = e; err != nil {
					break
				}
				if came[conv.ID]++; came[conv.ID] > 1 {
					bad = true
				}
				if conv.ChatbotID.String() != fake.ChatbotID {
					strangers++
				}
			}
			for id := range must {
				bad = bad || came[id] == 0
			}
			switch {
			case err != nil:
				errs++
			case bad:
				wrong++
				t.Errorf("seed %d: %d in pages of %d, read-ahead %d, grows %v, faults%s: %d came, and no error", seed, n, limit, readAhead, grows, names, len(came))
			default:
				successes++
			}
		}
	})
	if strangers > 0 {
		t.Errorf("%d conversations of another chatbot were handed out", strangers)
	}
	t.Logf("scripts: %d, ended with an error: %d, right all the same: %d, wrong and a success: %d, conversations of another chatbot: %d",
		scripts, errs, successes, wrong, strangers)
}

func FuzzWalk(f *testing.F) {
	f.Add([]byte{1, 10, 20, 2, 10, 1, 0}, 0)
	f.Add([]byte{5, 1, 200, 200, 0, 1, 200, 199}, 4)
	f.Fuzz(func(t *testing.T, script []byte, readAhead int) {
		synctest.Test(t, func(t *testing.T) {
			requests := 0
			next := func() int {
				if len(script) == 0 {
					return 0
				}
				requests %= len(script)
				return int(script[requests])
			}
			// The server makes up counts and times from the script, over and over.
			client := newTestClient(t, roundTrip(func(req *http.Request) (*http.Response, error) {
				requests++
				total := next()
				if total == 255 {
					total = 1 << 62
				}
				data := ""
				if c := next() % 5; c > 0 && total > 0 {
					data = conversationJSON((next() + requests*c) % 59)
				}
				page := req.URL.Query().Get("page")
				return answer(200, mediaType, fmt.Sprintf(`{"data":[%s],"metadata":{"currentPage":%s,"pageSize":1,"totalCount":%d,"totalPages":%d}}`, data, page, total, total)), nil
			}), WithRetry(RetryPolicy{MaxTries: 1}))
			client.conf.maxStalled = 40
			seen := map[uuid.UUID]bool{}
			for conv, err := range client.Conversations(t.Context(), testBot, ListOptions{ReadAhead: max(0, min(readAhead, MaxReadAhead))}) {
				if err != nil {
					if len(kindsOf(err)) != 1 {
						t.Errorf("error %v", err)
					}
					return
				}
				if seen[conv.ID] {
					t.Error("a conversation came twice")
				}
				seen[conv.ID] = true
			}
		})
	})
}

func collect(t *testing.T, client *Client, bot string, opts ListOptions) ([]Conversation, error) {
	t.Helper()
	var all []Conversation
	for conv, err := range client.Conversations(t.Context(), bot, opts) {
		if err != nil {
			return all, err
		}
		all = append(all, conv)
	}
	return all, nil
}
