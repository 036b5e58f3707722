package redact

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"html"
	"math/rand/v2"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"
)

// pseudonyms is the salt of strings that stand for others.
type pseudonyms []byte

func (p pseudonyms) sum(s string) []byte {
	mac := hmac.New(sha256.New, p)
	mac.Write([]byte(s))
	return mac.Sum(nil)
}

// random is the source of a string's pseudonym.
func (p pseudonyms) random(s string) *rand.Rand {
	sum := p.sum(s)
	return rand.New(rand.NewPCG(binary.LittleEndian.Uint64(sum), binary.LittleEndian.Uint64(sum[8:])))
}

// name returns the pseudonym of a name or of a value of a set.
func (p pseudonyms) name(s string) string { return "unknown_" + hex.EncodeToString(p.sum(s)[:5]) }

// id returns an id's pseudonym: digits for digits, hexadecimal letters for such, other letters for such, punctuation as
// it is. So what is a UUID stays one, and what is none does.
func (p pseudonyms) id(s string) string {
	random := p.random(strings.ToLower(s))
	return harmless(strings.Map(func(c rune) rune {
		switch {
		case c >= '0' && c <= '9':
			return '0' + random.Int32N(10)
		case c >= 'a' && c <= 'f':
			return 'a' + random.Int32N(6)
		case c >= 'A' && c <= 'F':
			return 'A' + random.Int32N(6)
		case unicode.IsLetter(c) && unicode.IsUpper(c):
			return 'G' + random.Int32N(20)
		case unicode.IsLetter(c):
			return 'g' + random.Int32N(20)
		case strings.ContainsRune("-_./", c):
			return c
		}
		return '-'
	}, s), "-/")
}

// harmless returns a pseudonym, or where that looks like a secret by chance x for all of its characters but those to keep.
func harmless(pseudonym, keep string) string {
	if codesIn(pseudonym) == nil {
		return pseudonym
	}
	return strings.Map(func(c rune) rune {
		if strings.ContainsRune(keep, c) {
			return c
		}
		return 'x'
	}, pseudonym)
}

// prose returns a text's pseudonym: letters for letters and digits, of the same width and case, white space as it is, and
// a full stop for all else.
func (p pseudonyms) prose(s string) string {
	random := p.random(s)
	return harmless(strings.Map(func(c rune) rune {
		switch {
		case c == ' ', c == '\n', c == '\r', c == '\t':
			return c
		case unicode.IsSpace(c):
			return ' '
		case unicode.Is(unicode.Hangul, c):
			return '가' + random.Int32N(500)
		case unicode.Is(unicode.Han, c), unicode.In(c, unicode.Hiragana, unicode.Katakana):
			return '一' + random.Int32N(500)
		case unicode.IsUpper(c):
			return 'A' + random.Int32N(26)
		case unicode.IsLetter(c), unicode.IsDigit(c):
			return 'a' + random.Int32N(26)
		case c > 0xffff: // emoji
			return '😀' + random.Int32N(40)
		}
		return '.'
	}, s), " \n\r\t")
}

// number returns a number's pseudonym: as long, and whole or too large where it was. Zeros stay, as those at its ends have a
// meaning, and so does a short exponent.
func (p pseudonyms) number(s string) string {
	random := p.random(s)
	mantissa, exponent := s, ""
	if i := strings.IndexAny(s, "eE"); i >= 0 {
		mantissa, exponent = s[:i], s[i:]
	}
	mantissa = strings.Map(func(c rune) rune {
		if c < '1' || c > '9' {
			return c
		}
		return '1' + random.Int32N(9)
	}, mantissa)
	if len(exponent) > len("e-308") {
		exponent = exponent[:1] + strings.Trim(exponent[1:2], "0123456789") + "999"
	}
	return mantissa + exponent
}

func quoteJSON(s string) string {
	b, _ := json.Marshal(s)
	return string(b)
}

// shortestSecret is how many bytes a key has at least that is searched: a shorter one may stand anywhere by chance.
const shortestSecret = 6

// Holds reports whether a text holds a secret, in any letter case and in each encoding that a server may echo it in.
func Holds(text, secret string) bool {
	if len(secret) < shortestSecret {
		return false
	}
	encoded := base64.StdEncoding.EncodeToString
	forms := []string{secret, hex.EncodeToString([]byte(secret)), reverse(secret)}
	for shift := range 3 { // what stands before the secret moves its base64, and its ends depend on what is around
		b := strings.TrimRight(encoded(append(make([]byte, shift), secret...)), "=")
		forms = append(forms, b[(shift*8+5)/6:len(b)-1], strings.NewReplacer("+", "-", "/", "_").Replace(b[(shift*8+5)/6:len(b)-1]))
	}
	for range 3 { // encoded once more
		lower := strings.ToLower(text)
		for _, form := range forms {
			if strings.Contains(lower, strings.ToLower(form)) {
				return true
			}
		}
		text = decodeOnce(text)
	}
	return false
}

// decodeOnce undoes JSON's escapes, HTML's entities and percent-encoding wherever they stand.
func decodeOnce(text string) string {
	var out strings.Builder
	for i := 0; i < len(text); {
		rest := text[i:]
		switch {
		case len(rest) > 2 && rest[0] == '%':
			if plain, err := url.PathUnescape(rest[:3]); err == nil {
				out.WriteString(plain)
				i += 3
				continue
			}
		case len(rest) > 5 && rest[0] == '\\' && rest[1] == 'u':
			var c string
			if json.Unmarshal([]byte(`"`+rest[:6]+`"`), &c) == nil {
				out.WriteString(c)
				i += 6
				continue
			}
		case len(rest) > 1 && rest[0] == '\\':
			i++ // the next byte stands for itself
			out.WriteByte(text[i])
			i++
			continue
		}
		out.WriteByte(rest[0])
		i++
	}
	return html.UnescapeString(out.String())
}

func reverse(s string) string {
	runes := []rune(s)
	for i, j := 0, len(runes)-1; i < j; i, j = i+1, j-1 {
		runes[i], runes[j] = runes[j], runes[i]
	}
	return string(runes)
}

// isLiteral reports whether a run of bytes is a number, or one of the words that JSON has.
func isLiteral(s string) bool {
	switch s {
	case "true", "false", "null":
		return true
	}
	return utf8.ValidString(s) && strings.Trim(s, "0123456789+-.eE") == "" && json.Valid([]byte(s))
}
