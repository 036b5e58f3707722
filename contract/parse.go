package contract

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"regexp"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers/legacy"
)

// extensibleEnum is the contract's own extension: the known values of an open set.
const extensibleEnum = "x-extensible-enum"

// Parse reads an OpenAPI document and makes it ready for checks; name is what errors call it. It fails, with one line
// that names the place and what to do next, where the document does not parse, is not valid (its examples included),
// has no operation, or uses a keyword that a check would pass over in silence.
func Parse(spec []byte, name string) (*Contract, error) {
	loader := openapi3.NewLoader()
	loader.IncludeOrigin = true
	doc, err := loader.LoadFromData(spec)
	if err != nil {
		return nil, specError(spec, name, "does not parse", err)
	}
	router, err := legacy.NewRouter(doc, openapi3.EnableSchemaFormatValidation()) // validates the document
	if err != nil {
		return nil, specError(spec, name, "is not a valid OpenAPI document", err)
	}
	if doc.Paths.Len() == 0 {
		return nil, fmt.Errorf("%s: expected at least one operation under paths, got none: describe the endpoint there", name)
	}
	if err := relocate(doc); err != nil {
		return nil, specError(spec, name, "has a server that is not a URL", err)
	}
	open, err := tighten(doc)
	if err != nil {
		return nil, specError(spec, name, "cannot be checked against", err)
	}
	// From 3.1 on, kin-openapi compiles a schema anew for each value (2 ms a page), only to fall back to the validator it
	// has for 3.0, which knows 3.1's types. This goes there straight; tighten refused what only the other one knows.
	doc.OpenAPI = "3.0.3"
	return &Contract{doc: doc, router: router, open: open, opts: openapi3filter.Options{
		MultiError:              true,
		IncludeResponseStatus:   true,
		ExcludeResponseBody:     true, // Contract.checkBody does it
		SkipSettingDefaults:     true,
		AuthenticationFunc:      requireKey,
		SchemaValidationOptions: schemaOptions,
	}}, nil
}

// relocate reduces each server to its path, so that an exchange keeps the contract on any host.
func relocate(doc *openapi3.T) error {
	var servers openapi3.Servers
	for _, server := range doc.Servers {
		path, err := server.BasePath()
		if err != nil {
			return err
		}
		if path = strings.TrimSuffix(path, "/"); path != "" {
			servers = append(servers, &openapi3.Server{URL: path})
		}
	}
	doc.Servers = servers
	return nil
}

// tighten makes of the contract what a check needs: objects are closed and open sets become enums, so that what drifts
// is seen; the findings tell it from what breaks the contract. It returns the schemas with such an enum.
func tighten(doc *openapi3.T) (map[*openapi3.Schema]bool, error) {
	open := make(map[*openapi3.Schema]bool)
	no, yes := false, true
	err := doc.WalkSchemas(func(pointer string, ref *openapi3.SchemaRef) error {
		schema := ref.Value
		if keyword := unchecked(schema); keyword != "" {
			return &specPlace{schema.Origin, fmt.Errorf("%s: no check reads %s: say it with other keywords", pointer, keyword)}
		}
		if schema.IsEmpty() {
			schema.Always = &yes // kin-openapi takes null for a fault in a schema without keywords
			return nil
		}
		if schema.Type.Is(openapi3.TypeObject) && schema.AdditionalProperties.Schema == nil {
			schema.AdditionalProperties.Has = &no
		}
		if values, ok := schema.Extensions[extensibleEnum].([]any); ok && len(schema.Enum) == 0 {
			schema.Enum = values
			open[schema] = true
		}
		return nil
	})
	return open, err
}

// unchecked returns the keyword of a schema that kin-openapi's first validator passes over, or that has no meaning for
// a closed object, or "".
func unchecked(s *openapi3.Schema) string {
	keywords := []struct {
		name string
		used bool
	}{
		{"allOf", len(s.AllOf) > 0},
		{"anyOf", len(s.AnyOf) > 0},
		{"not", s.Not != nil},
		{"const", s.Const != nil},
		{"if", s.If != nil || s.Then != nil || s.Else != nil},
		{"prefixItems", len(s.PrefixItems) > 0},
		{"contains", s.Contains != nil},
		{"patternProperties", len(s.PatternProperties) > 0},
		{"propertyNames", s.PropertyNames != nil},
		{"dependentSchemas", len(s.DependentSchemas) > 0},
		{"dependentRequired", len(s.DependentRequired) > 0},
		{"unevaluatedItems", s.UnevaluatedItems.Has != nil || s.UnevaluatedItems.Schema != nil},
		{"unevaluatedProperties", s.UnevaluatedProperties.Has != nil || s.UnevaluatedProperties.Schema != nil},
		{"contentSchema", s.ContentSchema != nil},
		{"$defs", len(s.Defs) > 0},
		{"readOnly or writeOnly", s.ReadOnly || s.WriteOnly},
		{"a schema without type", s.Type == nil && len(s.OneOf) == 0 && !s.IsEmpty()},
		{"format " + s.Format, s.Format != "" && formats[s.Format] == nil},
	}
	for _, k := range keywords {
		if k.used {
			return k.name
		}
	}
	return ""
}

// requireKey asks for the key's header, never for its value: a recording that was made safe to share keeps the
// contract.
func requireKey(_ context.Context, in *openapi3filter.AuthenticationInput) error {
	scheme := in.SecurityScheme
	if scheme.Type == "apiKey" && scheme.In == "header" && in.RequestValidationInput.Request.Header.Get(scheme.Name) != "" {
		return nil
	}
	return &keyError{cmp.Or(scheme.Name, http.CanonicalHeaderKey("Authorization"))}
}

// keyError says that the header that carries the key is missing or empty.
type keyError struct{ header string }

func (e *keyError) Error() string { return "no " + e.header }

// specPlace carries where in the document an error of our own arose, as kin-openapi's errors do.
type specPlace struct {
	Origin *openapi3.Origin
	err    error
}

func (e *specPlace) Error() string { return e.err.Error() }
func (e *specPlace) Unwrap() error { return e.err }

var (
	yamlLine = regexp.MustCompile(`yaml: line (\d+): `)
	quoted   = regexp.MustCompile(`"([^"]+)"`)
)

// specError puts what is wrong with a document on one line, with its place as far as kin-openapi knows it.
func specError(spec []byte, name, what string, err error) error {
	place, text := name, err.Error()
	// The loader tries JSON first; what it says of that is noise. Below the first line kin-openapi quotes schemas.
	if _, after, ok := strings.Cut(text, "yaml error: "); ok {
		text = after
	}
	text, _, _ = strings.Cut(strings.TrimPrefix(text, "validating OpenAPI failed: "), "\n")
	if m := yamlLine.FindStringSubmatch(text); m != nil {
		place += ":" + m[1]
		text = text[strings.Index(text, m[0])+len(m[0]):]
	}
	// Typed errors carry their origin in a field that no interface offers; the innermost one is the closest.
	var origins []*openapi3.Origin
	for ; err != nil; err = errors.Unwrap(err) {
		if v := reflect.Indirect(reflect.ValueOf(err)); v.Kind() == reflect.Struct {
			if field := v.FieldByName("Origin"); field.IsValid() {
				if o, ok := field.Interface().(*openapi3.Origin); ok && o != nil && o.Key != nil {
					origins = append(origins, o)
				}
			}
		}
	}
	if len(origins) > 0 {
		at := origins[len(origins)-1].Key
		place += fmt.Sprintf(":%d:%d", at.Line, at.Column)
	} else if m := quoted.FindAllStringSubmatch(text, -1); place == name && m != nil {
		// What it complains of last tells the line, provided that it stands in the document only once.
		if before, after, ok := strings.Cut(string(spec), m[len(m)-1][1]); ok && !strings.Contains(after, m[len(m)-1][1]) {
			place += fmt.Sprintf(":%d", 1+strings.Count(before, "\n"))
		}
	}
	return fmt.Errorf("%s: the contract %s: %s: correct it there and run the command again", place, what, shorten(text, 300))
}
