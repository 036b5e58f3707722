package okchattest

import (
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"
)

// keep is how many of the latest requests are kept.
const keep = 1000

// Request describes a request that came in.
type Request struct {
	N      int       // its number, from 1, in order of arrival
	Time   time.Time // when it arrived
	Method string
	Host   string // where its sender thought it went
	Path   string
	Query  url.Values
	Header http.Header // without the key
	Key    string      // "right", "wrong" or "absent", never the key itself
}

// log notes requests.
type log struct {
	mu       sync.Mutex
	count    int
	kept     []Request
	inFlight int
	most     int
}

func (l *log) note(r *http.Request, query url.Values, key string) (n int) {
	seen := Request{
		Time: time.Now(), Method: r.Method, Host: r.Host, Path: r.URL.Path, Query: query, Header: r.Header.Clone(), Key: "absent",
	}
	if keys := seen.Header[keyHeader]; len(keys) == 1 && keys[0] == key {
		seen.Key = "right"
	} else if len(keys) > 0 {
		seen.Key = "wrong"
	}
	seen.Header.Del(keyHeader)

	l.mu.Lock()
	defer l.mu.Unlock()
	l.count++
	l.inFlight++
	l.most = max(l.most, l.inFlight)
	seen.N = l.count
	if len(l.kept) == 2*keep { // rarely, so that a request does not pay for all that are kept
		l.kept = slices.Delete(l.kept, 0, keep)
	}
	l.kept = append(l.kept, seen)
	return seen.N
}

func (l *log) leave() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.inFlight--
}

// Requests returns the latest 1,000 requests, in order of arrival.
func (f *Fake) Requests() []Request {
	f.log.mu.Lock()
	defer f.log.mu.Unlock()
	return slices.Clone(f.log.kept[max(0, len(f.log.kept)-keep):])
}

// Count returns how many requests came in.
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
