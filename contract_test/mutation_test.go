package contract_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/okchat/okchat-go/contract/finding"
)

// pageSchema is where the contract describes the body of the answer 200.
const pageSchema = "#/components/schemas/ConversationPage"

// mutant is one change to a page: apply makes it, undo takes it back.
type mutant struct {
	name, pointer string
	apply, undo   func()
}

// TestMutationsThatBreakTheContractAreRefused changes each member of each object of the recorded pages in each way,
// asks the oracle what the schemas say of the result, and expects just these findings: severity, code and pointer. The
// rules of meaning, which the oracle does not know, may only add to them. kin-openapi, given the same schemas, must be of
// the same opinion. A mutant is refused if one of the findings is a violation.
func TestMutationsThatBreakTheContractAreRefused(t *testing.T) {
	inOneGoroutine(t)
	t.Parallel()
	var made, total, refused, meaning int
	isRule := make(map[finding.Code]bool)
	for _, r := range theContract(t).Rules() {
		isRule[r.Code] = true
	}
	second := newKin(t)
	allowed := make(map[string]int)
	for _, name := range []string{"page-1.har", "page-2.har"} {
		ex := *recorded(t, name)[0]
		c, o := theContract(t), newOracle(t)
		schema := o.find(pageSchema)
		page := decode(t, ex.ResponseBody)
		if found := o.judge(schema, page, ""); len(found) != 0 {
			t.Fatalf("%s: the oracle refuses the page itself: %v", name, found)
		}
		for m := range mutants(page, "") {
			made++
			m.apply()
			want := o.judge(schema, page, "")
			ex.ResponseBody = encode(t, page)
			m.undo()
			all := verdicts(c.Check(&ex).Findings)
			got := slices.DeleteFunc(slices.Clone(all), func(v verdict) bool { return isRule[v.code] })
			sortVerdicts(want)
			total++
			if !slices.Equal(got, want) {
				t.Errorf("%s: %s at %s: expected %v, got %v", name, m.name, m.pointer, want, got)
			}
			broken := func(v verdict) bool { return v.severity == finding.Violation }
			if !strings.HasPrefix(m.name, "format ") && second.refuses(t, ex.ResponseBody) != slices.ContainsFunc(got, broken) {
				t.Errorf("%s: %s at %s: kin-openapi disagrees with %v", name, m.name, m.pointer, got)
			}
			if slices.ContainsFunc(all, broken) {
				refused++
				if !slices.ContainsFunc(got, broken) {
					meaning++
				}
				continue
			}
			allowed[whyAllowed(m, want)]++
		}
		if found := o.judge(schema, page, ""); len(found) != 0 {
			t.Fatalf("%s: a mutant was not undone: %v", name, found)
		}
	}
	for _, reason := range slices.Sorted(maps.Keys(allowed)) {
		t.Logf("allowed %4d: %s", allowed[reason], reason)
	}
	fmt.Printf("mutations: %d, refused: %d, allowed: %d (%d refused by a rule of meaning alone)\n", total, refused, total-refused, meaning)
	if total < 200 || refused < total/2 {
		t.Errorf("expected at least 200 mutations, most of them refused, got %d and %d", total, refused)
	}
}

// whyAllowed gives the contract's reason to live with a mutant, with indices left out so that like falls to like.
func whyAllowed(m mutant, found []verdict) string {
	where := m.pointer
	for i := range 10 {
		where = strings.Replace(where, fmt.Sprintf("/data/%d", i), "/data/*", 1)
	}
	reason := "type, format and range allow the value"
	switch {
	case slices.ContainsFunc(found, func(v verdict) bool { return v.code == finding.CodeValue }):
		reason = "the set of values is open: drift"
	case slices.ContainsFunc(found, func(v verdict) bool { return v.code == finding.CodeMember }):
		reason = "objects are open and the member is not required: drift"
	case m.name == "drop":
		reason = "the member is not required"
	}
	return where + ": " + m.name + ": " + reason
}

func verdicts(findings []finding.Finding) []verdict {
	var list []verdict
	for _, f := range findings {
		list = append(list, verdict{f.Severity, f.Code, f.Pointer})
	}
	sortVerdicts(list)
	return list
}

func sortVerdicts(list []verdict) {
	slices.SortFunc(list, func(a, b verdict) int {
		return strings.Compare(a.pointer+string(a.code), b.pointer+string(b.code))
	})
}

// others are values of each JSON type, by kind.
var others = map[string]any{
	"null":    nil,
	"boolean": true,
	"integer": json.Number("7"),
	"number":  json.Number("7.5"),
	"string":  "a text",
	"array":   []any{},
	"object":  map[string]any{},
}

// ofForm are values for strings of each form: the recorded value decides which are tried.
var ofForm = map[string][]string{
	"uuid": {
		"", "{5afe16ed-5fd2-4552-a993-903bc9c32bb6}", "5afe16ed-5fd2-4552-a993-903bc9c32bb", "5afe16ed5fd24552a993903bc9c32bb6",
		"5afe16ed-5fd2-4552-a993-903bc9c32bbg", "urn:uuid:5afe16ed-5fd2-4552-a993-903bc9c32bb6", "5AFE16ED-5FD2-4552-A993-903BC9C32BB6",
		" 5afe16ed-5fd2-4552-a993-903bc9c32bb6", "00000000-0000-0000-0000-000000000000",
	},
	"date-time": {
		"", "2025-02-30T04:56:09+00:00", "2025-03-07T24:00:00+00:00", "2025-03-07T04:56:09+0000", "2025-03-07T04:56:09", "2025-03-07",
		"2025-03-07 04:56:09+00:00", "2025-3-7T4:56:09Z", "2025-03-07T04:56:09,5Z", "2025-03-07T04:56:09+24:00", "2025-13-01T00:00:00Z",
		"2025-03-07T04:60:00Z", "1741323369", "2024-02-29T04:56:09Z", "2025-03-07T04:56:09.123456789-09:30", "2016-12-31T23:59:60Z",
		"2025-02-29T00:00:00Z", "2025-03-07t04:56:09z",
	},
}

// mutants yields each change to a value and to all that it holds. The value is changed in place while one is applied.
func mutants(value any, pointer string) func(func(mutant) bool) {
	return func(yield func(mutant) bool) {
		switch value := value.(type) {
		case map[string]any:
			if !yield(mutant{"extra member ~/", pointer, func() { value["~/"] = "new" }, func() { delete(value, "~/") }}) {
				return
			}
			for _, key := range slices.Sorted(maps.Keys(value)) {
				old, at := value[key], pointer+"/"+key
				put := func(name string, v any) bool {
					return yield(mutant{name, at, func() { value[key] = v }, func() { value[key] = old }})
				}
				rename := func(name, to string) bool {
					return yield(mutant{name, at, func() { delete(value, key); value[to] = old }, func() { delete(value, to); value[key] = old }})
				}
				sibling := func(name, key string) bool {
					return yield(mutant{name, pointer, func() { value[key] = "new" }, func() { delete(value, key) }})
				}
				ok := yield(mutant{"drop", at, func() { delete(value, key) }, func() { value[key] = old }}) &&
					rename("upper case", strings.ToUpper(key)) &&
					rename("another spelling", key[:1]+"_"+key[1:]) &&
					sibling("extra sibling", key+"_too")
				if !ok || !replacements(old, put) {
					return
				}
				for m := range mutants(old, at) {
					if !yield(m) {
						return
					}
				}
			}
		case []any:
			for i, old := range value {
				at := fmt.Sprint(pointer, "/", i)
				put := func(name string, v any) bool {
					return yield(mutant{name, at, func() { value[i] = v }, func() { value[i] = old }})
				}
				if !replacements(old, put) {
					return
				}
				for m := range mutants(old, at) {
					if !yield(m) {
						return
					}
				}
			}
		}
	}
}

// replacements puts other values in a value's place: each other type, and the edges of its own.
func replacements(old any, put func(string, any) bool) bool {
	for _, name := range slices.Sorted(maps.Keys(others)) {
		if name != kind(old) && !put("to "+name, others[name]) {
			return false
		}
	}
	switch old := old.(type) {
	case string:
		for form, values := range ofForm {
			if !wellFormed(form, old) {
				continue
			}
			for _, v := range values {
				if !put("format "+form+" "+v, v) {
					return false
				}
			}
		}
		return put("to an unknown value", "synthetic_value") && put("to another case", strings.ToUpper(old))
	case json.Number:
		return put("to -1", json.Number("-1")) && put("to 0", json.Number("0")) && put("to a large number", json.Number("9007199254740993"))
	case bool:
		return put("to the other", !old)
	}
	return true
}
