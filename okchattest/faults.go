package okchattest

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/okchat/okchat-go/gen/okchatapi"
)

// Chain makes one fault of several: the first sees the request first and the answer last.
func Chain(faults ...Fault) Fault {
	return func(next http.Handler) http.Handler {
		for _, fault := range slices.Backward(faults) {
			if fault != nil {
				next = fault(next)
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

// Delay waits for d before the first byte of the answer, or until the client has gone.
func Delay(d time.Duration) Fault {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			pause(r.Context(), d)
			next.ServeHTTP(w, r)
		})
	}
}

// Slow sends the body in pieces of n bytes, n of at least 1, and waits for d between them. What is sent is the list as
// it was before the first.
func Slow(n int, d time.Duration) Fault {
	return answering(func(w http.ResponseWriter, r *http.Request, a *httptest.ResponseRecorder) {
		body := a.Body.Bytes()
		sendHeader(w, a, len(body))
		for sent := 0; sent < len(body); sent += max(n, 1) {
			if sent > 0 {
				pause(r.Context(), d)
			}
			_, _ = w.Write(body[sent:min(sent+max(n, 1), len(body))])
			_ = http.NewResponseController(w).Flush()
		}
	})
}

// Truncate announces the whole body, sends its first n bytes, always fewer than there are, and closes the connection.
func Truncate(n int) Fault {
	return answering(func(w http.ResponseWriter, _ *http.Request, a *httptest.ResponseRecorder) {
		body := a.Body.Bytes()
		sendHeader(w, a, len(body))
		_, _ = w.Write(body[:max(0, min(n, len(body)-1))])
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler) // net/http's way to close a connection in the middle of an answer
	})
}

// RowsOf answers with the items of page of(n) under the metadata of page n that was asked for. So a server repeats
// a page, returns the first one for ever, or drops one: of returns n-1, 1 or n+1.
func RowsOf(of func(n int) int) Fault {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			other := capture(next, askFor(r, of(pageOf(r.URL.Query()))))
			editRows(func(rows []json.RawMessage) []json.RawMessage {
				if p, ok := readRows(other.Body.Bytes()); ok {
					return p.Data
				}
				return rows
			})(next).ServeHTTP(w, r)
		})
	}
}

// RowCap leaves at most n items in an answer, n of at least 0, and does not change its metadata: a row limit behind the API
// does this to every page that is larger, and a page of n 0 is empty.
func RowCap(n int) Fault {
	return editRows(func(rows []json.RawMessage) []json.RawMessage { return rows[:min(n, len(rows))] })
}

// rowPage is a page of either list.
type rowPage struct {
	Data     []json.RawMessage `json:"data"`
	Metadata json.RawMessage   `json:"metadata"`
}

// readRows returns the page that a body is, and false if it is none.
func readRows(body []byte) (p rowPage, ok bool) {
	return p, json.Unmarshal(body, &p) == nil && p.Data != nil && p.Metadata != nil
}

// editRows replaces the items of a page. Any other answer stays as it is.
func editRows(edit func([]json.RawMessage) []json.RawMessage) Fault {
	return EditBody(func(body []byte) []byte {
		p, ok := readRows(body)
		if !ok {
			return body
		}
		p.Data = edit(p.Data)
		edited, err := json.Marshal(p)
		if err != nil {
			return body
		}
		return edited
	})
}

// EditRow changes the item at position i of a list's answer, or all of them if i is below 0: takes a member out, makes it
// null, gives it a value that nobody has seen, or a chatbot_id that was not asked for.
func EditRow(i int, edit func(row map[string]any)) Fault {
	return EditJSON(func(page map[string]any) {
		rows, _ := page["data"].([]any)
		for at, row := range rows {
			if row, ok := row.(map[string]any); ok && (i < 0 || at == i) {
				edit(row)
			}
		}
	})
}

// Rate answers 429 to what exceeds n requests a second, n of at least 1, with the whole seconds to wait as Retry-After. A
// server that was idle takes n at once.
func Rate(n int) Fault {
	var mu sync.Mutex
	var idle time.Time // when the server will have been idle for long enough
	each := time.Second / time.Duration(max(n, 1))
	wait := func() time.Duration {
		mu.Lock()
		defer mu.Unlock()
		now := time.Now()
		next := idle.Add(each)
		if idle.Before(now) {
			next = now.Add(each)
		}
		if early := next.Sub(now) - time.Second; early > 0 {
			return early
		}
		idle = next
		return 0
	}
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if d := wait(); d > 0 {
				seconds := strconv.Itoa(int((d + time.Second - 1) / time.Second))
				Status(http.StatusTooManyRequests, `{"error":"too many requests"}`, "Retry-After", seconds)(nil).ServeHTTP(w, r)
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}

// Clock gives an answer the Date of a server whose clock is ahead by d, and turns a Retry-After in seconds into a date by
// that clock. Chain(Clock(d), Rate(n)) limits the rate and says so in dates.
func Clock(d time.Duration) Fault {
	return answering(func(w http.ResponseWriter, _ *http.Request, a *httptest.ResponseRecorder) {
		now := time.Now().Add(d).UTC()
		a.Header().Set("Date", now.Format(http.TimeFormat))
		if seconds, err := strconv.Atoi(a.Header().Get("Retry-After")); err == nil {
			a.Header().Set("Retry-After", now.Add(time.Duration(seconds)*time.Second).Format(http.TimeFormat))
		}
		send(w, a, a.Body.Bytes())
	})
}

// EditPage changes a page of conversations that has the contract's form: a wrong page number, contradictory counts, another order. An
// answer that is not a page stays as it is.
func EditPage(edit func(p *okchatapi.ConversationPage)) Fault { return editAs(edit) }

// EditJSON changes an answer in ways that the contract has no room for: members missing, unknown or of another type.
// Its values are those of [json.Unmarshal]. An answer that is not a JSON object stays as it is.
func EditJSON(edit func(page map[string]any)) Fault {
	return editAs(func(p *map[string]any) { edit(*p) })
}

func editAs[T any](edit func(*T)) Fault {
	return EditBody(func(body []byte) []byte {
		var v T
		if json.Unmarshal(body, &v) != nil {
			return body
		}
		edit(&v)
		edited, err := json.Marshal(v)
		if err != nil {
			return fmt.Appendf(nil, "okchattest: the edited page is no JSON: %v", err)
		}
		return edited
	})
}

// EditBody changes the bytes of an answer's body and sends them with the same status and headers.
func EditBody(edit func(body []byte) []byte) Fault {
	return answering(func(w http.ResponseWriter, _ *http.Request, a *httptest.ResponseRecorder) {
		send(w, a, edit(a.Body.Bytes()))
	})
}

// answering makes a fault of what to do with the answer that would have been sent.
func answering(send func(w http.ResponseWriter, r *http.Request, a *httptest.ResponseRecorder)) Fault {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			send(w, r, capture(next, r))
		})
	}
}

// askFor returns r as a request for page p.
func askFor(r *http.Request, p int) *http.Request {
	r = r.Clone(r.Context())
	query := r.URL.Query()
	query.Set("page", strconv.Itoa(p))
	r.URL.RawQuery = query.Encode()
	return r
}

func capture(h http.Handler, r *http.Request) *httptest.ResponseRecorder {
	a := httptest.NewRecorder()
	h.ServeHTTP(a, r)
	return a
}

// send sends a captured answer with the same status and header and another body.
func send(w http.ResponseWriter, a *httptest.ResponseRecorder, body []byte) {
	sendHeader(w, a, len(body))
	_, _ = w.Write(body)
}

func sendHeader(w http.ResponseWriter, a *httptest.ResponseRecorder, length int) {
	maps.Copy(w.Header(), a.Header())
	w.Header().Set("Content-Length", strconv.Itoa(length))
	w.WriteHeader(a.Code)
}
