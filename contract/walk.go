package contract

import (
	"slices"
	"strings"

	"cel.dev/cel-go/common/types"

	"github.com/okchat/okchat-go/exchange"
)

// Walk holds exchanges against the contract, and the pages of a walk against each other: the requests that ask for page
// after page and agree in all other parameters. It recognises a walk by them; a page out of turn starts another. It
// remembers a few walks at a time and a bounded part of each. It is not safe for concurrent use. [Contract.NewWalk]
// makes one.
type Walk struct {
	contract *Contract
	walks    []*walk // the last one used comes last
}

// walk is what is remembered of one.
type walk struct {
	key      string
	page     int
	previous *tree
	earlier  map[string]*values // by the path of the rules about them
}

const (
	maxWalks   = 16    // that are remembered
	maxEarlier = 1_000 // values that are remembered of a walk
)

// NewWalk returns a Walk that has seen nothing yet.
func (c *Contract) NewWalk() *Walk { return &Walk{contract: c} }

// Check is [Contract.Check], and adds what the exchange's page says against the pages before it.
func (w *Walk) Check(ex *exchange.Exchange) []Finding {
	return w.add(ex, w.contract.check(ex))
}

// Result is [Walk.Check] as a [Result], which tells an exchange that is none of the contract's business from one that breaks
// it.
func (w *Walk) Result(ex *exchange.Exchange) *Result {
	d := w.contract.check(ex)
	if d.elsewhere {
		return &Result{Exchange: ex, Elsewhere: true}
	}
	return &Result{Exchange: ex, Findings: w.add(ex, d)}
}

// add holds a checked exchange to the rules about walks.
func (w *Walk) add(ex *exchange.Exchange, d *checked) []Finding {
	if d.tree == nil || d.op.counter == "" {
		return d.list
	}
	known := w.find(d.walk)
	if known.previous == nil || d.page != known.page+1 {
		*known = walk{key: d.walk, earlier: make(map[string]*values)}
	}
	v := &validation{list: d.list}
	root := &d.tree.nodes[0]
	d.scope.this, d.scope.previous = root, nil
	if known.previous != nil {
		d.scope.previous = &known.previous.nodes[0]
	}
	for _, r := range d.op.rules {
		if !r.walk {
			continue
		}
		path := strings.Join(r.path, "/")
		d.scope.earlier = known.earlier[path]
		if known.previous != nil && d.scope.earlier != nil {
			r.evaluate(&d.scope, func(expected string) { v.broken(r, &d.scope, expected) }, func() {})
		}
	}
	known.remember(d)
	found := v.list[len(d.list):]
	locate(ex, found)
	return v.list
}

// find returns the walk of that key, which becomes the last one used.
func (w *Walk) find(key string) *walk {
	i := slices.IndexFunc(w.walks, func(known *walk) bool { return known.key == key })
	known := &walk{key: key}
	if i >= 0 {
		known = w.walks[i]
		w.walks = slices.Delete(w.walks, i, i+1)
	} else if len(w.walks) == maxWalks {
		w.walks = slices.Delete(w.walks, 0, 1)
	}
	w.walks = append(w.walks, known)
	return known
}

// remember adds a page to those of the walk.
func (k *walk) remember(d *checked) {
	k.page, k.previous = d.page, d.tree
	done := make(map[string]bool)
	for _, r := range d.op.rules {
		path := strings.Join(r.path, "/")
		if !r.walk || done[path] {
			continue
		}
		done[path] = true
		all := k.earlier[path]
		if all == nil {
			all = &values{}
			k.earlier[path] = all
		}
		r.match(&d.tree.nodes[0], r.path, 0, func(n *node, _ int) {
			v := n.celValue()
			if s, ok := v.(types.String); ok {
				v = types.String(strings.Clone(string(s))) // or it would hold the whole page
			}
			all.add(v)
		})
		if len(all.list) > 2*maxEarlier {
			all.keep(maxEarlier)
		}
	}
}
