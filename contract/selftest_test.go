package contract_test

import (
	"strings"
	"testing"

	"github.com/okchat/okchat-go"
	"github.com/okchat/okchat-go/contract"
)

func TestTheSelfTestPasses(t *testing.T) {
	t.Parallel()
	c, err := contract.New()
	if err != nil {
		t.Fatal(err)
	}
	n, err := c.SelfTest()
	t.Logf("%d mutants", n)
	if err != nil || n < 200 {
		t.Errorf("expected at least 200 mutants, got %d and the error %v", n, err)
	}
}

// A contract that says less, or a rule that can't fail, must not pass for one that was tested.
func TestTheSelfTestSeesAContractThatChecksNothing(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, old, new, says string }{
		{"a rule that always holds", `'!(self in before)'`, `'true || self in before'`, "unique-id"},
		{"a rule about a member that is not there", "for: /data/*/state\n", "for: /data/*/status\n", "state-filter"},
		{"an example that breaks a rule", "totalPages: 3\n", "totalPages: 2\n", "example"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			spec := strings.Replace(okchat.OpenAPI(), test.old, test.new, 1)
			if spec == okchat.OpenAPI() {
				t.Fatal("the contract has changed: choose another place")
			}
			c, err := contract.Parse([]byte(spec), "spec.yaml")
			if err != nil {
				t.Fatal(err)
			}
			_, err = c.SelfTest()
			wantLine(t, err, "spec.yaml:", test.says)
		})
	}
}

func BenchmarkSelfTest(b *testing.B) {
	c, err := contract.New()
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := c.SelfTest(); err != nil {
			b.Fatal(err)
		}
	}
}
