package contract

import (
	"slices"
	"time"

	"github.com/okchat/okchat-go/contract/internal/rule"
	"github.com/okchat/okchat-go/exchange"
)

// Walk checks the pages of a walk against each other: the requests that ask for page after page and agree in all other
// parameters, in the order of their times. Pages that stand in another order in a recording are put in order, as far as
// their times are known. A Walk remembers a few walks at a time and a bounded part of each. It is not safe for concurrent
// use. [Contract.NewWalk] makes one.
type Walk struct {
	contract *Contract
	pages    []*kept // the newest comes last
}

// kept is a page that another may follow or precede.
type kept struct {
	walk   string
	number int
	time   time.Time
	size   int
	page   *rule.Page
	trail  *rule.Trail // of the pages up to this one
	// result is that of a page whose predecessor is not known yet, nil for others.
	result *Result
	// used reports whether a page followed.
	used bool
}

const (
	maxPages = 16       // that are kept
	maxKept  = 16 << 20 // bytes of their bodies, but for the last page
)

// NewWalk returns a Walk that has seen nothing yet.
func (c *Contract) NewWalk() *Walk { return &Walk{contract: c} }

// Check is [Contract.Check], and [Walk.Add] of its result.
func (w *Walk) Check(ex *exchange.Exchange) *Result {
	r := w.contract.Check(ex)
	w.Add(r)
	return r
}

// Add adds to a result what the exchange's page says against the pages before it, and to what is known of these.
func (w *Walk) Add(r *Result) {
	if r.page == nil || r.Operation.Counter == "" || slices.Contains(r.Request.Broken, "query/"+r.Operation.Counter) {
		return
	}
	k := &kept{walk: r.walk, number: r.Request.Page, time: r.Exchange.Time, size: len(r.Body.Text), page: r.page, trail: &rule.Trail{}, result: r}
	if before := w.find(k, -1); before != nil && !before.used && !k.time.Before(before.time) {
		w.follow(before, k, r)
	} else if k.trail.Follow(k.page); k.number == r.Operation.First {
		k.result = nil // no page comes before it
	}
	if after := w.find(k, 1); after != nil && after.result != nil && !k.time.IsZero() && !after.time.Before(k.time) {
		w.follow(k, after, r)
	}
	w.pages = slices.DeleteFunc(w.pages, func(other *kept) bool {
		return other.walk == k.walk && other.number == k.number || other.used && other.result == nil
	})
	w.pages = append(w.pages, k)
	w.forget()
}

// find returns the page of the same walk whose number differs by that much, or nil.
func (w *Walk) find(k *kept, by int) *kept {
	i := slices.IndexFunc(w.pages, func(other *kept) bool { return other.walk == k.walk && other.number == k.number+by })
	if i < 0 {
		return nil
	}
	return w.pages[i]
}

// follow checks a page against the one before it. The findings go to r, whichever page they are of.
func (w *Walk) follow(before, after *kept, r *Result) {
	result := after.result
	told := len(result.Findings)
	after.trail = before.trail
	after.trail.Follow(after.page)
	result.skipped(after.page)
	result.finish()
	if result != r {
		r.Findings = append(r.Findings, result.Findings[told:]...)
	}
	before.used, after.result = true, nil
}

// forget drops the pages that are too many or too large to keep.
func (w *Walk) forget() {
	size := 0
	for i, k := range slices.Backward(w.pages) {
		if size += k.size; i < len(w.pages)-1 && (size > maxKept || len(w.pages)-i > maxPages) {
			w.pages = slices.Delete(w.pages, 0, i+1)
			return
		}
	}
}
