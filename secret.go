package okchat

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strings"
)

// headerKey is the header of the contract's security scheme apiKey, in the canonical form of net/http.
const headerKey = "X-Api-Key"

// secret holds the key in a closure, where no printing by reflection reaches it.
type secret struct{ reveal func() string }

func newSecret(key string) (secret, error) {
	switch {
	case strings.TrimSpace(key) == "":
		return secret{}, errors.New("okchat: the API key is empty: take one from the OKChat dashboard")
	case strings.TrimSpace(key) != key || !isHeaderText(key):
		return secret{}, errors.New("okchat: the API key has white space around it or bytes that no header can carry: check how it was copied")
	}
	return secret{func() string { return key }}, nil
}

// isHeaderText reports whether s can be sent as the value of a header: printable ASCII.
func isHeaderText(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// guardKey makes hc send the key to origin and to nowhere else, and only with requests that read. net/http would carry a header such as x-api-key along
// on a redirect to any host, so the key is added below it, to each request that goes out.
func guardKey(hc *http.Client, origin string, key secret) {
	hc.Transport = &keyTransport{next: hc.Transport, origin: origin, key: key}
	follow := hc.CheckRedirect
	hc.CheckRedirect = func(req *http.Request, via []*http.Request) error {
		if originOf(req.URL) != origin {
			return &originError{expected: origin, got: originOf(req.URL)}
		}
		if follow != nil {
			return follow(req, via)
		}
		if len(via) >= 10 {
			return errors.New("stopped after 10 redirects")
		}
		return nil
	}
}

type keyTransport struct {
	next   http.RoundTripper
	origin string
	key    secret
}

func (t *keyTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	var refused error
	if got := originOf(req.URL); got != t.origin {
		refused = &originError{expected: t.origin, got: got}
	} else if req.Method != http.MethodGet && req.Method != http.MethodHead && req.Method != "" {
		refused = fmt.Errorf("a %q request was not sent, expected GET or HEAD: the client changes nothing", req.Method)
	}
	if refused != nil {
		if req.Body != nil {
			_ = req.Body.Close()
		}
		return nil, refused
	}
	// A RoundTripper must not change the request it was given.
	out := *req
	out.Header = make(http.Header, len(req.Header)+1)
	maps.Copy(out.Header, req.Header)
	out.Header[headerKey] = []string{t.key.reveal()}
	resp, err := t.next.RoundTrip(&out)
	if err == nil && resp.StatusCode != http.StatusOK && resp.StatusCode < 400 {
		// The body is of no use, and net/http would wait for it before it follows a redirect.
		_ = resp.Body.Close()
		resp.Body = http.NoBody
	}
	return resp, err
}

// CloseIdleConnections lets http.Client.CloseIdleConnections reach the transport below.
func (t *keyTransport) CloseIdleConnections() {
	if c, ok := t.next.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

type originError struct{ expected, got string }

func (e *originError) Error() string {
	return "a request for " + e.got + " was not sent, expected " + e.expected
}

func originOf(u *url.URL) string {
	port := u.Port()
	if port == "" {
		switch u.Scheme {
		case "https":
			port = "443"
		case "http":
			port = "80"
		}
	}
	return strings.ToLower(u.Scheme) + "://" + strings.ToLower(u.Hostname()) + ":" + port
}
