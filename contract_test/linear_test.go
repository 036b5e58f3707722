package contract_test

import (
	"strings"
	"testing"

	"github.com/okchat/okchat-go"
	"github.com/okchat/okchat-go/contract"
	"github.com/okchat/okchat-go/contract/finding"
	"github.com/okchat/okchat-go/exchange"
)

// exchangeOf returns a call as it would be read from a recording.
func exchangeOf(c *call) *exchange.Exchange {
	return &exchange.Exchange{
		Source: exchange.Source{File: "made.har", Entry: 1}, Synthetic: true, Shareable: true, Method: c.method, URL: c.url, Time: c.at, Status: c.status,
		RequestHeader: map[string][]string{"X-Api-Key": {c.key}}, ResponseHeader: map[string][]string{"Content-Type": {c.mime}}, ResponseBody: []byte(c.body),
	}
}

// TestTheWorkGrowsAsThePage counts allocations, which follow the work of the rules: a page of ten times the size may cost
// twelve times as many. A rule that looks at too much would not be checked.
func TestTheWorkGrowsAsThePage(t *testing.T) {
	inOneGoroutine(t)
	c := theContract(t)
	for _, test := range []struct {
		name   string
		second func(n int, p map[string]any) // what page 2 is like
	}{
		{"a walk", func(int, map[string]any) {}},
		{"a total that rises", func(n int, p map[string]any) {
			p["data"] = append(list(1, n, 2*n)["data"].([]any)[n/2:], p["data"].([]any)[:n/2]...)
			metadata(p)["totalCount"], metadata(p)["totalPages"] = 2*n+n/2, 3
		}},
		{"each item in the future", func(n int, p map[string]any) {
			for i := range n {
				item(p, i)["updated_at"] = "2999-01-01T00:00:00Z"
			}
		}},
		{"each item new and broken", func(n int, p map[string]any) {
			for i := range n {
				item(p, i)["state"], item(p, i)["active"], item(p, i)["chatbot_id"], item(p, i)["new"] = "closed", 7, another, true
			}
		}},
	} {
		cost := make(map[int]float64)
		for _, n := range []int{1000, 10000} {
			first, page := exchangeOf(good("?page=1", list(1, n, 2*n))), list(2, n, 2*n)
			test.second(n, page)
			second := exchangeOf(good("?page=2", page))
			cost[n] = testing.AllocsPerRun(1, func() {
				walk := c.NewWalk()
				for _, ex := range []*exchange.Exchange{first, second} {
					if r := walk.Check(ex); r.Outcome != contract.Checked {
						t.Fatalf("%s: %d items: not checked: %s", test.name, n, r.Reason)
					}
				}
			})
		}
		t.Logf("%s: %.1f times", test.name, cost[10000]/cost[1000])
		if factor := cost[10000] / cost[1000]; factor > 12 {
			t.Errorf("%s: a page of 10,000 costs %.1f times one of 1,000", test.name, factor)
		}
	}
}

func TestARuleThatLooksAtTooMuchIsNotChecked(t *testing.T) {
	inOneGoroutine(t)
	t.Parallel()
	spec := strings.Replace(okchat.OpenAPI(), "rule: '!(self in before)'", "rule: 'body.data.filter(c, c.id == self).size() == 1'", 1)
	if spec == okchat.OpenAPI() {
		t.Fatal("the contract has changed: choose another rule")
	}
	c, err := contract.Parse([]byte(spec), "slow.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if r := c.Check(exchangeOf(good("", list(1, 100, 100)))); r.Outcome != contract.Checked || len(r.Findings) != 0 {
		t.Errorf("expected a page of 100 to be checked, got %q and %v", r.Reason, r.Findings)
	}
	r := c.Check(exchangeOf(good("?page=2", list(1, 3000, 3000))))
	if r.Outcome != contract.NotChecked || !strings.Contains(r.Reason, "unique-id") {
		t.Errorf("expected the rule not to be checked on a page of 3,000, got outcome %d %q", r.Outcome, r.Reason)
	}
	if len(r.Findings) != 1 || r.Findings[0].Code != "page-echo" {
		t.Errorf("expected the other rules to be checked, got %v", r.Findings)
	}
}

// A hundred kinds of drift must not hide a violation behind them.
func TestNoFaultIsLostBehindOthers(t *testing.T) {
	t.Parallel()
	page := list(1, 500, 500)
	for i := range 500 {
		item(page, i)["state"], item(page, i)["new"] = "closed", true
	}
	item(page, 499)["active"] = nil
	r := theContract(t).Check(exchangeOf(good("", page)))
	count := make(map[finding.Code]int)
	for _, f := range r.Findings {
		count[f.Code] += f.Count
	}
	if count[finding.CodeType] != 1 || count[finding.CodeValue] != 500 || count[finding.CodeMember] != 500 {
		t.Errorf("expected a violation beside 500 drifts of two kinds, got %v", count)
	}
}
