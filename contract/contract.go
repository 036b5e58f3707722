// Package contract holds exchanges, an HTTP request and its response, against okchat-go's OpenAPI contract.
//
// A check takes an [exchange.Exchange] and returns [Finding] values, one for each fault:
//
//	c, err := contract.New()
//	...
//	for exchange, err := range contract.ReadHAR(file, "page-1.har") {
//		...
//		for _, finding := range c.Check(exchange) {
//			fmt.Println(finding)
//		}
//	}
//
// Exchanges come from recordings ([ReadHAR]), from a client at work ([Contract.Watch]) or from a server
// ([Contract.Handler]). [Contract.NewWalk] checks the pages of a walk against each other as well, and
// [Contract.CheckRecordings] whole folders of recordings, in parallel. Tests use [Contract.Transport].
//
// A finding is a violation, the contract is broken; drift, the vendor added a member, a value of an open set
// (x-extensible-enum) or a status, which the contract allows, so that consumers live on, yet should learn of; or a leak,
// a recording holds what must not be shared.
//
// What is checked: method and path, the key's presence, each parameter, the status, response headers, the media type,
// the body's bytes (one JSON document in UTF-8, no member twice), its schema, formats (uuid, date-time) to the letter, and the
// rules of meaning that the contract declares in CEL under x-rules. Which host served the exchange does not matter: a
// proxy or a fake is held to the same contract.
//
// kin-openapi validates a document and its examples in [Parse], and the embedded one in this module's tests; the schemas are
// compiled once, to be held against a body without a copy of it. No finding quotes the texts and ids of end users.
//
// A check that passes everything is worth nothing, so [Contract.SelfTest] breaks the contract's own examples in each way
// that the contract forbids and expects to be told each time.
package contract

import (
	"slices"
	"strings"

	"github.com/okchat/okchat-go"

	"github.com/okchat/okchat-go/exchange"
)

// specName is what messages call the embedded contract.
const specName = "openapi.yaml"

// Contract is an OpenAPI document made ready for checks. It never changes and is safe for concurrent use. [New] and
// [Parse] make one.
type Contract struct {
	doc        *document
	spec       []byte
	operations []*operation
	rules      []*rule
	off        map[Code]bool   // rules that are not held
	keys       []string        // the headers that carry a key
	names      map[string]bool // the members that the schemas describe
	base       []string        // the segments that At put before the operations' paths
}

// New returns okchat-go's own contract, the openapi.yaml that the module embeds. It is [Parse] without the validation of the
// document, which the module's tests do, and fails only where they would.
func New() (*Contract, error) {
	return compile([]byte(okchat.OpenAPI()), specName, nil)
}

// Check holds an exchange against the contract and returns a finding for each fault: those of the request first, then
// status, headers, media type and body of the response. None means that the contract holds. It never changes the
// exchange and never panics, whatever the bytes. It tells at most 100 faults
// of a body. What several pages say of each other, [Walk.Check] finds.
func (c *Contract) Check(ex *exchange.Exchange) []Finding {
	return c.check(ex).list
}

// CheckRequest is [Contract.Check] for the request alone: the response is not looked at.
func (c *Contract) CheckRequest(ex *exchange.Exchange) []Finding {
	d := &checked{findings: findings{source: ex.Source}}
	c.begin(ex, d)
	return d.list
}

// Rule is one of the contract's rules of meaning.
type Rule struct {
	// Code is its name, and the code of its findings.
	Code Code
	// Expect says what holds.
	Expect string
	// Evidence is "documented", "observed" or "assumed".
	Evidence string
	// Line is its expression's in the contract.
	Line int
}

// Rules returns the contract's rules of meaning, in the order of their lines.
func (c *Contract) Rules() []Rule {
	var list []Rule
	for _, r := range c.rules {
		list = append(list, Rule{r.code, r.expect, r.evidence, r.node.Line})
	}
	slices.SortFunc(list, func(a, b Rule) int { return a.Line - b.Line })
	return list
}

// SpecLine returns a line of the contract, counted from 1, without its end; "" where there is none. A finding's SpecLine
// is one.
func (c *Contract) SpecLine(n int) string {
	if n < 1 || n > len(c.doc.lines) {
		return ""
	}
	return strings.TrimRight(c.doc.lines[n-1], "\r\n")
}

// Name returns what messages call the contract's file.
func (c *Contract) Name() string { return c.doc.name }

// Without returns the contract without the rules of meaning, or the kinds of leaks, of these codes. It fails where none
// has a code: a rule that was renamed must not be switched off in vain.
func (c *Contract) Without(codes ...Code) (*Contract, error) {
	out, err := compile(c.spec, c.doc.name, codes)
	if err != nil {
		return nil, err
	}
	return out.At("/" + strings.Join(c.base, "/"))
}
