// Package column flattens conversations and messages to columns. The columns follow from the types that are generated from the
// contract, so that a member that the contract gains gets a column without a line here.
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

// Column is one column of a CSV file, and of a table of an archive.
type Column struct {
	Name string
	// Type is the SQL type: TEXT, INTEGER or REAL.
	Type string
	// NotNull reports whether every item has a value. Any other value is null where the server did not send it.
	NotNull bool
	// Truth reports whether values are true or false, in SQL 1 or 0.
	Truth bool
	// Time reports whether values are times by [TimeLayout].
	Time bool
	// UUID and JSON report whether values are UUIDs, or JSON of any type.
	UUID, JSON bool
	// Free reports whether a value may be any text, so that a spreadsheet could take it for a formula.
	Free bool

	member int    // index into Table.members, -1 for the column unknown
	field  int    // index of the field of the generated type
	part   string // of an object: as okchat.Conversation.Missing names it
	later  bool   // has no place of its own among the published columns
	read   func(field reflect.Value) (text string, ok bool)
}

// Unknown is the name of the column for all members that have no column of their own.
const Unknown = "unknown"

// Table holds the columns that a generated type was compiled to.
type Table struct {
	Columns []Column // in their order, not to be changed

	names   []string       // of the members in JSON, in the order of the type
	members map[string]int // the index of each in names
	places  map[string]int // of the columns, by their name
	parts   [][]int        // the columns of each member
}

// Conversations returns the columns of a conversation. The order of those that are listed is fixed, as files that are there
// already must not shift; others come last, by name. Without the required ones the client hands out no conversation.
var Conversations = sync.OnceValue(func() *Table {
	return compile(reflect.TypeFor[okchatapi.Conversation](), []string{"id", "chatbot_id", "created_at"},
		"id", "chatbot_id", "created_at", "updated_at", "platform", "state", "active", "is_human_mode", "migrated_data",
		"sns_user_id", "user_id", "session_token", "voice_path",
		"last_message", "last_message_id", "last_message_sender", "metadata", Unknown)
})

// Messages returns the columns of a message, as [Conversations] those of a conversation.
var Messages = sync.OnceValue(func() *Table {
	return compile(reflect.TypeFor[okchatapi.Message](), []string{"id", "session_id", "created_at"},
		"id", "session_id", "created_at", "sender_type", "content", "attachments", "model", "provider", "tokens_used",
		"tool_calls", "tool_results", "session_token", "migrated_data", "metadata", Unknown)
})

// History returns the columns of a conversation whose earlier values an archive keeps. They may be null there.
func History() (columns []Column) {
	for _, c := range Conversations().Columns {
		switch c.Name {
		case "created_at", "updated_at", "state", "last_message", "last_message_id", "last_message_sender":
			c.NotNull = false
			columns = append(columns, c)
		}
	}
	return columns
}

// AttachmentMembers returns the names of an attachment's members, for a view with a column of each.
func AttachmentMembers() (names []string) {
	for field := range reflect.TypeFor[okchatapi.Attachment]().Fields() {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		names = append(names, name)
	}
	return names
}

func compile(t reflect.Type, required []string, published ...string) *Table {
	compiled := &Table{members: map[string]int{}, places: map[string]int{}, Columns: []Column{{Name: Unknown, Type: "TEXT", JSON: true, Free: true, member: -1}}}
	for i := range t.NumField() {
		field := t.Field(i)
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		member := len(compiled.names)
		compiled.names = append(compiled.names, name)
		compiled.members[name] = member
		for _, c := range columnsOf(name, field.Type) {
			c.member, c.field, c.NotNull = member, i, slices.Contains(required, name)
			compiled.Columns = append(compiled.Columns, c)
		}
	}
	place := func(c Column) int {
		if at := slices.Index(published, c.Name); at >= 0 {
			return at
		}
		return len(published)
	}
	slices.SortFunc(compiled.Columns, func(a, b Column) int {
		if byPlace := place(a) - place(b); byPlace != 0 {
			return byPlace
		}
		return strings.Compare(a.Name, b.Name)
	})
	compiled.parts = make([][]int, len(compiled.members))
	for i := range compiled.Columns {
		c := &compiled.Columns[i]
		compiled.places[c.Name] = i
		c.later = place(*c) == len(published)
		if c.member >= 0 {
			compiled.parts[c.member] = append(compiled.parts[c.member], i)
		}
	}
	return compiled
}

// columnsOf returns the columns of a member of type t: one, or three for a message.
func columnsOf(name string, t reflect.Type) []Column {
	if t == reflect.TypeFor[okchatapi.LastMessage]() {
		return []Column{
			{Name: name, Type: "TEXT", Free: true, part: name + "/content", read: messageText},
			{Name: name + "_id", Type: "TEXT", UUID: true, part: name + "/id", read: messageID},
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
			c.UUID, c.read = true, id
		case reflect.TypeFor[time.Time]():
			c.Time, c.read = true, moment
		default:
			c.JSON, c.Free = true, true
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

// Place returns the index of the column of this name, -1 where there is none.
func (t *Table) Place(name string) int {
	if at, ok := t.places[name]; ok {
		return at
	}
	return -1
}

// Item is an item that a row is read from: a *[okchat.Conversation] or a *[okchat.Message].
type Item interface {
	Raw() json.RawMessage
	Missing() []string
}

// fieldsOf returns the fields of the generated type in the item, and the columns that they fill.
func fieldsOf(item Item) (fields reflect.Value, t *Table) {
	if m, ok := item.(*okchat.Message); ok {
		return reflect.ValueOf(&m.Message).Elem(), Messages()
	}
	return reflect.ValueOf(&item.(*okchat.Conversation).Conversation).Elem(), Conversations()
}

// nameOf returns the name of an item for errors.
func nameOf(item Item) string {
	if m, ok := item.(*okchat.Message); ok {
		return "message " + m.ID.String()
	}
	return "conversation " + item.(*okchat.Conversation).ID.String()
}

// Row is a conversation or a message flattened to the columns of its [Table]. Its memory is used again by each Read.
type Row struct {
	Values []Value

	table  *Table
	sent   []json.RawMessage // of each known member, nil where it was not sent
	buffer []byte            // of Rebuilds
}

// Read fills the row from an item. A member that the server did not send, or sent as null, is null. What has no type of its own
// in Go stands as the JSON that came, since Go would round its numbers.
func (r *Row) Read(item Item) error {
	fields, t := fieldsOf(item)
	if r.table != t {
		r.table, r.sent, r.Values = t, make([]json.RawMessage, len(t.members)), make([]Value, len(t.Columns))
	}
	clear(r.sent)
	raw, err := Raw(item)
	if err != nil {
		return err
	}
	var unknown map[string]json.RawMessage
	next := 0 // members come in the order of the type more often than not
	for name, value := range fastjson.Members(raw) {
		i, ok := next, next < len(t.names) && string(name) == t.names[next]
		if !ok {
			i, ok = t.members[string(name)]
		}
		if ok {
			r.sent[i], next = value, i+1
			continue
		}
		if unknown == nil {
			unknown = map[string]json.RawMessage{}
		}
		unknown[string(name)] = value
	}
	missing := item.Missing()
	for i := range t.Columns {
		c := &t.Columns[i]
		if c.member < 0 {
			r.Values[i], err = objectOf(unknown)
		} else if slices.Contains(missing, c.part) {
			r.Values[i] = Value{Null: true}
		} else if r.Values[i] = c.value(fields, r.sent[c.member]); r.Values[i].Null && c.NotNull {
			err = errors.New("it has no " + c.Name)
		}
		if err != nil {
			return fmt.Errorf("archive: %s: %w", nameOf(item), err)
		}
	}
	return nil
}

// Columns returns the columns of the values. Do not change them.
func (r *Row) Columns() []Column { return r.table.Columns }

// Get returns the value of the column of this name, null where there is none.
func (r *Row) Get(name string) Value {
	if at := r.table.Place(name); at >= 0 {
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
	if c.Time {
		if text, ok := utcText(sent); ok {
			return Value{Text: text}
		}
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

// Raw returns the JSON that an item was decoded from. It fails for one that was made in Go.
func Raw(item Item) (json.RawMessage, error) {
	raw := item.Raw()
	if raw == nil {
		return nil, fmt.Errorf("archive: %s was made in Go, expected one that was decoded from JSON", nameOf(item))
	}
	return raw, nil
}

// TimeLayout is RFC 3339 in UTC with a fraction of fixed width, so that times sort as text.
const TimeLayout = "2006-01-02T15:04:05.000000Z"

// utcText returns what [FormatTime] makes of a time in JSON that was decoded, without a look at the calendar, if it is in UTC.
func utcText(sent []byte) (text string, ok bool) {
	local, ok := bytes.CutSuffix(sent, []byte(`+00:00"`))
	if !ok {
		local, ok = bytes.CutSuffix(sent, []byte(`Z"`))
	}
	const seconds = len(`"2006-01-02T15:04:05`)
	if !ok || len(local) < seconds || len(local) > seconds && local[seconds] != '.' || bytes.IndexByte(local, '\\') >= 0 {
		return "", false
	}
	utc := [len(TimeLayout)]byte([]byte("0000-00-00T00:00:00.000000Z"))
	copy(utc[:len(TimeLayout)-1], local[1:])
	return string(utc[:]), true
}

// FormatTime formats t, of the years 0 to 9999, by [TimeLayout], in a third of the time that [time.Time.Format] takes.
func FormatTime(t time.Time) string {
	t = t.UTC()
	year, month, day := t.Date()
	hour, minute, second := t.Clock()
	text := [len(TimeLayout)]byte([]byte(TimeLayout))
	for _, part := range [...]struct{ end, number int }{{4, year}, {7, int(month)}, {10, day}, {13, hour}, {16, minute}, {19, second}, {26, t.Nanosecond() / 1000}} {
		for at := part.end - 1; at >= 0 && TimeLayout[at]-'0' < 10; at-- {
			text[at] = byte('0' + part.number%10)
			part.number /= 10
		}
	}
	return string(text[:])
}
