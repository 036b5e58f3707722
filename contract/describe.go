package contract

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/getkin/kin-openapi/openapi3"
)

// describeValue says what a value is without saying what it holds.
func describeValue(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case bool:
		return "a boolean"
	case string:
		return fmt.Sprintf("a string of %s", count(utf8.RuneCountInString(v), "character"))
	case []any:
		return fmt.Sprintf("an array of %s", count(len(v), "item"))
	case map[string]any:
		return fmt.Sprintf("an object of %s", count(len(v), "member"))
	default:
		return "a number"
	}
}

var (
	word      = regexp.MustCompile(`^[A-Za-z][A-Za-z_-]{0,31}$`)
	mediaType = regexp.MustCompile(`^[A-Za-z0-9.+-]{1,40}/[A-Za-z0-9.+-]{1,40}$`)
)

// describeWord quotes a value that looks like one of a set's: short, without digits, blanks or punctuation, hence no id
// and no text. It describes any other.
func describeWord(v any) string {
	if s, ok := v.(string); ok && word.MatchString(s) {
		return `"` + s + `"`
	}
	return describeValue(v)
}

func describeMediaType(s string) string {
	if s = strings.TrimSpace(s); mediaType.MatchString(s) {
		return s
	}
	return describeValue(s)
}

// describeSize says of a value what its bounds are about. A number with bounds counts something, so it is no one's id.
func describeSize(v any) string {
	switch v := v.(type) {
	case json.Number:
		return shorten(v.String(), 24)
	case float64, int64:
		return fmt.Sprint(v)
	default:
		return describeValue(v)
	}
}

func count(n int, unit string) string {
	if n == 1 {
		return "1 " + unit
	}
	return fmt.Sprintf("%d %ss", n, unit)
}

// expectedTypes says which types a schema takes.
func expectedTypes(s *openapi3.Schema) string {
	if s == nil || s.Type == nil {
		return "another type"
	}
	return strings.Join(s.Type.Slice(), " or ")
}

// expectedValues lists a set's values, the first of them if they are many.
func expectedValues(s *openapi3.Schema) string {
	const most = 8
	var list []string
	for _, v := range s.Enum {
		if len(list) == most {
			list = append(list, "…")
			break
		}
		list = append(list, fmt.Sprint(v))
	}
	return "one of " + strings.Join(list, ", ")
}

// describeBound says what a keyword that bounds a value asks for, or "" where it is another keyword.
func describeBound(s *openapi3.Schema, keyword string) string {
	switch keyword {
	case "minimum":
		return fmt.Sprintf("at least %g", *s.Min)
	case "maximum":
		return fmt.Sprintf("at most %g", *s.Max)
	case "minLength":
		return "at least " + count(int(s.MinLength), "character")
	case "maxLength":
		return "at most " + count(int(*s.MaxLength), "character")
	case "minItems":
		return "at least " + count(int(s.MinItems), "item")
	case "maxItems":
		return "at most " + count(int(*s.MaxItems), "item")
	case "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minProperties", "maxProperties":
		return "a value within " + keyword
	default:
		return ""
	}
}

// pointerOf returns the JSON pointer (RFC 6901) of an error's value.
func pointerOf(e *openapi3.SchemaError) string {
	var b strings.Builder
	for _, token := range e.JSONPointer() {
		b.WriteByte('/')
		b.WriteString(escape(token))
	}
	return b.String()
}

var escaper = strings.NewReplacer("~", "~0", "/", "~1")

func escape(token string) string { return escaper.Replace(token) }

func keys[V any](m map[string]V) iter.Seq[string] { return maps.Keys(m) }

// acceptsAll says whether a schema makes no claim at all.
func acceptsAll(s *openapi3.Schema) bool { return s.Always != nil && *s.Always }

// decodeJSON reads exactly one JSON document and keeps its numbers exact. Its errors quote nothing of the body.
func decodeJSON(body []byte) (any, error) {
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	var value any
	if err := dec.Decode(&value); err != nil {
		var syntax *json.SyntaxError
		if errors.As(err, &syntax) {
			return nil, fmt.Errorf("a syntax error at byte %d of %d", syntax.Offset, len(body))
		}
		return nil, fmt.Errorf("a document that breaks off after %d bytes", len(body))
	}
	end := dec.InputOffset()
	if _, err := dec.Token(); err != io.EOF {
		return nil, fmt.Errorf("more than one after byte %d of %d", end, len(body))
	}
	return value, nil
}
