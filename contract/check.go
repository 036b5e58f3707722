package contract

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/okchat/okchat-go/contract/finding"
	"github.com/okchat/okchat-go/contract/internal/jsontree"
	"github.com/okchat/okchat-go/contract/internal/rule"
	"github.com/okchat/okchat-go/contract/internal/spec"
	"github.com/okchat/okchat-go/contract/internal/words"
	"github.com/okchat/okchat-go/exchange"
)

// Check checks an exchange against the contract. It never changes the exchange and never panics, whatever the bytes. Of like
// faults it tells a hundred, the last of which counts the rest. What several pages say of each other, [Walk.Check] finds.
func (c *Contract) Check(ex *exchange.Exchange) *Result {
	r := &Result{Exchange: ex, contract: c}
	if r.begin() {
		r.response()
	}
	r.finish()
	return r
}

// CheckRequest is [Contract.Check] for the request alone: the response is not looked at.
func (c *Contract) CheckRequest(ex *exchange.Exchange) *Result {
	r := &Result{Exchange: ex, contract: c}
	r.begin()
	r.finish()
	return r
}

// stop notes why something cannot be checked.
func (r *Result) stop(outcome Outcome, reason string) {
	r.Outcome, r.Reason = outcome, reason
}

// begin finds the operation that was called and checks the request. It reports whether the response is to be checked.
func (r *Result) begin() bool {
	c, ex := r.contract, r.Exchange
	target := spec.NewTarget(ex.URL)
	m := c.spec.Match(ex.Method, target, c.base)
	switch {
	case m.Operation == nil && m.OtherMethod && !ex.Preflight():
		r.faults.Outside(finding.CodeOperation, finding.PartRequest, "", c.spec.Operations[0].Key,
			strings.Join(c.Operations(), " or "), "another method, "+words.Quote(ex.Method))
		return false
	case m.Operation == nil:
		r.stop(Elsewhere, "it calls none of the contract's operations")
		return false
	case m.Near != "":
		r.stop(NotChecked, m.Near)
		r.near = m.Operation
		return false
	}
	r.Operation = m.Operation
	r.Request = r.Operation.Request(ex.RequestHeader, target.Query, m.Path, c.off[finding.CodeKey] || r.headless(), &r.faults)
	r.walk = walkKey(target, m, r.Operation.Counter)
	r.requestBody()
	return true
}

func (r *Result) requestBody() {
	content, body := r.Operation.Body, r.Exchange.RequestBody
	switch {
	case content == nil:
		return
	case len(body) == 0:
		if content.Required {
			r.faults.Outside(finding.CodeMissing, finding.PartRequestBody, "", content.Key, "a body", "none")
		}
		return
	}
	schema := content.Choose(r.Exchange.RequestHeader.Get("Content-Type"), finding.PartRequestHeader, &r.faults)
	if schema == nil {
		return
	}
	if page := r.document(finding.PartRequestBody, content.Key, schema, body, nil); page != nil {
		r.sent = page.Body
	}
}

// document parses and validates the body of a part. It evaluates the rules beside its schemas and, where op is not nil, those of
// the operation. It returns nil where the body cannot be parsed.
func (r *Result) document(part finding.Part, at *yaml.Node, schema *spec.Schema, body []byte, op *spec.Operation) *rule.Page {
	t, err := jsontree.Parse(body)
	if syntax, ok := errors.AsType[*jsontree.SyntaxError](err); ok {
		r.faults.Add(spec.Fault{Offset: syntax.Offset, At: at, Finding: finding.Finding{
			Code: finding.CodeJSON, Part: part, Expected: "one JSON document", Got: syntax.Got,
		}})
		return nil
	}
	if err != nil {
		r.stop(NotChecked, fmt.Sprintf("the %s is %v", part, err))
		return nil
	}
	now := time.Now()
	page := rule.NewPage(r.contract.rules, op, r.Request, spec.Validate(schema, t, part, &r.faults), r.moment(now), now)
	page.Check()
	if u := page.Undecided; u != nil && !r.faults.Broken(part) {
		r.faults.Outside(finding.CodeRule, part, "", u.Node, "that the rule "+string(u.Code)+" can be decided", "a body where it cannot")
	}
	r.skipped(page)
	return page
}

// Read returns the body of the request or of the response (PartRequestBody or PartResponseBody) with what is known of its
// values. It has an answer where the check did not get as far: it called nearly one of the contract's operations, or the media
// type is wrong. body is without its content encoding.
func (r *Result) Read(part finding.Part, body []byte) (*spec.Validation, error) {
	known, op := r.Body, cmp.Or(r.Operation, r.near)
	var content *spec.Content
	if part == finding.PartRequestBody {
		known = r.sent
	}
	if known != nil {
		return known, nil
	}
	t, err := jsontree.Parse(body)
	if err != nil {
		return nil, err
	}
	if op != nil && part == finding.PartRequestBody {
		content = op.Body
	} else if op != nil {
		if answer := op.Answer(max(r.Exchange.Status, 100)); answer != nil {
			content = answer.Content
		}
	}
	return spec.Validate(content.FirstSchema(), t, part, &spec.Faults{}), nil
}

// walkKey returns what the requests of one walk have in common.
func walkKey(target spec.Target, m spec.Match, counter string) string {
	var rest []string
	for pair := range strings.SplitSeq(target.Query, "&") {
		name, v, _ := strings.Cut(pair, "=")
		if plain, err := url.QueryUnescape(name); err == nil {
			name = plain
		}
		if plain, err := url.QueryUnescape(v); err == nil {
			v = plain
		}
		if name != counter && pair != "" {
			rest = append(rest, name+"="+v)
		}
	}
	slices.Sort(rest)
	key := []string{target.Origin, m.Operation.Method, m.Operation.Path}
	for _, p := range m.Operation.Parameters {
		if p.In == "path" {
			key = append(key, strings.ToLower(m.Path[p.Name]))
		}
	}
	return strings.Join(append(key, rest...), " ")
}

// moment returns when the server answered: by its Date header, or else the recording, or else now.
func (r *Result) moment(now time.Time) time.Time {
	if date := r.Exchange.ResponseHeader.Get("Date"); date != "" { // a failure to parse costs more than the parsing
		if t, err := http.ParseTime(date); err == nil {
			return t
		}
	}
	if !r.Exchange.Time.IsZero() {
		return r.Exchange.Time
	}
	return now
}

// headless reports whether a recording kept no headers at all, as some recorders do not. No request and no response goes
// without one.
func (r *Result) headless() bool {
	ex := r.Exchange
	return ex.Part != nil && len(ex.RequestHeader) == 0 && len(ex.ResponseHeader) == 0
}

func (r *Result) response() {
	ex := r.Exchange
	if r.headless() {
		r.stop(NotChecked, "no headers were recorded")
	}
	switch {
	case !ex.Unread.Answered():
		r.stop(NotChecked, string(ex.Unread))
		return
	case ex.Status <= 0:
		r.stop(NotChecked, string(exchange.NoAnswer))
		return
	case ex.Status == http.StatusNotModified && r.Operation.Answer(ex.Status) == nil:
		r.stop(NotChecked, "the answer is 304, and its body the one that the client kept")
		return
	}
	r.Response = r.Operation.Status(ex.Status, ex.ResponseHeader, &r.faults)
	if r.Response == nil || r.Response.Content == nil || strings.EqualFold(ex.Method, http.MethodHead) {
		return
	}
	content := r.Response.Content
	contentType := ex.ResponseHeader.Get("Content-Type")
	if r.headless() {
		contentType = content.Media[0].Pattern
	}
	schema := content.Choose(contentType, finding.PartResponseHeader, &r.faults)
	if schema == nil {
		return
	}
	body, err := ex.Body()
	if reason, ok := errors.AsType[exchange.Reason](err); ok {
		r.stop(NotChecked, string(reason))
		return
	}
	if err != nil {
		r.faults.Outside(finding.CodeContentEncoding, finding.PartResponseHeader, "Content-Encoding", content.Key, "the encoding that the body is in", err.Error())
		return
	}
	if ex.Garbled {
		r.faults.Outside(finding.CodeEncoding, finding.PartResponseBody, "", content.Key, "Unicode text in UTF-8", "bytes that are not")
	}
	if r.page = r.document(finding.PartResponseBody, content.Key, schema, body, r.Operation); r.page != nil {
		r.Body = r.page.Body
	}
}

func (r *Result) skipped(page *rule.Page) {
	if len(page.Skipped) > 0 {
		r.stop(NotChecked, "the body is too large for the rules "+join(page.Skipped))
	}
}
