package okchat

import (
	"crypto/x509"
	"encoding/json"
	"errors"
	"mime"
	"net"
	"net/http"
	"strings"
	"time"
	"unicode"
)

const (
	maxMessage   = 200
	maxSnippet   = 256
	maxRequestID = 128
)

// newAPIError makes what can be made of a failure that nobody documented.
func (c *Client) newAPIError(q query, resp *http.Response, body []byte) *APIError {
	// The text is made printable before the key is taken out of it: what goes could have stood inside the key.
	clean := func(s string, limit int) string { return clip(c.key.scrub(oneLine(s)), limit) }
	return &APIError{
		Page:       q.page,
		StatusCode: resp.StatusCode,
		Message:    clean(errorMessage(resp.Header.Get("Content-Type"), body), maxMessage),
		RequestID:  clean(requestID(resp.Header), maxRequestID),
		RetryAfter: parseRetryAfter(resp.Header.Get("Retry-After"), time.Now()),
		Snippet:    clean(string(body), maxSnippet),
	}
}

func errorMessage(contentType string, body []byte) string {
	media, _, _ := mime.ParseMediaType(contentType)
	if media == "text/plain" {
		return string(body)
	}
	var object struct{ Message, Error json.RawMessage }
	if json.Unmarshal(body, &object) != nil {
		return ""
	}
	for _, raw := range []json.RawMessage{object.Message, object.Error} {
		var text string
		var nested struct{ Message string }
		if json.Unmarshal(raw, &text) == nil && text != "" {
			return text
		}
		if json.Unmarshal(raw, &nested) == nil && nested.Message != "" {
			return nested.Message
		}
	}
	return ""
}

func requestID(h http.Header) string {
	for _, name := range []string{"X-Request-Id", "X-Vercel-Id", "Cf-Ray"} {
		if id := h.Get(name); id != "" {
			return id
		}
	}
	return ""
}

// oneLine makes text from outside fit for a log line: printable and without breaks.
func oneLine(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return ' '
		}
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, ""))
	return strings.Join(strings.Fields(s), " ")
}

func clip(s string, limit int) string {
	const more = "..."
	if len(s) <= limit {
		return s
	}
	return strings.ToValidUTF8(s[:limit-len(more)], "") + more
}

// isPermanent says whether another try must end the same way.
func isPermanent(err error) bool {
	var (
		unknownAuthority x509.UnknownAuthorityError
		badHostname      x509.HostnameError
		badCertificate   x509.CertificateInvalidError
		dns              *net.DNSError
	)
	return errors.As(err, &unknownAuthority) || errors.As(err, &badHostname) || errors.As(err, &badCertificate) ||
		errors.As(err, &dns) && dns.IsNotFound
}
