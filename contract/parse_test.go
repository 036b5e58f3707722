package contract_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/okchat/okchat-go"
	"github.com/okchat/okchat-go/contract"
)

func TestASpecThatCannotServeIsRefusedOnOneLine(t *testing.T) {
	t.Parallel()
	spec := okchat.OpenAPI()
	for _, test := range []struct {
		name, old, new string
		line           int // where the error points, counted from the line that is changed
		says           string
	}{
		{"YAML that breaks off", "openapi: 3.1.0", "openapi: [3.1.0", -1, "did not find expected"},
		{"YAML with a tab", "openapi: 3.1.0", "openapi: 3.1.0\n\tx: y", 0, "tab"},
		{"no version", "openapi: 3.1.0", "opennapi: 3.1.0", 0, "openapi"},
		{"an unknown type", "type: array", "type: arrray", 0, "arrray"},
		{"a reference to nothing", "'#/components/schemas/PageMetadata'", "'#/components/schemas/Nope'", 0, "Nope"},
		{"an example that breaks its schema", "totalPages: 3", "totalPages: x", -56, "/metadata/totalPages"},
		{"a parameter's example that breaks its schema", "example: 10\n", "example: ten\n", 0, "integer"},
		{"a key that stands twice", "      type: object\n", "      type: object\n      type: object\n", 1, `"type" stands twice`},
		{"a reference to itself", "    PageMetadata:\n", "    PageMetadata:\n      $ref: '#/components/schemas/PageMetadata'\n", -1, "PageMetadata"},
		{"an optional path parameter", "in: path\n      required: true", "in: path\n      required: false", -1, "required"},
		{"a format that nobody knows", "format: uuid", "format: snowflake", 0, "snowflake"},
		{"a format that nobody checks", "format: uuid", "format: ipv4", 0, "ipv4"},
		{"a keyword that nobody checks", "required: [id, content, sender_type]", "required: [id]\n      dependentRequired: {id: [content]}", 1, "dependentRequired"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			broken := strings.Replace(spec, test.old, test.new, 1)
			if broken == spec {
				t.Fatalf("the contract no longer holds %q: choose another place to break", test.old)
			}
			before, _, _ := strings.Cut(spec, test.old)
			_, err := contract.Parse([]byte(broken), "spec.yaml")
			wantLine(t, err, fmt.Sprintf("spec.yaml:%d:", 1+strings.Count(before, "\n")+test.line), test.says)
		})
	}
	for _, text := range []string{"", "{}", "42", "<html></html>", "openapi: 3.1.0\ninfo: {title: x, version: x}\npaths: {}\n"} {
		_, err := contract.Parse([]byte(text), "spec.yaml")
		wantLine(t, err, "spec.yaml", "")
	}
}

// wantLine fails unless err is one line of bounded length that begins with the place and holds the words.
func wantLine(t *testing.T, err error, place, says string) {
	t.Helper()
	if err == nil {
		t.Fatalf("expected an error at %s, got none", place)
	}
	line := err.Error()
	if !strings.HasPrefix(line, place) || !strings.Contains(line, says) || strings.Contains(line, "\n") || len(line) > 500 {
		t.Errorf("expected one line that begins with %q and says %q, got %q", place, says, line)
	}
}

// A document comes from anywhere: whatever it holds, it is taken or refused, and a circle of references ends.
func FuzzParse(f *testing.F) {
	spec := okchat.OpenAPI()
	f.Add(spec)
	for _, kind := range []string{"      type: object\n", "          type: array\n", "      oneOf:\n", "      parameters:\n"} {
		for _, circle := range []string{"$ref: '#/components/schemas/ConversationPage'\n", "$ref: '#/components/schemas/Conversation/properties/x'\n", "x: &a [*a]\n"} {
			before, after, ok := strings.Cut(spec, kind)
			if !ok {
				f.Fatalf("the contract no longer holds %q", kind)
			}
			f.Add(before + kind[:len(kind)-len(strings.TrimLeft(kind, " "))] + circle + after)
		}
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, err := contract.Parse([]byte(text), "spec.yaml")
		if err == nil {
			_, err = c.SelfTest()
		}
		if err != nil && strings.Contains(err.Error(), "\n") {
			t.Errorf("the error has several lines: %q", err)
		}
	})
}
