package contract

import (
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"
)

// describe says what a value is without saying what it holds.
func describe(n *node) string {
	switch n.kind {
	case null:
		return "null"
	case boolean:
		return "a boolean"
	case text:
		return describeText(n.text)
	case array:
		return "an array of " + count(int(n.size), "item")
	case object:
		return "an object of " + count(int(n.size), "member")
	default:
		return "a number"
	}
}

func describeText(s string) string {
	return "a string of " + count(utf8.RuneCountInString(s), "character")
}

var (
	word      = regexp.MustCompile(`^[A-Za-z][A-Za-z_-]{0,31}$`)
	mediaType = regexp.MustCompile(`^[A-Za-z0-9.+-]{1,40}/[A-Za-z0-9.+-]{1,40}$`)
)

// describeWord quotes a value that looks like one of a set's: short, without digits, blanks or punctuation, hence no id
// and no text. It describes any other.
func describeWord(s string) string {
	if word.MatchString(s) {
		return `"` + s + `"`
	}
	return describeText(s)
}

func describeMediaType(s string) string {
	if s = strings.TrimSpace(s); mediaType.MatchString(s) {
		return s
	}
	return describeText(s)
}

func count(n int, unit string) string {
	if n == 1 {
		return "1 " + unit
	}
	return fmt.Sprintf("%d %ss", n, unit)
}

// String lists the types: "object or string or null".
func (k kinds) String() string {
	var list []string
	for _, kind := range kindNames {
		if k&kind.kind != 0 {
			list = append(list, kind.name)
		}
	}
	return strings.Join(list, " or ")
}

// expectedValues lists a set's values, the first of them if they are many.
func expectedValues(known []string) string {
	const most = 8
	if len(known) > most {
		known = append(known[:most:most], "…")
	}
	return "one of " + strings.Join(known, ", ")
}
