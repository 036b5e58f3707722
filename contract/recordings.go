package contract

import (
	"cmp"
	"context"
	"fmt"
	"iter"

	"github.com/okchat/okchat-go/exchange"
)

// Result is what the check of one recorded exchange found.
type Result struct {
	// Exchange is the one that was checked.
	Exchange *exchange.Exchange
	// Findings are those of the exchange and of its walk, with the leaks of the recording. None where it keeps the contract.
	Findings []Finding
	// Elsewhere says that the exchange called a path that is none of the contract, as most of a browser's recording does.
	// Nothing was checked then.
	Elsewhere bool
}

// CheckRecordings checks all exchanges of the recordings, in parallel, and yields a result for each in the order in which
// they stand there; the pages of a walk are held against each other, across files too. It holds a few exchanges at a time,
// whatever their number.
//
// An error is yielded where a recording cannot be checked: it cannot be opened or read, it is no HAR file, or none of its
// exchanges is one of the contract's. The sequence goes on with the next recording. It ends when ctx does, with its
// error.
func (c *Contract) CheckRecordings(ctx context.Context, list []exchange.Recording) iter.Seq2[*Result, error] {
	return func(yield func(*Result, error) bool) {
		walk, relevant := c.NewWalk(), 0
		for out := range exchange.Each(ctx, list, c.work) {
			switch j := out.Value; {
			case out.End:
				if relevant == 0 && !yield(nil, fmt.Errorf("%s: expected an exchange with %s, got only others: record a call of the API",
					out.Recording, c.operations[0].method+" "+c.operations[0].path)) {
					return
				}
				relevant = 0
			case out.Err != nil || j.err != nil:
				if !yield(nil, cmp.Or(out.Err, j.err)) {
					return
				}
				relevant++ // one error is enough
			case j.exchange == nil: // no entry
			default:
				result := &Result{Exchange: j.exchange, Elsewhere: j.checked.elsewhere}
				if !result.Elsewhere {
					relevant++
					result.Findings = append(walk.add(j.exchange, j.checked), j.leaks...)
				}
				if !yield(result, nil) {
					return
				}
			}
		}
		if err := ctx.Err(); err != nil {
			yield(nil, err)
		}
	}
}

// work is what one part of a recording was found to be.
type work struct {
	exchange *exchange.Exchange
	checked  *checked
	leaks    []Finding
	err      error
}

// work checks one part of a recording.
func (c *Contract) work(p *exchange.Part) (w work) {
	if !p.IsEntry() {
		return w
	}
	if w.exchange, w.err = p.Exchange(); w.err != nil {
		return w
	}
	w.checked = c.check(w.exchange)
	if !w.checked.elsewhere {
		w.leaks = c.leaks(w.exchange, w.checked)
	}
	return w
}
