package contract

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/okchat/okchat-go/exchange"
)

// Leaks returns a finding for each thing in a recorded exchange that must not be shared: the API key, wherever it
// stands; cookies, tokens and passwords; e-mail addresses and phone numbers; and the ids and texts of end users, as
// the contract marks them (x-personal), unless the exchange is Shareable. A value that stands for a secret, such as
// REDACTED, is none. What a finding tells of a secret is where it stands. It never changes the exchange and never panics.
func (c *Contract) Leaks(ex *exchange.Exchange) []Finding {
	return c.leaks(ex, c.check(ex))
}

// leaks looks through an exchange that was checked, which tells what the strings of its body are.
func (c *Contract) leaks(ex *exchange.Exchange, d *checked) []Finding {
	l := &leaks{contract: c, findings: findings{source: ex.Source}}
	l.headers(PartRequestHeader, ex.RequestHeader)
	l.headers(PartResponseHeader, ex.ResponseHeader)
	if ex.Cookies {
		l.add(CodeLeakedToken, PartRequestHeader, "Cookie", "no cookie in a recording", "cookies")
	}
	l.url(ex.URL)
	l.text(PartRequestBody, "", string(ex.RequestBody), -1)
	if d.tree == nil {
		l.text(PartResponseBody, "", string(ex.ResponseBody), 0)
	} else {
		l.body(d.tree, ex.Shareable)
	}
	locate(ex, l.list)
	return l.list
}

// leaks are those of one exchange.
type leaks struct {
	findings
	contract *Contract
	keys     []string // the request's
}

func (l *leaks) add(code Code, part Part, pointer, expected, got string) {
	if !l.contract.off[code] && len(l.list) < maxFindings {
		l.findings.add(Leak, code, part, pointer, nil, expected, got)
	}
}

var tokenHeaders = []string{"Authorization", "Proxy-Authorization", "Cookie", "Set-Cookie"}

func (l *leaks) headers(part Part, h http.Header) {
	for _, name := range slices.Sorted(maps.Keys(h)) {
		isKey := slices.ContainsFunc(l.contract.keys, func(key string) bool { return strings.EqualFold(key, name) })
		for _, v := range h[name] {
			switch {
			case isKey && part == PartRequestHeader:
				if len(v) >= 8 && v != exchange.Redacted {
					l.keys = append(l.keys, v)
				}
				fallthrough
			case isKey:
				if len(v) >= shortestKey && !isPlaceholder(v) {
					l.add(CodeLeakedKey, part, name, "no key in a recording", "one that looks real")
				}
			case slices.Contains(tokenHeaders, name):
				if _, secret, ok := strings.Cut(v, "="); !isPlaceholder(v) && !(ok && isPlaceholder(strings.SplitN(secret, ";", 2)[0])) {
					l.add(CodeLeakedToken, part, name, "no credentials in a recording", "some that look real")
				}
			default:
				l.text(part, name, v, -1)
			}
		}
	}
}

// secretName is what query parameters that carry credentials are called.
var secretName = regexp.MustCompile(`(?i)(key|token|secret|passw|signature|credential|session)`)

func (l *leaks) url(text string) {
	target, err := url.Parse(text)
	if err != nil {
		l.text(PartRequest, "", text, -1)
		return
	}
	if password, ok := target.User.Password(); ok && !isPlaceholder(password) {
		l.add(CodeLeakedToken, PartRequest, "", "no password in a recording", "one in the URL")
	}
	for name, values := range target.Query() {
		for _, v := range values {
			if secretName.MatchString(name) && !isPlaceholder(v) {
				l.add(CodeLeakedToken, PartRequestQuery, shorten(name, 40), "no credentials in a recording", "some that look real")
			} else {
				l.text(PartRequestQuery, name, v, -1)
			}
		}
	}
	l.text(PartRequestPath, "", target.Path, -1)
}

// body looks through the strings of a body, and tells of each kind of personal data once, where it came first.
func (l *leaks) body(t *tree, shareable bool) {
	type kind struct {
		first *node
		n     int
	}
	personal := make(map[string]*kind)
	for i := range t.nodes {
		n := &t.nodes[i]
		if n.kind != text {
			if n.name != "" {
				l.text(PartResponseBody, "", n.name, int(n.key))
			}
			continue
		}
		if n.form() != "uuid" && n.form() != "date-time" && n.form() != setForm {
			before := len(l.list)
			l.text(PartResponseBody, "", n.text, int(n.start))
			for j := before; j < len(l.list); j++ {
				l.list[j].Pointer = n.pointer()
			}
		}
		if n.personal() == "" || n.text == "" {
			continue
		}
		if n.personal() == "token" && !isPlaceholder(n.text) {
			l.add(CodeLeakedToken, PartResponseBody, n.pointer(), "no credentials in a recording", describe(n))
			continue
		}
		if personal[n.personal()] == nil {
			personal[n.personal()] = &kind{first: n}
		}
		personal[n.personal()].n++
	}
	if shareable {
		return
	}
	for _, name := range slices.Sorted(maps.Keys(personal)) {
		k := personal[name]
		before := len(l.list)
		l.add(CodeLeakedPerson, PartResponseBody, k.first.pointer(), "a recording marked as published or redacted, or none of an end user's data",
			fmt.Sprintf("an end user's %s, %s in all", name, count(k.n, "place")))
		if len(l.list) > before {
			l.list[before].offset = int(k.first.start)
		}
	}
}

var (
	email = regexp.MustCompile(`[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}`)
	phone = regexp.MustCompile(`\+\d{1,3}([ .-]?\(?\d{1,4}\)?){2,5}\d|\b0\d{1,3}[ .-]\d{3,4}[ .-]\d{4}\b|\(\d{3}\) ?\d{3}-\d{4}\b|\b\d{3}-\d{3,4}-\d{4}\b`)
	// token finds what says of itself that it is a credential.
	token = regexp.MustCompile(`\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*|\b(sk|pk|rk)[-_](live|test|proj)?[-_]?\w{16,}|\bgh[pousr]_\w{20,}|\bxox[baprs]-[\w-]{10,}|\bAKIA[0-9A-Z]{16}\b|\bAIza[\w-]{30,}|(?i)\bbearer [\w.~+/-]{12,}|-----BEGIN [A-Z ]*PRIVATE KEY`)
	// tokenSigns are what each match of token holds one of: looking for them takes a tenth of the time.
	tokenSigns = []string{"eyJ", "k-", "k_", "gh", "xox", "AKIA", "AIza", "earer ", "EARER ", "PRIVATE KEY"}
	uuids      = regexp.MustCompile(`[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}`)
	notPhone   = regexp.MustCompile(uuids.String() + `|\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d\S*`)
)

// text looks for secrets and persons in a text that stands at an offset of the body, -1 for other parts.
func (l *leaks) text(part Part, pointer, s string, offset int) {
	found := func(code Code, expected, got string) {
		before := len(l.list)
		if l.add(code, part, pointer, expected, got); len(l.list) > before {
			l.list[before].offset = offset
		}
	}
	if len(s) < 5 {
		return
	}
	for _, key := range l.keys {
		if strings.Contains(s, key) {
			found(CodeLeakedKey, "the request's key nowhere else", "it")
		}
	}
	if strings.Contains(s, "@") && email.MatchString(s) {
		found(CodeLeakedEmail, "no e-mail address in a recording", "one")
	}
	digits := 0
	for i := range len(s) {
		if s[i] >= '0' && s[i] <= '9' {
			digits++
		}
	}
	if digits >= 8 && strings.ContainsAny(s, "+-. (") && phone.MatchString(notPhone.ReplaceAllString(s, "")) {
		found(CodeLeakedPhone, "no phone number in a recording", "one")
	}
	if len(s) >= 16 && slices.ContainsFunc(tokenSigns, func(sign string) bool { return strings.Contains(s, sign) }) && token.MatchString(s) {
		found(CodeLeakedToken, "no credentials in a recording", "some that look real")
	}
}

var (
	standsFor = regexp.MustCompile(`(?i)redact|remove|hidden|mask|fake|dummy|example|placeholder|sample|invalid|wrong|your|x{4}|\*{3}|^[<{\[$%].*[>}\]%]?$|^(.{0,12}[-_])?test([-_].{0,12})?$`)
	plainWord = regexp.MustCompile(`^[A-Za-z_-]*$`)
)

// shortestKey is how long a key is at least that anyone would issue.
const shortestKey = 12

// isPlaceholder says whether a value stands for a secret and is none: it says so, or it is words without a digit that no
// one would use as a key.
func isPlaceholder(v string) bool {
	v = strings.TrimSpace(v)
	return v == "" || standsFor.MatchString(v) ||
		plainWord.MatchString(v) && (len(v) <= 8 || strings.Contains(strings.ToLower(v), "test") || strings.Contains(strings.ToLower(v), "key"))
}
