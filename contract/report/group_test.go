package report_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/okchat/okchat-go/contract"
	"github.com/okchat/okchat-go/contract/report"
	"github.com/okchat/okchat-go/exchange"
)

const url = "https://v2.okchat.ai/api/external/chatbot/5afe16ed-5fd2-4552-a993-903bc9c32bb6/conversations?page=1&limit=500&state=in_progress"

// hostile is a member's name that a terminal and a runner of GitHub would obey.
const hostile = "x\n::error file=app.go::forged\n##[error]forged\x1b]0;title\x07\u202e"

// checked returns the result for a page of items, each of which is a JSON object.
func checked(t *testing.T, c *contract.Contract, items ...string) *contract.Result {
	t.Helper()
	return c.Check(&exchange.Exchange{
		Source: exchange.Source{File: "a.har", Entry: 3, Line: 7, Column: 9, Offset: 700}, Method: "GET", URL: url,
		RequestHeader: http.Header{"X-Api-Key": {"REDACTED"}}, Status: 200, ResponseHeader: http.Header{"Content-Type": {"application/json"}},
		ResponseBody: []byte(`{"data":[` + strings.Join(items, ",") + `],"metadata":{"currentPage":1,"pageSize":500,"totalCount":` + fmt.Sprint(len(items)) + `,"totalPages":1}}`),
	})
}

// conversation is an item with a state and one more member.
func conversation(i int, state, member string) string {
	return fmt.Sprintf(`{"id":"%08x-0000-4000-8000-000000000000","chatbot_id":"5afe16ed-5fd2-4552-a993-903bc9c32bb6","active":true,"is_human_mode":false,`+
		`"migrated_data":false,"platform":"web","state":%q,"created_at":"2025-03-07T04:56:09Z","updated_at":"2025-03-07T04:56:09Z",`+
		`"last_message":null,"metadata":{},"sns_user_id":null,"session_token":null,"user_id":null,"voice_path":null%s}`, i, state, member)
}

func reported(t *testing.T, c *contract.Contract, format string, opts report.Options, results ...*contract.Result) string {
	t.Helper()
	var out bytes.Buffer
	w, err := report.New(format, &out, c, opts)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range results {
		w.Result(r)
	}
	w.Error(fmt.Errorf("b.har: byte 7: expected JSON, got %q", hostile))
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func newContract(t *testing.T) *contract.Contract {
	t.Helper()
	c, err := contract.New()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestLikeFindingsAreOneWithTheirNumber(t *testing.T) {
	t.Parallel()
	c := newContract(t)
	var items []string
	for i := range 250 {
		items = append(items, conversation(i, "resolved", ""))
	}
	items = append(items, conversation(250, "in_progress", `,"channel":1`))
	one := checked(t, c, items...)
	count := &report.Count{}
	count.Add(one)
	if count.Drift != 251 || count.Violations != 250 {
		t.Errorf("expected 251 drift and 250 violations, got %v", count)
	}
	var parsed struct {
		Findings []struct {
			Code, Request string
			Count         int
			Also          []struct{ Source string }
		}
		Drift, Violations int
	}
	if err := json.Unmarshal([]byte(reported(t, c, "json", report.Options{}, one, one)), &parsed); err != nil {
		t.Fatal(err)
	}
	counts := make(map[string]int)
	for _, f := range parsed.Findings {
		counts[f.Code] = f.Count
		if want := "GET /api/external/chatbot/{chatbotId}/conversations?page=1&limit=500&state=in_progress"; f.Request != want {
			t.Errorf("expected the request %q, got %q", want, f.Request)
		}
		if len(f.Also) == 0 || len(f.Also) > 4 {
			t.Errorf("%s: expected the first places, got %d", f.Code, len(f.Also))
		}
	}
	if len(counts) != 3 || len(parsed.Findings) != 3 || counts["unknown-value"] != 500 || counts["state-filter"] != 500 || counts["undocumented-member"] != 2 {
		t.Errorf("expected three findings with their numbers, got %v", counts)
	}
	for format, pattern := range map[string]string{"sarif": `"ruleId"`, "github": `(?m)^::(error|warning) file`, "text": `(?m)^a.har:`, "junit": `500 in all`} {
		few, all := reported(t, c, format, report.Options{}, one, one), reported(t, c, format, report.Options{All: true}, one, one)
		n, m := len(regexp.MustCompile(pattern).FindAllString(few, -1)), len(regexp.MustCompile(pattern).FindAllString(all, -1))
		if format == "junit" { // an exchange is a test case
			if !strings.Contains(few, "250 in all") || strings.Contains(all, "250 in all") {
				t.Errorf("junit: expected like findings of one exchange as one, got %s", few)
			}
			continue
		}
		if n != 3 || m < 300 {
			t.Errorf("%s: expected 3 findings, with All each, got %d and %d", format, n, m)
		}
	}
}

func TestNoFormatObeysWhatItQuotes(t *testing.T) {
	t.Parallel()
	c := newContract(t)
	name, _ := json.Marshal(hostile)
	r := checked(t, c, conversation(1, "in_progress", `,`+string(name)+`:1`))
	if len(r.Findings) != 1 {
		t.Fatalf("expected one finding, got %v", r.Findings)
	}
	r.Findings[0].Source.File = hostile
	for _, format := range report.Formats() {
		out := reported(t, c, format, report.Options{}, r)
		if strings.ContainsAny(out, "\x1b\x07\u202e") || strings.Contains(out, "##[") {
			t.Errorf("%s: expected no control character, got %q", format, out)
		}
		for line := range strings.Lines(out) {
			if line = strings.TrimLeft(line, " \t"); strings.HasPrefix(line, "::") && !strings.HasPrefix(line, `::warning file=x\n`) && !strings.HasPrefix(line, "::error::b.har") {
				t.Errorf("%s: expected no workflow command but ours, got %q", format, line)
			}
		}
	}
}

func TestWhatWasNotCheckedIsToldInEachFormat(t *testing.T) {
	t.Parallel()
	c := newContract(t)
	ex := checked(t, c).Exchange
	unread := *ex
	unread.Unread = exchange.NotRecorded
	r := c.Check(&unread)
	for _, format := range report.Formats() {
		out := reported(t, c, format, report.Options{}, r, r, c.Check(ex))
		if !strings.Contains(out, string(exchange.NotRecorded)) {
			t.Errorf("%s: expected the reason, got %s", format, out)
		}
		if !strings.Contains(out, "b.har: byte 7") {
			t.Errorf("%s: expected the error, got %s", format, out)
		}
	}
	junit := reported(t, c, "junit", report.Options{}, r, c.Check(ex))
	if !strings.Contains(junit, `skipped="1"`) || !strings.Contains(junit, `name="entry 2: GET /api/external/chatbot/{chatbotId}/conversations?page=1&amp;limit=500&amp;state=in_progress"`) {
		t.Errorf("expected a skipped case and names of calls, got %s", junit)
	}
	count := &report.Count{}
	count.Add(r)
	if count.NotChecked != 1 || count.Checked != 0 || !strings.Contains(count.String(), "1 not checked") {
		t.Errorf("expected it to be counted apart, got %s", count)
	}
}

func TestSARIFNamesItsVersionAndItsColumns(t *testing.T) {
	t.Parallel()
	c := newContract(t)
	out := reported(t, c, "sarif", report.Options{Version: "v1.2.3"}, checked(t, c, conversation(1, "resolved", "")))
	for _, want := range []string{`"version": "v1.2.3"`, `"semanticVersion": "1.2.3"`, `"columnKind": "utf16CodeUnits"`, `"byteOffset": 700`, `"occurrenceCount": 1`} {
		if !strings.Contains(out, want) {
			t.Errorf("expected %s in %s", want, out)
		}
	}
}
