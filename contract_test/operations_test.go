package contract_test

import (
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/okchat/okchat-go/contract"
	"github.com/okchat/okchat-go/contract/coverage"
	"github.com/okchat/okchat-go/contract/finding"
	"github.com/okchat/okchat-go/contract/redact"
	"github.com/okchat/okchat-go/exchange"
)

const (
	messagesURL = "https://v2.okchat.ai/api/external/chatbot/" + bot + "/messages?page=2"
	sendURL     = "https://v2.okchat.ai/api/external/chatbot/" + bot + "/messages"
)

// several is a contract with two paged operations and a plain one that takes a JSON body.
func several(t *testing.T) *contract.Contract {
	t.Helper()
	text, err := os.ReadFile("testdata/several.yaml")
	if err != nil {
		t.Fatal(err)
	}
	c, err := contract.Parse(text, "several.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func messages() *exchange.Exchange {
	return &exchange.Exchange{
		Method: http.MethodGet, URL: messagesURL, RequestHeader: http.Header{"X-Api-Key": {"REDACTED"}},
		Status: http.StatusOK, ResponseHeader: http.Header{"Content-Type": {"application/json"}},
		ResponseBody: []byte(`{"data":[{"id":"9e8d7c6b-5a4f-4e3d-a2b1-c0d9e8f7a6b5","text":"When do you open?"}],"metadata":{"currentPage":2,"pageSize":2,"totalCount":3,"totalPages":2}}`),
	}
}

func send(body string) *exchange.Exchange {
	return &exchange.Exchange{
		Method: http.MethodPost, URL: sendURL, RequestHeader: http.Header{"X-Api-Key": {"REDACTED"}, "Content-Type": {"application/json"}},
		RequestBody: []byte(body), Status: http.StatusCreated, ResponseHeader: http.Header{"Content-Type": {"application/json"}},
		ResponseBody: []byte(`{"id":"9e8d7c6b-5a4f-4e3d-a2b1-c0d9e8f7a6b5","text":"hello"}`),
	}
}

func TestTheSelfTestBreaksEachOperation(t *testing.T) {
	t.Parallel()
	one, err := several(t).SelfTest()
	if err != nil || one < 150 {
		t.Fatalf("expected at least 150 mutants of three operations, got %d and %v", one, err)
	}
}

// An operation's rules are broken in its own examples, whatever those of another operation showed of the same code.
func TestTheSelfTestBreaksARuleInEachOperation(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("testdata/several.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ name, old, new, says string }{
		{
			"a walk whose example is the first page", "metadata: {currentPage: 2, pageSize: 2, totalCount: 3, totalPages: 2}",
			"metadata: {currentPage: 1, pageSize: 2, totalCount: 1, totalPages: 1}", "total-in-walk, so it proves nothing; a rule about a walk needs",
		},
		{
			"a rule of a code that another rule has", "      x-rules:\n        - shared: page-echo\n      parameters:",
			"      x-rules:\n        - {code: page-echo, expect: nothing, for: /data, rule: 'true', x-evidence: assumed}\n      parameters:", "page-echo, so it proves nothing",
		},
	} {
		spec := strings.Replace(string(text), test.old, test.new, 1)
		c, err := contract.Parse([]byte(spec), "several.yaml")
		if err != nil || spec == string(text) {
			t.Fatalf("%s: %v", test.name, err)
		}
		if _, err = c.SelfTest(); err == nil || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: expected an error that says %q, got %v", test.name, test.says, err)
		}
	}
}

func TestEachOperationIsChecked(t *testing.T) {
	t.Parallel()
	c := several(t)
	for _, test := range []struct {
		name string
		ex   *exchange.Exchange
		want []string
	}{
		{"a page of messages", messages(), nil},
		{"a value of which the contract says nothing", func() *exchange.Exchange {
			ex := messages()
			ex.ResponseBody = []byte(strings.Replace(string(ex.ResponseBody), `"text"`, `"calls":[{"name":"look_up","arguments":{"n":[1]}},null,7],"text"`, 1))
			return ex
		}(), nil},
		{"another page than asked for", func() *exchange.Exchange {
			ex := messages()
			ex.URL = strings.Replace(ex.URL, "page=2", "page=1", 1)
			return ex
		}(), []string{"violation page-echo /metadata/currentPage"}},
		{"a message that is sent", send(`{"text":"hello"}`), nil},
		{"a message of the wrong type", send(`{"text":7}`), []string{"violation type /text"}},
		{"a message with a new member", send(`{"text":"hello","to":"x"}`), []string{"drift undocumented-member /to"}},
		{"a message without text", send(`{}`), []string{"violation missing /text"}},
		{"a message that is no JSON", send(`text=hello`), []string{"violation json "}},
		{"a message that breaks a rule of the body", send(`{"text":"  "}`), []string{"violation not-blank /text"}},
		{"no message", send(``), []string{"violation missing "}},
		{"a conversation without the member that only the list requires", func() *exchange.Exchange {
			ex := messages()
			ex.URL = strings.Replace(ex.URL, "/messages?", "/conversations?", 1)
			ex.ResponseBody = []byte(strings.Replace(string(ex.ResponseBody), `"text":"When do you open?"`, `"stat":"open"`, 1))
			return ex
		}(), []string{"violation missing /data/0/state", "drift undocumented-member /data/0/stat"}},
		{"a method of neither", func() *exchange.Exchange {
			ex := messages()
			ex.Method = http.MethodDelete
			return ex
		}(), []string{"violation operation "}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := c.Check(test.ex)
			var got []string
			for _, f := range r.Findings {
				got = append(got, verdictOf(f))
				if f.Severity == finding.Violation && !strings.Contains(f.String(), "(several.yaml:") {
					t.Errorf("expected the contract's own name, got %s", f)
				}
			}
			if !slices.Equal(got, test.want) || r.Outcome != contract.Checked {
				t.Errorf("expected %q, got %q and outcome %d %s", test.want, got, r.Outcome, r.Reason)
			}
		})
	}
}

func TestEachOperationHasItsCoverage(t *testing.T) {
	t.Parallel()
	c := several(t)
	cov := coverage.New(c)
	_, all := cov.Count()
	for _, ex := range []*exchange.Exchange{messages(), send(`{"text":"hello"}`)} {
		cov.Add(c.Check(ex))
	}
	seen, _ := cov.Count()
	unseen := strings.Join(cov.Unseen(), "\n")
	if len(cov.Elements()) != 3 || seen < 10 || seen >= all || !strings.Contains(unseen, "state: given") || strings.Contains(unseen, "201: seen") {
		t.Errorf("expected the coverage of three operations, got %d of %d of %d, without\n%s", seen, all, len(cov.Elements()), unseen)
	}
}

func TestEachOperationIsRedacted(t *testing.T) {
	t.Parallel()
	c := several(t)
	r, err := redact.New(c, []byte(salt))
	if err != nil {
		t.Fatal(err)
	}
	for _, ex := range []*exchange.Exchange{messages(), send(`{"text":"hello"}`)} {
		before := c.Check(ex)
		if leaks := redact.Leaks(before); len(leaks) == 0 || leaks[0].Code != finding.CodeLeakedPerson {
			t.Errorf("%s: expected the text to be a leak, got %v", ex.URL, leaks)
		}
		safe := redacted(t, r, before)
		after := c.Check(safe)
		if strings.Contains(string(safe.ResponseBody), "open") || strings.Contains(string(safe.ResponseBody), "hello") || len(redact.Leaks(after)) != 0 {
			t.Errorf("%s: expected pseudonyms, got %s", ex.URL, safe.ResponseBody)
		}
		if ex.Method == http.MethodGet && len(after.Findings) != 0 {
			t.Errorf("expected the redacted page to keep the contract, got %v", after.Findings)
		}
	}
}

// An attachment's address identifies a person, and what a contract leaves open may hold a key or the company's instructions.
func TestNothingOfAnAttachmentOrOfAnOpenValueIsShared(t *testing.T) {
	t.Parallel()
	c := several(t)
	r, err := redact.New(c, []byte(salt))
	if err != nil {
		t.Fatal(err)
	}
	ex := messages()
	ex.ResponseBody = []byte(strings.Replace(string(ex.ResponseBody), `"text"`, `"attachment":"https://files.example/user_images/0.4064.png?for=jane",
		"calls":[{"settings":{"prompt":"Praise our jam."},"openai_api_key":"sk-proj-`+strings.Repeat("q7", 20)+`","mid":"msg-Nw5"}],"instructions":"Praise our jam.","text"`, 1))
	result := c.Check(ex)
	var codes []finding.Code
	for _, f := range redact.Leaks(result) {
		codes = append(codes, f.Code)
	}
	if !slices.Contains(codes, finding.CodeLeakedToken) || !slices.Contains(codes, finding.CodeLeakedPerson) {
		t.Errorf("expected the key and the file to be leaks, got %v", codes)
	}
	safe := redacted(t, r, result)
	body := string(safe.ResponseBody)
	for _, secret := range []string{"files.example", "user_images", "4064", "jane", "Praise", "jam", "q7q7", "msg-", "Nw5", "openai_api_key", "prompt"} {
		if strings.Contains(body, secret) {
			t.Errorf("expected nothing of %q, got %s", secret, body)
		}
	}
	if !strings.Contains(body, `"attachment":"https://`) || !slices.Equal(verdictsOf(result.Findings), verdictsOf(c.Check(safe).Findings)) {
		t.Errorf("expected an address and the findings %v to stay, got %s with %v", result.Findings, body, c.Check(safe).Findings)
	}
}

// What no check reads is refused with its place, and not passed over.
func TestAContractThatSaysMoreThanAnyCheckReadsIsRefused(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("testdata/several.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ name, old, new, says string }{
		{"callbacks", "      operationId: sendMessage\n", "      operationId: sendMessage\n      callbacks: {}\n", "callbacks of an operation"},
		{"a style", "        - name: page\n", "        - name: page\n          style: form\n", "style of a parameter"},
		{"links", "        '201':\n", "        '201':\n          links: {}\n", "links of a response"},
		{"an encoding", "            application/json:\n", "            application/json:\n              encoding: {}\n", "encoding of a body"},
		{"a schema of a text", "            application/json:\n", "            text/plain:\n", "a schema of text/plain"},
		{"a type for each schema of allOf", "        - required: [state]", "        - type: array", "type of several schemas"},
		{"a property in two schemas of allOf", "        - required: [state]", "        - properties: {state: {type: string}}", "described twice"},
		{"allOf in allOf", "        - required: [state]", "        - allOf: [{required: [state]}]", "allOf"},
		{"a member that no schema of allOf has", "        - required: [state]", "        - required: [status]", "not among the properties"},
		{"a rule that is not there", "- shared: page-echo", "- shared: page-echoes", "no rule"},
		{"a needed rule that is not there", "needs: [page-echo]", "needs: [page-echoes]", "needs"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			spec := strings.Replace(string(text), test.old, test.new, 1)
			if spec == string(text) {
				t.Fatal("the fixture has changed: choose another place")
			}
			_, err := contract.Parse([]byte(spec), "several.yaml")
			if err == nil || !strings.HasPrefix(err.Error(), "several.yaml:") || !strings.Contains(err.Error(), test.says) || strings.Contains(err.Error(), "\n") {
				t.Errorf("expected an error with the place that says %q, got %v", test.says, err)
			}
		})
	}
}

// TestASwitchedOffRuleTakesThoseWithItThatNeedIt holds that --off page-echo does not end the run.
func TestASwitchedOffRuleTakesThoseWithItThatNeedIt(t *testing.T) {
	inOneGoroutine(t)
	t.Parallel()
	for _, rule := range theContract(t).Rules() {
		without, err := theContract(t).Without(rule.Code)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := without.SelfTest(); err != nil {
			t.Errorf("without %s: %v", rule.Code, err)
		}
		if rule.Code == "page-echo" != (len(without.Silenced()) == 3) {
			t.Errorf("without %s: got %v switched off", rule.Code, without.Silenced())
		}
	}
	without, err := theContract(t).Without(finding.CodeKey)
	if err != nil {
		t.Fatal(err)
	}
	ex := *recorded(t, "page-1.har")[0]
	ex.RequestHeader = nil
	if found := without.Check(&ex).Findings; len(found) != 0 {
		t.Errorf("expected the key not to be missed, got %v", found)
	}
}
