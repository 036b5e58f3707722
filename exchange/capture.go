package exchange

import (
	"bytes"
	"net/http"
	"slices"
	"strings"
)

// Redacted stands for the value of a key header in an exchange that was captured.
const Redacted = "REDACTED"

// Capture makes exchanges of live traffic, which passes unchanged: [Capture.Transport] those of a client,
// [Capture.Handler] those of a server. It must not be changed while it is in use.
type Capture struct {
	// Take gets each exchange once, when its response has passed. It is called on the goroutine of the request, so it must
	// be safe for concurrent use if the traffic is.
	Take func(*Exchange)
	// KeyHeaders names the request headers that carry a key. In the exchange their values are replaced by [Redacted];
	// [Exchange.Keys] has them.
	KeyHeaders []string
	// KeepBody reports whether the body of the answer to a request is kept. Nil keeps all. The reason of an exchange without its
	// body is [NotRecorded].
	KeepBody func(*http.Request) bool
	// MaxBody is how many bytes of a body are kept. The reason of an exchange with a larger one is [TooLarge]. 0 stands for
	// DefaultMaxBody.
	MaxBody int
}

// Request returns the exchange of a request that was not answered yet, without its body.
func (c *Capture) Request(req *http.Request) *Exchange { return c.begin(req, req.URL.String()) }

func (c *Capture) begin(req *http.Request, url string) *Exchange {
	ex := &Exchange{
		Source: Source{File: "live"}, Method: strings.ToUpper(req.Method), URL: url, RequestHeader: make(http.Header, len(req.Header)), maxBody: c.MaxBody,
	}
	if ex.Method == "" {
		ex.Method = http.MethodGet
	}
	var keys []string
	for name, values := range req.Header {
		secret := slices.ContainsFunc(c.KeyHeaders, func(key string) bool { return strings.EqualFold(key, name) })
		// A client may have set a header without net/http's spelling of its name.
		name = http.CanonicalHeaderKey(name)
		for _, v := range values {
			if secret && v != "" {
				keys, v = append(keys, v), Redacted
			}
			ex.RequestHeader[name] = append(ex.RequestHeader[name], v)
		}
	}
	if keys != nil {
		ex.keys = func() []string { return keys } // a function, which no %+v prints
	}
	return ex
}

func (c *Capture) limit() int {
	if c.MaxBody == 0 {
		return DefaultMaxBody
	}
	return c.MaxBody
}

// kept is the beginning of a body as it passes, all of it while that is no more than a limit.
type kept struct {
	buffer bytes.Buffer
	limit  int
	unread Reason // why buffer is not what passed
}

// Write takes what passes. It never fails.
func (k *kept) Write(p []byte) (int, error) {
	switch {
	case k.unread != "":
	case k.buffer.Len()+len(p) > k.limit:
		k.unread = TooLarge
		k.buffer = bytes.Buffer{}
	default:
		k.buffer.Write(p)
	}
	return len(p), nil
}
