package spec

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/okchat/okchat-go/contract/internal/words"
)

// Target is a URL taken apart without judging it: what is wrong with it may be nobody's business.
type Target struct {
	// Origin is scheme and host as they compare: in lower case, without the scheme's default port, "" where there is none.
	Origin string
	// Path and Query are still percent-encoded.
	Path, Query string
}

// NewTarget takes a URL apart, absolute or not.
func NewTarget(raw string) Target {
	raw, _, _ = strings.Cut(raw, "#")
	var t Target
	raw, t.Query, _ = strings.Cut(raw, "?")
	scheme, rest, ok := strings.Cut(raw, "://")
	if !ok || strings.Contains(scheme, "/") {
		t.Path = raw
		return t
	}
	host, path, _ := strings.Cut(rest, "/")
	scheme, host = strings.ToLower(scheme), strings.ToLower(host[strings.LastIndex(host, "@")+1:])
	host = strings.TrimSuffix(host, map[string]string{"http": ":80", "https": ":443"}[scheme])
	t.Origin, t.Path = scheme+"://"+host, "/"+path
	return t
}

// segments returns the segments of the path with letters decoded that need no encoding, as URIs compare.
func (t Target) segments() []string {
	list := strings.Split(strings.TrimPrefix(t.Path, "/"), "/")
	for i, s := range list {
		if plain, err := url.PathUnescape(s); err == nil && !strings.ContainsAny(plain, "/%") {
			list[i] = plain
		}
	}
	return list
}

// Match is how the operations of a contract and a request's target fit each other.
type Match struct {
	// Operation is the one that was called, nil where there is none.
	Operation *Operation
	// Path are the values of the path's parameters, still percent-encoded.
	Path map[string]string
	// OtherMethod reports that only the method is none of the contract's.
	OtherMethod bool
	// Near says why the target is nearly, and only nearly, that of Operation; it is "" where it is or is not.
	Near string
}

// maxSegments is how many segments a path may have that is compared with those of the contract.
const maxSegments = 1000

// Match finds the operation that was called. A HEAD request calls the operation GET. Below base, a path, the contract's paths
// begin.
func (c *Contract) Match(method string, t Target, base string) Match {
	if strings.Count(t.Path, "/") > maxSegments {
		return Match{}
	}
	segments := t.segments()
	var prefix []string
	if base = strings.TrimSuffix(base, "/"); base != "" {
		prefix = Target{Path: base}.segments()
	}
	if len(segments) > len(prefix) && slices.Equal(segments[:len(prefix)], prefix) {
		if m := c.match(method, segments[len(prefix):]); m.Operation != nil || m.OtherMethod {
			return m
		}
	}
	plain := slices.DeleteFunc(slices.Clone(segments), func(s string) bool { return s == "" || s == "." })
	for i, s := range plain { // what was encoded twice, or is a slash
		for range 3 {
			if once, err := url.PathUnescape(s); err == nil {
				s = once
			}
		}
		plain[i] = s
	}
	plain = strings.Split(strings.Join(plain, "/"), "/")
	longest := 0
	for _, op := range c.Operations {
		longest = max(longest, len(op.segments))
	}
	for skip := max(0, len(plain)-longest); skip < len(plain); skip++ {
		m := c.match(method, c.respell(plain[skip:]))
		if m.Operation == nil {
			continue
		}
		switch m.Near = "its path differs from the contract's by slashes, letter case or encoding"; {
		case skip > len(prefix) || skip > 0 && !slices.Equal(plain[:skip], prefix):
			m.Near = "its path has a prefix before the contract's"
			if name := strings.Join(plain[:skip], "/"); words.IsWord(strings.ReplaceAll(name, "/", "-")) {
				m.Near += ", /" + name
			}
		case skip < len(prefix):
			m.Near = "its path is not below the base path that was named"
		}
		return m
	}
	return Match{}
}

// respell puts segments into the letter case of the contract's words.
func (c *Contract) respell(segments []string) []string {
	segments = slices.Clone(segments)
	for _, op := range c.Operations {
		for i, word := range op.segments {
			if i < len(segments) && strings.EqualFold(word, segments[i]) {
				segments[i] = word
			}
		}
	}
	return segments
}

func (c *Contract) match(method string, segments []string) Match {
	var found Match
	words := -1
	for _, op := range c.Operations {
		values, n := op.match(segments)
		if values == nil || n < words {
			continue
		}
		switch called := op.Method == strings.ToUpper(method); {
		case called, strings.EqualFold(method, http.MethodHead) && op.Method == http.MethodGet && (found.Operation == nil || n > words):
			found, words = Match{Operation: op, Path: values}, n
		case found.Operation == nil:
			found.OtherMethod = true
		}
	}
	return found
}

// match returns the values of the path's parameters, nil where the path is another, and how many of its segments are words.
func (op *Operation) match(segments []string) (values map[string]string, words int) {
	if len(segments) != len(op.segments) {
		return nil, 0
	}
	values = make(map[string]string, 1)
	for i, want := range op.segments {
		switch {
		case strings.HasPrefix(want, "{") && strings.HasSuffix(want, "}") && (segments[i] != "" || i < len(segments)-1):
			values[want[1:len(want)-1]] = segments[i]
		case want != segments[i]:
			return nil, 0
		default:
			words++
		}
	}
	return values, words
}
