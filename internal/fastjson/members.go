package fastjson

import (
	"encoding/json"
	"iter"
)

// Members returns the members of a JSON object in the order they stand in it. A name may come twice. What is not JSON ends
// the sequence early. Values share memory with object, and names may.
func Members(object []byte) iter.Seq2[[]byte, json.RawMessage] {
	return func(yield func([]byte, json.RawMessage) bool) {
		s := NewScanner(object)
		if s.Next() != '{' {
			return
		}
		for more := s.Begin('{', '}'); more; more = s.More('}') {
			name, value := s.Name(), s.Skip()
			if s.err != nil || !yield(name, value) {
				return
			}
		}
	}
}

// AppendCompact appends the JSON text src to dst, without the white space between its tokens. It does not check src.
func AppendCompact(dst, src []byte) []byte {
	start := 0
	for i := 0; i < len(src); i++ {
		switch src[i] {
		case '"':
			for i = skipPlain(src, i+1); i < len(src) && src[i] != '"'; i = skipPlain(src, i) {
				if src[i] == '\\' {
					i++
				}
				i++
			}
		case ' ', '\t', '\r', '\n':
			dst = append(dst, src[start:i]...)
			start = i + 1
		}
	}
	return append(dst, src[min(start, len(src)):]...)
}
