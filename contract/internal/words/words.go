// Package words describes values in messages without telling what an end user may have written.
package words

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/okchat/okchat-go/internal/lazy"
)

// Text says how long a text is.
func Text(s string) string { return "a string of " + Plural(utf8.RuneCountInString(s), "character") }

// word matches a value that looks like one of a set's: short, without digits, blanks or punctuation, hence no id and no
// text.
var word = lazy.Regexp(`^[A-Za-z][A-Za-z_-]{0,31}$`)

// IsWord reports whether a text may be quoted: it looks like a value of a set, and so like no id and no text of anyone.
func IsWord(s string) bool { return word().MatchString(s) }

// Quote quotes a word, and describes any other text.
func Quote(s string) string {
	if IsWord(s) {
		return `"` + s + `"`
	}
	return Text(s)
}

// mediaType matches a media type without more digits than a version has: with them it could be anything.
var mediaType = lazy.Regexp(`^[A-Za-z]{1,20}/[A-Za-z.+-]{1,60}[0-9]{0,2}$`)

// MediaType returns a media type, and describes any other text.
func MediaType(s string) string {
	if s = strings.TrimSpace(s); mediaType().MatchString(s) {
		return s
	}
	return Text(s)
}

// HoldsAny reports whether a text holds one of the secrets, in any letter case. A text that was shortened holds one whose beginning
// ends it.
func HoldsAny(s string, secrets []string) bool {
	const shortened = 16
	s = strings.ToLower(s)
	return slices.ContainsFunc(secrets, func(secret string) bool {
		secret = strings.ToLower(secret)
		beginning := secret[:min(len(secret), shortened)]
		return strings.Contains(s, secret) || strings.HasSuffix(s, "…") && strings.Contains(s, beginning)
	})
}

// Plural returns a number of things: "1 item", "2 items".
func Plural(n int, unit string) string {
	if n == 1 {
		return "1 " + unit
	}
	return fmt.Sprintf("%d %ss", n, unit)
}

// Shorten returns s on one line of printable characters, at most n of them.
func Shorten(s string, n int) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '\ufffd'
	}, s)
	if runes := []rune(s); len(runes) > n {
		return string(runes[:max(n-1, 0)]) + "…"
	}
	return s
}

// OneOf lists a set's values, the first of them if they are many.
func OneOf(known []string) string {
	const most = 8
	if len(known) > most {
		known = append(known[:most:most], "…")
	}
	return "one of " + strings.Join(known, ", ")
}
