package bench

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/google/uuid"
	"github.com/pb33f/libopenapi"
	validator "github.com/pb33f/libopenapi-validator"
	"github.com/pb33f/libopenapi-validator/config"

	okchatgo "github.com/okchat/okchat-go"
	"github.com/okchat/okchat-go/contract"
	"github.com/okchat/okchat-go/contract/finding"
	"github.com/okchat/okchat-go/exchange"
	"github.com/okchat/okchat-go/okchattest"
)

// TestThreeValidatorsAgree changes each member of the vendor's sample in each way and asks package contract without its
// rules of meaning, libopenapi-validator and kin-openapi for their verdicts. No two of them share code.
func TestThreeValidatorsAgree(t *testing.T) {
	spec := []byte(okchatgo.OpenAPI())
	v := newLibopenapi(t)
	pb33f := func(ex *exchange.Exchange) bool {
		ok, _ := v.ValidateHttpRequestResponse(httpOf(ex))
		return ok
	}
	kin := must(openapi3.NewLoader().LoadFromData(spec)).Components.Schemas["ConversationPage"].Value
	formats := openapi3.WithStringFormatValidators(map[string]openapi3.StringFormatValidator{
		"uuid":      openapi3.NewRegexpFormatValidator(openapi3.FormatOfStringForUUIDOfRFC4122),
		"date-time": openapi3.NewRegexpFormatValidator(openapi3.FormatOfStringDateTime),
	})
	ours := newSchemasAlone()
	ex := *sample()
	var page any
	if err := json.Unmarshal(ex.ResponseBody, &page); err != nil {
		t.Fatal(err)
	}
	total, refused := 0, 0
	judge := func(what string) {
		ex.ResponseBody = must(json.Marshal(page))
		total++
		a, b, c := ours(&ex), pb33f(&ex), kin.VisitJSON(page, formats) == nil
		if !a {
			refused++
		}
		if a != b || a != c {
			t.Errorf("%s: ours says %v, libopenapi-validator %v, kin-openapi %v", what, a, b, c)
		}
	}
	var change func(v any, at string)
	change = func(v any, at string) {
		values := []any{nil, true, 7.5, 7.0, "text", []any{}, map[string]any{}}
		switch v := v.(type) {
		case map[string]any:
			for _, name := range slices.Sorted(maps.Keys(v)) {
				old := v[name]
				delete(v, name)
				judge(at + "/" + name + " dropped")
				for _, other := range values {
					v[name] = other
					judge(fmt.Sprintf("%s/%s is %v", at, name, other))
				}
				v[name] = old
				change(old, at+"/"+name)
			}
		case []any:
			for i, old := range v {
				if i%3 != 0 { // what holds for one item holds for the next
					continue
				}
				for _, other := range values {
					v[i] = other
					judge(fmt.Sprintf("%s/%d is %v", at, i, other))
				}
				v[i] = old
				change(old, fmt.Sprintf("%s/%d", at, i))
			}
		}
	}
	judge("as recorded")
	change(page, "")
	fmt.Printf("mutants that libopenapi-validator, kin-openapi and package contract judge alike: %d, %d of them refused\n", total, refused)
	if refused < 200 || refused == total {
		t.Errorf("expected some of each verdict, got %d of %d refused", refused, total)
	}
}

// TestLibopenapiAgreesOnTheCorpus compares libopenapi-validator with kin-openapi on each page of contract_test's corpus. They
// differ on date-times alone: kin-openapi has a regular expression for them, which takes days that there are not and no leap
// second. There package contract has to side with libopenapi-validator.
func TestLibopenapiAgreesOnTheCorpus(t *testing.T) {
	file := filepath.Join(t.TempDir(), "corpus.json")
	judge := exec.Command("go", "test", "-count=1", "-run=^TestKinJudgesTheCorpus$", "./contract_test")
	judge.Dir = ".."
	judge.Env = append(os.Environ(), "OKCHAT_CORPUS="+file)
	if out, err := judge.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	var corpus []struct {
		Name    string
		Body    []byte
		Refused bool
	}
	if err := json.Unmarshal(must(os.ReadFile(file)), &corpus); err != nil {
		t.Fatal(err)
	}
	v, ours := newLibopenapi(t), newSchemasAlone()
	ex, refused, times := *sample(), 0, 0
	for _, page := range corpus {
		ex.ResponseBody = page.Body
		accepted, _ := v.ValidateHttpRequestResponse(httpOf(&ex))
		switch {
		case accepted != page.Refused:
		case accepted == ours(&ex) && (strings.HasPrefix(page.Name, "formats, date-time") || strings.Contains(page.Name, "ed_at")):
			times++
		default:
			t.Errorf("%s: libopenapi-validator accepts: %v, kin-openapi: %v", page.Name, accepted, !page.Refused)
		}
		if page.Refused {
			refused++
		}
	}
	fmt.Printf("pages of the corpus that libopenapi-validator and kin-openapi judge alike: %d of %d, %d of them refused; the others are date-times\n",
		len(corpus)-times, len(corpus), refused)
	if refused < 50 || refused == len(corpus) || times > 6 {
		t.Errorf("expected some of each verdict, got %d of %d refused", refused, len(corpus))
	}
}

// newSchemasAlone returns package contract without its rules of meaning.
func newSchemasAlone() func(*exchange.Exchange) bool {
	rules := must(contract.New())
	var codes []finding.Code
	for _, r := range rules.Rules() {
		codes = append(codes, r.Code)
	}
	rules = must(rules.Without(slices.Compact(codes)...))
	return func(ex *exchange.Exchange) bool {
		return !slices.ContainsFunc(rules.Check(ex).Findings, func(f finding.Finding) bool { return f.Severity == finding.Violation })
	}
}

func newLibopenapi(t *testing.T) validator.Validator {
	t.Helper()
	v, errs := validator.NewValidator(must(libopenapi.NewDocument([]byte(okchatgo.OpenAPI()))), config.WithFormatAssertions())
	if len(errs) > 0 {
		t.Fatal(errors.Join(errs...))
	}
	return v
}

// TestOgensClientListsAll has the client that ogen makes from the contract list what the fake server holds.
func TestOgensClientListsAll(t *testing.T) {
	srv := okchattest.NewServer(t, okchattest.Synthetic(1, 250), okchattest.Key(key), okchattest.Chatbot(uuid.MustParse(bot)))
	call := callOgen(srv.URL, http.DefaultTransport)
	listed := 0
	for page := 1; ; page++ {
		n, total, err := call(t.Context(), page, 20)
		if err != nil {
			t.Fatal(err)
		}
		if listed += n; n == 0 || listed >= total {
			break
		}
	}
	fmt.Printf("conversations of 250 that ogen's client lists: %d\n", listed)
	if listed != 250 {
		t.Errorf("%d conversations, expected 250", listed)
	}
}
