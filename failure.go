package okchat

import (
	"crypto/tls"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	maxMessage   = 200
	maxSnippet   = 256
	maxRequestID = 128
)

// newAPIError describes an answer of 4xx or 5xx. The vendor documents none, so it looks for what such answers commonly hold.
func (c *Client) newAPIError(q query, ids string, resp *http.Response, body []byte) *APIError {
	return &APIError{
		Page:       q.page,
		StatusCode: resp.StatusCode,
		Message:    c.clean(serverReason(body), maxMessage),
		Challenge:  isChallenge(resp.Header, body),
		RequestID:  c.clean(requestID(resp.Header), maxRequestID),
		RetryAfter: retryAfter(resp.Header),
		Snippet:    c.clean(string(body), maxSnippet),
		ids:        ids,
	}
}

// clean makes text from a server fit for an error: on one line, bounded and without the key. It is made printable before
// the key is taken out, as what goes could have stood inside the key.
func (c *Client) clean(s string, limit int) string { return clip(c.key.scrub(oneLine(s)), limit) }

// serverReason returns the reason that the body of a failure gives: its text, the message somewhere in its JSON, or the title
// of a web page. It returns "" if it finds none.
func serverReason(body []byte) string {
	text := strings.TrimSpace(string(body))
	var value any
	if json.Unmarshal(body, &value) == nil {
		return reasonIn(value, 0)
	}
	if strings.HasPrefix(text, "<") {
		return titleOf(text)
	}
	if strings.HasPrefix(text, "{") || strings.HasPrefix(text, "[") {
		return "" // JSON that was cut off
	}
	return text
}

// The members of JSON that commonly hold the reason of a failure, best first: what happened, and what of the request was
// wrong. RFC 9457 has title and detail.
var (
	summaryMembers = []string{"message", "msg", "title", "error_description", "error", "reason", "description", "fault", "faultstring"}
	detailMembers  = []string{"detail", "details", "errors"}
)

func reasonIn(value any, depth int) string {
	const deepest, most = 8, 5
	if depth > deepest {
		return ""
	}
	switch value := value.(type) {
	case string:
		return strings.TrimSpace(value)
	case []any:
		var parts []string
		for _, item := range value[:min(most, len(value))] {
			if part := reasonIn(item, depth+1); part != "" {
				parts = append(parts, part)
			}
		}
		return strings.Join(parts, "; ")
	case map[string]any:
		first := func(names []string) string {
			for _, name := range names {
				for key, inner := range value {
					if strings.EqualFold(key, name) {
						if text := reasonIn(inner, depth+1); text != "" {
							return text
						}
					}
				}
			}
			return ""
		}
		summary, detail := first(summaryMembers), first(detailMembers)
		switch {
		case detail == "" || strings.Contains(summary, detail):
			detail = ""
		case summary != "":
			return summary + ": " + detail
		}
		if text := summary + detail; text != "" || depth == 0 {
			return text
		}
		// {"limit": ["is too large"]} in a list of errors
		names := make([]string, 0, len(value))
		for name := range value {
			names = append(names, name)
		}
		slices.Sort(names)
		var parts []string
		for _, name := range names[:min(most, len(names))] {
			if part := reasonIn(value[name], depth+1); part != "" {
				parts = append(parts, name+": "+part)
			}
		}
		return strings.Join(parts, "; ")
	default:
		return ""
	}
}

// titleOf returns the title of a web page.
func titleOf(page string) string {
	_, rest, _ := strings.Cut(page, "<title")
	_, rest, _ = strings.Cut(rest, ">")
	title, _, found := strings.Cut(rest, "</title>")
	if !found {
		return ""
	}
	return strings.NewReplacer("&lt;", "<", "&gt;", ">", "&quot;", `"`, "&#39;", "'", "&amp;", "&").Replace(strings.TrimSpace(title))
}

// isChallenge reports whether an answer asks a browser to prove that a person uses it. Firewalls in front of an API do so,
// and the API has not seen the request.
func isChallenge(h http.Header, body []byte) bool {
	for _, name := range []string{"Cf-Mitigated", "X-Amzn-Waf-Action"} {
		if action := strings.ToLower(h.Get(name)); action == "challenge" || action == "captcha" {
			return true
		}
	}
	page := strings.ToLower(strings.TrimSpace(string(body)))
	return strings.HasPrefix(page, "<") && slices.ContainsFunc(challengeWords, func(word string) bool { return strings.Contains(page, word) })
}

// challengeWords are those of the challenges of Cloudflare, AWS, Imperva, Akamai, DataDome and others.
var challengeWords = []string{"just a moment", "captcha", "/cdn-cgi/challenge-platform", "_incapsula_resource", "awswafcookiedomainlist",
	"are you a robot", "are you human", "verify you are human", "pardon our interruption", "checking your browser"}

// requestID returns the id by which the server or a proxy in front of it knows the request.
func requestID(h http.Header) string {
	for _, name := range []string{"X-Request-Id", "X-Vercel-Id", "Cf-Ray"} {
		if id := h.Get(name); id != "" {
			return id
		}
	}
	return ""
}

// oneLine returns s without what could break or forge a line of a log: white space is one blank, and what is not printable is
// left out.
func oneLine(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return ' '
		}
		if !unicode.IsPrint(r) || r == utf8.RuneError { // which stands for a byte that is not UTF-8
			return -1
		}
		return r
	}, s)
	return strings.Join(strings.Fields(s), " ")
}

// clip returns the beginning of s, at most limit bytes.
func clip(s string, limit int) string {
	const more = "..."
	if len(s) <= limit {
		return s
	}
	end := limit - len(more)
	for !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + more
}

// isPermanent reports whether another try would fail in the same way as err: the server's certificate is not trusted, or
// there is no such host.
func isPermanent(err error) bool {
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return true
	}
	dns, ok := errors.AsType[*net.DNSError](err)
	return ok && dns.IsNotFound
}
