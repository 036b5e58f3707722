package okchattest

import (
	"context"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
)

// memory is a listener whose connections are pipes in this process.
type memory struct {
	conns chan net.Conn
	once  sync.Once
	done  chan struct{}
}

func newMemory() *memory {
	return &memory{conns: make(chan net.Conn), done: make(chan struct{})}
}

// Accept implements [net.Listener].
func (m *memory) Accept() (net.Conn, error) {
	select {
	case c := <-m.conns:
		return c, nil
	case <-m.done:
		return nil, net.ErrClosed
	}
}

// Close implements [net.Listener].
func (m *memory) Close() error {
	m.once.Do(func() { close(m.done) })
	return nil
}

// Addr implements [net.Listener]. A client must take it for loopback, where it may speak plain HTTP.
func (m *memory) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 80} }

func (m *memory) dial(ctx context.Context, network, address string) (net.Conn, error) {
	client, server := net.Pipe()
	reset := new(atomic.Bool)
	var err error
	select {
	case m.conns <- end{server, reset}:
		return end{client, reset}, nil
	case <-m.done:
		err = syscall.ECONNREFUSED
	case <-ctx.Done():
		err = ctx.Err()
	}
	return nil, &net.OpError{Op: "dial", Net: network, Err: err}
}

// end is one end of a pipe that can be reset.
type end struct {
	net.Conn
	reset *atomic.Bool
}

// SetLinger stands in for the method of [net.TCPConn]: closing without lingering resets the connection.
func (e end) SetLinger(sec int) error {
	e.reset.Store(sec == 0)
	return nil
}

// Read fails like a socket's where the connection was reset.
func (e end) Read(p []byte) (int, error) {
	n, err := e.Conn.Read(p)
	if err != nil && e.reset.Load() {
		err = &net.OpError{Op: "read", Net: "tcp", Err: os.NewSyscallError("read", syscall.ECONNRESET)}
	}
	return n, err
}
