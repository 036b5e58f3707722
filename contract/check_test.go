package contract_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"github.com/okchat/okchat-go/contract"
	"github.com/okchat/okchat-go/contract/finding"
	"github.com/okchat/okchat-go/contract_test/recordings"
	"github.com/okchat/okchat-go/exchange"
)

// recorded returns the first exchange of a recording.
func recorded(t *testing.T, name string) *exchange.Exchange {
	t.Helper()
	file, err := recordings.FS().Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for ex, err := range exchange.ReadHAR(file, name) {
		if err != nil {
			t.Fatal(err)
		}
		return ex
	}
	t.Fatal("expected an entry")
	return nil
}

// wantFinding fails unless a finding is whole and its line is one of at most 300 characters.
func wantFinding(t *testing.T, f finding.Finding) {
	t.Helper()
	line := f.String()
	if strings.ContainsAny(line, "\n\r") || !utf8.ValidString(line) || utf8.RuneCountInString(line) > 300 {
		t.Errorf("expected one line of at most 300 characters, got %d bytes: %q", len(line), line)
	}
	if f.Severity == "" || f.Code == "" || f.Part == "" || f.Expected == "" || f.Got == "" {
		t.Errorf("expected a whole finding, got %+v", f)
	}
}

func TestEachFaultOfAnExchangeIsOneFinding(t *testing.T) {
	t.Parallel()
	c, err := contract.New()
	if err != nil {
		t.Fatal(err)
	}
	const path = "/api/external/chatbot/5afe16ed-5fd2-4552-a993-903bc9c32bb6/conversations"
	body := func(old, new string) func(*exchange.Exchange) {
		return func(ex *exchange.Exchange) {
			ex.ResponseBody = []byte(strings.Replace(string(ex.ResponseBody), old, new, 1))
		}
	}
	url := func(url string) func(*exchange.Exchange) { return func(ex *exchange.Exchange) { ex.URL = url } }
	for _, test := range []struct {
		name   string
		change func(*exchange.Exchange)
		want   string // severity, code, part and pointer of the only finding, or "" for none
	}{
		{"nothing changed", func(*exchange.Exchange) {}, ""},
		{"another host", url("http://127.0.0.1:8080" + path), ""},
		{"all parameters", url(path + "?page=1&limit=10&state=in_progress"), ""},
		{"no key", func(ex *exchange.Exchange) { ex.RequestHeader.Del("x-api-key") }, "violation key: request header x-api-key"},
		{"no request header at all", func(ex *exchange.Exchange) { ex.RequestHeader = nil }, "violation key: request header x-api-key"},
		{"page is no number", url(path + "?page=abc"), "violation type: request query parameter page"},
		{"page 0", url(path + "?page=0"), "violation range: request query parameter page"},
		{"a chatbot id that is none", url("/api/external/chatbot/7/conversations"), "violation format: request path parameter chatbotId"},
		{"another path", url("/api/external/knowledge"), "elsewhere"},
		{"a URL that is none", url("http://[::1"), "elsewhere"},
		{"a path that has a slash too many", url(path + "/"), "not checked"},
		{"a path below another", url("/gateway" + path), "not checked"},
		{"a path with an encoded letter", url(strings.Replace(path, "chatbot", "chat%62ot", 1)), ""},
		{"a method in lower case", func(ex *exchange.Exchange) { ex.Method = "get" }, ""},
		{"a preflight", func(ex *exchange.Exchange) {
			ex.Method = "OPTIONS"
			ex.RequestHeader.Set("Access-Control-Request-Method", "GET")
		}, "elsewhere"},
		{"no answer", func(ex *exchange.Exchange) { ex.Unread = exchange.NoAnswer }, "not checked"},
		{"a body that was not recorded", func(ex *exchange.Exchange) { ex.Unread = exchange.NotRecorded }, "not checked"},
		{"a body that was not recorded of an answer with another type", func(ex *exchange.Exchange) {
			ex.Unread = exchange.NotRecorded
			ex.ResponseHeader.Set("Content-Type", "text/html")
		}, "violation content-type: response header Content-Type"},
		{"an encoding that nobody here undoes", func(ex *exchange.Exchange) { ex.Decoded = false; ex.ResponseHeader.Set("Content-Encoding", "compress") }, "not checked"},
		{"an answer 304", func(ex *exchange.Exchange) { ex.Status = 304 }, "not checked"},
		{"a charset among other parameters", func(ex *exchange.Exchange) {
			ex.ResponseHeader.Set("Content-Type", "application/json; charset=UTF-8; profile=x")
		}, ""},
		{"another method", func(ex *exchange.Exchange) { ex.Method = "POST" }, "violation operation: request"},
		{"HEAD", func(ex *exchange.Exchange) { ex.Method, ex.ResponseBody = "HEAD", nil }, ""},
		{"a status outside the contract", func(ex *exchange.Exchange) { ex.Status = 204 }, "drift undocumented-status: response status"},
		{"a redirect", func(ex *exchange.Exchange) { ex.Status = 301 }, "drift undocumented-status: response status"},
		{"a status that is none", func(ex *exchange.Exchange) { ex.Status = 999 }, "violation undocumented-status: response status"},
		{"HTML where JSON is due", func(ex *exchange.Exchange) { ex.ResponseHeader.Set("Content-Type", "text/html") }, "violation content-type: response header Content-Type"},
		{"no content type", func(ex *exchange.Exchange) { ex.ResponseHeader = nil }, "violation content-type: response header Content-Type"},
		{"a failure with anything", func(ex *exchange.Exchange) { ex.Status = 503; ex.ResponseBody = []byte("\xff<") }, ""},
		{"a failure without anything", func(ex *exchange.Exchange) { ex.Status = 418; ex.ResponseBody, ex.ResponseHeader = nil, nil }, ""},
		{"an empty Retry-After", func(ex *exchange.Exchange) { ex.Status = 503; ex.ResponseHeader.Set("Retry-After", "") }, "violation range: response header Retry-After"},
		{"a body cut off", func(ex *exchange.Exchange) { ex.ResponseBody = ex.ResponseBody[:4000] }, "violation json: response body"},
		{"no body", func(ex *exchange.Exchange) { ex.ResponseBody = nil }, "violation json: response body"},
		{"two documents", func(ex *exchange.Exchange) { ex.ResponseBody = append(ex.ResponseBody, "{}"...) }, "violation json: response body"},
		{"NaN", body(`"totalPages": 2`, `"totalPages": NaN`), "violation json: response body"},
		{"a number out of any range", body(`"totalPages": 2`, `"totalPages": 1e999`), "violation type: response body /metadata/totalPages"},
		{"an open set's value of another type", body(`"platform": "navertalktalk"`, `"platform": 7`), "violation type: response body /data/0/platform"},
		{"null for an open set", body(`"platform": "navertalktalk"`, `"platform": null`), "violation type: response body /data/0/platform"},
		{"a leaf of the union's object", body(`"sender_type": "bot"`, `"sender_type": 7`), "violation type: response body /data/0/last_message/sender_type"},
		{"a number for the union", body(`"Best places to visit in Bangkok"`, `7`), "violation union: response body /data/4/last_message"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			ex := recorded(t, "page-1.har")
			test.change(ex)
			r := c.Check(ex)
			got := map[contract.Outcome]string{contract.NotChecked: "not checked\n", contract.Elsewhere: "elsewhere\n"}[r.Outcome]
			if (r.Outcome == contract.Checked) != (r.Reason == "") {
				t.Errorf("expected a reason where something was not checked, got %q", r.Reason)
			}
			for _, f := range r.Findings {
				wantFinding(t, f)
				got += string(f.Severity) + " " + string(f.Code) + ": " + string(f.Part) + " " + f.Pointer + "\n"
			}
			if strings.Join(strings.Fields(got), " ") != test.want {
				t.Errorf("expected %q, got %q", test.want, got)
			}
		})
	}
}

// TestNoFindingHoldsWhatAnEndUserWrote puts marked text in each string of a page, breaks it in many ways, and looks for
// the mark.
func TestNoFindingHoldsWhatAnEndUserWrote(t *testing.T) {
	t.Parallel()
	c, err := contract.New()
	if err != nil {
		t.Fatal(err)
	}
	const mark = "secret 4711"
	ex := recorded(t, "page-1.har")
	for _, value := range []string{`"` + mark + `"`, `["` + mark + `"]`, `{"a":"` + mark + `"}`, `"` + strings.Repeat(mark, 1000) + `"`, `4711`} {
		members := []string{"id", "chatbot_id", "active", "platform", "state", "created_at", "last_message", "sns_user_id", "voice_path", "new"}
		text := `{"metadata":{"totalPages":` + value + `},"data":[{"last_message":{"content":` + value + `,"id":` + value + `,"sender_type":` + value + `}},{`
		for i, m := range members {
			if i > 0 {
				text += ","
			}
			text += `"` + m + `":` + value
		}
		ex.ResponseBody = []byte(text + `}]}`)
		ex.URL = "/api/external/chatbot/" + strings.ReplaceAll(mark, " ", "%20") + "/conversations?page=secret+4711&state=secret+4711"
		ex.ResponseHeader.Set("Content-Type", "application/json")
		findings := c.Check(ex).Findings
		if len(findings) < 20 {
			t.Errorf("expected at least 20 findings, got %d", len(findings))
		}
		ex.ResponseHeader.Set("Content-Type", mark)
		findings = append(findings, c.Check(ex).Findings...)
		ex.Method = mark
		findings = append(findings, c.Check(ex).Findings...)
		ex.Method = http.MethodGet
		for _, f := range findings {
			wantFinding(t, f)
			if strings.Contains(f.String(), "secret") || strings.Contains(f.Got+f.Expected+f.Pointer, "4711") {
				t.Errorf("expected a finding without the text, got %s", f)
			}
		}
	}
}

func TestALongPointerIsShortened(t *testing.T) {
	t.Parallel()
	ex := recorded(t, "page-1.har")
	ex.Source.File = strings.Repeat("long ", 100)
	ex.ResponseBody = []byte(`{"data":[],"` + strings.Repeat("k\\n", 500) + `":1}`)
	c, err := contract.New()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range c.Check(ex).Findings {
		wantFinding(t, f)
	}
}

func TestAContractIsSafeForConcurrentUse(t *testing.T) {
	t.Parallel()
	c, err := contract.New()
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	ex := recorded(t, "page-1.har")
	broken := *ex
	broken.ResponseBody = []byte(`{"data":[{}]}`)
	for range 8 {
		wg.Go(func() {
			for range 5 {
				if got := len(c.Check(ex).Findings); got != 0 {
					t.Errorf("expected no finding, got %d", got)
				}
				if got := len(c.Check(&broken).Findings); got != 16 {
					t.Errorf("expected 16 missing members, got %d", got)
				}
			}
		})
	}
	wg.Wait()
}
