package okchattest

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"time"
)

// KeyUse tells what a request had for a key, in place of the key itself.
type KeyUse int

// The values of [KeyUse].
const (
	KeyAbsent KeyUse = iota
	KeyWrong
	KeyRight
)

// String returns "absent", "wrong" or "right".
func (k KeyUse) String() string { return [...]string{"absent", "wrong", "right"}[k] }

// Request is what the fake saw of a request.
type Request struct {
	N      int       // its number, from 1, in order of arrival
	Time   time.Time // when it arrived
	Method string
	Host   string // where the sender thought it went
	URL    string // path and query
	Page   int    // 0 where the query has none, or no number; so too Limit
	Limit  int
	State  string
	Header http.Header // without the key
	Key    KeyUse
}

// log notes requests.
type log struct {
	hook     sync.Mutex // held while a request is counted and its hook runs, so that hooks keep the order
	mu       sync.Mutex // guards the rest
	keep     int
	count    int
	kept     []Request
	inFlight int
	most     int
}

// arrive notes r, runs the hook and returns the page that r asks for.
func (l *log) arrive(r *http.Request, key string, between func(n int)) (page int) {
	query := r.URL.Query()
	page, err := strconv.Atoi(query.Get("page"))
	if !query.Has("page") {
		page, err = 1, nil
	}

	l.hook.Lock()
	defer l.hook.Unlock()
	n := l.note(r, key, query)
	if between != nil {
		between(n)
	}
	if err != nil {
		return 0
	}
	return page
}

func (l *log) note(r *http.Request, key string, query url.Values) (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.count++
	l.inFlight++
	l.most = max(l.most, l.inFlight)
	if l.keep == 0 {
		return l.count
	}

	seen := Request{
		N: l.count, Time: time.Now(), Method: r.Method, Host: r.Host, URL: r.URL.RequestURI(),
		State: query.Get("state"), Header: r.Header.Clone(),
	}
	seen.Page, _ = strconv.Atoi(query.Get("page"))
	seen.Limit, _ = strconv.Atoi(query.Get("limit"))
	if keys := seen.Header.Values(keyHeader); len(keys) > 0 {
		seen.Key = KeyWrong
		if len(keys) == 1 && keys[0] == key {
			seen.Key = KeyRight
		}
		seen.Header.Del(keyHeader)
	}
	if len(l.kept) >= 2*l.keep { // dropping half at a time moves each entry once
		l.kept = append(l.kept[:0], l.kept[len(l.kept)-l.keep+1:]...)
	}
	l.kept = append(l.kept, seen)
	return l.count
}

func (l *log) leave() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.inFlight--
}

// Requests returns the requests seen so far, in order of arrival: the latest 1,000, or as many as [KeepRequests] says.
func (f *Fake) Requests() []Request {
	f.log.mu.Lock()
	defer f.log.mu.Unlock()
	return slices.Clone(f.log.kept[max(0, len(f.log.kept)-f.log.keep):])
}

// Count returns how many requests came in, kept or not.
func (f *Fake) Count() int {
	f.log.mu.Lock()
	defer f.log.mu.Unlock()
	return f.log.count
}

// MaxInFlight returns how many requests were under way at once, at the most.
func (f *Fake) MaxInFlight() int {
	f.log.mu.Lock()
	defer f.log.mu.Unlock()
	return f.log.most
}
