package okchat

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/okchat/okchat-go/gen/okchatapi"
)

// The environment variables that [NewFromEnv] reads.
const (
	EnvKey     = "OKCHAT_API_KEY"
	EnvBaseURL = "OKCHAT_BASE_URL"
)

// Client lists the conversations of chatbots. Make one with [New] and share it: it is safe for concurrent use, and its calls
// share one retry budget, one rate and, unless [WithHTTPClient] or [WithTransport] bring their own, one pool of connections.
type Client struct {
	conf   config
	server string // the base URL, ending in a slash
	http   *http.Client
	key    secret
	budget *budget
	pace   *pace
}

// New returns a client that sends key, that of the OKChat account, with each request (documented: every request needs it).
// It sends nothing itself. It fails if the key is empty or blank or cannot be sent in a header, and if an option fails.
func New(key string, opts ...Option) (*Client, error) {
	k, err := newSecret(key)
	if err != nil {
		return nil, err
	}
	conf := defaultConfig()
	for _, opt := range opts {
		if opt == nil {
			return nil, errors.New("okchat: an Option is nil, expected the result of a With function")
		}
		if err := opt(&conf); err != nil {
			return nil, k.scrubError(err)
		}
	}
	if conf.baseURL == nil {
		if err := WithBaseURL(okchatapi.ServerURLProduction)(&conf); err != nil {
			return nil, err
		}
	}
	c := &Client{
		conf:   conf,
		server: conf.baseURL.String(),
		http:   conf.newHTTPClient(),
		key:    k,
		budget: newBudget(conf.retry.Budget),
		pace:   &pace{interval: conf.interval},
	}
	guardKey(c.http, originOf(conf.baseURL), k)
	return c, nil
}

// NewFromEnv is [New] with the key from OKCHAT_API_KEY and, where it is set, the base URL from OKCHAT_BASE_URL. Options
// given here win over the environment. Nothing else in this package reads the environment, but net/http does: the
// transport that the client makes honours HTTPS_PROXY and NO_PROXY.
func NewFromEnv(opts ...Option) (*Client, error) {
	key, ok := os.LookupEnv(EnvKey)
	if !ok {
		return nil, fmt.Errorf("okchat: no API key: set %s", EnvKey)
	}
	if base := os.Getenv(EnvBaseURL); base != "" {
		opts = append([]Option{WithBaseURL(base)}, opts...)
	}
	return New(key, opts...)
}

// Format prints the client's type and base URL for every verb, so that no verb prints the key.
func (c *Client) Format(s fmt.State, _ rune) {
	_, _ = io.WriteString(s, "okchat.Client("+c.server+")")
}

// parseBaseURL parses a base URL. It accepts https for any host, but http for this machine only, where nobody overhears the
// key.
func parseBaseURL(raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return nil, errors.New("okchat: the base URL does not parse, expected one like " + okchatapi.ServerURLProduction)
	}
	switch {
	case u.Host == "" || u.Opaque != "":
		return nil, errors.New("okchat: the base URL has no host, expected one like " + okchatapi.ServerURLProduction)
	case u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return nil, errors.New("okchat: the base URL has more than scheme, host and path, expected one like " + okchatapi.ServerURLProduction)
	case u.Scheme == "https", u.Scheme == "http" && isLoopback(u.Hostname()):
	default:
		return nil, fmt.Errorf("okchat: the base URL has scheme %q, expected https (http only on loopback): the key must not travel in the clear", u.Scheme)
	}
	u.Host = strings.ToLower(u.Host)
	if !strings.HasSuffix(u.Path, "/") {
		u.Path += "/"
		if u.RawPath != "" {
			u.RawPath += "/"
		}
	}
	return u, nil
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}
