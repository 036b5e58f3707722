// Package recordings checks whole recordings: every exchange against the contract, the pages of walks against each other,
// and all of each file for what must not be shared.
package recordings

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"strings"

	"github.com/okchat/okchat-go/contract"
	"github.com/okchat/okchat-go/contract/finding"
	"github.com/okchat/okchat-go/contract/redact"
	"github.com/okchat/okchat-go/exchange"
)

// Check checks all exchanges of the recordings, in parallel, and yields a result for each in the order in which they stand
// there; the pages of a walk are checked against each other, across files too. Leaks are findings of the exchange in which
// they stand; those beside the exchanges are findings of a result whose outcome is [contract.Aside]. Check holds a few exchanges
// at a time, whatever their number.
//
// An error is yielded where a recording cannot be read: it cannot be opened, it is no HAR file, or none of its exchanges is
// one of the contract's. The sequence goes on with the next recording. It ends when ctx does, with its error.
func Check(ctx context.Context, c *contract.Contract, list []exchange.Recording) iter.Seq2[*contract.Result, error] {
	return func(yield func(*contract.Result, error) bool) {
		walk, relevant := c.NewWalk(), 0
		for out := range exchange.Each(ctx, list, func(p *exchange.Part) outcome { return check(c, p) }) {
			switch result := out.Value.result; {
			case out.End:
				if relevant == 0 && !yield(nil, fmt.Errorf("%s: expected an exchange with %s, got only others: record a call of the API",
					out.Recording, strings.Join(c.Operations(), " or "))) {
					return
				}
				relevant = 0
			case out.Err != nil || out.Value.err != nil:
				if !yield(nil, cmp.Or(out.Err, out.Value.err)) {
					return
				}
				relevant++ // one error is enough
			case result == nil: // nothing to tell
			default:
				if result.Outcome == contract.Checked || result.Outcome == contract.NotChecked {
					relevant++
					walk.Add(result)
				}
				result.Findings = append(result.Findings, out.Value.leaks...)
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

// outcome is the result for one part of a recording.
type outcome struct {
	result *contract.Result
	leaks  []finding.Finding
	err    error
}

func check(c *contract.Contract, p *exchange.Part) outcome {
	if !p.IsEntry() {
		leaks := redact.PartLeaks(c, p)
		if leaks == nil {
			return outcome{}
		}
		return outcome{result: &contract.Result{Exchange: &exchange.Exchange{Source: p.Source}, Outcome: contract.Aside}, leaks: leaks}
	}
	result, err := Entry(c, p)
	return outcome{result, redact.Leaks(result), err}
}

// Entry reads and checks an entry of a recording. What is wrong with an entry is an error unless it is known to be of another
// endpoint. The result is never nil.
func Entry(c *contract.Contract, p *exchange.Part) (*contract.Result, error) {
	ex, err := p.Exchange()
	result := c.Check(ex)
	if result.Outcome == contract.Elsewhere && ex.URL != "" {
		err = nil
	}
	return result, err
}
