package redact

import (
	"encoding/base64"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/okchat/okchat-go/contract/finding"
	"github.com/okchat/okchat-go/contract/internal/spec"
	"github.com/okchat/okchat-go/internal/lazy"
)

var (
	email = lazy.Regexp(`[\pL\pN._%+-]+@[\pL\pN-]+(\.[\pL\pN-]+)*\.\pL{2,}`)
	// phone, resident and moment match at the beginning of a text. resident is a Korean resident registration number: birthday,
	// and a digit for century and sex before six more.
	phone    = lazy.Regexp(`^(\+\d{1,3}([ .-]?\(?\d{1,4}\)?){2,5}\d|0\d{1,3}[ .-]\d{3,4}[ .-]\d{4}\b|01[016789]\d{7,8}\b|\(\d{3}\) ?\d{3}-\d{4}\b|\d{3}-\d{3,4}-\d{4}\b)`)
	resident = lazy.Regexp(`^(\d\d)(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])([ -]?)[1-8]\d{6}\b`)
	moment   = lazy.Regexp(`^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d[\d:.+-]*`)
	// token finds what says of itself that it is a credential.
	token = lazy.Regexp(`\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*|\b(sk|pk|rk)[-_](live|test|proj)?[-_]?\w{16,}|\bgh[pousr]_\w{20,}|\bxox[baprs]-[\w-]{10,}|\bAKIA[0-9A-Z]{16}\b|\bAIza[\w-]{30,}|(?i)\bbearer [\w.~+/-]{12,}|-----BEGIN [A-Z ]*PRIVATE KEY`)
	// tokenSigns lists strings of which each match of token has one, and few other texts do. Looking for them takes a tenth of
	// the time.
	tokenSigns = []string{"eyJ", "sk-", "sk_", "pk-", "pk_", "rk-", "rk_", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "xox", "AKIA", "AIza",
		"earer ", "EARER ", "PRIVATE KEY"}
)

// shortest is how many bytes a text has at least that can hold one of the secrets below.
const shortest = 5

// codesIn returns the kinds of secrets and of personal data that a text looks like.
func codesIn(s string) []finding.Code {
	if len(s) < shortest {
		return nil
	}
	s = narrow(s)
	var found []finding.Code
	if strings.Contains(s, "@") && email().MatchString(s) {
		found = append(found, finding.CodeLeakedEmail)
	}
	if holdsNumber(s) {
		found = append(found, finding.CodeLeakedPhone)
	}
	if len(s) >= 16 && slices.ContainsFunc(tokenSigns, func(sign string) bool { return strings.Contains(s, sign) }) && token().MatchString(s) {
		found = append(found, finding.CodeLeakedToken)
	}
	return found
}

// narrow returns a text with full-width letters, digits and signs, as Korean and Japanese keyboards type them, in ASCII.
func narrow(s string) string {
	if !strings.ContainsFunc(s, func(r rune) bool { return r >= 0x2010 }) {
		return s
	}
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 0xff01 && r <= 0xff5e:
			return r - 0xff01 + '!'
		case r >= 0x2010 && r <= 0x2015, r == 0x2212, r == 0x30fc:
			return '-'
		case r == 0x3000:
			return ' '
		}
		return r
	}, s)
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// holdsNumber reports whether a text holds a phone number or a resident registration number. It looks where one can begin,
// and not in UUIDs and times.
func holdsNumber(s string) bool {
	const longest = 48
	digits := 0
	for i := range len(s) {
		if isDigit(s[i]) {
			digits++
		}
	}
	if digits < 8 {
		return false
	}
	for i := 0; i < len(s); i++ {
		c := s[i]
		first := i == 0 || !isDigit(s[i-1]) && s[i-1]|0x20-'a' > 25 && s[i-1] != '_' // of a word
		part := s[i:min(i+longest, len(s))]
		switch {
		case first && spec.IsUUID(part[:min(len(part), 36)]):
			i += 35
		case first && len(part) > 4 && part[4] == '-' && moment().MatchString(part):
			i += len(moment().FindString(part)) - 1
		case c == '+' || c == '(', first && isDigit(c):
			if phone().MatchString(part) || isResident(part) {
				return true
			}
		}
	}
	return false
}

// isResident reports whether a text begins with a resident registration number. Without a sign between its halves it needs
// the right check digit, or many an id would be one.
func isResident(s string) bool {
	m := resident().FindStringSubmatch(s)
	if m == nil {
		return false
	}
	if _, err := time.Parse("20060102", "20"+m[1]+m[2]+m[3]); err != nil && m[2]+m[3] != "0229" {
		return false
	}
	if m[4] != "" {
		return true
	}
	sum := 0
	for i, weight := range []int{2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5} {
		sum += weight * int(m[0][i]-'0')
	}
	return (11-sum%11)%10 == int(m[0][12]-'0')
}

// fromBase64 returns the text that a string is in base64, "" where it is none.
func fromBase64(s string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_"
	rest := strings.TrimLeft(s, alphabet)
	if len(s)-len(rest) < 24 || rest != "" && rest != "=" && rest != "==" {
		return ""
	}
	plain := strings.NewReplacer("-", "+", "_", "/").Replace(s[:len(s)-len(rest)])
	b, err := base64.RawStdEncoding.DecodeString(plain)
	if err != nil || !utf8.Valid(b) || strings.ContainsFunc(string(b), func(r rune) bool { return unicode.IsControl(r) && !unicode.IsSpace(r) }) {
		return ""
	}
	return string(b)
}

// passwords are words in the names of what is secret even if it is a number, and secretWords those of any secret. Many a number
// counts tokens or keys.
var (
	passwords   = []string{"password", "passwords", "passwd", "pass", "pwd", "pw", "passphrase", "passcode", "pin", "otp", "secret", "secrets"}
	secretWords = append([]string{
		"key", "keys", "apikey", "apikeys", "token", "tokens", "signature", "sig", "credential", "credentials", "session", "sessionid", "sid", "auth",
		"authorization", "jwt", "bearer",
	}, passwords...)
)

// namesSecret reports whether a word of a name says that its value is secret: "api_key", "accessToken", but not "monkey".
func namesSecret(name string) bool { return namesOneOf(name, secretWords) }

// namesOneOf reports whether one of the words stands in a name, in any letter case and joined to others in any way.
func namesOneOf(name string, known []string) bool {
	var words []string
	var last rune
	start := 0
	for i, r := range name {
		switch {
		case !unicode.IsLetter(r) && !unicode.IsDigit(r):
			words = append(words, name[start:i])
			start = i + utf8.RuneLen(r)
		case unicode.IsUpper(r) && unicode.IsLower(last):
			words = append(words, name[start:i])
			start = i
		}
		last = r
	}
	words = append(words, name[min(start, len(name)):])
	return slices.ContainsFunc(words, func(word string) bool { return slices.Contains(known, strings.ToLower(word)) })
}

var (
	standsFor = lazy.Regexp(`(?i)redact|remove|hidden|mask|fake|dummy|example|placeholder|sample|invalid|wrong|your|x{4}|\*{3}|^[<{\[$%].*[>}\]%]?$|^(.{0,12}[-_])?test([-_].{0,12})?$`)
	plainWord = lazy.Regexp(`^[A-Za-z_-]*$`)
	// random matches what is too long and too mixed to stand for something.
	random = lazy.Regexp(`[0-9A-Za-z]{16}`)
)

// shortestKey is how long a key is at least that anyone would issue.
const shortestKey = 12

// isPlaceholder reports whether a value stands for a secret and is none: it says so, or it is words without a digit that no
// one would use as a key.
func isPlaceholder(v string) bool {
	v = strings.TrimSpace(v)
	part := random().FindString(v)
	return v == "" || standsFor().MatchString(v) && !(strings.ContainsAny(part, "0123456789") && strings.Trim(part, "0123456789") != "") ||
		plainWord().MatchString(v) && (len(v) <= 8 || strings.Contains(strings.ToLower(v), "test") || strings.Contains(strings.ToLower(v), "key"))
}
