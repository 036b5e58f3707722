package contract_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/okchat/okchat-go/contract"
	"github.com/okchat/okchat-go/contract/finding"
	"github.com/okchat/okchat-go/contract/redact"
	"github.com/okchat/okchat-go/exchange"
)

// exhibit is an exchange, or the pages of a walk, made from the vendor's sample, and what a check has to say of the last of
// them: want is "severity code pointer", "" for nothing.
type exhibit struct {
	class, name string
	exchanges   []*exchange.Exchange
	want        string
}

const (
	bot     = "5afe16ed-5fd2-4552-a993-903bc9c32bb6"
	path    = "https://v2.okchat.ai/api/external/chatbot/" + bot + "/conversations"
	another = "00000000-0000-4000-8000-000000000000"
)

// corpus collects exhibits.
type corpus struct {
	t    *testing.T
	list []exhibit
	// pages are the recorded page and the synthetic one after it.
	pages [2]*exchange.Exchange
}

func (c *corpus) copy(page int) *exchange.Exchange {
	ex := *c.pages[page-1]
	ex.RequestHeader, ex.ResponseHeader = ex.RequestHeader.Clone(), ex.ResponseHeader.Clone()
	ex.ResponseBody = bytes.Clone(ex.ResponseBody)
	return &ex
}

// exchange adds page 1 with a change to the exchange.
func (c *corpus) exchange(class, name, want string, change func(*exchange.Exchange)) {
	ex := c.copy(1)
	change(ex)
	c.list = append(c.list, exhibit{class, name, []*exchange.Exchange{ex}, want})
}

// body adds page 1 with a change to the decoded body.
func (c *corpus) body(class, name, want string, change func(page map[string]any)) {
	c.exchange(class, name, want, func(ex *exchange.Exchange) { ex.ResponseBody = c.edit(ex.ResponseBody, change) })
}

func (c *corpus) edit(body []byte, change func(page map[string]any)) []byte {
	page := decode(c.t, body).(map[string]any)
	change(page)
	return encode(c.t, page)
}

// text adds page 1 with a change to the body's text.
func (c *corpus) text(class, name, want, old, new string) {
	c.exchange(class, name, want, func(ex *exchange.Exchange) {
		text := strings.Replace(string(ex.ResponseBody), old, new, 1)
		if text == string(ex.ResponseBody) && old != new {
			c.t.Fatalf("%s: the sample no longer holds %q", name, old)
		}
		ex.ResponseBody = []byte(text)
	})
}

// walk adds both pages with a change to each.
func (c *corpus) walk(class, name, want string, first, second func(page map[string]any)) {
	one, two := c.copy(1), c.copy(2)
	one.ResponseBody, two.ResponseBody = c.edit(one.ResponseBody, first), c.edit(two.ResponseBody, second)
	c.list = append(c.list, exhibit{class, name, []*exchange.Exchange{one, two}, want})
}

func unchanged(map[string]any) {}

// item returns a conversation of a page.
func item(page map[string]any, i int) map[string]any { return page["data"].([]any)[i].(map[string]any) }

func metadata(page map[string]any) map[string]any { return page["metadata"].(map[string]any) }

// put sets a member of a conversation.
func put(i int, name string, value any) func(map[string]any) {
	return func(page map[string]any) { item(page, i)[name] = value }
}

func makeCorpus(t *testing.T) *corpus {
	c := &corpus{t: t}
	c.pages[0], c.pages[1] = recorded(t, "page-1.har")[0], recorded(t, "page-2.har")[0]
	for _, add := range []func(){c.schema, c.formats, c.union, c.bytes, c.requests, c.meaning, c.reads, c.leaks, c.good} {
		add()
	}
	return c
}

// check returns what is found of an exhibit's last exchange, leaks included.
func (e exhibit) check(c *contract.Contract) []string {
	walk := c.NewWalk()
	var last *contract.Result
	for _, ex := range e.exchanges {
		last = walk.Check(ex)
	}
	var got []string
	switch last.Outcome {
	case contract.Elsewhere:
		got = append(got, "elsewhere")
	case contract.NotChecked:
		got = append(got, "not checked")
	}
	for _, f := range append(last.Findings, redact.Leaks(last)...) {
		if line := f.String(); len([]rune(line)) > 300 || strings.ContainsAny(line, "\n") || f.Expected == "" || f.Got == "" {
			got = append(got, fmt.Sprintf("not a finding of one line: %q", line))
		}
		if f.Severity == finding.Drift && e.class == "meaning" {
			continue // the other state is new to the contract as well
		}
		got = append(got, verdictOf(f))
	}
	return got
}

func verdictOf(f finding.Finding) string {
	return fmt.Sprintf("%s %s %s", f.Severity, f.Code, f.Pointer)
}

// misjudged says how a contract's verdict on an exhibit differs from what is expected: one finding for a fault, none for
// what is good. It is "" where they agree.
func (e exhibit) misjudged(c *contract.Contract) string {
	got := e.check(c)
	switch {
	case e.want == "" && len(got) > 0:
		return fmt.Sprintf("expected nothing, got %q", got)
	case e.want != "" && e.class == "leaks" && !slices.Contains(got, e.want):
		return fmt.Sprintf("expected %q among %q", e.want, got)
	// http.Header has a case of its own.
	case e.want != "" && e.class != "leaks" && (len(got) != 1 || !strings.EqualFold(got[0], e.want)):
		return fmt.Sprintf("expected %q alone, got %q", e.want, got)
	}
	return ""
}

func TestTheCorpus(t *testing.T) {
	t.Parallel()
	count := make(map[string]int)
	broken := 0
	for _, e := range makeCorpus(t).list {
		count[e.class]++
		if e.want != "" {
			broken++
		}
		if why := e.misjudged(theContract(t)); why != "" {
			t.Errorf("%s, %s: %s", e.class, e.name, why)
		}
	}
	fmt.Printf("corpus: %d broken, %d good; by class %v\n", broken, count["good"], count)
	if broken < 150 || count["good"] < 40 {
		t.Errorf("expected at least 150 broken and 40 good exhibits, got %d and %d", broken, count["good"])
	}
}

// TestKinJudgesTheCorpus has kin-openapi judge each page of the corpus by both editions of the contract, which must agree. With
// OKCHAT_CORPUS it writes them there, for a validator of another module to be held against: see bench.
func TestKinJudgesTheCorpus(t *testing.T) {
	t.Parallel()
	judge := newKin(t)
	var judged []judgedPage
	for _, e := range makeCorpus(t).list {
		for i, ex := range e.exchanges {
			if ex.Status == http.StatusOK && json.Valid(ex.ResponseBody) {
				name := fmt.Sprintf("%s, %s, exchange %d", e.class, e.name, i+1)
				judged = append(judged, judgedPage{name, ex.ResponseBody, judge.refuses(t, ex.ResponseBody)})
			}
		}
	}
	refused := 0
	for _, page := range judged {
		if page.Refused {
			refused++
		}
	}
	fmt.Printf("pages of the corpus that kin-openapi judges alike by openapi.yaml and by its edition for OpenAPI 3.0: %d, %d of them refused\n", len(judged), refused)
	if len(judged) < 200 || refused < 50 || refused == len(judged) {
		t.Errorf("expected at least 200 pages and some of each verdict, got %d, %d of them refused", len(judged), refused)
	}
	if to := os.Getenv("OKCHAT_CORPUS"); to != "" {
		if err := os.WriteFile(to, encode(t, judged), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

type judgedPage struct {
	Name    string `json:"name"`
	Body    []byte `json:"body"`
	Refused bool   `json:"refused"`
}

// TestEachRuleCatchesWhatNothingElseDoes takes each rule of meaning out: its cases then pass unseen.
func TestEachRuleCatchesWhatNothingElseDoes(t *testing.T) {
	t.Parallel()
	exhibits := makeCorpus(t).list
	for _, rule := range theContract(t).Rules() {
		without, err := theContract(t).Without(rule.Code)
		if err != nil {
			t.Fatal(err)
		}
		unseen := 0
		for _, e := range exhibits {
			if strings.Contains(e.want, " "+string(rule.Code)+" ") && !slices.ContainsFunc(e.check(without), func(got string) bool { return strings.HasPrefix(got, "violation") }) {
				unseen++
			}
		}
		if unseen == 0 {
			t.Errorf("expected a case that only %s catches, got none", rule.Code)
		}
	}
}
