package contract_test

import (
	"os"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/okchat/okchat-go"
)

// kin is kin-openapi's opinion of a page: package contract compiles the schemas for itself, so this is the second one. It
// has it from both editions of the contract, which must agree.
type kin struct{ page, page30 *openapi3.Schema }

func newKin(t *testing.T) *kin {
	t.Helper()
	load := func(text []byte) *openapi3.Schema {
		loader := openapi3.NewLoader()
		doc, err := loader.LoadFromData(text)
		if err != nil {
			t.Fatal(err)
		}
		if err := doc.Validate(loader.Context, openapi3.EnableSchemaFormatValidation()); err != nil {
			t.Fatal(err)
		}
		return doc.Components.Schemas["ConversationPage"].Value
	}
	edition30, err := os.ReadFile("../api/openapi-3.0.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return &kin{load([]byte(okchat.OpenAPI())), load(edition30)}
}

// kinFormats are kin-openapi's own; those of package contract are stricter.
var kinFormats = openapi3.WithStringFormatValidators(map[string]openapi3.StringFormatValidator{
	"uuid":      openapi3.NewRegexpFormatValidator(openapi3.FormatOfStringForUUIDOfRFC4122),
	"date-time": openapi3.NewRegexpFormatValidator(openapi3.FormatOfStringDateTime),
})

func (k *kin) refuses(t *testing.T, body []byte) bool {
	t.Helper()
	value := decode(t, body)
	refused, refused30 := k.page.VisitJSON(value, kinFormats) != nil, k.page30.VisitJSON(value, kinFormats) != nil
	if refused != refused30 {
		t.Errorf("openapi.yaml and its edition for OpenAPI 3.0 disagree on %.200s", body)
	}
	return refused
}
