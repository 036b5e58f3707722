package contract

import (
	"errors"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
)

// faults takes a schema validation's error apart, down to the leaves.
func (c *Contract) faults(err error) []Finding {
	switch e := err.(type) {
	case openapi3.MultiError:
		var list []Finding
		closed := make(map[string]bool) // objects whose undocumented members are already in the list
		for _, err := range e {
			if se, ok := err.(*openapi3.SchemaError); ok && se.SchemaField == "properties" {
				object := pointerOf(se)
				if closed[object] {
					continue
				}
				closed[object] = true
			}
			list = append(list, c.faults(err)...)
		}
		return list
	case *openapi3.SchemaError:
		return c.fault(e)
	case *openapi3filter.RequestError:
		return c.faults(e.Err)
	case *openapi3filter.ResponseError:
		return c.faults(e.Err)
	default:
		return []Finding{{Severity: Violation, Code: CodeSchema, Expected: "what the contract describes", Got: "something else"}}
	}
}

// fault makes findings of one keyword's error: several where members are undocumented or a union's branch fits in part.
func (c *Contract) fault(e *openapi3.SchemaError) []Finding {
	pointer := pointerOf(e)
	one := func(severity Severity, code Code, expected, got string) []Finding {
		return []Finding{{Severity: severity, Code: code, Pointer: pointer, Expected: expected, Got: got}}
	}
	switch field := e.SchemaField; field {
	case "required":
		return one(Violation, CodeMissing, "a member", "none")
	case "properties":
		return undocumented(pointer, e)
	case "type", "nullable":
		return one(Violation, CodeType, expectedTypes(e.Schema), describeValue(e.Value))
	case "format":
		return one(Violation, CodeFormat, "a "+e.Schema.Format, describeValue(e.Value))
	case "enum":
		if !c.open[e.Schema] {
			return one(Violation, CodeEnum, expectedValues(e.Schema), describeValue(e.Value))
		}
		// kin-openapi looks at enum before anything else, so what an open set's value breaks is still to be found.
		plain := *e.Schema
		plain.Enum = nil
		if err := plain.VisitJSON(e.Value, schemaOptions...); err != nil {
			list := c.faults(err)
			for i := range list {
				list[i].Pointer = pointer
			}
			return list
		}
		return one(Drift, CodeValue, expectedValues(e.Schema), describeWord(e.Value))
	case "oneOf":
		return c.union(pointer, e)
	default:
		if bound := describeBound(e.Schema, field); bound != "" {
			return one(Violation, CodeRange, bound, describeSize(e.Value))
		}
		return one(Violation, CodeSchema, "what the schema's "+field+" asks for", describeValue(e.Value))
	}
}

// undocumented returns the members of an object that its schema does not know.
func undocumented(pointer string, e *openapi3.SchemaError) []Finding {
	object, _ := e.Value.(map[string]any)
	var list []Finding
	for _, key := range slices.Sorted(keys(object)) {
		if e.Schema.Properties[key] == nil {
			list = append(list, Finding{
				Severity: Drift, Code: CodeMember, Pointer: pointer + "/" + escape(key),
				Expected: "no such member", Got: describeValue(object[key]),
			})
		}
	}
	return list
}

// union returns the faults of the nearest branch: the one whose type fits the value, with the fewest violations.
func (c *Contract) union(pointer string, e *openapi3.SchemaError) []Finding {
	var types []string
	for _, branch := range e.Schema.OneOf {
		types = append(types, expectedTypes(branch.Value))
	}
	none := []Finding{{
		Severity: Violation, Code: CodeUnion, Pointer: pointer,
		Expected: strings.Join(types, " or "), Got: describeValue(e.Value),
	}}
	if errors.Is(e.Origin, openapi3.ErrOneOfConflict) {
		none[0].Expected, none[0].Got = "a value that fits one branch", "one that fits several"
		return none
	}
	branches, _ := errors.Unwrap(errors.Unwrap(e.Origin)).(openapi3.MultiError)
	var nearest []Finding
	for _, branch := range branches {
		list := c.faults(branch)
		if slices.ContainsFunc(list, func(f Finding) bool {
			return f.Pointer == pointer && (f.Code == CodeType || f.Code == CodeUnion)
		}) {
			continue
		}
		if nearest == nil || violations(list) < violations(nearest) {
			nearest = list
		}
	}
	if nearest == nil {
		return none
	}
	return nearest
}

func violations(list []Finding) int {
	n := 0
	for _, f := range list {
		if f.Severity == Violation {
			n++
		}
	}
	return n
}
