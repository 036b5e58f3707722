package contract_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/okchat/okchat-go/contract"
	"github.com/okchat/okchat-go/contract/redact"
)

// A body that was made to be slow takes no longer than its size asks for: the work for a finding would otherwise be done a
// hundred thousand times. The test would not end in its time.
func TestABodyFullOfFaultsIsToldOfInPart(t *testing.T) {
	t.Parallel()
	c, err := contract.New()
	if err != nil {
		t.Fatal(err)
	}
	var members, items strings.Builder
	for i := range 50_000 {
		fmt.Fprintf(&members, `"m%d@example.com":"m%d@example.com",`, i, i)
		items.WriteString(`7,`)
	}
	for name, body := range map[string]string{
		"members": `{` + members.String() + `"data":[]}`,
		"items":   `{"data":[` + items.String() + `7]}`,
		"depth":   strings.Repeat(`{"data":[`, 50_000),
		"blanks":  `{"data":[]` + strings.Repeat(" ", 1_000_000) + `}`,
	} {
		ex := recorded(t, "page-1.har")
		ex.ResponseBody = []byte(body)
		r := c.Check(ex)
		found, leaks := r.Findings, redact.Leaks(r)
		if len(found) == 0 || len(found) > 350 || len(leaks) > 110 {
			t.Errorf("%s: expected up to a few hundred findings, got %d and %d", name, len(found), len(leaks))
		}
	}
}
