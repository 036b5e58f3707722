package report_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/okchat/okchat-go/contract"
	"github.com/okchat/okchat-go/contract/coverage"
	check "github.com/okchat/okchat-go/contract/recordings"
	"github.com/okchat/okchat-go/contract/report"
	"github.com/okchat/okchat-go/contract_test/recordings"
	"github.com/okchat/okchat-go/exchange"
)

// results are those of a recording with a fault of each severity, a clean one, one of another endpoint, and an error.
func results(t *testing.T, c *contract.Contract) []*contract.Result {
	t.Helper()
	file, err := recordings.FS().Open("page-1.har")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	text, err := io.ReadAll(file)
	if err != nil {
		t.Fatal(err)
	}
	broken := strings.NewReplacer(`\"totalPages\": 2`, `\"totalPages\": 3`, `\"sender_type\": \"bot\"`, `\"sender_type\": \"<agent> & co\"`,
		`\"state\": \"in_progress\"`, `\"state\": \"resolved\"`, `"_published": true`, `"_published": false`).Replace(string(text))
	elsewhere := strings.ReplaceAll(string(text), "/conversations", "/messages")
	var list []*contract.Result
	for _, har := range []string{string(text), broken, elsewhere + " "} {
		recording := exchange.Recording{Name: "a folder/page,1:%.har", Open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(har)), nil }}
		for r, err := range check.Check(t.Context(), c, []exchange.Recording{recording}) {
			if err == nil {
				list = append(list, r)
			}
		}
	}
	if len(list) != 3 || len(list[1].Findings) < 10 || list[2].Outcome != contract.Elsewhere {
		t.Fatalf("expected three results, the second with findings, got %d", len(list))
	}
	return list
}

func write(t *testing.T, format string, opts report.Options, failing ...error) []byte {
	t.Helper()
	c, err := contract.New()
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	w, err := report.New(format, &out, c, opts)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range results(t, c) {
		w.Result(r)
	}
	for _, err := range failing {
		w.Error(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

var errRead = errors.New("other.har: byte 7: expected JSON, got something else: record it again as HAR 1.2")

func TestJSONAndSARIFKeepTheirPublishedSchemas(t *testing.T) {
	t.Parallel()
	for format, file := range map[string]string{"json": "schema.json", "sarif": "testdata/sarif-schema-2.1.0.json"} {
		schema, err := jsonschema.NewCompiler().Compile(file)
		if err != nil {
			t.Fatal(err)
		}
		empty := new(bytes.Buffer)
		c, _ := contract.New()
		w, _ := report.New(format, empty, c, report.Options{})
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		for name, b := range map[string][]byte{
			"findings": write(t, format, report.Options{Version: "1.2.3"}), "strict": write(t, format, report.Options{Strict: true}, errRead), "nothing": empty.Bytes(),
		} {
			value, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
			if err != nil {
				t.Fatalf("%s, %s: %v", format, name, err)
			}
			if err := schema.Validate(value); err != nil {
				t.Errorf("%s, %s: %v", format, name, err)
			}
		}
		// The schema itself can say no.
		if schema.Validate(map[string]any{"version": 7}) == nil {
			t.Errorf("%s: a schema that takes everything", format)
		}
	}
}

func TestSARIFNamesRegions(t *testing.T) {
	t.Parallel()
	var log struct {
		Runs []struct {
			Results []struct {
				RuleID, Level string
				Locations     []struct {
					PhysicalLocation struct {
						ArtifactLocation struct{ URI string }
						Region           struct{ StartLine, StartColumn int }
					}
				}
				RelatedLocations []struct {
					PhysicalLocation struct{ Region struct{ StartLine int } }
				}
			}
		}
	}
	if err := json.Unmarshal(write(t, "sarif", report.Options{}), &log); err != nil {
		t.Fatal(err)
	}
	levels := make(map[string]int)
	for _, r := range log.Runs[0].Results {
		levels[r.Level]++
		place := r.Locations[0].PhysicalLocation
		if place.Region.StartLine != 53 || place.Region.StartColumn < 20 || place.ArtifactLocation.URI != "a%20folder/page,1:%25.har" {
			t.Errorf("%s: expected its place on line 53, got %+v", r.RuleID, place)
		}
		if !strings.HasPrefix(r.RuleID, "leaked") && r.RelatedLocations[0].PhysicalLocation.Region.StartLine == 0 {
			t.Errorf("%s: expected a line of the contract", r.RuleID)
		}
	}
	if levels["error"] < 2 || levels["warning"] != 2 {
		t.Errorf("expected errors and warnings, got %v", levels)
	}
}

func TestJUnitKeepsThePublishedSchema(t *testing.T) {
	t.Parallel()
	b := write(t, "junit", report.Options{}, errRead)
	var all struct {
		Tests    int `xml:"tests,attr"`
		Failures int `xml:"failures,attr"`
		Errors   int `xml:"errors,attr"`
	}
	if err := xml.Unmarshal(b, &all); err != nil || all.Tests != 3 || all.Failures != 1 || all.Errors != 1 {
		t.Errorf("expected 3 tests, 1 failure and 1 error, got %+v and %v", all, err)
	}
	const tool = "../../tools"
	if _, err := os.Stat(tool + "/node_modules/xmllint-wasm"); err != nil {
		if os.Getenv("OKCHAT_TEST_NODE") == "required" {
			t.Fatal("the packages of tools/package.json are not installed: run npm ci there")
		}
		t.Skip("the packages of tools/package.json are not installed, the gate does that")
	}
	for text, want := range map[string]bool{string(b): true, strings.Replace(string(b), "<testcase", "<nonsense/><testcase", 1): false} {
		cmd := exec.CommandContext(t.Context(), "node", tool+"/check-junit/check.mjs")
		cmd.Stdin = strings.NewReader(text)
		if out, err := cmd.CombinedOutput(); (err == nil) != want {
			t.Errorf("expected the schema to say %v, got %v: %s", want, err, out)
		}
	}
}

func TestTextShowsTheContractsLineWithACaret(t *testing.T) {
	t.Parallel()
	out := string(write(t, "text", report.Options{}))
	for _, want := range []string{
		"a folder/page,1:%.har:53:", "violation total-pages\n", "  response body /metadata/totalPages\n",
		"expected 2, totalCount divided by pageSize, rounded up, got 3 (observed, not documented)\n",
		"| rule: 'self == (this.totalCount", "|       ^\n",
		"-      x-extensible-enum: [in_progress]\n    +      x-extensible-enum: [in_progress, resolved]\n",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("expected %q in\n%s", want, out)
		}
	}
	if strings.Contains(out, "\x1b") || !strings.Contains(string(write(t, "text", report.Options{Colour: true})), "\x1b[31mviolation") {
		t.Error("expected colour only where it is asked for")
	}
	if strings.Contains(out, "Bangkok") || strings.Contains(out, "agent") {
		t.Error("a text is in the report")
	}
}

func TestGitHubCommandsAreEscaped(t *testing.T) {
	t.Parallel()
	out := string(write(t, "github", report.Options{}, errRead))
	if !strings.Contains(out, "::error file=a folder/page%2C1%3A%25.har,line=53,") || !strings.Contains(out, "::warning file=") || !strings.Contains(out, "::error::other.har") {
		t.Errorf("got %s", out)
	}
}

func TestTheSameInputMakesTheSameBytes(t *testing.T) {
	t.Parallel()
	for _, format := range report.Formats() {
		if a, b := write(t, format, report.Options{}), write(t, format, report.Options{}); !bytes.Equal(a, b) {
			t.Errorf("%s: two runs differ", format)
		}
	}
}

// full fails as a disk does.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left") }

func TestAnErrorOfWritingComesBack(t *testing.T) {
	t.Parallel()
	c, err := contract.New()
	if err != nil {
		t.Fatal(err)
	}
	for _, format := range report.Formats() {
		w, _ := report.New(format, full{}, c, report.Options{})
		for _, r := range results(t, c) {
			w.Result(r)
		}
		if err := w.Close(); err == nil {
			t.Errorf("%s: expected the error", format)
		}
	}
	if _, err := report.New("yaml", io.Discard, c, report.Options{}); err == nil || !strings.Contains(err.Error(), "sarif") {
		t.Errorf("expected the formats to be named, got %v", err)
	}
	for _, format := range report.CoverageFormats() {
		if report.WriteCoverage(format, full{}, coverage.New(c)) == nil {
			t.Errorf("coverage, %s: expected the error", format)
		}
	}
	if report.WriteCoverage("xml", io.Discard, coverage.New(c)) == nil {
		t.Error("expected an unknown format to be refused")
	}
}
