package okchat

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/google/uuid"
)

// Token is where a walk stands behind a page: [ListOptions].After makes another walk go on from there, in this process or
// another one. It is JSON of a few hundred bytes and holds ids and times of conversations, no key and nothing of what
// people wrote or are called. The empty Token stands for the beginning.
type Token string

// token is the content of a [Token]. The sum makes sure that none goes on from a place that nobody has been to.
type token struct {
	List  string            `json:"list"` // whose list of what, as a hash
	State ConversationState `json:"state,omitempty"`
	Limit int               `json:"limit,omitempty"`
	standing
	Sum string `json:"sum"`
}

// Next returns where the walk that returned the page stands behind it, whatever became of the walk later. It is empty on
// a page that no walk returned.
func (p *Page[T]) Next() Token {
	if p.next == nil {
		return ""
	}
	return p.next()
}

// here returns a function that makes the token of where the walk stands now.
func (w *walk[T]) here() func() Token {
	s := w.standing
	s.Ties = slices.Clone(s.Ties)
	return func() Token { return w.token(s).encode() }
}

func (w *walk[T]) token(s standing) token {
	return token{List: listDigest[T](w.op.of), State: w.opts.State, Limit: w.opts.Limit, standing: s}
}

// encode writes the token. It is empty where a date lies outside of the years that JSON can hold: no item has such a one.
func (t token) encode() Token {
	t.Sum = ""
	text, _ := json.Marshal(t)
	t.Sum = digest(text)
	text, _ = json.Marshal(t)
	return Token(text)
}

func listDigest[T any](of uuid.UUID) string { return digest(fmt.Appendf(nil, "%T of %v", *new(T), of)) }

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:8])
}

// resume makes the walk stand where after says.
func (w *walk[T]) resume(after Token) error {
	var t token
	if json.Unmarshal([]byte(after), &t) != nil || t.encode() != after || t.Size < 1 || t.Total < 0 || t.Done < 0 || t.Met < 0 {
		return argumentErrorf("After is damaged, expected what Next returned")
	}
	mine := w.token(standing{})
	switch {
	case t.List != mine.List:
		return argumentErrorf("After is from a walk over another list, expected one over the same chatbot")
	case t.State != mine.State:
		return argumentErrorf("State is %q, expected %q, which After was made with", mine.State, t.State)
	case t.Limit != mine.Limit:
		return argumentErrorf("Limit is %d, expected %d, which After was made with", mine.Limit, t.Limit)
	}
	w.standing = t.standing
	w.resumed, w.finished = w.Done, w.Done >= w.Total
	w.knownTo = math.MaxInt // nothing is known of what has moved since
	if w.Last == nil {
		return nil
	}
	if w.Oldest.IsZero() {
		w.Oldest = w.Last.At
	}
	if w.least = w.Oldest; w.Last.At.Before(w.least) {
		w.least = w.Last.At
	}
	// What is newer than Oldest came, or has started since; what is as old came if it is one of the ties.
	w.recent.forgotten = w.Oldest.Add(time.Nanosecond)
	w.recent.add(*w.Last)
	for _, id := range w.Ties {
		w.recent.add(remembered{id, w.Oldest})
	}
	return nil
}
