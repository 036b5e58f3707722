package contract_test

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/okchat/okchat-go/contract"
	"github.com/okchat/okchat-go/contract/finding"
	"github.com/okchat/okchat-go/contract/redact"
	"github.com/okchat/okchat-go/exchange"
)

func redactor(t testing.TB, salt string) *redact.Redactor {
	t.Helper()
	c, err := newContract()
	if err != nil {
		t.Fatal(err)
	}
	r, err := redact.New(c, []byte(salt))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

const salt = "a salt of sixteen bytes or more"

// again writes an exchange as a recording and reads it back.
func again(t testing.TB, ex *exchange.Exchange) *exchange.Exchange {
	t.Helper()
	var file bytes.Buffer
	w := exchange.NewHARWriter(&file)
	if err := w.Write(ex); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	for back, err := range exchange.ReadHAR(&file, "again.har") {
		if err != nil {
			t.Fatal(err)
		}
		return back
	}
	t.Fatal("expected an entry")
	return nil
}

func redacted(t testing.TB, r *redact.Redactor, result *contract.Result) *exchange.Exchange {
	t.Helper()
	safe, err := r.Exchange(result)
	if err != nil {
		t.Fatalf("%s: %v", result.Exchange, err)
	}
	return safe
}

// TestARedactedExchangeKeepsEveryFindingButLeaks redacts each exhibit of the corpus, writes it, reads it and checks it.
func TestARedactedExchangeKeepsEveryFindingButLeaks(t *testing.T) {
	inOneGoroutine(t)
	t.Parallel()
	c, r := theContract(t), redactor(t, salt)
	for _, e := range makeCorpus(t).list {
		before := verdictsOf(walked(c, e.exchanges))
		var safe []*exchange.Exchange
		for _, ex := range e.exchanges {
			if result := c.Check(ex); result.Outcome != contract.Elsewhere {
				safe = append(safe, again(t, redacted(t, r, result)))
			}
		}
		after := walked(c, safe)
		if got := verdictsOf(after); len(safe) == len(e.exchanges) && !slices.Equal(got, before) {
			t.Errorf("%s, %s: expected the findings %q to stay, got %q", e.class, e.name, before, got)
		}
		for _, ex := range safe {
			for _, f := range redact.Leaks(c.Check(ex)) {
				t.Errorf("%s, %s: %s", e.class, e.name, f)
			}
		}
	}
}

func walked(c *contract.Contract, list []*exchange.Exchange) []finding.Finding {
	walk := c.NewWalk()
	var findings []finding.Finding
	for _, ex := range list {
		findings = append(findings, walk.Check(ex).Findings...)
	}
	return findings
}

func verdictsOf(list []finding.Finding) []string {
	var out []string
	for _, f := range list {
		// A name that the contract does not know gets a pseudonym, too.
		names := strings.Split(f.Pointer, "/")
		for i, name := range names {
			if _, err := strconv.Atoi(name); err != nil && name != "" && !known(name) {
				names[i] = "?"
			}
		}
		out = append(out, string(f.Severity)+" "+string(f.Code)+" "+strings.Join(names, "/"))
	}
	return out
}

// known reports whether a name is one of a member, parameter or header of the contract.
func known(name string) bool {
	c, err := newContract()
	if err != nil || c.Compiled().Knows(name) || slices.Contains([]string{"X-Api-Key", "Content-Type", "Content-Encoding", "Retry-After"}, name) {
		return true
	}
	for _, op := range c.Compiled().Operations {
		for _, p := range op.Parameters {
			if p.Name == name {
				return true
			}
		}
	}
	return false
}

// TestNothingOfAPersonIsLeftOver looks for each text and id of the recorded pages in what is written of them.
func TestNothingOfAPersonIsLeftOver(t *testing.T) {
	t.Parallel()
	for _, ex := range all(t) {
		ex.RequestHeader.Set("X-Api-Key", "canary-key-777777777777")
		ex.RequestHeader.Set("Cookie", "sid=canary")
		ex.ResponseHeader.Set("Set-Cookie", "sid=canary")
		ex.ResponseHeader.Set("X-User", "canary")
		ex.Comment = "canary"
		var file bytes.Buffer
		w := exchange.NewHARWriter(&file)
		_ = w.Write(redacted(t, redactor(t, salt), theContract(t).Check(ex)))
		_ = w.Close()
		if strings.Contains(file.String(), "canary") {
			t.Errorf("%s: a secret was written", ex.Source)
		}
		if ex.Status != 200 {
			continue
		}
		for _, s := range private(decode(t, ex.ResponseBody), "") {
			if len(s) > 3 && strings.Contains(file.String(), s) {
				t.Errorf("%s: what an end user wrote, or who it is, or a secret, was written: %q", ex.Source, s)
			}
		}
	}
}

// private returns the strings in a body that must not be written.
func private(v any, name string) (list []string) {
	names := []string{"id", "chatbot_id", "session_id", "sns_user_id", "voice_path", "last_message", "content", "url", "prompt", "openai_api_key"}
	switch v := v.(type) {
	case string:
		if slices.Contains(names, name) {
			list = append(list, v)
		}
	case []any:
		for _, item := range v {
			list = append(list, private(item, name)...)
		}
	case map[string]any:
		for name, member := range v {
			list = append(list, private(member, name)...)
		}
	}
	return list
}

func TestPseudonymsDependOnTheSaltAlone(t *testing.T) {
	t.Parallel()
	ex := recorded(t, "page-1.har")[0]
	copied := func(salt string) *exchange.Exchange { return redacted(t, redactor(t, salt), theContract(t).Check(ex)) }
	one, two, other := copied(salt), copied(salt), copied(salt+"!")
	if !bytes.Equal(one.ResponseBody, two.ResponseBody) || one.URL != two.URL {
		t.Error("expected two runs with one salt to agree")
	}
	if bytes.Equal(one.ResponseBody, other.ResponseBody) || one.URL == other.URL {
		t.Error("expected another salt to make other pseudonyms")
	}
	if _, err := redact.New(theContract(t), []byte("short")); err == nil {
		t.Error("expected a short salt to be refused")
	}
}
