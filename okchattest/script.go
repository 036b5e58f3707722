package okchattest

import (
	"net/http"
	"net/url"
	"strconv"
	"sync"
)

// Fault wraps the handler that gives the ordinary answer and does something else, or something besides. It is ordinary
// middleware, so a test can write its own. A nil Fault in a script leaves the answer as it is.
type Fault func(next http.Handler) http.Handler

// script is the queue of the faults to come.
type script struct {
	mu    sync.Mutex
	next  []Fault
	pages map[int][]Fault
	every Fault
}

// Next scripts the requests to come: each takes one of the faults, in order of arrival. More calls add to the script.
func (f *Fake) Next(faults ...Fault) {
	f.script.mu.Lock()
	defer f.script.mu.Unlock()
	f.script.next = append(f.script.next, faults...)
}

// OnPage scripts the requests for one page, which come before those of [Fake.Next]: each takes one of the faults, in
// order of arrival. A request without a page is for page 1.
func (f *Fake) OnPage(page int, faults ...Fault) {
	f.script.mu.Lock()
	defer f.script.mu.Unlock()
	if f.script.pages == nil {
		f.script.pages = map[int][]Fault{}
	}
	f.script.pages[page] = append(f.script.pages[page], faults...)
}

// Every sets what happens to each request for which nothing is scripted, and is never used up. A nil Fault ends it.
func (f *Fake) Every(fault Fault) {
	f.script.mu.Lock()
	defer f.script.mu.Unlock()
	f.script.every = fault
}

// Unused returns how many faults of [Fake.Next] and [Fake.OnPage] no request has taken yet.
func (f *Fake) Unused() int {
	f.script.mu.Lock()
	defer f.script.mu.Unlock()
	n := len(f.script.next)
	for _, faults := range f.script.pages {
		n += len(faults)
	}
	return n
}

// take returns the fault for the request with this query, nil for none.
func (s *script) take(query url.Values) Fault {
	page := pageOf(query)
	s.mu.Lock()
	defer s.mu.Unlock()
	fault := s.every
	if faults := s.pages[page]; len(faults) > 0 {
		fault, s.pages[page] = faults[0], faults[1:]
	} else if len(s.next) > 0 {
		fault, s.next = s.next[0], s.next[1:]
	}
	return fault
}

// pageOf returns the page that a request asks for, the first if it names none.
func pageOf(query url.Values) int {
	if !query.Has("page") {
		return 1
	}
	page, _ := strconv.Atoi(query.Get("page"))
	return page
}
