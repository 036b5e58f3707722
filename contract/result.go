package contract

import (
	"strings"

	"github.com/okchat/okchat-go/contract/finding"
	"github.com/okchat/okchat-go/contract/internal/jsontree"
	"github.com/okchat/okchat-go/contract/internal/rule"
	"github.com/okchat/okchat-go/contract/internal/spec"
	"github.com/okchat/okchat-go/contract/internal/words"
	"github.com/okchat/okchat-go/exchange"
	"github.com/okchat/okchat-go/internal/lazy"
)

// Outcome tells how far an exchange could be checked.
type Outcome int

const (
	// Checked is the outcome of an exchange of which all was checked.
	Checked Outcome = iota
	// NotChecked is the outcome of an exchange of which something could not be checked, as Result.Reason says: it is neither
	// good nor bad. Findings are those of the rest.
	NotChecked
	// Elsewhere is the outcome of an exchange that calls none of the contract's operations, as most of a browser's recording
	// does.
	Elsewhere
	// Aside is the outcome of what stands in a recording beside the exchanges. It is only looked through for leaks.
	Aside
)

// Result is the outcome of the check of one exchange, with its findings. Package recordings, and Walk, add to it before they hand it on; it does not
// change afterwards.
type Result struct {
	// Exchange is the one that was checked.
	Exchange *exchange.Exchange
	// Outcome tells how far it could be checked, and Reason, on one line, why no further; "" where Outcome is Checked.
	Outcome Outcome
	Reason  string
	// Findings are those of the exchange: of the request first, then of status, headers, media type and body of the response.
	// None means that the contract holds as far as it was checked.
	Findings []finding.Finding

	// Operation is the one that was called, nil where there is none. It is for packages coverage and redact, as are the
	// others below.
	Operation *spec.Operation
	// Request is how the operation reads the request.
	Request *spec.Request
	// Response is the description of the response's status in the contract, nil where it has none.
	Response *spec.Response
	// Body is the validated body of the response, nil where it is no JSON or where the contract has no schema for it.
	Body *spec.Validation

	contract *Contract
	sent     *spec.Validation // the request's body, as Body
	near     *spec.Operation  // the one that was nearly called
	faults   spec.Faults
	finished int // how many of faults are findings
	page     *rule.Page
	walk     string // tells the walk from others
}

// Contract returns the contract of the check, nil where the result comes from no check.
func (r *Result) Contract() *Contract { return r.contract }

// finish makes findings of the faults that are new: it adds places, lines and sources.
func (r *Result) finish() {
	ex, call := r.Exchange, ""
	for ; r.finished < len(r.faults.List); r.finished++ {
		f := &r.faults.List[r.finished]
		if call == "" {
			call = r.Call()
		}
		found := f.Finding
		found.Source, found.Request, found.Pointer, found.SpecFile = ex.At(-1), call, f.Leaf(), r.contract.Name()
		if f.Part == finding.PartResponseBody {
			found.Source = ex.At(f.Place())
		}
		if f.At != nil {
			found.SpecLine, found.SpecColumn = f.At.Line, f.At.Column
		}
		found.Patch = r.contract.spec.Doc.Patch(f)
		r.conceal(&found)
		r.Findings = append(r.Findings, found)
	}
}

// conceal takes the request's key out of what a finding tells, where a server or a client has put it in the name of something.
func (r *Result) conceal(f *finding.Finding) {
	keys := r.Exchange.Keys()
	for _, name := range r.contract.spec.Keys {
		for _, key := range r.Exchange.RequestHeader.Values(name) {
			if len(key) >= shortestKey {
				keys = append(keys, key, jsontree.Escape(key))
			}
		}
	}
	if len(keys) == 0 {
		return
	}
	steps := strings.Split(f.Pointer, "/")
	texts := []*string{&f.Expected, &f.Got, &f.Patch}
	for i := range steps {
		texts = append(texts, &steps[i])
	}
	for _, text := range texts {
		if words.HoldsAny(*text, keys) {
			*text = "…"
		}
	}
	f.Pointer = strings.Join(steps, "/")
}

// shortestKey is how long a key is at least that is looked for: a shorter one may be part of any word.
const shortestKey = 8

// plainOrigin matches the scheme and host of a URL that cannot hold a secret.
var plainOrigin = lazy.Regexp(`^https?://[a-z0-9.-]{1,60}(:\d{1,5})?$`)

// Call returns the request as Finding.Request has it.
func (r *Result) Call() string {
	method := strings.ToUpper(r.Exchange.Method)
	if !words.IsWord(method) {
		method = "a request"
	}
	if r.Operation == nil {
		if origin := spec.NewTarget(r.Exchange.URL).Origin; plainOrigin().MatchString(origin) {
			method += " " + origin + "/…"
		}
		return method
	}
	var query []string
	for _, v := range r.Request.Values {
		if v.Parameter.In != "query" {
			continue
		}
		text := "…"
		if v.Parameter.Schema.Format == "" && (v.Node.Kind != jsontree.String || words.IsWord(v.Node.Text)) {
			text = v.Node.Text
		}
		query = append(query, v.Parameter.Name+"="+text)
	}
	call := method + " " + r.contract.base + r.Operation.Path
	if query != nil {
		call += "?" + strings.Join(query, "&")
	}
	return call
}
