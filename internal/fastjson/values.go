package fastjson

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"time"

	"github.com/google/uuid"
)

const (
	aTime = "an RFC 3339 date-time in the years 1 to 9999"
	aUUID = "a UUID"
)

func readTime(s *Scanner, v reflect.Value, first byte) {
	if first != '"' {
		s.Mismatch(aTime)
		return
	}
	inner, plain := s.quoted()
	if !plain {
		inner = unescape(inner)
	}
	t, ok := parseUTC(inner)
	if !ok && t.UnmarshalText(inner) != nil || t.UTC().Year() < 1 || t.UTC().Year() > 9999 {
		s.note(aTime, "another string")
	}
	*v.Addr().Interface().(*time.Time) = t
}

func readUUID(s *Scanner, v reflect.Value, first byte) {
	if first != '"' {
		s.Mismatch(aUUID)
		return
	}
	const length = len(`"00000000-0000-0000-0000-000000000000"`)
	if text := s.text[s.at:]; len(text) >= length && text[length-1] == '"' {
		if id, err := uuid.ParseBytes(text[1 : length-1]); err == nil { // so nothing in it is escaped
			copy(v.Bytes(), id[:])
			s.at += length
			return
		}
	}
	inner, plain := s.quoted()
	if !plain {
		inner = unescape(inner)
	}
	id, err := uuid.ParseBytes(inner)
	if err != nil {
		s.note(aUUID, "another string")
	}
	copy(v.Bytes(), id[:])
}

func readString(s *Scanner, v reflect.Value, first byte) {
	if first != '"' {
		s.Mismatch("a string")
		return
	}
	v.SetString(s.string())
}

// readStringPointer does what reading through a pointer does, faster.
func readStringPointer(s *Scanner, v reflect.Value, first byte) {
	if first != '"' {
		s.Mismatch("a string")
		return
	}
	text := s.string()
	v.Set(reflect.ValueOf(&text))
}

func readWord(s *Scanner, v reflect.Value, first byte) {
	if first != '"' {
		s.Mismatch("a string")
		return
	}
	v.SetString(s.word())
}

func readBool(s *Scanner, v reflect.Value, first byte) {
	switch first {
	case 't':
		s.literal("true")
		v.SetBool(true)
	case 'f':
		s.literal("false")
	default:
		s.Mismatch("true or false")
	}
}

func readInt(s *Scanner, v reflect.Value, first byte) {
	if first != '-' && first-'0' > 9 {
		s.Mismatch("a whole number")
		return
	}
	n, err := strconv.ParseInt(string(s.Skip()), 10, v.Type().Bits())
	if s.err == nil && err != nil {
		s.note("a whole number", "a number")
	}
	v.SetInt(n)
}

func readFloat(s *Scanner, v reflect.Value, first byte) {
	if first != '-' && first-'0' > 9 {
		s.Mismatch("a number")
		return
	}
	v.SetFloat(s.float(v.Type().Bits()))
}

func (s *Scanner) float(bits int) float64 {
	x, err := strconv.ParseFloat(string(s.Skip()), bits)
	if s.err == nil && err != nil {
		s.note("a number that fits", "one beyond all bounds")
	}
	return x
}

// readStock leaves a value to encoding/json.
func readStock(s *Scanner, v reflect.Value, first byte) {
	raw := s.Skip()
	if s.err == nil && json.Unmarshal(raw, v.Addr().Interface()) != nil {
		s.note("a value of its type", Describe(first))
	}
}

// What values of open objects and lists take in memory, about: a map, and any other one.
const (
	mapBytes   = 384
	entryBytes = 96
)

// take reports whether n bytes more are within what the values of open objects and lists may take. It keeps memory in
// proportion to the text: millions of empty objects in a few megabytes would take gigabytes.
func (s *Scanner) take(n int) bool {
	if s.room -= n; s.room >= 0 {
		return true
	}
	if s.mismatch.Expected == "" {
		s.note(fmt.Sprintf("at most about %d values in open objects and lists", newRoom(s.text)/entryBytes), "more")
	}
	return false
}

// any reads any value as encoding/json does into an interface. Where there is no room for it, it reads on without keeping it.
func (s *Scanner) any() any {
	first := s.Next()
	if size := entryBytes; !s.take(size) || first == '{' && !s.take(mapBytes-size) {
		s.Skip()
		return nil
	}
	switch first {
	case '{':
		object := map[string]any{}
		for more := s.Begin('{', '}'); more; more = s.More('}') {
			if s.room < 0 {
				s.skipMember()
				continue
			}
			key := string(s.Name())
			object[key] = s.any()
			s.placeIn(key)
		}
		return object
	case '[':
		array := []any{}
		for more := s.Begin('[', ']'); more; more = s.More(']') {
			if s.room < 0 {
				s.Skip()
				continue
			}
			array = append(array, s.any())
			if s.depth == s.mismatchDepth {
				s.placeIn(strconv.Itoa(len(array) - 1))
			}
		}
		return array
	case '"':
		return s.string()
	case 't':
		s.literal("true")
		return true
	case 'f':
		s.literal("false")
		return false
	case 'n':
		s.literal("null")
		return nil
	default:
		return s.float(64)
	}
}
