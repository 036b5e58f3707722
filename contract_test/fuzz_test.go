package contract_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/okchat/okchat-go/contract"
	"github.com/okchat/okchat-go/contract/finding"
	"github.com/okchat/okchat-go/contract/redact"
	"github.com/okchat/okchat-go/exchange"
)

// FuzzExchange: a check never panics and a finding is one line without the body's texts. What is redacted, written and
// read again holds no leak and has the same verdict.
func FuzzExchange(f *testing.F) {
	for _, ex := range makeCorpus(&testing.T{}).list {
		last := ex.exchanges[len(ex.exchanges)-1]
		f.Add(last.URL, last.Status, last.ResponseHeader.Get("Content-Type"), last.ResponseBody)
	}
	c, err := newContract()
	if err != nil {
		f.Fatal(err)
	}
	r, err := redact.New(c, []byte(salt))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, url string, status int, contentType string, body []byte) {
		ex := &exchange.Exchange{
			Source: exchange.Source{File: "fuzz"}, Method: http.MethodGet, URL: url, Status: status, ResponseBody: body,
			RequestHeader: http.Header{"X-Api-Key": {"canary-0123456789abcdef"}}, ResponseHeader: http.Header{"Content-Type": {contentType}},
		}
		before := c.Check(ex).Findings
		for _, finding := range before {
			if line := finding.String(); strings.ContainsAny(line, "\n\r") || len([]rune(line)) > 300 {
				t.Fatalf("not one line: %q", line)
			}
		}
		redact.Leaks(c.Check(ex))
		if c.Check(ex).Outcome == contract.Elsewhere {
			return
		}
		safe := again(t, redacted(t, r, c.Check(ex)))
		for _, leak := range redact.Leaks(c.Check(safe)) {
			t.Fatalf("%s in %s", leak, safe.ResponseBody)
		}
		broken := func(list []finding.Finding) bool {
			for _, f := range list {
				if f.Severity == finding.Violation {
					return true
				}
			}
			return false
		}
		if after := c.Check(safe).Findings; broken(before) != broken(after) {
			t.Fatalf("expected the verdict on %v to stay, got %v from %q", before, after, safe.ResponseBody)
		}
	})
}
