package contract_test

import (
	"strings"
	"testing"

	"github.com/okchat/okchat-go/contract"
)

func TestAContractBelowABasePath(t *testing.T) {
	t.Parallel()
	c, err := contract.New()
	if err != nil {
		t.Fatal(err)
	}
	plain := recorded(t, "page-1.har")
	below := recorded(t, "page-1.har")
	below.URL = strings.Replace(below.URL, "/api/", "/okchat/api/", 1)
	for _, base := range []string{"/okchat", "okchat", "/okchat/", "https://gateway.example/okchat"} {
		moved, err := c.At(base)
		if err != nil {
			t.Fatal(err)
		}
		if moved, err = moved.Without("in-future"); err != nil {
			t.Fatal(err)
		}
		if findings := moved.Check(below).Findings; len(findings) != 0 {
			t.Errorf("%s: expected none, got %v", base, findings)
		}
		if r := moved.Check(plain); r.Outcome != contract.NotChecked || !strings.Contains(r.Reason, "not below the base path") {
			t.Errorf("%s: expected the path without its base to be told, got %v %q", base, r.Outcome, r.Reason)
		}
		if n, err := moved.SelfTest(); n < 100 || err != nil {
			t.Errorf("%s: expected the self-test to pass, got %d mutants and %v", base, n, err)
		}
		back, err := moved.At("")
		if err != nil {
			t.Fatal(err)
		}
		if findings := back.Check(plain).Findings; len(findings) != 0 {
			t.Errorf("%s: expected the base to be replaced, got %v", base, findings)
		}
	}
	for _, base := range []string{"/x?y=1", "mailto:x", "/%zz"} {
		if _, err := c.At(base); err == nil {
			t.Errorf("%s: expected an error", base)
		}
	}
}
