// Package conform tests a server that implements OKChat's conversations endpoint: it asks what a client may ask, the
// wrong things too, and holds the answers to the contract and to what callers expect.
//
//	for expectation, result := range conform.Run(ctx, rules, conform.Target{URL: url, ChatbotID: id, Key: key}) {
//		if len(result.Findings) > 0 {
//			fmt.Println(expectation.Code, result.Findings[0])
//		}
//	}
//
// Little of this is documented by the vendor, so each expectation says how it is known. The generated server interface
// and package okchattest meet all of them.
package conform

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/okchat/okchat-go/contract"
	"github.com/okchat/okchat-go/exchange"
	"github.com/okchat/okchat-go/gen/okchatapi"
)

// Expectation is what a server is expected to do in one case.
type Expectation struct {
	// Code is its name, and that of its finding.
	Code contract.Code
	// Expect says what the server does.
	Expect string
	// Evidence is "documented", "observed" or "assumed".
	Evidence string

	request func(*request)
	// judge says what is wrong with an answer, "" for nothing. Where the answer is a page, page is not nil.
	judge func(t *tester, ex *exchange.Exchange, page *okchatapi.ConversationPage) string
	// broken requests are wrong on purpose, so only the answer is held to the contract.
	broken bool
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
	Skip []contract.Code
	// Transport sends the requests; nil stands for http.DefaultTransport.
	Transport http.RoundTripper
}

// request is one that an expectation changes.
type request struct {
	method, chatbot, key, body string
	query                      url.Values
	header                     http.Header
}

// Expectations returns all that Run tests, in its order; the walk comes last.
func Expectations() []Expectation { return slices.Clone(expectations) }

// Run tests each expectation and yields what was found: nothing where the server meets it. A server that gives no answer
// has a finding with the code of the expectation. The sequence ends early when ctx does. It only reads.
func Run(ctx context.Context, c *contract.Contract, target Target) iter.Seq2[Expectation, *contract.Result] {
	return func(yield func(Expectation, *contract.Result) bool) {
		if target.Transport == nil {
			target.Transport = http.DefaultTransport
		}
		t := &tester{ctx: ctx, contract: c, target: target}
		for _, e := range expectations {
			if slices.Contains(target.Skip, e.Code) {
				continue
			}
			if ctx.Err() != nil || !yield(e, t.test(e)) {
				return
			}
		}
	}
}

type tester struct {
	ctx      context.Context
	contract *contract.Contract
	target   Target
	first    *okchatapi.ConversationPage // what the first expectation got
}

// test asks once and judges the answer.
func (t *tester) test(e Expectation) *contract.Result {
	if e.request == nil {
		return t.walk(e)
	}
	ex, err := t.ask(e)
	if err != nil {
		return &contract.Result{Exchange: ex, Findings: []contract.Finding{t.finding(e, ex, "no answer: "+err.Error())}}
	}
	result := &contract.Result{Exchange: ex}
	for _, f := range t.contract.Check(ex).Findings {
		isRequest := strings.HasPrefix(string(f.Part), "request")
		if !e.broken || !isRequest && f.Code != contract.CodeOperation {
			result.Findings = append(result.Findings, f)
		}
	}
	page := pageOf(ex)
	if got := e.judge(t, ex, page); got != "" {
		result.Findings = append(result.Findings, t.finding(e, ex, got))
	}
	return result
}

func (t *tester) finding(e Expectation, ex *exchange.Exchange, got string) contract.Finding {
	return contract.Finding{
		Source: ex.Source, Severity: contract.Violation, Code: e.Code, Part: contract.PartStatus, Expected: e.Expect, Got: got, Evidence: e.Evidence,
	}
}

func (t *tester) ask(e Expectation) (*exchange.Exchange, error) {
	r := &request{method: http.MethodGet, chatbot: t.target.ChatbotID, key: t.target.Key, query: url.Values{}, header: http.Header{}}
	e.request(r)
	ex := &exchange.Exchange{Source: exchange.Source{File: string(e.Code)}, Method: r.method}
	ex.URL = strings.TrimSuffix(t.target.URL, "/") + "/api/external/chatbot/" + url.PathEscape(r.chatbot) + "/conversations"
	if len(r.query) > 0 {
		ex.URL += "?" + r.query.Encode()
	}
	var body io.Reader
	if r.body != "" {
		body = strings.NewReader(r.body)
	}
	req, err := http.NewRequestWithContext(t.ctx, r.method, ex.URL, body)
	if err != nil {
		return ex, err
	}
	req.Header = r.header
	ex.RequestHeader = r.header.Clone()
	if r.key != "" {
		req.Header.Set("x-api-key", r.key)
		ex.RequestHeader.Set("x-api-key", "REDACTED")
	}
	ex.Time = time.Now()
	// A transport follows no redirects, so the key stays with this server.
	resp, err := t.target.Transport.RoundTrip(req)
	if err != nil {
		return ex, err
	}
	defer resp.Body.Close()
	ex.Status, ex.ResponseHeader = resp.StatusCode, resp.Header
	ex.ResponseBody, err = io.ReadAll(io.LimitReader(resp.Body, 64<<20))
	return ex, err
}

func pageOf(ex *exchange.Exchange) *okchatapi.ConversationPage {
	var page okchatapi.ConversationPage
	if ex.Status != http.StatusOK || json.Unmarshal(ex.ResponseBody, &page) != nil {
		return nil
	}
	return &page
}

// walk asks for page after page and holds them against each other.
func (t *tester) walk(e Expectation) *contract.Result {
	pages := t.target.Pages
	if pages == 0 {
		pages = 10
	}
	walk, result := t.contract.NewWalk(), &contract.Result{}
	for n := 1; n <= pages; n++ {
		one := Expectation{Code: e.Code, Expect: e.Expect, Evidence: e.Evidence, request: query("page", strconv.Itoa(n))}
		ex, err := t.ask(one)
		ex.Source.File += fmt.Sprintf(" page %d", n)
		result.Exchange = ex
		if err != nil {
			result.Findings = append(result.Findings, t.finding(e, ex, "no answer: "+err.Error()))
			return result
		}
		result.Findings = append(result.Findings, walk.Check(ex).Findings...)
		page := pageOf(ex)
		if page == nil {
			result.Findings = append(result.Findings, t.finding(e, ex, fmt.Sprintf("status %d for page %d", ex.Status, n)))
			return result
		}
		if n >= page.Metadata.TotalPages {
			break
		}
	}
	return result
}
