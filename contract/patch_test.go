package contract_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/okchat/okchat-go"
	"github.com/okchat/okchat-go/contract"
	"github.com/okchat/okchat-go/contract/finding"
)

// TestAPatchTeachesTheContractWhatDrifted applies each suggested patch and checks the same exchange again.
func TestAPatchTeachesTheContractWhatDrifted(t *testing.T) {
	t.Parallel()
	patch, err := exec.LookPath("patch")
	if err != nil {
		t.Skip("the program patch is not installed")
	}
	c, err := contract.New()
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ name, old, new string }{
		{"a value", `"sender_type": "bot"`, `"sender_type": "human_agent"`},
		{"a member that is a string", `"active": true`, `"active": true, "channel_id": "x"`},
		{"a member that is null", `"active": true`, `"active": true, "closed_at": null`},
		{"a member that is an array", `"active": true`, `"active": true, "tags": ["a"]`},
		{"a member that is an object", `"currentPage": 1`, `"currentPage": 1, "next": {}`},
		{"a member of a branch", `"sender_type": "bot"`, `"sender_type": "bot", "sent": 1`},
		{"a status", "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			ex := recorded(t, "page-1.har")
			if ex.ResponseBody = []byte(strings.Replace(string(ex.ResponseBody), test.old, test.new, 1)); test.old == "" {
				ex.Status = 202
			}
			findings := c.Check(ex).Findings
			if len(findings) != 1 || findings[0].Severity != finding.Drift {
				t.Fatalf("expected one drift, got %v", findings)
			}
			dir := t.TempDir()
			file := filepath.Join(dir, "openapi.yaml")
			if err := os.WriteFile(file, []byte(okchat.OpenAPI()), 0o600); err != nil {
				t.Fatal(err)
			}
			cmd := exec.CommandContext(t.Context(), patch, "-p1", "-s", "--fuzz=0")
			cmd.Dir, cmd.Stdin = dir, strings.NewReader(findings[0].Patch)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("%v: %s\n%s", err, out, findings[0].Patch)
			}
			learned, _ := os.ReadFile(file)
			taught, err := contract.Parse(learned, "openapi.yaml")
			if err != nil {
				t.Fatal(err)
			}
			if again := taught.Check(ex).Findings; len(again) != 0 {
				t.Errorf("expected the contract to have learned it, got %v from\n%s", again, findings[0].Patch)
			}
		})
	}
}
