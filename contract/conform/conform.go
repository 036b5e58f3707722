// Package conform tests a server that implements OKChat's API: it asks what a client may ask, the wrong things too, and
// checks the answers against the contract and against what callers expect.
//
//	for verdict := range conform.Run(ctx, rules, conform.Target{URL: url, ChatbotID: id, Key: key}) {
//		switch {
//		case verdict.Err != nil:
//			fmt.Println(verdict.Expectation.Code, verdict.Err)
//		case len(verdict.Result.Findings) > 0:
//			fmt.Println(verdict.Expectation.Code, verdict.Result.Findings[0])
//		}
//	}
//
// Little of this is documented by the vendor, so each expectation says how it is known. The generated server interface
// and package okchattest meet all of them.
package conform

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/okchat/okchat-go/contract"
	"github.com/okchat/okchat-go/contract/finding"
	"github.com/okchat/okchat-go/contract/internal/spec"
	"github.com/okchat/okchat-go/exchange"
	"github.com/okchat/okchat-go/gen/okchatapi"
	"github.com/okchat/okchat-go/internal/lazy"
)

// Expectation describes how a server is expected to answer in one case.
type Expectation struct {
	// Code is its name, and that of its finding.
	Code finding.Code
	// Expect says what the server does.
	Expect string
	// Evidence is "documented", "observed" or "assumed".
	Evidence string

	// operation is the operationId of the one that is asked for.
	operation string
	// request changes the plain request of the operation. A walk sends it for page after page.
	request func(*request)
	walk    bool
	// judge returns what is wrong with an answer, "" for nothing. Where the answer is a page of a list, page is not nil.
	judge func(t *tester, ex *exchange.Exchange, page *page) string
	// broken requests are wrong on purpose, so only the answer is checked against the contract.
	broken bool
}

// page is an answer 200 that holds a list: of conversations, of messages or, without metadata, of chatbots.
type page struct {
	Data []struct {
		ID          uuid.UUID       `json:"id"`
		LastMessage json.RawMessage `json:"last_message"`
	} `json:"data"`
	Metadata okchatapi.PageMetadata `json:"metadata"`
}

// Target is the server under test.
type Target struct {
	// URL is the server's, to which the endpoint's path is added.
	URL string
	// ChatbotID is a chatbot with conversations, best with more than two.
	ChatbotID string
	// Key opens it. It is sent to that server alone and is in no finding.
	Key string
	// Pages is how many pages the walk asks for at most; 0 stands for 10.
	Pages int
	// Skip are the codes of expectations that are not tested.
	Skip []finding.Code
	// Timeout bounds each request with its answer; 0 stands for 30 seconds.
	Timeout time.Duration
	// Deadline bounds the whole run; 0 stands for 10 minutes.
	Deadline time.Duration
	// Transport sends the requests; nil stands for http.DefaultTransport.
	Transport http.RoundTripper
}

// Verdict is the outcome of testing one expectation.
type Verdict struct {
	Expectation Expectation
	// Result has a finding for each way in which the server does not meet the expectation. It is nil where Err is not. Its
	// outcome is NotChecked where there was nothing to ask for: the list's first page has no conversation.
	Result *contract.Result
	// Err is why there is no verdict: the server is not there, it limits the rate again and again, or the run took too long.
	Err error
}

// request is one that an expectation changes.
type request struct {
	method, key, body string
	ids               []string // of the chatbot and of the conversation, in the order of the path
	query             url.Values
	header            http.Header
}

// Expectations returns all that Run tests, in its order.
func Expectations() []Expectation { return slices.Clone(expectations) }

// Run tests each expectation and yields what was found: checked without findings where the server meets it. A server that gives no
// answer in one case has a finding; one that gives none to the first request is not there, and the run ends. An answer with
// status 429 is no verdict: the run waits as the server asks and asks again. The sequence ends early when ctx does. It only
// reads.
func Run(ctx context.Context, c *contract.Contract, target Target) iter.Seq[Verdict] {
	return func(yield func(Verdict) bool) {
		ctx, cancel := context.WithTimeoutCause(ctx, cmp.Or(target.Deadline, 10*time.Minute), errTooLong)
		defer cancel()
		if target.Transport == nil {
			target.Transport = http.DefaultTransport
		}
		t := &tester{ctx: ctx, target: target}
		var err error
		if t.contract, err = c.At(target.URL); err != nil {
			yield(Verdict{Err: err})
			return
		}
		for _, e := range expectations {
			if slices.Contains(target.Skip, e.Code) {
				continue
			}
			result, err := t.test(e)
			if context.Cause(ctx) == errTooLong { //nolint:errorlint // it is the cause itself
				err = errTooLong
			}
			if err != nil {
				result = nil
			}
			if !yield(Verdict{e, result, err}) || !t.there || ctx.Err() != nil {
				return
			}
		}
	}
}

var errTooLong = errors.New("the run took longer than it may, so that the rest was not tested")

type tester struct {
	ctx      context.Context
	contract *contract.Contract
	target   Target
	there    bool  // the server has answered
	first    *page // of conversations, which the first expectation got
}

// conversation returns the id of the first conversation with a message or else of the first, "" where there is none.
func (t *tester) conversation() (id string) {
	if t.first == nil {
		return ""
	}
	for _, conv := range t.first.Data {
		if said := string(conv.LastMessage); said != "" && said != "null" {
			return conv.ID.String()
		}
		id = cmp.Or(id, conv.ID.String())
	}
	return id
}

// test asks, for a walk again and again, and judges the answers.
func (t *tester) test(e Expectation) (*contract.Result, error) {
	result := &contract.Result{Exchange: &exchange.Exchange{Method: http.MethodGet, Source: exchange.Source{File: string(e.Code)}}}
	op := t.contract.Compiled().Operation(e.operation)
	switch {
	case op == nil:
		result.Outcome, result.Reason = contract.NotChecked, "not asked, as the contract has no operation "+e.operation
		return result, nil
	case t.there && t.conversation() == "" && takesConversation(op):
		result.Outcome, result.Reason = contract.NotChecked, "not asked, as the list's first page has no conversation"
		return result, nil
	}
	walk := t.contract.NewWalk()
	for n := 1; n <= cmp.Or(t.target.Pages, 10); n++ {
		ex, err := t.ask(e, op, n)
		result.Exchange = ex
		if none, ok := errors.AsType[*noAnswerError](err); ok && t.there {
			result.Findings = append(result.Findings, t.finding(e, ex, none.Error()))
			break
		}
		if err != nil {
			return nil, err
		}
		checked := walk.Check(ex)
		found := result.Findings // of the pages before
		*result = *checked
		result.Findings = found
		for _, f := range checked.Findings {
			isRequest := strings.HasPrefix(string(f.Part), "request")
			if !e.broken || !isRequest && f.Code != finding.CodeOperation {
				result.Findings = append(result.Findings, f)
			}
		}
		page := pageOf(ex)
		if got := e.judge(t, ex, page); got != "" {
			result.Findings = append(result.Findings, t.finding(e, ex, got))
		}
		if !e.walk || page == nil || n >= page.Metadata.TotalPages {
			break
		}
	}
	return result, nil
}

func (t *tester) finding(e Expectation, ex *exchange.Exchange, got string) finding.Finding {
	return finding.Finding{
		Source: ex.Source, Severity: finding.Violation, Code: e.Code, Part: finding.PartStatus, Expected: e.Expect, Got: got, Evidence: e.Evidence,
	}
}

// noAnswerError tells why a request got no answer.
type noAnswerError struct{ cause error }

func (n *noAnswerError) Error() string { return "no answer: " + n.cause.Error() }

// maxTries is how often a request is sent that the server's rate limit refuses.
const maxTries = 10

// ask sends a request until the answer is no 429. n is the page that a walk asks for. The exchange is never nil.
func (t *tester) ask(e Expectation, op *spec.Operation, n int) (*exchange.Exchange, error) {
	name := string(e.Code)
	if e.walk {
		name = fmt.Sprintf("%s page %d", e.Code, n)
	}
	for try := 1; ; try++ {
		ex, err := t.send(e, op, n)
		ex.Source = exchange.Source{File: name}
		switch {
		case err != nil && t.ctx.Err() != nil:
			return ex, context.Cause(t.ctx)
		case err != nil:
			return ex, &noAnswerError{exchange.Cause(err)}
		}
		t.there = true
		if ex.Status != http.StatusTooManyRequests {
			return ex, nil
		}
		if try == maxTries {
			return ex, errors.New("no verdict: the server answers 429 again and again")
		}
		select {
		case <-time.After(wait(ex)):
		case <-t.ctx.Done():
			return ex, context.Cause(t.ctx)
		}
	}
}

// wait returns how long a rate limit asks to wait: a second where it does not tell, and a minute at most.
func wait(ex *exchange.Exchange) time.Duration {
	after := strings.TrimSpace(ex.ResponseHeader.Get("Retry-After"))
	if seconds, err := strconv.Atoi(after); err == nil {
		return min(max(0, time.Duration(min(seconds, 60))*time.Second), time.Minute)
	}
	now, err := http.ParseTime(ex.ResponseHeader.Get("Date")) // by the server's own clock
	if err != nil {
		now = time.Now()
	}
	if until, err := http.ParseTime(after); err == nil {
		return min(max(0, until.Sub(now)), time.Minute)
	}
	return time.Second
}

// placeholder matches a parameter in a path of the contract.
var placeholder = lazy.Regexp(`\{[^}]*\}`)

// takesConversation reports whether the path of an operation has a parameter after the chatbot's id.
func takesConversation(op *spec.Operation) bool {
	return len(placeholder().FindAllString(op.FullPath(), -1)) > 1
}

// send sends a request once. The exchange is never nil.
func (t *tester) send(e Expectation, op *spec.Operation, n int) (*exchange.Exchange, error) {
	ex := &exchange.Exchange{}
	ctx, cancel := context.WithTimeout(t.ctx, cmp.Or(t.target.Timeout, 30*time.Second))
	defer cancel()
	capture := t.contract.Capture(func(captured *exchange.Exchange) { ex = captured })
	r := &request{method: op.Method, ids: []string{t.target.ChatbotID, t.conversation()}, key: t.target.Key, query: url.Values{}, header: http.Header{}}
	if e.request(r); e.walk {
		r.query.Set(op.Counter, strconv.Itoa(n))
	}
	path := placeholder().ReplaceAllStringFunc(op.FullPath(), func(string) string {
		id := r.ids[0]
		r.ids = r.ids[1:]
		return url.PathEscape(id)
	})
	req, err := http.NewRequestWithContext(ctx, r.method, strings.TrimSuffix(t.target.URL, "/")+path, strings.NewReader(r.body))
	if err != nil {
		return ex, err
	}
	req.Header, req.URL.RawQuery = r.header, r.query.Encode()
	if r.key != "" {
		for _, name := range capture.KeyHeaders {
			req.Header.Set(name, r.key)
		}
	}
	// A transport follows no redirects, so the key stays with this server.
	resp, err := capture.Transport(t.target.Transport).RoundTrip(req)
	if err != nil {
		return ex, err
	}
	_, err = io.Copy(io.Discard, resp.Body)
	return ex, errors.Join(err, resp.Body.Close())
}

// pageOf returns the page that an answer holds, or nil.
func pageOf(ex *exchange.Exchange) *page {
	var p page
	body, err := ex.Body()
	if ex.Status != http.StatusOK || err != nil || json.Unmarshal(body, &p) != nil {
		return nil
	}
	return &p
}
