package contract_test

import (
	"os"
	"strings"
	"testing"
)

// Each rule has its line in the guide, with the evidence that the contract gives it.
func TestTheGuideListsEachRule(t *testing.T) {
	t.Parallel()
	guide, err := os.ReadFile("../docs/checks.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, rule := range theContract(t).Rules() {
		found := false
		for line := range strings.Lines(string(guide)) {
			found = found || strings.HasPrefix(line, "|") && strings.Contains(line, "`"+string(rule.Code)+"`") && strings.Contains(line, "| "+rule.Evidence+" |")
		}
		if !found {
			t.Errorf("expected a line of docs/checks.md on %s, %s", rule.Code, rule.Evidence)
		}
	}
}
