package bench

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/pb33f/libopenapi"
	validator "github.com/pb33f/libopenapi-validator"
	"github.com/pb33f/libopenapi-validator/config"

	okchatgo "github.com/okchat/okchat-go"
	"github.com/okchat/okchat-go/contract"
)

// TestThreeValidatorsAgree changes each member of the vendor's sample in each way and asks package contract without its
// rules of meaning, libopenapi-validator and kin-openapi for their verdicts. No two of them share code.
func TestThreeValidatorsAgree(t *testing.T) {
	spec := []byte(okchatgo.OpenAPI())
	v, errs := validator.NewValidator(must(libopenapi.NewDocument(spec)), config.WithFormatAssertions())
	if len(errs) > 0 {
		t.Fatal(errors.Join(errs...))
	}
	pb33f := func(ex *contract.Exchange) bool {
		ok, _ := v.ValidateHttpRequestResponse(httpOf(ex))
		return ok
	}
	kin := must(openapi3.NewLoader().LoadFromData(spec)).Components.Schemas["ConversationPage"].Value
	formats := openapi3.WithStringFormatValidators(map[string]openapi3.StringFormatValidator{
		"uuid":      openapi3.NewRegexpFormatValidator(openapi3.FormatOfStringForUUIDOfRFC4122),
		"date-time": openapi3.NewRegexpFormatValidator(openapi3.FormatOfStringDateTime),
	})
	rules := must(contract.New())
	var codes []contract.Code
	for _, r := range rules.Rules() {
		codes = append(codes, r.Code)
	}
	rules = must(rules.Without(slices.Compact(codes)...))
	ours := func(ex *contract.Exchange) bool {
		return !slices.ContainsFunc(rules.Check(ex), func(f contract.Finding) bool { return f.Severity == contract.Violation })
	}
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
