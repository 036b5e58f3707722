// Package contract checks exchanges, an HTTP request and its response, against okchat-go's OpenAPI contract.
//
// A check takes an [exchange.Exchange] and returns a [Result] with a [finding.Finding] for each fault:
//
//	c, err := contract.New()
//	...
//	for ex, err := range exchange.ReadHAR(file, "page-1.har") {
//		...
//		for _, finding := range c.Check(ex).Findings {
//			fmt.Println(finding)
//		}
//	}
//
// Exchanges come from recordings (package exchange), from a client at work ([Contract.Watch]) or from a server
// ([Contract.Handler]). [Contract.NewWalk] checks the pages of a walk against each other as well. Tests use
// [Contract.Transport]. Package recordings checks whole folders of recordings in parallel; packages coverage, redact and report
// take results further.
//
// A finding is a violation, the contract is broken; drift, the vendor added a member, a value of an open set
// (x-extensible-enum) or a status, which the contract allows, so that consumers live on, yet should learn of; or a leak,
// a recording holds what must not be shared. An exchange that cannot be checked, because its body was not recorded for
// instance, is neither good nor bad: see [Outcome].
//
// What is checked: method and path, the key's presence, each parameter, the request's body where the contract has one, the
// status, response headers, the media type, the body's bytes (one JSON document in UTF-8, no member twice), its schema,
// formats (uuid, date-time) to the letter, and the rules of meaning that the contract declares in CEL under x-rules. Which
// host served the exchange does not matter: a proxy or a fake has the same contract.
//
// The schemas are compiled once. What a document says that no check reads is refused, and so is an example that breaks its
// schema; this module's tests have kin-openapi's opinion of the embedded document, too. No finding quotes the texts and ids of
// end users.
//
// A check that passes everything is worth nothing, so [Contract.SelfTest] breaks the contract's own examples in each way
// that the contract forbids and expects to be told each time.
package contract

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/okchat/okchat-go"
	"github.com/okchat/okchat-go/contract/finding"
	"github.com/okchat/okchat-go/contract/internal/rule"
	"github.com/okchat/okchat-go/contract/internal/spec"
)

// Contract is an OpenAPI document, compiled for checks. It never changes and is safe for concurrent use. [New] and [Parse]
// make one.
type Contract struct {
	spec  *spec.Contract
	all   *rule.Set
	rules *rule.Set // those that are not switched off
	off   map[finding.Code]bool
	base  string // the path that At put before the operations' paths
}

// New returns okchat-go's own contract, the openapi.yaml that the module embeds. It fails only where the module's tests would.
func New() (*Contract, error) { return Parse([]byte(okchat.OpenAPI()), "openapi.yaml") }

// Parse reads a document of OpenAPI 3 and compiles it; messages call its file name. It fails, with one line that names the
// place and what to do next, where the document does not parse, has no operation, has a rule that does not compile, an example
// of a body or a parameter that breaks its schema, or a keyword that a check would pass over in silence.
func Parse(text []byte, name string) (*Contract, error) {
	compiled, err := spec.Compile(text, name)
	if err != nil {
		return nil, err
	}
	all, err := rule.Compile(compiled)
	if err != nil {
		return nil, err
	}
	return &Contract{spec: compiled, all: all, rules: all}, nil
}

// Without returns the contract without the rules of meaning, the kinds of leaks or the key of these codes. A rule that needs one
// of them is switched off with it: see [Contract.Silenced]. It fails where nothing has a code: a rule that was renamed must
// not be switched off in vain.
func (c *Contract) Without(codes ...finding.Code) (*Contract, error) {
	out := *c
	if out.off = maps.Clone(c.off); out.off == nil {
		out.off = make(map[finding.Code]bool)
	}
	known := slices.Concat(c.all.Codes(), finding.Leaks(), []finding.Code{finding.CodeKey})
	for _, code := range codes {
		if !slices.Contains(known, code) {
			return nil, fmt.Errorf("%s: no rule has the code %q, expected one of %s", c.Name(), code, join(known))
		}
		out.off[code] = true
	}
	out.rules = c.all.Without(out.off)
	return &out, nil
}

// Codes returns what [Contract.Without] can switch off: the codes of the rules, of the kinds of leaks, and of a missing key.
func (c *Contract) Codes() []finding.Code {
	return slices.Concat(c.rules.Codes(), finding.Leaks(), []finding.Code{finding.CodeKey})
}

// Silenced returns the codes of the rules that [Contract.Without] switched off beside the ones that were named, because they
// need one of those.
func (c *Contract) Silenced() []finding.Code { return slices.Clone(c.rules.Silenced) }

// Off reports whether a code was switched off.
func (c *Contract) Off(code finding.Code) bool { return c.off[code] }

// At returns the contract as it is served below a base URL, of which only the path counts: with "/okchat" or
// "https://gateway.example/okchat" each operation's path begins with /okchat. It replaces an earlier base. It fails where base is
// no URL or has a query.
func (c *Contract) At(base string) (*Contract, error) {
	target, err := url.Parse(base)
	if err != nil || target.RawQuery != "" || target.Fragment != "" || target.Opaque != "" {
		return nil, fmt.Errorf("the base is not a URL without query, expected a path such as /prefix or https://host/prefix")
	}
	out := *c
	if out.base = strings.Trim(target.EscapedPath(), "/"); out.base != "" {
		out.base = "/" + out.base
	}
	return &out, nil
}

// Base returns the path below which the contract is served, "" for none. See [Contract.At].
func (c *Contract) Base() string { return c.base }

// Concerns reports whether a request's path is, or nearly is, that of one of the contract's operations. The method does not
// matter.
func (c *Contract) Concerns(req *http.Request) bool {
	m := c.spec.Match(req.Method, spec.NewTarget(req.URL.RequestURI()), c.base)
	return m.Operation != nil || m.OtherMethod
}

// Rule is one of the contract's rules of meaning.
type Rule struct {
	// Code is its name, and the code of its findings.
	Code finding.Code
	// Expect says what holds.
	Expect string
	// Evidence is "documented", "observed" or "assumed".
	Evidence string
	// Line is its expression's in the contract.
	Line int
}

// Rules returns the contract's rules of meaning that are not switched off, in the order of their lines.
func (c *Contract) Rules() []Rule {
	var list []Rule
	for _, r := range c.rules.All {
		list = append(list, Rule{r.Code, r.Expect, r.Evidence, r.Node.Line})
	}
	slices.SortFunc(list, func(a, b Rule) int { return a.Line - b.Line })
	return list
}

// Operations returns the contract's operations as messages call them: method and path.
func (c *Contract) Operations() []string {
	var list []string
	for _, op := range c.spec.Operations {
		list = append(list, op.Name())
	}
	return list
}

// SpecLine returns a line of the contract, counted from 1, without its end; "" where there is none.
func (c *Contract) SpecLine(n int) string {
	if n < 1 || n > len(c.spec.Doc.Lines) {
		return ""
	}
	return strings.TrimRight(c.spec.Doc.Lines[n-1], "\r\n")
}

// Name returns what messages call the contract's file.
func (c *Contract) Name() string { return c.spec.Doc.Name }

// Compiled returns what packages coverage and redact need to know of the contract.
func (c *Contract) Compiled() *spec.Contract { return c.spec }

func join(codes []finding.Code) string {
	var list []string
	for _, code := range codes {
		list = append(list, string(code))
	}
	return strings.Join(list, ", ")
}
