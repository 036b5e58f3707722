package fastjson

import (
	"bytes"
	"encoding"
	"encoding/json"
	"fmt"
	"math/bits"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
)

// Field is a member of an object, as the generated struct field describes it.
type Field struct {
	// Name is the member's, and Index the field's in its struct.
	Name  string
	Index int
	Type  reflect.Type
	// Required reports whether the contract requires the member: the generator gives an optional one omitempty.
	Required bool
	// Nullable reports whether the contract allows null. The generator then makes the field a pointer, or its type
	// encodes its zero value as null. An optional member is a pointer too, and counts as nullable.
	Nullable bool
}

// Fields returns the members of struct type t that have a name in JSON, in the order of its fields.
func Fields(t reflect.Type) []Field {
	var fields []Field
	for i := range t.NumField() { // ranging over Fields makes each importer's program heavier
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "" || name == "-" {
			continue
		}
		zero, err := json.Marshal(reflect.Zero(f.Type).Interface())
		fields = append(fields, Field{
			Name: name, Index: i, Type: f.Type,
			Required: !strings.Contains(options, "omitempty"),
			Nullable: err == nil && string(zero) == "null",
		})
	}
	return fields
}

// Type is a struct type whose members have been compiled for reading. It is safe for concurrent use.
type Type struct {
	// Fields are the members, in the order of the fields.
	Fields []Field

	object *object
	names  []string // of the required members, by their bit
}

// Compile compiles struct type t and the types in it. It panics if they require more than 64 members together or one has
// more than 64 fields, which a test of the package that uses it cannot miss.
func Compile(t reflect.Type) *Type {
	var c compiler
	o := c.object(t, "")
	return &Type{Fields: Fields(t), object: o, names: c.required}
}

// Read reads an object into a zero value of the type, given a pointer to it. It returns a bit for each required member that
// is missing, or null where it is not nullable; [Type.Names] gives their names. See [Scanner.Err] and [Scanner.TakeMismatch]
// for what else can be wrong.
func (t *Type) Read(s *Scanner, into any) (missing uint64) {
	if s.root != t.object {
		s.root, s.after = t.object, [65]uint8{}
	}
	s.missing = 0
	t.object.read(s, reflect.ValueOf(into).Elem(), s.Next())
	return s.missing
}

// Names returns the names of the members in missing, in the order of the fields. A member of an object within has the
// object's name and a slash before its own: "last_message/id".
func (t *Type) Names(missing uint64) []string {
	var names []string
	for ; missing != 0; missing &= missing - 1 {
		names = append(names, t.names[bits.TrailingZeros64(missing)])
	}
	return names
}

// Bit returns the bit of a required member, and a description of its type.
func (t *Type) Bit(name string) (bit uint64, expected string) {
	for _, f := range t.object.fields {
		if f.name == name {
			return f.missing, f.expected
		}
	}
	return 0, ""
}

// object is a struct type compiled for reading.
type object struct {
	fields   []field
	required uint64 // by position in fields
	open     int    // the field that takes all other members, a map[string]any; -1 without one
}

type field struct {
	name     string
	begin    []byte // the name in quotes, and the colon
	index    int
	nullable bool
	missing  uint64 // the bit in Scanner.missing, 0 for an optional member
	within   uint64 // the bits of the required members of its value
	expected string
	read     reader
}

// reader reads a value that is not null, and that begins with first, into v, which is zero.
type reader func(s *Scanner, v reflect.Value, first byte)

func (o *object) read(s *Scanner, v reflect.Value, first byte) {
	if first != '{' {
		s.Mismatch("an object")
		return
	}
	var seen uint64
	at := -1
	for more := s.Begin('{', '}'); more; more = s.More('}') {
		i := o.next(s, at)
		if i < 0 {
			name := s.Name()
			if i = o.find(name); i < 0 {
				o.readOther(s, v, name)
				continue
			}
			if o == s.root {
				s.after[at+1] = uint8(i)
			}
		}
		at = i
		f, bit := &o.fields[i], uint64(1)<<i
		value := v.Field(f.index)
		if seen&bit != 0 { // it came before, and the last one counts
			value.SetZero()
			s.missing &^= f.within
		}
		seen |= bit
		first := s.Next()
		if first == 'n' {
			if s.literal("null"); !f.nullable {
				seen &^= bit
			}
			continue
		}
		f.read(s, value, first)
		s.placeIn(f.name)
	}
	for unseen := o.required &^ seen; unseen != 0; unseen &= unseen - 1 {
		s.missing |= o.fields[bits.TrailingZeros64(unseen)].missing
	}
}

// next reads the name and colon of the member that is likely to follow the field at position last, and returns its
// position, or returns -1 and reads nothing. In one list the members of each item come in one order.
func (o *object) next(s *Scanner, last int) int {
	likely := last + 1
	if o == s.root {
		likely = int(s.after[last+1])
	}
	s.Next()
	if likely >= len(o.fields) || !bytes.HasPrefix(s.text[s.at:], o.fields[likely].begin) {
		return -1
	}
	s.at += len(o.fields[likely].begin)
	return likely
}

// find returns the position of the field for name, or -1.
func (o *object) find(name []byte) int {
	for i := range o.fields {
		if o.fields[i].name == string(name) {
			return i
		}
	}
	return -1
}

func (o *object) readOther(s *Scanner, v reflect.Value, name []byte) {
	if o.open < 0 || s.room < 0 {
		s.extra = true
		s.Skip()
		return
	}
	field := v.Field(o.open)
	others, _ := field.Interface().(map[string]any) //nolint:modernize // reflect.TypeAssert makes each importer's program heavier
	if others == nil {
		others = map[string]any{}
		field.Set(reflect.ValueOf(others))
	}
	key := string(name)
	others[key] = s.any()
	s.placeIn(key)
}

// compiler compiles the types of one Type.
type compiler struct {
	required []string
	within   []reflect.Type // the structs that are being compiled
}

func (c *compiler) object(t reflect.Type, path string) *object {
	o := &object{open: -1}
	c.within = append(c.within, t)
	for i := range t.NumField() { // as in Fields
		if f := t.Field(i); f.Name == "AdditionalProperties" && f.Type == reflect.TypeFor[map[string]any]() {
			o.open = i
		}
	}
	for _, f := range Fields(t) {
		at := len(o.fields)
		compiled := field{name: f.Name, begin: fmt.Appendf(nil, "%q:", f.Name), index: f.Index, nullable: f.Nullable}
		if f.Required {
			o.required |= 1 << at
			compiled.missing = 1 << len(c.required)
			c.required = append(c.required, path+f.Name)
		}
		before := len(c.required)
		compiled.read, compiled.expected = c.reader(f.Type, path+f.Name+"/")
		compiled.within = 1<<len(c.required) - 1<<before
		o.fields = append(o.fields, compiled)
	}
	if len(o.fields) > 64 || len(c.required) > 64 {
		panic(fmt.Sprintf("fastjson: %v has more than 64 members", t))
	}
	c.within = c.within[:len(c.within)-1]
	return o
}

// reader returns how values of type t are read, and a description of them.
func (c *compiler) reader(t reflect.Type, path string) (read reader, expected string) {
	switch t {
	case reflect.TypeFor[time.Time]():
		return readTime, aTime
	case reflect.TypeFor[uuid.UUID]():
		return readUUID, aUUID
	case reflect.TypeFor[any]():
		return func(s *Scanner, v reflect.Value, first byte) { v.Set(reflect.ValueOf(s.any())) }, "any value"
	}
	switch t.Kind() {
	case reflect.Pointer:
		return c.pointer(t, path)
	case reflect.Struct:
		if u := c.union(t, path); u != nil {
			return u.read, u.expected
		}
		for _, outer := range c.within { //nolint:modernize // slices.Contains makes each importer's program heavier
			if outer == t {
				return readStock, "an object"
			}
		}
		return c.object(t, path).read, "an object"
	}
	if p := reflect.PointerTo(t); p.Implements(reflect.TypeFor[json.Unmarshaler]()) || p.Implements(reflect.TypeFor[encoding.TextUnmarshaler]()) {
		return readStock, "a value"
	}
	switch t.Kind() {
	case reflect.String:
		if t == reflect.TypeFor[string]() {
			return readString, "a string"
		}
		return readWord, "a string"
	case reflect.Bool:
		return readBool, "true or false"
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return readInt, "a whole number"
	case reflect.Float32, reflect.Float64:
		return readFloat, "a number"
	case reflect.Slice:
		if t.Elem().Kind() != reflect.Uint8 {
			return c.slice(t, path)
		}
	}
	return readStock, "a value"
}

func (c *compiler) pointer(t reflect.Type, path string) (reader, string) {
	if t == reflect.TypeFor[*string]() {
		return readStringPointer, "a string"
	}
	read, expected := c.reader(t.Elem(), path)
	return func(s *Scanner, v reflect.Value, first byte) {
		to := reflect.New(t.Elem())
		read(s, to.Elem(), first)
		v.Set(to)
	}, expected
}

func (c *compiler) slice(t reflect.Type, path string) (reader, string) {
	read, _ := c.reader(t.Elem(), path)
	return func(s *Scanner, v reflect.Value, first byte) {
		if first != '[' {
			s.Mismatch("an array")
			return
		}
		v.Set(reflect.MakeSlice(t, 0, 0))
		for more := s.Begin('[', ']'); more; more = s.More(']') {
			i := v.Len()
			if !s.take(2 * int(t.Elem().Size())) {
				s.Skip()
				continue
			}
			v.Grow(1)
			v.SetLen(i + 1)
			read(s, v.Index(i), s.Next())
			if s.depth == s.mismatchDepth {
				s.placeIn(strconv.Itoa(i))
			}
		}
	}, "an array"
}

// union is a struct with a pointer for each form that a value can have, which the value's first byte tells apart.
type union struct {
	forms    [256]reader
	fields   [256]int
	expected string
}

// union compiles t where it is a union: a type with an UnmarshalJSON of its own, and pointers without names in JSON.
func (c *compiler) union(t reflect.Type, path string) *union {
	if !reflect.PointerTo(t).Implements(reflect.TypeFor[json.Unmarshaler]()) || len(Fields(t)) > 0 {
		return nil
	}
	u := &union{}
	var forms []string
	for i := range t.NumField() { // as in Fields
		f := t.Field(i)
		if f.Type.Kind() != reflect.Pointer || !f.IsExported() {
			return nil
		}
		var first string
		switch f.Type.Elem().Kind() {
		case reflect.Struct:
			first = "{"
		case reflect.String:
			first = `"`
		case reflect.Slice:
			first = "["
		case reflect.Bool:
			first = "tf"
		default:
			return nil
		}
		read, expected := c.reader(f.Type, path)
		forms = append(forms, expected)
		for _, b := range []byte(first) {
			u.forms[b], u.fields[b] = read, i
		}
	}
	if zero, err := json.Marshal(reflect.Zero(t).Interface()); err == nil && string(zero) == "null" {
		forms = append(forms, "null")
	}
	last := len(forms) - 1
	u.expected = strings.Join(forms[:last], ", ") + " or " + forms[last]
	return u
}

func (u *union) read(s *Scanner, v reflect.Value, first byte) {
	if u.forms[first] == nil {
		s.Mismatch(u.expected)
		return
	}
	u.forms[first](s, v.Field(u.fields[first]), first)
}
