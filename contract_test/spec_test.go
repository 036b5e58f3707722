package contract_test

import (
	"fmt"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/okchat/okchat-go"
)

func load(t *testing.T) *openapi3.T {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromData([]byte(okchat.OpenAPI()))
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

// TestTheContractIsValidWithItsExamples leaves the operation's examples to kin-openapi and holds each schema's own
// examples, which it does not look at, to the oracle.
func TestTheContractIsValidWithItsExamples(t *testing.T) {
	t.Parallel()
	if err := load(t).Validate(t.Context(), openapi3.EnableExamplesValidation(), openapi3.EnableSchemaFormatValidation()); err != nil {
		t.Fatal(err)
	}
	o := newOracle(t)
	held := 0
	hold := func(schema map[string]any, value any, where string) {
		held++
		// Through JSON, for the oracle knows numbers as JSON has them.
		if found := o.judge(schema, decode(t, encode(t, value)), ""); len(found) != 0 {
			t.Errorf("%s: the example goes against its schema: %v", where, found)
		}
	}
	walk(o.root, "#", func(pointer string, node map[string]any) {
		if examples, ok := node["examples"].([]any); ok {
			for i, value := range examples {
				hold(o.resolve(node), value, fmt.Sprintf("%s/examples/%d", pointer, i))
			}
		}
		schema, ok := node["schema"].(map[string]any)
		if !ok {
			return
		}
		if value, ok := node["example"]; ok {
			hold(plain(o.resolve(schema)), value, pointer+"/example")
		}
		if examples, ok := node["examples"].(map[string]any); ok {
			for name, example := range examples {
				hold(o.resolve(schema), example.(map[string]any)["value"], pointer+"/examples/"+name)
			}
		}
	})
	if held < 30 {
		t.Errorf("expected to hold at least 30 examples, held %d", held)
	}
}

// plain returns a schema without the keyword of headers that the oracle need not know: no body uses it.
func plain(schema map[string]any) map[string]any {
	copied := make(map[string]any)
	for keyword, value := range schema {
		if keyword != "minLength" {
			copied[keyword] = value
		}
	}
	return copied
}

// walk visits each object of the document's text, but not what examples hold.
func walk(node any, pointer string, visit func(string, map[string]any)) {
	switch node := node.(type) {
	case map[string]any:
		visit(pointer, node)
		for key, child := range node {
			if key != "value" && key != "example" {
				walk(child, pointer+"/"+key, visit)
			}
		}
	case []any:
		for i, child := range node {
			walk(child, fmt.Sprint(pointer, "/", i), visit)
		}
	}
}

func TestTheContractIsFreeOfGo(t *testing.T) {
	t.Parallel()
	if found := regexp.MustCompile(`(?i)x-go-\w+|x-oapi-\w+|golang|oapi-codegen`).FindAllString(okchat.OpenAPI(), -1); found != nil {
		t.Errorf("expected nothing of Go in the contract, got %q: move it to the overlay", found)
	}
}

// TestEachElementIsDescribedAndSaysHowItIsKnown covers operations, schemas, members, parameters, responses, headers and
// security schemes. An element that refers to another has that one's.
func TestEachElementIsDescribedAndSaysHowItIsKnown(t *testing.T) {
	t.Parallel()
	element := regexp.MustCompile(`/(properties|parameters|headers|schemas|responses|securitySchemes)/[^/]+$|/schema$|/(items|additionalProperties)$`)
	operation := regexp.MustCompile(`^#/paths/.*/(get|put|post|delete|options|head|patch|trace)$`)
	o := newOracle(t)
	count := 0
	walk(o.root, "#", func(pointer string, node map[string]any) {
		if !element.MatchString(pointer) && !operation.MatchString(pointer) {
			return
		}
		count++
		target := o.resolve(node)
		if text, _ := target["description"].(string); len(strings.Fields(text)) < 3 {
			t.Errorf("%s: expected a description that a newcomer understands, got %q", pointer, text)
		}
		if known, _ := target["x-evidence"].(string); !slices.Contains([]string{"documented", "observed", "assumed"}, known) {
			t.Errorf("%s: expected x-evidence with documented, observed or assumed, got %q", pointer, known)
		}
	})
	if count < 50 {
		t.Errorf("expected at least 50 elements, found %d: does the walk still find them?", count)
	}
}

// TestEachOpenSetHasTheValuesOfItsGoConstants reads the constants in the generated source: Go cannot list them at run time.
func TestEachOpenSetHasTheValuesOfItsGoConstants(t *testing.T) {
	t.Parallel()
	source, err := os.ReadFile("../gen/okchatapi/types.gen.go")
	if err != nil {
		t.Fatal(err)
	}
	constants, known := map[string][]any{}, map[string][]any{}
	for _, m := range regexp.MustCompile(`(?m)^\s+\w+\s+(\w+)\s+= "(.*)"$`).FindAllStringSubmatch(string(source), -1) {
		constants[m[1]] = append(constants[m[1]], m[2])
	}
	for name, schema := range newOracle(t).find("#/components/schemas") {
		if values, ok := schema.(map[string]any)["x-extensible-enum"].([]any); ok {
			known[name] = values
		}
	}
	if len(known) == 0 || !reflect.DeepEqual(constants, known) {
		t.Errorf("the contract has the open sets %v, Go the constants %v: run go generate", known, constants)
	}
}

func TestNoTwoBranchesOfAUnionShareAType(t *testing.T) {
	t.Parallel()
	o := newOracle(t)
	unions := 0
	walk(o.root, "#", func(pointer string, node map[string]any) {
		branches, _ := node["oneOf"].([]any)
		if branches == nil {
			return
		}
		unions++
		seen := make(map[string]bool)
		for _, branch := range branches {
			if branch.(map[string]any)["$ref"] == nil {
				t.Errorf("%s: expected branches with a name, got one without", pointer)
			}
			for _, name := range types(o.resolve(branch)) {
				if seen[name] {
					t.Errorf("%s: two branches take %s: nobody can tell them apart", pointer, name)
				}
				seen[name] = true
			}
		}
	})
	if unions != 1 {
		t.Errorf("expected one union, got %d", unions)
	}
}
