package contract_test

import (
	"bytes"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/okchat/okchat-go/contract"
	"github.com/okchat/okchat-go/contract/finding"
	"github.com/okchat/okchat-go/contract/recordings"
	"github.com/okchat/okchat-go/contract_test/shapes"
	"github.com/okchat/okchat-go/exchange"
)

// TestEachShapeOfARecordingIsJudgedRightly records a page that keeps the contract, and one that breaks it, in the shape of each
// producer. A shape without the body is not checked, and neither clean nor broken.
func TestEachShapeOfARecordingIsJudgedRightly(t *testing.T) {
	t.Parallel()
	c := theContract(t)
	good := string(recorded(t, "page-1.har")[0].ResponseBody)
	bad := strings.Replace(good, `"totalPages": 2`, `"totalPages": 3`, 1)
	judged := 0
	for page, code := range map[string]finding.Code{good: "", bad: "total-pages"} {
		for _, shape := range shapes.All(path, page) {
			entry, request, response, content := shapes.Entry(path, page)
			shape.Change(entry, request, response, content)
			entry["_published"] = true
			har := shapes.HAR(entry)
			recording := exchange.Recording{Name: "x.har", Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(har)), nil }}
			for result, err := range recordings.Check(t.Context(), c, []exchange.Recording{recording}) {
				if err != nil {
					t.Errorf("%s: %v", shape.Name, err)
					continue
				}
				judged++
				codes := []finding.Code{}
				for _, f := range result.Findings {
					codes = append(codes, f.Code)
				}
				switch {
				case shape.Unread != "" && (result.Outcome != contract.NotChecked || len(codes) > 0):
					t.Errorf("%s: expected it not to be checked, got %v with %v", shape.Name, result.Outcome, codes)
				case shape.Unread == "" && result.Outcome != contract.Checked:
					t.Errorf("%s: expected it to be checked, got %s", shape.Name, result.Reason)
				case shape.Unread == "" && code == "" && len(codes) > 0, shape.Unread == "" && code != "" && !slices.Equal(codes, []finding.Code{code}):
					t.Errorf("%s: expected %q alone, got %v", shape.Name, code, codes)
				}
			}
		}
	}
	t.Logf("%d recordings in the shapes of producers", judged)
}
