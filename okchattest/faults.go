package okchattest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/okchat/okchat-go/gen/okchatapi"
)

// Chain makes one fault of several: the first sees the request first and the answer last.
func Chain(faults ...Fault) Fault {
	return func(next http.Handler) http.Handler {
		for i := len(faults) - 1; i >= 0; i-- {
			if faults[i] != nil {
				next = faults[i](next)
			}
		}
		return next
	}
}

// instead makes a fault that never asks for the ordinary answer.
func instead(h http.HandlerFunc) Fault {
	return func(http.Handler) http.Handler { return h }
}

// Status answers with a status, a body and header names and values in turn, such as "Retry-After", "7". A body that is
// JSON says so in its Content-Type, unless the header names another; other bodies get what net/http guesses.
func Status(status int, body string, header ...string) Fault {
	return instead(func(w http.ResponseWriter, _ *http.Request) {
		if json.Valid([]byte(body)) {
			w.Header().Set("Content-Type", "application/json")
		}
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	})
}

// HTML answers with a web page, as a proxy in front of the API would: with 502, say, or with 200.
func HTML(status int) Fault {
	title := strconv.Itoa(status) + " " + http.StatusText(status)
	return Status(status, "<!DOCTYPE html>\n<html><head><title>"+title+"</title></head><body><h1>"+title+"</h1></body></html>\n")
}

// Redirect answers with 307 and a Location.
func Redirect(url string) Fault { return Status(http.StatusTemporaryRedirect, "", "Location", url) }

// Delay waits for d before the first byte of the answer, or until the client has gone.
func Delay(d time.Duration) Fault {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			pause(r.Context(), d)
			next.ServeHTTP(w, r)
		})
	}
}

// Slow sends the body in pieces of n bytes, n of at least 1, and waits for d after each. What is sent is the list as it
// was when the request came in.
func Slow(n int, d time.Duration) Fault {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			a := capture(next, r)
			a.header(w)
			for piece := range slices.Chunk(a.body.Bytes(), max(n, 1)) {
				_, _ = w.Write(piece)
				_ = http.NewResponseController(w).Flush()
				pause(r.Context(), d)
			}
		})
	}
}

// Truncate announces the whole body, sends its first n bytes, always fewer than there are, and closes the connection.
func Truncate(n int) Fault {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			a := capture(next, r)
			a.header(w)
			_, _ = w.Write(a.body.Bytes()[:max(0, min(n, a.body.Len()-1))])
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler) // net/http's way to close a connection in the middle of an answer
		})
	}
}

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
		panic(http.ErrAbortHandler) // not HTTP/1: closing is what is left
	}
	defer conn.Close()
	do(conn)
}

// AnswerPage gives the ordinary answer to a request for page p, whatever page was asked for. With [Fake.Every] the list
// never advances.
func AnswerPage(p int) Fault {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			r = r.Clone(r.Context())
			query := r.URL.Query()
			query.Set("page", strconv.Itoa(p))
			r.URL.RawQuery = query.Encode()
			next.ServeHTTP(w, r)
		})
	}
}

// EmptyPage takes the conversations out of an answer and leaves its metadata.
func EmptyPage() Fault {
	return EditPage(func(p *okchatapi.ConversationPage) { p.Data = []okchatapi.Conversation{} })
}

// EditPage changes an answer that has the contract's form: a wrong page number, contradictory counts, another order. An
// answer that is not a page stays as it is.
func EditPage(edit func(p *okchatapi.ConversationPage)) Fault { return editAs(edit) }

// EditJSON changes an answer in ways that the contract has no room for: members missing, unknown or of another type.
// Numbers are [json.Number]. An answer that is not a JSON object stays as it is.
func EditJSON(edit func(page map[string]any)) Fault {
	return editAs(func(p *map[string]any) {
		edit(*p)
	})
}

func editAs[T any](edit func(*T)) Fault {
	return EditBody(func(body []byte) []byte {
		var v T
		d := json.NewDecoder(bytes.NewReader(body))
		d.UseNumber()
		if d.Decode(&v) != nil {
			return body
		}
		edit(&v)
		edited, err := json.Marshal(v)
		if err != nil {
			panic(fmt.Sprintf("okchattest: the edited page is no JSON: %v", err))
		}
		return edited
	})
}

// EditBody changes the bytes of an answer's body and sends them with the same status and headers.
func EditBody(edit func(body []byte) []byte) Fault {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			a := capture(next, r)
			body := edit(a.body.Bytes())
			a.body = *bytes.NewBuffer(body)
			a.header(w)
			_, _ = w.Write(body)
		})
	}
}
