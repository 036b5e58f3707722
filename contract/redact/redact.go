// Package redact makes recordings safe to share, and finds what must not be shared in those that exist.
package redact

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/okchat/okchat-go/contract"
	"github.com/okchat/okchat-go/contract/internal/jsontree"
	"github.com/okchat/okchat-go/contract/internal/spec"
	"github.com/okchat/okchat-go/exchange"
)

// Redactor makes exchanges safe to share, by construction: it writes what it knows to be harmless and puts pseudonyms in
// the place of all else. [New] makes one. It is safe for concurrent use.
//
// It keeps the form of the body, names and values that the contract knows, numbers and times
// in their places, the status, and a few headers. Keys and cookies are never copied. Every other string gets a pseudonym of
// the same number of characters, character by character of the same kind, the same one wherever the same string stands; so
// a check finds in the redacted exchange what it finds in the real one, but for leaks.
type Redactor struct {
	contract *contract.Contract
	salt     []byte
}

// New returns a Redactor whose pseudonyms depend on the salt: with the same one, the same string gets the same
// pseudonym in every run, so that recordings can be compared; who has it can test a guess of the string behind a
// pseudonym. It must have at least 16 bytes.
func New(c *contract.Contract, salt []byte) (*Redactor, error) {
	if len(salt) < 16 {
		return nil, errors.New("expected a salt of at least 16 bytes, got fewer: take random ones")
	}
	return &Redactor{c, slices.Clone(salt)}, nil
}

// The headers that a redacted exchange keeps: their values are of the protocol, not of anyone.
var (
	keptRequestHeaders  = []string{"Accept", "Accept-Encoding", "Content-Type", "User-Agent"}
	keptResponseHeaders = []string{"Cache-Control", "Content-Encoding", "Content-Type", "Date", "Retry-After", "Vary"}
)

// Exchange returns a redacted copy of an exchange that was checked, marked as shareable.
func (r *Redactor) Exchange(result *contract.Result) *exchange.Exchange {
	ex := result.Exchange
	out := *ex
	out.Comment, out.Cookies, out.Entry = "", false, nil
	out.Shareable = true
	out.URL = r.url(ex.URL)
	out.RequestHeader = r.header(ex.RequestHeader, keptRequestHeaders)
	for _, key := range r.contract.Compiled().Keys {
		switch v := ex.RequestHeader.Get(key); {
		case strings.TrimSpace(v) != "":
			out.RequestHeader.Set(key, exchange.Redacted)
		case v != "":
			out.RequestHeader.Set(key, v)
		}
	}
	out.ResponseHeader = r.header(ex.ResponseHeader, keptResponseHeaders)
	if out.RequestBody = nil; string(ex.RequestBody) == `""` { // the one that the vendor documents
		out.RequestBody = ex.RequestBody
	}
	body, err := ex.Body()
	if err == nil {
		out.Decoded = ex.ResponseHeader.Get("Content-Encoding") != ""
	} else {
		body = ex.ResponseBody
	}
	out.ResponseBody = r.body(result, body)
	return &out
}

func (r *Redactor) header(h http.Header, kept []string) http.Header {
	out := make(http.Header)
	for _, name := range kept {
		for _, v := range h.Values(name) {
			if leaksIn(v) {
				v = mask(v)
			}
			out.Add(name, v)
		}
	}
	return out
}

// url keeps scheme, host and the path's words; the path's parameters get pseudonyms, and so do the query's but for those
// that count.
func (r *Redactor) url(text string) string {
	target, err := url.Parse(text)
	if err != nil {
		return mask(text)
	}
	target.User, target.Fragment, target.RawFragment = nil, "", ""
	segments := strings.Split(target.EscapedPath(), "/")
	for i, s := range segments {
		if !r.knowsSegment(s) {
			plain, err := url.PathUnescape(s)
			if err != nil {
				plain = mask(s)
			}
			segments[i] = url.PathEscape(r.id(plain))
		}
	}
	target.Path, target.RawPath = "", ""
	pairs := strings.Split(target.RawQuery, "&")
	for i, pair := range pairs {
		name, v, ok := strings.Cut(pair, "=")
		if !contract.SafeName.MatchString(strings.TrimSuffix(name, "[]")) {
			name = mask(name)
		}
		if pairs[i] = name; ok {
			plain, err := url.QueryUnescape(v)
			switch {
			case err != nil:
				v = "%zz" // stays broken
			case !safeValue.MatchString(plain):
				v = url.QueryEscape(r.id(plain))
			}
			pairs[i] += "=" + v
		}
	}
	target.RawQuery = strings.Join(pairs, "&")
	target.Opaque = ""
	host := target.Scheme + "://" + target.Host
	if target.Host == "" {
		host = ""
	}
	out := host + strings.Join(segments, "/")
	if target.RawQuery != "" {
		out += "?" + target.RawQuery
	}
	return out
}

// safeValue is a query's value that names no one: a small number or a word as sets have.
var safeValue = regexp.MustCompile(`^([+-]?\d{1,6}|[a-z][a-z_-]{0,31})?$`)

func (r *Redactor) knowsSegment(s string) bool {
	return s == "" || r.contract.Compiled().HasSegment(s)
}

// body puts pseudonyms into a body. What is no JSON document is masked byte by byte, so that it stays broken as it was.
func (r *Redactor) body(result *contract.Result, body []byte) []byte {
	names := r.contract.Compiled().Names
	t, schemas, err := result.Read(body)
	if err != nil {
		return maskBroken(body, names)
	}
	var out strings.Builder
	at := int32(0)
	put := func(start, end int32, literal string) {
		out.WriteString(t.Text[at:start])
		out.WriteString(literal)
		at = end
	}
	for i := range t.Nodes {
		n, s := &t.Nodes[i], schemas[i]
		if n.Key > 0 && !names[n.Name] && !contract.SafeName.MatchString(n.Name) {
			put(n.Key, n.Key+int32(len(n.Quoted())), quoteJSON(r.id(n.Name)))
		}
		switch {
		case n.Kind == jsontree.String && n.Garbled():
			put(n.Start, n.End, garble(n.Literal()))
		case n.Kind == jsontree.String:
			if pseudonym := r.text(n.Text, s); pseudonym != n.Text {
				put(n.Start, n.End, quoteJSON(pseudonym))
			}
		case n.Kind&jsontree.Number != 0 && s == nil && len(n.Text) > 2:
			put(n.Start, n.End, r.number(n.Text))
		}
	}
	out.WriteString(t.Text[at:])
	return []byte(out.String())
}

// text returns the pseudonym of a string that keeps a schema, nil for none, or the string itself where it is no one's.
func (r *Redactor) text(text string, s *spec.Schema) string {
	if s == nil {
		s = &spec.Schema{}
	}
	switch {
	case s.Format == "date-time" || text == "":
		return text
	case s.Personal == "token":
		return exchange.Redacted
	case s.Known != nil && spec.Word.MatchString(text):
		return text
	case s.Format == "uuid", s.Personal == "id", s.Personal == "file":
		return r.id(text)
	case times.MatchString(text):
		return text
	}
	return r.prose(text)
}

// times matches a time that is not one by the letter: digits and what stands between them.
var times = regexp.MustCompile(`^\d{4}-\d{1,2}-\d{1,2}([Tt ,][\d:.,+ -]*[Zz]?)?$`)

// id returns an id's pseudonym: digits for digits, hexadecimal letters for such, other letters for such, all else as it
// is. So what is a UUID stays one, and what is none does.
func (r *Redactor) id(s string) string {
	random := r.random(strings.ToLower(s))
	out := strings.Map(func(c rune) rune {
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
		case c < utf8.RuneSelf && c != '+' && c != '@':
			return c
		}
		return '-'
	}, s)
	if leaksIn(out) {
		out = mask(out)
	}
	return out
}

// prose returns a text's pseudonym: letters for letters and digits, of the same width and case, white space as it is, and
// a full stop for all else.
func (r *Redactor) prose(s string) string {
	random := r.random(s)
	out := strings.Map(func(c rune) rune {
		switch {
		case unicode.IsSpace(c):
			return c
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
	}, s)
	if leaksIn(out) {
		out = mask(out)
	}
	return out
}

// number returns a number's pseudonym: as long, and whole where it was. Zeros stay, as those at its ends have a meaning.
func (r *Redactor) number(s string) string {
	random := r.random(s)
	return strings.Map(func(c rune) rune {
		if c < '1' || c > '9' {
			return c
		}
		return '1' + random.Int32N(9)
	}, s)
}

// random is the source of a string's pseudonym.
func (r *Redactor) random(s string) *rand.Rand {
	mac := hmac.New(sha256.New, r.salt)
	mac.Write([]byte(s))
	sum := mac.Sum(nil)
	return rand.New(rand.NewPCG(binary.LittleEndian.Uint64(sum), binary.LittleEndian.Uint64(sum[8:])))
}

// leaksIn reports whether a text looks like something that must not be shared.
func leaksIn(s string) bool { return codesIn(s) != nil }

// mask replaces letters and digits by x, and what could join them to an address or number.
func mask(s string) string {
	return strings.Map(func(c rune) rune {
		if unicode.IsSpace(c) || strings.ContainsRune("<>/\"'{}[],:", c) {
			return c
		}
		return 'x'
	}, s)
}

// garble masks a string literal and keeps that it is no Unicode text.
func garble(literal string) string {
	if !utf8.ValidString(literal) {
		return "\"x\xff\""
	}
	return `"x\ud800"`
}

func quoteJSON(s string) string {
	b, _ := json.Marshal(s)
	return string(b)
}

// maskBroken masks each string of a text that is no JSON document, byte by byte, but for names that the contract knows;
// and each run of digits but the first one of it.
func maskBroken(body []byte, names map[string]bool) []byte {
	out := slices.Clone(body)
	if bytes.HasPrefix(body, []byte{0x1f, 0x8b}) {
		return append(slices.Clone([]byte{0x1f, 0x8b}), "xxxx"...)
	}
	if len(body) > 0 && body[0] != '{' && body[0] != '[' && body[0] != 0xef {
		return []byte(mask(strings.ToValidUTF8(string(body), "x")))
	}
	for i := 0; i < len(out); i++ {
		if out[i] >= '0' && out[i] <= '9' && i > 0 && out[i-1] >= '0' && out[i-1] <= '9' {
			out[i] = '1'
		}
		if out[i] >= utf8.RuneSelf && i > 2 {
			out[i] = 'x'
		}
		if out[i] != '"' {
			continue
		}
		end := i + 1
		for end < len(out) && out[end] != '"' {
			if out[end] == '\\' {
				end++
			}
			end++
		}
		end = min(end, len(out))
		if !names[string(out[i+1:end])] {
			for j := i + 1; j < end; j++ {
				out[j] = 'x'
			}
		}
		i = end
	}
	return out
}
