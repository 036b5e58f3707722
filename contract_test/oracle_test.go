package contract_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/okchat/okchat-go"
	"github.com/okchat/okchat-go/contract/finding"
)

// oracle says what is wrong with a page, from the text of openapi.yaml alone. It shares no code with package contract
// and none with kin-openapi, so that either can be found wrong. It knows the keywords that the contract uses and fails
// on any other.
type oracle struct {
	t    *testing.T
	root map[string]any
}

// verdict is a finding that the oracle expects.
type verdict struct {
	severity finding.Severity
	code     finding.Code
	pointer  string
}

func newOracle(t *testing.T) *oracle {
	t.Helper()
	o := &oracle{t: t}
	if err := yaml.Unmarshal([]byte(okchat.OpenAPI()), &o.root); err != nil {
		t.Fatal(err)
	}
	return o
}

// find follows a pointer of the document, through references.
func (o *oracle) find(pointer string) map[string]any {
	o.t.Helper()
	node := any(o.root)
	for token := range strings.SplitSeq(strings.TrimPrefix(pointer, "#/"), "/") {
		object, ok := node.(map[string]any)
		if !ok || object[token] == nil {
			o.t.Fatalf("the contract holds no %s", pointer)
		}
		node = object[token]
	}
	return o.resolve(node)
}

func (o *oracle) resolve(node any) map[string]any {
	schema, ok := node.(map[string]any)
	if !ok {
		o.t.Fatalf("expected a schema, got %T", node)
	}
	if ref, ok := schema["$ref"].(string); ok {
		return o.find(ref)
	}
	if all, ok := schema["allOf"].([]any); ok { // a schema, and entries that require more of its members
		merged := maps.Clone(o.resolve(all[0]))
		required, _ := merged["required"].([]any)
		for _, more := range all[1:] {
			required = append(slices.Clone(required), more.(map[string]any)["required"].([]any)...)
		}
		merged["required"] = required
		return merged
	}
	return schema
}

var (
	annotations = []string{"description", "x-evidence", "examples", "example", "x-rules", "x-personal"}
	keywords    = []string{"type", "oneOf", "required", "properties", "additionalProperties", "items", "format", "minimum", "x-extensible-enum"}
	tokens      = strings.NewReplacer("~", "~0", "/", "~1")
	spelling    = strings.NewReplacer("_", "", "-", "")
)

// judge returns what is wrong with a value.
func (o *oracle) judge(schema map[string]any, value any, pointer string) []verdict {
	for keyword := range schema {
		if !slices.Contains(keywords, keyword) && !slices.Contains(annotations, keyword) {
			o.t.Fatalf("%s: the oracle does not know the keyword %s: teach it", pointer, keyword)
		}
	}
	if branches, ok := schema["oneOf"].([]any); ok {
		for _, branch := range branches { // no two branches share a type, see TestNoTwoBranchesOfAUnionShareAType
			if b := o.resolve(branch); slices.Contains(types(b), kind(value)) {
				return o.judge(b, value, pointer)
			}
		}
		return []verdict{{finding.Violation, finding.CodeUnion, pointer}}
	}
	is := kind(value)
	allowed := types(schema)
	if !slices.Contains(allowed, is) && (is != "integer" || !slices.Contains(allowed, "number")) {
		return []verdict{{finding.Violation, finding.CodeType, pointer}}
	}
	var found []verdict
	switch value := value.(type) {
	case map[string]any:
		properties, _ := schema["properties"].(map[string]any)
		required, _ := schema["required"].([]any)
		spelled := make(map[string]bool)
		for _, name := range required {
			if _, ok := value[name.(string)]; !ok {
				code := finding.CodeMissing
				for key := range value {
					if properties[key] == nil && spelling.Replace(strings.ToLower(key)) == spelling.Replace(strings.ToLower(name.(string))) {
						code, spelled[key] = finding.CodeSpelling, true
					}
				}
				found = append(found, verdict{finding.Violation, code, pointer + "/" + name.(string)})
			}
		}
		for key, member := range value {
			at := pointer + "/" + tokens.Replace(key)
			if spelled[key] {
				continue
			}
			if properties[key] == nil {
				found = append(found, verdict{finding.Drift, finding.CodeMember, at})
				continue
			}
			found = append(found, o.judge(o.resolve(properties[key]), member, at)...)
		}
	case []any:
		for i, item := range value {
			found = append(found, o.judge(o.resolve(schema["items"]), item, fmt.Sprint(pointer, "/", i))...)
		}
	case string:
		if !wellFormed(schema["format"], value) {
			found = append(found, verdict{finding.Violation, finding.CodeFormat, pointer})
		}
		if values, ok := schema["x-extensible-enum"].([]any); ok && !slices.Contains(values, any(value)) {
			found = append(found, verdict{finding.Drift, finding.CodeValue, pointer})
		}
	case json.Number:
		if least, ok := schema["minimum"].(int); ok {
			if n, err := value.Float64(); err != nil || n < float64(least) {
				found = append(found, verdict{finding.Violation, finding.CodeRange, pointer})
			}
		}
	}
	return found
}

func types(schema map[string]any) []string {
	switch t := schema["type"].(type) {
	case string:
		return []string{t}
	case []any:
		var list []string
		for _, name := range t {
			list = append(list, name.(string))
		}
		return list
	}
	return nil
}

// kind names a value's JSON type, and integer for a number without a fraction.
func kind(value any) string {
	switch v := value.(type) {
	case nil:
		return "null"
	case bool:
		return "boolean"
	case string:
		return "string"
	case json.Number:
		if _, err := v.Int64(); err == nil {
			return "integer"
		}
		return "number"
	case []any:
		return "array"
	default:
		return "object"
	}
}

var (
	uuidForm = regexp.MustCompile(`(?i)^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)
	timeForm = regexp.MustCompile(`(?i)^(\d{4}-\d\d-\d\d)T([01]\d|2[0-3]):([0-5]\d):([0-5]\d|60)(\.\d+)?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)$`)
)

func wellFormed(format any, s string) bool {
	switch format {
	case "uuid":
		return uuidForm.MatchString(s)
	case "date-time":
		m := timeForm.FindStringSubmatch(s)
		if m == nil {
			return false
		}
		_, err := time.Parse(time.DateOnly, m[1])
		return err == nil
	default:
		return true
	}
}
