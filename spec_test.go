package okchat

import (
	"net/http"
	"testing"

	"go.yaml.in/yaml/v3"
)

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
		}
	}
	if err := yaml.Unmarshal([]byte(OpenAPI()), &spec); err != nil {
		t.Fatal(err)
	}
	if scheme := spec.Components.SecuritySchemes["apiKey"]; scheme.In != "header" || http.CanonicalHeaderKey(scheme.Name) != headerKey {
		t.Errorf("the key is in the %s %s, expected the header %s", scheme.In, scheme.Name, headerKey)
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
