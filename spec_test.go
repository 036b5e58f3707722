package okchat

import (
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/okchat/okchat-go/gen/okchatapi"
	"github.com/okchat/okchat-go/internal/fastjson"
)

type schemaDoc struct {
	Ref        string `yaml:"$ref"`
	Type       any
	Required   []string
	Properties map[string]schemaDoc
	OneOf      []schemaDoc `yaml:"oneOf"`
}

// What this package repeats of the contract because Go needs it as a constant.
func TestWhatIsRepeatedOfTheContractAgreesWithIt(t *testing.T) {
	var spec struct {
		Paths map[string]struct {
			Get struct {
				Parameters []struct {
					Name   string
					Schema struct{ Minimum *int }
				}
				Responses map[string]struct{ Content map[string]any }
			}
		}
		Components struct {
			SecuritySchemes map[string]struct{ In, Name string } `yaml:"securitySchemes"`
			Schemas         map[string]schemaDoc
		}
	}
	if err := yaml.Unmarshal([]byte(OpenAPI()), &spec); err != nil {
		t.Fatal(err)
	}
	if scheme := spec.Components.SecuritySchemes["apiKey"]; scheme.In != "header" || http.CanonicalHeaderKey(scheme.Name) != headerKey {
		t.Errorf("the key is in the %s %s, expected the header %s", scheme.In, scheme.Name, headerKey)
	}
	nullable := func(s schemaDoc) bool {
		types, _ := s.Type.([]any)
		return s.Type == "null" || slices.Contains(types, any("null"))
	}
	resolve := func(s schemaDoc) schemaDoc {
		if _, name, ok := strings.Cut(s.Ref, "#/components/schemas/"); ok {
			return spec.Components.Schemas[name]
		}
		return s
	}
	type member struct {
		name               string
		required, nullable bool
	}
	var want, got []member
	conversation := spec.Components.Schemas["Conversation"]
	for name, schema := range conversation.Properties {
		schema = resolve(schema)
		anyNull := slices.ContainsFunc(schema.OneOf, func(s schemaDoc) bool { return nullable(resolve(s)) })
		// The list requires the state; one conversation may lack it, which Client.Conversation excuses.
		required := slices.Contains(conversation.Required, name) || name == "state"
		want = append(want, member{name, required, nullable(schema) || anyNull || !required}) // optional is a pointer, too
	}
	for _, f := range fastjson.Fields(reflect.TypeFor[okchatapi.Conversation]()) {
		got = append(got, member{f.Name, f.Required, f.Nullable})
	}
	byName := func(a, b member) int { return strings.Compare(a.name, b.name) }
	slices.SortFunc(want, byName)
	slices.SortFunc(got, byName)
	if !slices.Equal(got, want) {
		t.Errorf("the members of a conversation are %v, the contract has %v", got, want)
	}
	for _, path := range spec.Paths {
		if _, ok := path.Get.Responses["200"].Content[mediaType]; !ok {
			t.Errorf("the answer 200 is not %s", mediaType)
		}
		for _, parameter := range path.Get.Parameters {
			if parameter.Name == "page" || parameter.Name == "limit" {
				if parameter.Schema.Minimum == nil || *parameter.Schema.Minimum != 1 {
					t.Errorf("the least %s is not 1", parameter.Name)
				}
			}
		}
	}
}
