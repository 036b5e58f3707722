package contract_test

import (
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/okchat/okchat-go"
)

// kin is kin-openapi's opinion of a page: package contract compiles the schemas for itself, so this is the second one.
type kin struct{ page *openapi3.Schema }

func newKin(t *testing.T) *kin {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromData([]byte(okchat.OpenAPI()))
	if err != nil {
		t.Fatal(err)
	}
	return &kin{doc.Components.Schemas["ConversationPage"].Value}
}

// formats are kin-openapi's own; those of package contract are stricter.
var kinFormats = openapi3.WithStringFormatValidators(map[string]openapi3.StringFormatValidator{
	"uuid":      openapi3.NewRegexpFormatValidator(openapi3.FormatOfStringForUUIDOfRFC4122),
	"date-time": openapi3.NewRegexpFormatValidator(openapi3.FormatOfStringDateTime),
})

func (k *kin) refuses(t *testing.T, body []byte) bool {
	t.Helper()
	return k.page.VisitJSON(decode(t, body), kinFormats) != nil
}
