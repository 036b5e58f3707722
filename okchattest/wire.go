package okchattest

import (
	"bytes"
	"compress/gzip"
	"io"
	"net"
	"net/http"
)

// Drop closes the connection without a byte of an answer. On a connection that has been used before, net/http's
// transport sends such a request once more by itself, and that one counts and takes from the script too; [Garbage] with
// the beginning of an answer is never sent again.
func Drop() Fault {
	return instead(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
}

// Reset is [Drop] with a reset connection (ECONNRESET) where Drop closes in order.
func Reset() Fault {
	return instead(func(w http.ResponseWriter, _ *http.Request) {
		takeOver(w, func(c net.Conn) {
			if c, ok := c.(interface{ SetLinger(sec int) error }); ok {
				_ = c.SetLinger(0)
			}
		})
	})
}

// Garbage sends raw bytes in place of an HTTP answer and closes the connection.
func Garbage(raw string) Fault {
	return instead(func(w http.ResponseWriter, _ *http.Request) {
		takeOver(w, func(c net.Conn) { _, _ = io.WriteString(c, raw) })
	})
}

// takeOver hands the bare connection to do and closes it.
func takeOver(w http.ResponseWriter, do func(net.Conn)) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler) // not HTTP/1: it can only be closed
	}
	defer conn.Close()
	do(conn)
}

// Huge answers 200 with a JSON object of n bytes and a few more, without a Content-Length and without holding it.
func Huge(n int64) Fault {
	return instead(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		pour(w, n)
	})
}

// GzipBomb is [Huge] under Content-Encoding gzip: about a thousandth of n on the wire. It is sent whatever the request
// accepts.
func GzipBomb(n int64) Fault {
	return instead(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		pour(z, n)
		_ = z.Close()
	})
}

// pour writes until it is done or nobody reads.
func pour(w io.Writer, n int64) {
	piece := bytes.Repeat([]byte("synthetic "), 3200)
	_, err := io.WriteString(w, `{"padding":"`)
	for ; err == nil && n > 0; n -= int64(len(piece)) {
		_, err = w.Write(piece[:min(n, int64(len(piece)))])
	}
	_, _ = io.WriteString(w, `"}`)
}
