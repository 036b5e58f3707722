package column

import (
	"bytes"
	"encoding/json"
	"iter"
)

// What a conversation came as was held to be JSON when it was decoded. So these look for where things end and no more,
// which takes a fifth of the time that encoding/json needs to be sure once again. On text that is no JSON they return
// something, and do not fail.

// AppendCompact appends the JSON text src without the white space between its tokens.
func AppendCompact(dst, src []byte) []byte {
	start := 0
	for i := 0; i < len(src); i++ {
		switch src[i] {
		case '"':
			i = stringEnd(src, i) - 1
		case ' ', '\t', '\r', '\n':
			dst = append(dst, src[start:i]...)
			start = i + 1
		}
	}
	return append(dst, src[min(start, len(src)):]...)
}

// members are those of the JSON object, in order. A name may come twice.
func members(object []byte) iter.Seq2[[]byte, json.RawMessage] {
	return func(yield func([]byte, json.RawMessage) bool) {
		i := skipSpace(object, 0) + 1 // {
		for {
			i = skipSpace(object, i)
			if i >= len(object) || object[i] != '"' {
				return
			}
			end := stringEnd(object, i)
			name := object[i:end]
			i = skipSpace(object, skipSpace(object, end)+1) // :
			end = valueEnd(object, i)
			if i >= end || !yield(unquote(name), object[i:end]) {
				return
			}
			i = skipSpace(object, end) + 1 // , or }
		}
	}
}

// stringEnd returns the index behind the string that begins at i.
func stringEnd(b []byte, i int) int {
	for i++; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(b)
}

// valueEnd returns the index behind the value that begins at i.
func valueEnd(b []byte, i int) int {
	for depth := 0; i < len(b); i++ {
		switch b[i] {
		case '"':
			if i = stringEnd(b, i) - 1; depth == 0 {
				return i + 1
			}
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth < 0 { // of what the value is in
				return i
			}
			if depth == 0 {
				return i + 1
			}
		case ',', ' ', '\t', '\r', '\n':
			if depth == 0 {
				return i
			}
		}
	}
	return len(b)
}

func skipSpace(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\t' || b[i] == '\r' || b[i] == '\n') {
		i++
	}
	return i
}

func unquote(name []byte) []byte {
	if bytes.IndexByte(name, '\\') >= 0 || len(name) < 2 {
		var s string
		_ = json.Unmarshal(name, &s)
		return []byte(s)
	}
	return name[1 : len(name)-1]
}
