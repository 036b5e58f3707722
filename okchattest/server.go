package okchattest

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
)

// TB is the part of [testing.TB] that the servers need.
type TB interface {
	Helper()
	Cleanup(func())
	Errorf(format string, args ...any)
}

// Server is a [Fake] that can be called.
type Server struct {
	*Fake
	// URL is the base URL of the server, without a path. Read only.
	URL string
	// Transport leads to the server, and nowhere else if it is in memory. Read only.
	Transport *http.Transport

	http *httptest.Server
	stop context.CancelFunc
}

// NewServer starts a fake on a loopback port. At the end of the test it is closed, and the test fails if faults were
// scripted that no request has taken.
func NewServer(tb TB, opts ...Option) *Server {
	tb.Helper()
	return start(tb, httptest.NewUnstartedServer(nil), &http.Transport{}, opts)
}

// NewMemoryServer is [NewServer] without sockets: requests must go through its Transport or Client. All of HTTP is real
// but the wire, so it works in a [testing/synctest] bubble, where waiting takes no time. Whatever host is asked for, the
// request comes here, so that a test sees a request that went astray: see [Request].Host.
func NewMemoryServer(tb TB, opts ...Option) *Server {
	tb.Helper()
	wire := newMemory()
	return start(tb, &httptest.Server{Listener: wire, Config: &http.Server{}}, //nolint:gosec // nobody else can reach it
		&http.Transport{DialContext: wire.dial}, opts)
}

func start(tb TB, h *httptest.Server, transport *http.Transport, opts []Option) *Server {
	ctx, stop := context.WithCancel(context.Background())
	s := &Server{Fake: New(opts...), Transport: transport, http: h, stop: stop}
	h.Config.Handler = s.Fake
	h.Config.BaseContext = func(net.Listener) context.Context { return ctx }
	h.Start()
	s.URL = h.URL
	tb.Cleanup(func() {
		tb.Helper()
		s.Close()
		if n := s.Unused(); n > 0 {
			tb.Errorf("okchattest: %d scripted answers were left when the test ended, after %d requests, expected none: send more requests or script less", n, s.Count())
		}
	})
	return s
}

// Client returns an HTTP client that leads to the server, a new one each time.
func (s *Server) Client() *http.Client { return &http.Client{Transport: s.Transport} }

// Close ends the server: requests under way fail, also those that wait. The test's cleanup calls it; calling it before
// or again does no harm.
func (s *Server) Close() {
	s.stop() // wakes the handlers that net/http does not, such as those of requests with a body
	_ = s.http.Config.Close()
	s.http.Close()
}
