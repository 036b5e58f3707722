package redact

import (
	"bytes"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/okchat/okchat-go/contract"
	"github.com/okchat/okchat-go/contract/finding"
	"github.com/okchat/okchat-go/contract/internal/jsontree"
	"github.com/okchat/okchat-go/contract/internal/spec"
	"github.com/okchat/okchat-go/contract/internal/words"
	"github.com/okchat/okchat-go/exchange"
	"github.com/okchat/okchat-go/internal/lazy"
)

// Leaks returns a finding for each thing in a recorded exchange that must not be shared: the API key, wherever it
// stands; cookies, tokens and passwords; e-mail addresses, phone and resident registration numbers; and the ids and texts of
// end users, as the contract marks them (x-personal), unless the exchange is Shareable. Every string of the recording's
// entry is searched, whichever path was called and whichever member it stands in. A value that stands for a secret, such
// as REDACTED, is none. What a finding tells of a secret is where it stands. It never changes the exchange and never panics.
func Leaks(r *contract.Result) []finding.Finding {
	ex := r.Exchange
	l := &leaks{contract: r.Contract(), call: r.Call(), keys: ex.Keys(), at: func(int) exchange.Source { return ex.At(-1) }}
	l.headers(finding.PartRequestHeader, ex.RequestHeader)
	l.headers(finding.PartResponseHeader, ex.ResponseHeader)
	l.part = finding.PartRequest
	l.url(ex.URL)
	l.part = finding.PartRequestBody
	l.text("", string(ex.RequestBody), -1, 0)
	l.part, l.at = finding.PartResponseBody, ex.At
	body, err := ex.Body()
	if err != nil {
		body = ex.ResponseBody
	}
	if doc, err := r.Read(finding.PartResponseBody, body); err == nil {
		l.body(doc, ex.Shareable)
	} else {
		l.text("", string(body), 0, 0)
	}
	if ex.Part != nil {
		l.part, l.at = finding.PartRecording, ex.Part.At
		l.told = make(map[finding.Code]bool)
		for _, f := range l.list {
			l.told[f.Code] = true
		}
		l.recording(ex.Part.Text, func(offset int) bool { return offset == ex.BodyOffset }, string(ex.RequestBody))
	}
	return l.list
}

// PartLeaks is [Leaks] for what stands in a recording beside the exchanges: pages, comments, members of its own.
func PartLeaks(c *contract.Contract, p *exchange.Part) []finding.Finding {
	l := &leaks{contract: c, part: finding.PartRecording, at: p.At}
	l.recording(p.Text, func(int) bool { return false }, "")
	return l.list
}

// leaks are those of one exchange.
type leaks struct {
	contract *contract.Contract
	list     []finding.Finding
	call     string
	keys     []string // the request's

	part finding.Part // that is searched
	at   func(offset int) exchange.Source
	// told are the codes that request and response are known to have while the entry is searched, in which they stand again.
	// path leads to the value under search in the entry.
	told map[finding.Code]bool
	path []string
}

// maxLike is how many leaks of a kind are told of one exchange; the last of them counts the others.
const maxLike = 20

var expectations = map[finding.Code]string{
	finding.CodeLeakedKey: "no key", finding.CodeLeakedToken: "no credentials", finding.CodeLeakedEmail: "no e-mail address",
	finding.CodeLeakedPhone: "no phone or resident registration number",
}

func (l *leaks) add(code finding.Code, pointer, got string, offset int) {
	if l.contract.Off(code) || l.told[code] && len(l.path) > 0 && (l.path[0] == "request" || l.path[0] == "response") {
		return
	}
	expected := "a recording marked as published or redacted, or none of an end user's data"
	if what := expectations[code]; what != "" {
		expected = what + " in a recording"
	}
	like := 0
	for i := range l.list {
		if f := &l.list[i]; f.Code == code {
			if like++; like == maxLike {
				f.Count++
				return
			}
		}
	}
	if codesIn(pointer) != nil || words.HoldsAny(pointer, l.keys) { // a name can be a leak, too
		pointer = "…"
	}
	l.list = append(l.list, finding.Finding{
		Source: l.at(offset), Request: l.call, Severity: finding.Leak, Code: code, Part: l.part, Pointer: pointer, Expected: expected, Got: got,
		SpecFile: l.contract.Name(), Count: 1,
	})
}

var tokenHeaders = []string{"Authorization", "Proxy-Authorization", "Cookie", "Set-Cookie"}

func (l *leaks) isKey(name string) bool {
	return slices.ContainsFunc(l.contract.Compiled().Keys, func(key string) bool { return strings.EqualFold(key, name) })
}

func (l *leaks) headers(part finding.Part, h http.Header) {
	l.part = part
	for _, name := range slices.Sorted(maps.Keys(h)) {
		for _, v := range h[name] {
			if l.isKey(name) && len(v) >= 8 && v != exchange.Redacted {
				l.keys = append(l.keys, v)
			}
			if !l.pair(name, v, name, -1) {
				l.text(name, v, -1, 0)
			}
		}
	}
}

// pair looks at a name and its value: a header, a parameter, a cookie, a member. It reports whether the name tells what the
// value is.
func (l *leaks) pair(name, v, pointer string, offset int) bool {
	switch {
	case l.isKey(name):
		if len(v) >= shortestKey && !isPlaceholder(v) {
			l.add(finding.CodeLeakedKey, pointer, "one that looks real", offset)
		}
	case slices.Contains(tokenHeaders, http.CanonicalHeaderKey(name)):
		if slices.ContainsFunc(credentialsIn(name, v), func(s string) bool { return !isPlaceholder(s) }) {
			l.add(finding.CodeLeakedToken, pointer, "some that look real", offset)
		}
	case namesSecret(name):
		if !isPlaceholder(v) {
			l.add(finding.CodeLeakedToken, pointer, "some that look real", offset)
		}
	default:
		return false
	}
	return true
}

// credentialsIn returns what in the value of one of tokenHeaders is secret: the values of cookies without their attributes, and all of
// any other.
func credentialsIn(name, v string) []string {
	if !strings.HasSuffix(strings.ToLower(name), "cookie") {
		return []string{v}
	}
	cookies := strings.Split(v, ";")
	if strings.EqualFold(name, "Set-Cookie") {
		cookies = cookies[:1]
	}
	for i, cookie := range cookies {
		if _, value, ok := strings.Cut(cookie, "="); ok {
			cookies[i] = value
		}
	}
	return cookies
}

func (l *leaks) url(text string) {
	target, err := url.Parse(text)
	if err != nil {
		l.text("", text, -1, 0)
		return
	}
	if password, ok := target.User.Password(); ok && !isPlaceholder(password) || !ok && !isPlaceholder(target.User.Username()) {
		l.add(finding.CodeLeakedToken, "", "a password in the URL", -1)
	}
	part, query := l.part, target.Query()
	for _, name := range slices.Sorted(maps.Keys(query)) {
		l.text("", name, -1, 0)
		for _, v := range query[name] {
			if l.part = finding.PartRequestQuery; !l.pair(name, v, words.Shorten(name, 40), -1) {
				l.text(words.Shorten(name, 40), v, -1, 0)
			}
		}
	}
	l.part = finding.PartRequestPath
	l.text("", target.Path, -1, 0)
	l.text("", target.Fragment, -1, 0)
	l.part = part
}

// body searches a body whose values are known, and tells of each kind of personal data once, where it comes first.
func (l *leaks) body(doc *spec.Validation, shareable bool) {
	type kind struct {
		first *jsontree.Node
		n     int
	}
	personal := make(map[string]*kind)
	for i := range doc.Nodes {
		n, s := &doc.Nodes[i], doc.Schemas[i]
		if n.Name != "" && !l.contract.Compiled().Knows(n.Name) {
			l.text("", n.Name, int(n.Key), 0)
		}
		if s == nil && n.Kind == jsontree.Object {
			if name, value := n.Member("name"), n.Member("value"); name != nil && value != nil && value.Kind == jsontree.String {
				l.pair(name.Text, value.Text, value.Pointer(), int(value.Start))
			}
		}
		name := nameOf(n)
		if n.Kind != jsontree.String && !(n.Kind&jsontree.Number != 0 && s == nil && namesOneOf(name, passwords)) || n.Text == "" {
			continue
		}
		before := len(l.list)
		// An id, a time and a value that the contract lists can hold nothing else.
		if s == nil || s.Format == "" && !slices.Contains(s.Known, n.Text) || strings.Contains(n.Text, "@") {
			if s != nil || !l.pair(name, n.Text, "", int(n.Start)) {
				l.text("", n.Text, int(n.Start), 0)
			}
		}
		for i := range l.list[before:] {
			l.list[before+i].Pointer = n.Pointer()
		}
		switch {
		case s == nil || s.Personal == "":
		case s.Personal == "token":
			if !isPlaceholder(n.Text) {
				l.add(finding.CodeLeakedToken, n.Pointer(), spec.Describe(n), int(n.Start))
			}
		case personal[s.Personal] == nil:
			personal[s.Personal] = &kind{n, 1}
		default:
			personal[s.Personal].n++
		}
	}
	if shareable {
		return
	}
	for _, name := range slices.Sorted(maps.Keys(personal)) {
		k := personal[name]
		l.add(finding.CodeLeakedPerson, k.first.Pointer(), fmt.Sprintf("an end user's %s, %s in all", name, words.Plural(k.n, "place")), int(k.first.Start))
	}
}

// nameOf returns the name of a value: a member's own, an item's that of the array.
func nameOf(n *jsontree.Node) string {
	for n.Name == "" && n.Parent() != n {
		n = n.Parent()
	}
	return n.Name
}

// text searches a text. What is JSON, a stream of events, a form or base64 in it is searched by its parts.
func (l *leaks) text(pointer, s string, offset, depth int) {
	if len(s) < shortest {
		return
	}
	inHeaders := len(l.path) > 1 && l.path[1] == "headers" // where the request has its key
	for _, key := range l.keys {
		if inHeaders {
			break
		}
		if strings.Contains(s, key) || len(key) >= shortestKey && strings.Contains(strings.ToLower(s), strings.ToLower(key)) {
			l.add(finding.CodeLeakedKey, pointer, "the request's key", offset)
		}
	}
	for _, code := range codesIn(s) {
		l.add(code, pointer, "one", offset)
	}
	l.keyLines(pointer, s, offset)
	if depth == maxWrapped {
		return
	}
	// JSON has a mark of its encoding before it, a number in a message of a WebSocket, and some characters that keep it from being
	// run as a script.
	switch first := strings.TrimLeft(s, "\ufeff \t\r\n0123456789)]}',"); {
	case first != "" && (first[0] == '{' || first[0] == '['):
		l.members(first, pointer, offset)
	case strings.HasPrefix(s, "data:") || strings.Contains(s, "\ndata:"):
		for line := range strings.Lines(s) {
			if data, ok := strings.CutPrefix(line, "data:"); ok {
				l.text(pointer, data, offset, depth+1)
			}
		}
	case strings.Contains(s, `form-data; name="`):
		for _, field := range formField().FindAllStringSubmatch(s, -1) {
			l.pair(field[1], field[2], pointer, offset)
		}
	case isForm(s):
		for pair := range strings.SplitSeq(s[strings.IndexByte(s, '?')+1:], "&") {
			name, v, _ := strings.Cut(pair, "=")
			name, v = unescaped(name), unescaped(v)
			if (strings.Contains(name, " ") || !l.pair(name, v, pointer, offset)) && v != s {
				l.text(pointer, v, offset, depth+1)
			}
		}
	}
	if plain := fromBase64(s); plain != "" {
		l.text(pointer, plain, offset, depth+1)
	}
}

// keyLines looks for the header of a key with a value behind it in a text: a line of headers, or a call of curl.
func (l *leaks) keyLines(pointer, s string, offset int) {
	for _, name := range l.contract.Compiled().Keys {
		for rest := s; ; {
			i := strings.IndexAny(rest, ":=")
			if i < 0 {
				break
			}
			before := strings.TrimRight(rest[:i], `"' `)
			rest = rest[i+1:]
			if len(before) < len(name) || !strings.EqualFold(before[len(before)-len(name):], name) {
				continue
			}
			value := strings.TrimLeft(rest[:min(len(rest), 200)], `"' `)
			if end := strings.IndexAny(value, "\"' \r\n\\"); end >= 0 {
				value = value[:end]
			}
			l.pair(name, value, pointer, offset)
		}
	}
}

// formField matches a field of a multipart form with the first line of its value.
var formField = lazy.Regexp(`form-data; name="([^"\r\n]*)"[^\r\n]*\r?\n(?:[^\r\n]+\r?\n)*\r?\n([^\r\n]*)`)

// isForm reports whether a text may be a form or the query of a URL. A sentence with a sign of equality is none.
func isForm(s string) bool {
	return strings.Contains(s, "=") && !strings.ContainsAny(s, "\n<") && (!strings.Contains(s, " ") || strings.Contains(s, "&"))
}

func unescaped(s string) string {
	if plain, err := url.QueryUnescape(s); err == nil {
		return plain
	}
	return s
}

// maxWrapped is how often texts are looked for in texts.
const maxWrapped = 2

// members looks at the names of what is JSON in a text: the text itself has been searched.
func (l *leaks) members(s, pointer string, offset int) {
	scan([]byte(s), func(int) bool { return false }, func(path []string, _ int, v string, _ bool) {
		l.pair(nameAt(path), v, pointer, offset)
	}, func(string, int) {})
}

// nameAt returns the name of the value that the path of names leads to: an item's is that of the array.
func nameAt(path []string) string {
	for _, step := range slices.Backward(path) {
		if step != item {
			return step
		}
	}
	return ""
}

// recording searches all strings and names of a part of a recording, but for the value at the offset that skip names and the
// request's body.
func (l *leaks) recording(text []byte, skip func(offset int) bool, requestBody string) {
	scan(text, skip, func(path []string, offset int, v string, named bool) {
		l.path = path
		pointer, name := "", nameAt(path)
		for _, step := range path {
			pointer += "/" + jsontree.Escape(step)
		}
		pointer = words.Shorten(pointer, 90)
		switch {
		case named && slices.Contains(path, "cookies"):
			l.pair("Cookie", "="+v, pointer, offset)
		case l.pair(name, v, pointer, offset), named, v == requestBody:
		case strings.HasPrefix(v, "http://"), strings.HasPrefix(v, "https://"):
			l.url(v)
		default:
			l.text(pointer, v, offset, 0)
		}
	}, func(name string, offset int) {
		if codesIn(name) != nil || words.HoldsAny(name, l.keys) {
			l.text("", name, offset, 0)
		}
	})
}

// scan calls visit for each string of a JSON text, or of several one after the other, with the path of names that leads to it, and for
// numbers whose name is that of a password; name is called for the name of each member. An object with the members name
// and value, as HAR has them, is visited once more as if it were a member of that name; named is true then. A value at an offset
// that skip names is left out. scan ends where the text is no JSON.
func scan(text []byte, skip func(offset int) bool, visit func(path []string, offset int, v string, named bool), name func(name string, offset int)) {
	s := scanner{jsontext.NewDecoder(bytes.NewBuffer(text), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)), skip, visit, name}
	for err := error(nil); err == nil; {
		_, _, err = s.value(nil)
	}
}

// item stands for the place of an array's item in a path.
const item = "*"

type scanner struct {
	*jsontext.Decoder
	skip  func(offset int) bool
	visit func(path []string, offset int, v string, named bool)
	name  func(name string, offset int) // is called for the name of each member
}

// value visits the strings of the next value, and returns it with its offset where it is one itself.
func (s *scanner) value(path []string) (text string, offset int, err error) {
	kind := s.PeekKind()
	if kind != '{' && kind != '[' {
		raw, err := s.ReadValue()
		offset = int(s.InputOffset()) - len(raw)
		if kind == '0' && err == nil && namesOneOf(nameAt(path), passwords) {
			s.visit(path, offset, string(raw), false)
		}
		if err != nil || kind != '"' || s.skip(offset) {
			return "", 0, err
		}
		content, _ := jsontext.AppendUnquote(nil, raw)
		s.visit(path, offset, string(content), false)
		return string(content), offset, nil
	}
	if _, err := s.ReadToken(); err != nil {
		return "", 0, err
	}
	var name, value string
	for next := s.PeekKind(); next != '}' && next != ']'; next = s.PeekKind() {
		step := item
		if kind == '{' {
			token, err := s.ReadToken()
			if err != nil {
				return "", 0, err
			}
			step = token.String()
			s.name(step, int(s.InputOffset())-len(step)-2)
		}
		text, at, err := s.value(append(path, step))
		switch {
		case err != nil:
			return "", 0, err
		case step == "name":
			name = text
		case step == "value":
			value, offset = text, at
		}
	}
	if name != "" && value != "" {
		s.visit(append(path, name), offset, value, true)
	}
	_, err = s.ReadToken()
	return "", 0, err
}
