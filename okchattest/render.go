package okchattest

import (
	"encoding/json"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/oapi-codegen/runtime/types"
	"github.com/okchat/okchat-go/gen/okchatapi"
)

// page is the memory in which one page is written as JSON. It is used again for other pages, as compiling it takes longer
// than using it.
type page struct {
	row   okchatapi.Conversation
	write writer // of row
	buf   []byte
}

var pages = sync.Pool{New: func() any {
	p := new(page)
	p.write = writerOf(reflect.ValueOf(&p.row).Elem())
	return p
}}

// VisitListConversationsResponse sends the page, once. It takes the place of the method of the generated answer, which
// needs ten times as long and writes times as "Z" where the API writes "+00:00". It reports no error: writing fails only
// where the client has gone, and the generated handler would then send a second answer, which net/http logs.
func (p *page) VisitListConversationsResponse(w http.ResponseWriter) error {
	defer pages.Put(p)
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(p.buf)))
	_, _ = w.Write(p.buf)
	return nil
}

// writer appends the JSON of the variable that it was compiled for.
type writer func(b []byte) ([]byte, error)

// writerOf compiles the writer of a variable of a generated type from its fields, so that a member which the contract
// gains is served without a line here. It writes what encoding/json writes, but for the form of times.
func writerOf(v reflect.Value) writer {
	switch p := v.Addr().Interface().(type) {
	case *bool:
		return func(b []byte) ([]byte, error) { return strconv.AppendBool(b, *p), nil }
	case *types.UUID:
		return func(b []byte) ([]byte, error) { return appendUUID(b, p), nil }
	case *time.Time:
		return func(b []byte) ([]byte, error) { return appendTime(b, p), nil }
	case *okchatapi.LastMessage:
		text, message := writerOf(reflect.ValueOf(&p.Text).Elem()), writerOf(reflect.ValueOf(&p.Message).Elem())
		return func(b []byte) ([]byte, error) {
			switch {
			case p.Message == nil:
				return text(b)
			case p.Text == nil:
				return message(b)
			default:
				return appendAny(b, *p) // the type's own error
			}
		}
	case json.Marshaler:
		if v.Kind() != reflect.Struct || !v.FieldByName(openMembers).IsValid() {
			break
		}
		return writerOfObject(v)
	default:
		switch v.Kind() {
		case reflect.Struct:
			return writerOfObject(v)
		case reflect.Pointer:
			elem := reflect.New(v.Type().Elem()).Elem()
			write := writerOf(elem)
			return func(b []byte) ([]byte, error) {
				if v.IsNil() {
					return append(b, "null"...), nil
				}
				elem.Set(v.Elem())
				return write(b)
			}
		case reflect.String:
			return func(b []byte) ([]byte, error) { return appendString(b, v.String()), nil }
		}
	}
	return func(b []byte) ([]byte, error) { return appendAny(b, v.Interface()) }
}

// openMembers is the field in which the generator keeps what an open object holds besides its declared members.
const openMembers = "AdditionalProperties"

func writerOfObject(v reflect.Value) writer {
	type member struct {
		name     string
		value    reflect.Value
		optional bool
		write    writer
	}
	var members []member
	for i, t := 0, v.Type(); i < t.NumField(); i++ {
		if name, options, _ := strings.Cut(t.Field(i).Tag.Get("json"), ","); name != "-" {
			optional := strings.Contains(options, "omit")
			members = append(members, member{`,"` + name + `":`, v.Field(i), optional, writerOf(v.Field(i))})
		}
	}
	others := v.FieldByName(openMembers)
	return func(b []byte) ([]byte, error) {
		var err error
		start := len(b)
		for i := range members {
			m := &members[i]
			if m.optional && m.value.IsZero() {
				continue
			}
			if b, err = m.write(append(b, m.name...)); err != nil {
				return b, err
			}
		}
		if others.IsValid() && others.Len() > 0 {
			comma := len(b)
			if b, err = appendAny(b, others.Interface()); err != nil {
				return b, err
			}
			b[comma], b = ',', b[:len(b)-1] // the members of the map without its braces
		}
		if len(b) == start {
			b = append(b, ',')
		}
		b[start] = '{' // in place of the comma before the first member
		return append(b, '}'), nil
	}
}

func appendAny(b []byte, v any) ([]byte, error) {
	j, err := json.Marshal(v)
	return append(b, j...), err
}

func appendString(b []byte, s string) []byte {
	if !utf8.ValidString(s) {
		s = strings.ToValidUTF8(s, "\ufffd")
	}
	b = append(b, '"')
	done := 0
	for i := range len(s) {
		if c := s[i]; c < ' ' || c == '"' || c == '\\' {
			b = append(append(b, s[done:i]...), '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
			done = i + 1
		}
	}
	return append(append(b, s[done:]...), '"')
}

const hexDigits = "0123456789abcdef"

func appendUUID(b []byte, id *types.UUID) []byte {
	text := [38]byte{0: '"', 9: '-', 14: '-', 19: '-', 24: '-', 37: '"'}
	at := 1
	for i, c := range id {
		if i == 4 || i == 6 || i == 8 || i == 10 {
			at++
		}
		text[at], text[at+1] = hexDigits[c>>4], hexDigits[c&15]
		at += 2
	}
	return append(b, text[:]...)
}

// appendTime writes the API's form of RFC 3339: always +00:00, trailing zeros of the fraction dropped.
func appendTime(b []byte, t *time.Time) []byte {
	b = t.UTC().AppendFormat(append(b, '"'), time.RFC3339Nano)
	return append(b[:len(b)-len("Z")], `+00:00"`...)
}
