package okchattest

import (
	"encoding/json"
	"net/http"
	"reflect"
	"strconv"
	"sync"
	"time"

	"github.com/oapi-codegen/runtime/types"
	"github.com/okchat/okchat-go/gen/okchatapi"
	"github.com/okchat/okchat-go/internal/fastjson"
)

// answer is the memory in which one answer is written as JSON. It is used again for others, as compiling it takes longer
// than using it.
type answer struct {
	conversation      okchatapi.Conversation
	message           okchatapi.Message
	writeConversation writer // of the field
	writeMessage      writer
	buf               []byte
	err               error
}

var answers = sync.Pool{New: func() any {
	a := new(answer)
	a.writeConversation = a.writerOf(reflect.ValueOf(&a.conversation).Elem())
	a.writeMessage = a.writerOf(reflect.ValueOf(&a.message).Elem())
	return a
}}

// answerWith returns an answer that begins with text.
func answerWith(text string) *answer {
	a := answers.Get().(*answer)
	a.buf, a.err = append(a.buf[:0], text...), nil
	return a
}

// item appends an item of a list.
func (a *answer) item(write writer) {
	if a.buf[len(a.buf)-1] != '[' {
		a.buf = append(a.buf, ',')
	}
	a.buf = write(a.buf)
}

// close ends the answer with text, v and a brace.
func (a *answer) close(text string, v any) (*answer, error) {
	a.buf = append(a.appendAny(append(a.buf, text...), v), '}')
	if a.err != nil {
		return nil, refusal{http.StatusInternalServerError, a.err.Error()}
	}
	return a, nil
}

// send sends the answer, once. The methods below take the place of those of the generated answers, which need ten times as
// long and write times as "Z" where the API writes "+00:00". They report no error: writing fails only where the client has
// gone, and the generated handler would then send a second answer, which net/http logs.
func (a *answer) send(w http.ResponseWriter) error {
	defer answers.Put(a)
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(a.buf)))
	_, _ = w.Write(a.buf)
	return nil
}

func (a *answer) VisitListConversationsResponse(w http.ResponseWriter) error { return a.send(w) }
func (a *answer) VisitGetConversationResponse(w http.ResponseWriter) error   { return a.send(w) }
func (a *answer) VisitListMessagesResponse(w http.ResponseWriter) error      { return a.send(w) }
func (a *answer) VisitListChatbotsResponse(w http.ResponseWriter) error      { return a.send(w) }

// writer appends the JSON of the variable that it was compiled for.
type writer func(b []byte) []byte

// writerOf compiles the writer of a variable of a generated type from its fields, so that a member which the contract
// gains is served without a line here. It writes what encoding/json writes, but for the form of times.
func (a *answer) writerOf(v reflect.Value) writer {
	switch at := v.Addr().Interface().(type) {
	case *bool:
		return func(b []byte) []byte { return strconv.AppendBool(b, *at) }
	case **string:
		return func(b []byte) []byte {
			if *at == nil {
				return append(b, "null"...)
			}
			return fastjson.AppendString(b, **at)
		}
	case *types.UUID:
		return func(b []byte) []byte { return appendUUID(b, at) }
	case *time.Time:
		return func(b []byte) []byte { return appendTime(b, at) }
	case *okchatapi.LastMessage:
		text, message := a.writerOf(reflect.ValueOf(&at.Text).Elem()), a.writerOf(reflect.ValueOf(&at.Message).Elem())
		return func(b []byte) []byte {
			switch {
			case at.Message == nil:
				return text(b)
			case at.Text == nil:
				return message(b)
			default:
				return a.appendAny(b, *at) // the type's own error
			}
		}
	}
	_, own := reflect.TypeAssert[json.Marshaler](v)
	switch open := v.Kind() == reflect.Struct && v.FieldByName(openMembers).IsValid(); {
	case v.Kind() == reflect.Struct && (open || !own):
		return a.writerOfObject(v)
	case v.Kind() == reflect.Pointer:
		elem := reflect.New(v.Type().Elem()).Elem()
		write := a.writerOf(elem)
		return func(b []byte) []byte {
			if v.IsNil() {
				return append(b, "null"...)
			}
			elem.Set(v.Elem())
			return write(b)
		}
	case v.Kind() == reflect.String:
		return func(b []byte) []byte { return fastjson.AppendString(b, v.String()) }
	}
	return func(b []byte) []byte { return a.appendAny(b, v.Interface()) }
}

// openMembers is the field in which the generator keeps what an open object holds besides its declared members.
const openMembers = "AdditionalProperties"

func (a *answer) writerOfObject(v reflect.Value) writer {
	type member struct {
		name     string
		value    reflect.Value
		optional bool
		write    writer
	}
	var members []member
	for _, f := range fastjson.Fields(v.Type()) {
		members = append(members, member{`,"` + f.Name + `":`, v.Field(f.Index), !f.Required, a.writerOf(v.Field(f.Index))})
	}
	others := v.FieldByName(openMembers)
	return func(b []byte) []byte {
		start := len(b)
		for i := range members {
			if m := &members[i]; !m.optional || !m.value.IsZero() || m.value.Kind() == reflect.Slice { // a list may be null
				b = m.write(append(b, m.name...))
			}
		}
		if others.IsValid() && others.Len() > 0 {
			comma := len(b)
			if b = a.appendAny(b, others.Interface()); a.err == nil {
				b[comma], b = ',', b[:len(b)-1] // the members of the map without its braces
			}
		}
		if len(b) == start {
			b = append(b, ',')
		}
		b[start] = '{' // in place of the comma before the first member
		return append(b, '}')
	}
}

func (a *answer) appendAny(b []byte, v any) []byte {
	j, err := json.Marshal(v)
	if err != nil {
		a.err = err
	}
	return append(b, j...)
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
