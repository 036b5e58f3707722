package contract

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
)

// findings turns the errors of kin-openapi, and what it does not see, into the findings of one exchange.
type findings struct {
	contract *Contract
	source   string
	list     []Finding
}

func (f *findings) add(severity Severity, code Code, part Part, pointer, expected, got string) {
	f.list = append(f.list, Finding{f.source, severity, code, part, pointer, expected, got})
}

// request reports what ValidateRequest found.
func (f *findings) request(err error) {
	switch e := err.(type) {
	case openapi3.MultiError:
		for _, err := range e {
			f.request(err)
		}
	case *openapi3filter.SecurityRequirementsError:
		var key *keyError
		name := ""
		for _, err := range e.Errors {
			if errors.As(err, &key) {
				name = key.header
			}
		}
		f.add(Violation, CodeKey, PartRequestHeader, name, "an API key", "none")
	case *openapi3filter.RequestError:
		if e.Parameter == nil {
			f.schema(PartRequestBody, "", e.Err)
			return
		}
		f.parameter(e.Parameter, e.Err)
	default:
		f.schema(PartRequest, "", err)
	}
}

var parameterParts = map[string]Part{
	openapi3.ParameterInPath:   PartRequestPath,
	openapi3.ParameterInQuery:  PartRequestQuery,
	openapi3.ParameterInHeader: PartRequestHeader,
	openapi3.ParameterInCookie: PartRequestCookie,
}

func (f *findings) parameter(p *openapi3.Parameter, err error) {
	part := parameterParts[p.In]
	var parse *openapi3filter.ParseError
	switch {
	case errors.Is(err, openapi3filter.ErrInvalidRequired):
		f.add(Violation, CodeMissing, part, p.Name, "a value", "none")
	case errors.Is(err, openapi3filter.ErrInvalidEmptyValue):
		f.add(Violation, CodeType, part, p.Name, expectedTypes(p.Schema.Value), "an empty value")
	case errors.As(err, &parse) && p.Schema != nil:
		got := "something else"
		if text, ok := parse.Value.(string); ok {
			got = describeValue(text)
		}
		f.add(Violation, CodeType, part, p.Name, expectedTypes(p.Schema.Value), got)
	default:
		f.schema(part, p.Name, err)
	}
}

// status reports a status of which the contract says nothing: drift, except where it is none at all.
func (f *findings) status(responses *openapi3.Responses, status int) {
	known := strings.Join(slices.Sorted(keys(responses.Map())), ", ")
	if http.StatusText(status) == "" && (status < 100 || status > 599) {
		f.add(Violation, CodeStatus, PartStatus, "", known, fmt.Sprintf("%d, which is none", status))
		return
	}
	f.add(Drift, CodeStatus, PartStatus, "", known, fmt.Sprint(status))
}

// header reports what ValidateResponse found: with the body left out, that is a declared header. Its error names the
// header in its text alone, so the header is found by the schema that was broken.
func (f *findings) header(headers openapi3.Headers, err error) {
	var broken *openapi3.SchemaError
	errors.As(err, &broken)
	for name, ref := range headers {
		if broken != nil && ref.Value.Schema != nil && ref.Value.Schema.Value == broken.Schema {
			f.schema(PartResponseHeader, name, err)
			return
		}
	}
	f.add(Violation, CodeSchema, PartResponseHeader, "", "the headers that the contract declares", "others or none")
}

func (f *findings) mediaType(content openapi3.Content, contentType string) {
	got := "none"
	if mime, _, _ := strings.Cut(contentType, ";"); mime != "" {
		got = describeMediaType(mime)
	}
	f.add(Violation, CodeMediaType, PartResponseHeader, "Content-Type", strings.Join(slices.Sorted(keys(content)), " or "), got)
}

func (f *findings) notJSON(body []byte, err error) {
	got := err.Error()
	if len(body) == 0 {
		got = "an empty body"
	}
	f.add(Violation, CodeJSON, PartResponseBody, "", "one JSON document", got)
}

// schema reports what a schema found in a part of the exchange. A name given stands for the pointer.
func (f *findings) schema(part Part, name string, err error) {
	for _, fault := range f.contract.faults(err) {
		fault.Source, fault.Part = f.source, part
		if name != "" {
			fault.Pointer = name
		}
		f.list = append(f.list, fault)
	}
}
