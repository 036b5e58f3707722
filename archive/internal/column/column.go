// Package column flattens conversations to columns. The columns follow from the type that is generated from the contract,
// so that a member that the contract gains gets a column without a line here.
package column

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	okchat "github.com/okchat/okchat-go"
	"github.com/okchat/okchat-go/gen/okchatapi"
	"github.com/okchat/okchat-go/internal/fastjson"
)

// Column is one column of a CSV file, and of the table conversations of an SQLite archive.
type Column struct {
	Name string
	// Type is the SQL type: TEXT, INTEGER or REAL.
	Type string
	// NotNull reports whether every conversation has a value. Any other value is null where the server did not send it.
	NotNull bool
	// Truth reports whether values are true or false, in SQL 1 or 0.
	Truth bool
	// Time reports whether values are times by [TimeLayout].
	Time bool
	// Free reports whether a value may be any text, so that a spreadsheet could take it for a formula.
	Free bool

	member int    // index into table.members, -1 for the column unknown
	field  int    // index of the field of okchatapi.Conversation
	part   string // of an object: as okchat.Conversation.Missing names it
	read   func(field reflect.Value) (text string, ok bool)
}

// Unknown is the name of the column for all members that have no column of their own.
const Unknown = "unknown"

// published fixes the order of the columns: files that are there already must not shift. Columns that are not listed come
// last, by name.
var published = []string{
	"id", "chatbot_id", "created_at", "updated_at", "platform", "state", "active", "is_human_mode", "migrated_data",
	"sns_user_id", "user_id", "session_token", "voice_path",
	"last_message", "last_message_id", "last_message_sender", "metadata", Unknown,
}

// always lists the members without which the client hands out no conversation.
var always = []string{"id", "chatbot_id", "created_at"}

// table holds the columns that a struct type was compiled to.
type table struct {
	columns []Column
	members map[string]int // by the name in JSON
	places  map[string]int // of the columns, by their name
}

var conversations = sync.OnceValue(func() *table { return compile(reflect.TypeFor[okchatapi.Conversation]()) })

// Table returns the columns of a conversation, in their order. Do not change it.
func Table() []Column { return conversations().columns }

func compile(t reflect.Type) *table {
	compiled := &table{members: map[string]int{}, places: map[string]int{}, columns: []Column{{Name: Unknown, Type: "TEXT", Free: true, member: -1}}}
	for i := range t.NumField() {
		field := t.Field(i)
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		member := len(compiled.members)
		compiled.members[name] = member
		for _, c := range columnsOf(name, field.Type) {
			c.member, c.field, c.NotNull = member, i, slices.Contains(always, name)
			compiled.columns = append(compiled.columns, c)
		}
	}
	place := func(c Column) int {
		if at := slices.Index(published, c.Name); at >= 0 {
			return at
		}
		return len(published)
	}
	slices.SortFunc(compiled.columns, func(a, b Column) int {
		if byPlace := place(a) - place(b); byPlace != 0 {
			return byPlace
		}
		return strings.Compare(a.Name, b.Name)
	})
	for i, c := range compiled.columns {
		compiled.places[c.Name] = i
	}
	return compiled
}

// columnsOf returns the columns of a member of type t: one, or three for a message.
func columnsOf(name string, t reflect.Type) []Column {
	if t == reflect.TypeFor[okchatapi.LastMessage]() {
		return []Column{
			{Name: name, Type: "TEXT", Free: true, part: name + "/content", read: messageText},
			{Name: name + "_id", Type: "TEXT", part: name + "/id", read: messageID},
			{Name: name + "_sender", Type: "TEXT", Free: true, part: name + "/sender_type", read: messageSender},
		}
	}
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	c := Column{Name: name, Type: "TEXT"}
	switch t.Kind() {
	case reflect.Bool:
		c.Type, c.Truth, c.read = "INTEGER", true, truth
	case reflect.String:
		c.Free, c.read = true, text
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64, reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		c.Type = "INTEGER"
	case reflect.Float32, reflect.Float64:
		c.Type = "REAL"
	default:
		switch t {
		case reflect.TypeFor[uuid.UUID]():
			c.read = id
		case reflect.TypeFor[time.Time]():
			c.Time, c.read = true, moment
		default:
			c.Free = true // JSON
		}
	}
	return []Column{c}
}

func truth(field reflect.Value) (string, bool) {
	if field.Bool() {
		return "true", true
	}
	return "false", true
}

func text(field reflect.Value) (string, bool) { return field.String(), true }

func id(field reflect.Value) (string, bool) {
	return field.Addr().Interface().(*uuid.UUID).String(), true
}

func moment(field reflect.Value) (string, bool) {
	return FormatTime(*field.Addr().Interface().(*time.Time)), true
}

func messageText(field reflect.Value) (string, bool) {
	return field.Addr().Interface().(*okchatapi.LastMessage).Content()
}

func messageID(field reflect.Value) (string, bool) {
	m := field.Addr().Interface().(*okchatapi.LastMessage).Message
	if m == nil {
		return "", false
	}
	return m.ID.String(), true
}

func messageSender(field reflect.Value) (string, bool) {
	m := field.Addr().Interface().(*okchatapi.LastMessage).Message
	if m == nil {
		return "", false
	}
	return string(m.SenderType), true
}

// Value is one cell of a row. Truth values are the texts true and false.
type Value struct {
	Text string
	Null bool
}

// Row is a conversation flattened to the columns of [Table]. Its memory is used again by each Read.
type Row struct {
	Values []Value
	sent   []json.RawMessage // of each known member, nil where it was not sent
}

// Read fills the row from conv. A member that the server did not send, or sent as null, is null. What has no type of its own
// in Go stands as the JSON that came, since Go would round its numbers.
func (r *Row) Read(conv *okchat.Conversation) error {
	t := conversations()
	if r.sent == nil {
		r.sent, r.Values = make([]json.RawMessage, len(t.members)), make([]Value, len(t.columns))
	}
	clear(r.sent)
	raw, err := Raw(conv)
	if err != nil {
		return err
	}
	var unknown map[string]json.RawMessage
	for name, value := range fastjson.Members(raw) {
		if i, ok := t.members[string(name)]; ok {
			r.sent[i] = value
			continue
		}
		if unknown == nil {
			unknown = map[string]json.RawMessage{}
		}
		unknown[string(name)] = value
	}
	fields, missing := reflect.ValueOf(&conv.Conversation).Elem(), conv.Missing()
	for i := range t.columns {
		c := &t.columns[i]
		if c.member < 0 {
			r.Values[i], err = objectOf(unknown)
		} else if slices.Contains(missing, c.part) {
			r.Values[i] = Value{Null: true}
		} else if r.Values[i] = c.value(fields, r.sent[c.member]); r.Values[i].Null && c.NotNull {
			err = errors.New("it has no " + c.Name)
		}
		if err != nil {
			return fmt.Errorf("archive: conversation %s: %w", conv.ID, err)
		}
	}
	return nil
}

// Place returns the index of the column of this name in [Table], -1 where there is none.
func Place(name string) int {
	if at, ok := conversations().places[name]; ok {
		return at
	}
	return -1
}

// Get returns the value of the column of this name, null where there is none.
func (r *Row) Get(name string) Value {
	if at := Place(name); at >= 0 {
		return r.Values[at]
	}
	return Value{Null: true}
}

func (c *Column) value(fields reflect.Value, sent json.RawMessage) Value {
	if sent == nil || string(sent) == "null" {
		return Value{Null: true}
	}
	if c.read == nil {
		return Value{Text: string(fastjson.AppendCompact(nil, sent))}
	}
	field := fields.Field(c.field)
	if field.Kind() == reflect.Pointer {
		if field.IsNil() {
			return Value{Null: true}
		}
		field = field.Elem()
	}
	text, ok := c.read(field)
	return Value{Text: text, Null: !ok}
}

// objectOf returns the members as the text of one JSON object, sorted by name; null where there are none.
func objectOf(members map[string]json.RawMessage) (Value, error) {
	if members == nil {
		return Value{Null: true}, nil
	}
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(members)
	return Value{Text: strings.TrimSuffix(b.String(), "\n")}, err
}

// Raw returns the JSON that conv was decoded from. It fails for a conversation that was made in Go.
func Raw(conv *okchat.Conversation) (json.RawMessage, error) {
	raw := conv.Raw()
	if raw == nil {
		return nil, fmt.Errorf("archive: conversation %s was made in Go, expected one that was decoded from JSON", conv.ID)
	}
	return raw, nil
}

// TimeLayout is RFC 3339 in UTC with a fraction of fixed width, so that times sort as text.
const TimeLayout = "2006-01-02T15:04:05.000000Z"

// FormatTime formats t by [TimeLayout].
func FormatTime(t time.Time) string { return t.UTC().Format(TimeLayout) }
