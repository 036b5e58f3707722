package okchat

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/google/uuid"
)

// Sentinels that errors.Is finds in an [APIError], by its status. The vendor documents no status of a failure; these have the
// meaning that HTTP gives them (assumed).
var (
	// ErrUnauthorized matches 401 and 403: the key is wrong or not allowed to see this chatbot. It does not match the challenge
	// of a firewall, see [APIError].
	ErrUnauthorized = errors.New("okchat: the key was refused")
	// ErrNotFound matches 404: there is no such chatbot or conversation, or no such endpoint at the base URL.
	ErrNotFound = errors.New("okchat: not found")
	// ErrRateLimited matches 429: too many requests.
	ErrRateLimited = errors.New("okchat: rate limited")
)

// ErrArgument matches the error of a call whose arguments are wrong. Such a call sends nothing.
var ErrArgument = errors.New("okchat: wrong argument")

// Sentinels that errors.Is finds in an error of a call that was sent. They tell what a caller can change.
var (
	// ErrIncomplete matches a [ContractError] of a page that holds fewer items than its metadata leave for it, and of a walk
	// that has handed out fewer than the list's own counts explain.
	ErrIncomplete = errors.New("okchat: the list is incomplete")
	// ErrItems matches the [ContractError] that a walk ends with where single items broke the contract. All other items
	// were handed out.
	ErrItems = errors.New("okchat: single items break the contract")
	// ErrTooLarge matches a [ContractError] for a body that is longer than the client takes, see [WithMaxBody].
	ErrTooLarge = errors.New("okchat: the answer is too large")
	// ErrBudget matches an error after which no retry was made because the client's retry budget is used up, see
	// [RetryPolicy].
	ErrBudget = errors.New("the client's retry budget is used up")
	// ErrTryTimeout matches a [TransportError] of a try that took too long, see [WithTryTimeout].
	ErrTryTimeout = errors.New("the try timed out")
	// ErrWaitTooLong matches an [APIError] after which the server asked for a longer wait than [RetryPolicy] allows.
	ErrWaitTooLong = errors.New("the server asks to wait longer than allowed")
)

func argumentErrorf(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrArgument}, args...)...)
}

// callError is the error of a call that was sent: one of *[APIError], *[ContractError] and *[TransportError].
type callError interface {
	error
	// retryable reports whether another try may succeed.
	retryable() bool
	// reason returns why this try failed, in a word or two.
	reason() string
	// after returns how long the server asked to wait, or 0.
	after() time.Duration
	// finish sets how many tries there were and why no more were made, which only the retry loop knows.
	finish(tries int, stopped error)
}

// APIError is the error of a call that the server refused: it answered with a status of 4xx or 5xx. The vendor documents
// no failure, so each field but StatusCode holds what was found and may be empty. The texts are printable, on one line and
// without the key.
type APIError struct {
	StatusCode int
	// Message is the reason that the body gives: its text, the message, error, detail or list of those in its JSON (RFC 9457
	// included), or the title of a web page, at most 200 bytes.
	Message string
	// Challenge reports whether a firewall in front of the API asked for a proof that a person uses a browser. The API has not
	// seen such a request, so its key was not refused.
	Challenge bool
	// RequestID is the id that the server or a proxy gave the request (X-Request-Id, X-Vercel-Id or CF-Ray), at most 128 bytes.
	RequestID string
	// RetryAfter is how long the server asked to wait, rounded up to whole seconds; 0 if it did not.
	RetryAfter time.Duration
	// Page is the page that was asked for, counted from 1; 0 for a call without pages.
	Page int
	// Tries is how many requests were sent.
	Tries int
	// Snippet is the beginning of the body, at most 256 bytes.
	Snippet string

	ids     string // what the path was made from
	stopped error
}

func (e *APIError) Error() string {
	status := fmt.Sprintf("%d %s", e.StatusCode, http.StatusText(e.StatusCode))
	s := fmt.Sprintf("okchat: %sthe server answered %s", pageText(e.Page), status)
	if e.Message != "" && e.Message != status {
		s += fmt.Sprintf(" (%s)", e.Message)
	}
	s += triesText(e.Tries)
	if e.RetryAfter > 0 {
		s += fmt.Sprintf(", retry after %v", e.RetryAfter)
	}
	if e.stopped != nil {
		s += ", not retried: " + e.stopped.Error()
	}
	switch {
	case e.Challenge:
		s += ": a firewall in front of the API wants to see a browser: try from another network, or ask OKChat to let this one through"
	case e.Is(ErrUnauthorized):
		s += ": check the API key and what it may read"
	case e.Is(ErrNotFound):
		s += ": check " + e.ids + "the base URL"
	}
	return s
}

// Is reports whether target is the sentinel of this status.
func (e *APIError) Is(target error) bool {
	switch e.StatusCode {
	case http.StatusUnauthorized, http.StatusForbidden:
		return !e.Challenge && target == ErrUnauthorized
	case http.StatusNotFound:
		return target == ErrNotFound
	case http.StatusTooManyRequests:
		return target == ErrRateLimited
	default:
		return false
	}
}

// Unwrap returns why no more tries were made, such as the error of the context or [ErrBudget], or nil.
func (e *APIError) Unwrap() error { return e.stopped }

func (e *APIError) after() time.Duration { return e.RetryAfter }
func (e *APIError) reason() string       { return fmt.Sprintf("status %d", e.StatusCode) }

func (e *APIError) retryable() bool {
	if e.Challenge {
		return false
	}
	switch e.StatusCode {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests, http.StatusInternalServerError,
		http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	default:
		return false
	}
}

func (e *APIError) finish(tries int, stopped error) { e.Tries, e.stopped = tries, stopped }

// ContractError is the error of a call whose answer breaks the contract, so that the client cannot rely on it.
type ContractError struct {
	// Where is a JSON pointer into the body ("/metadata/totalPages"), or the name of another part of the answer ("status",
	// "Content-Type header", "body").
	Where string
	// Expected and Got describe the difference. They hold no values of conversations.
	Expected, Got string
	// StatusCode, Header and Body are the answer's, for a program that can make something of it until the client does. They
	// are zero if no answer was read, and Body is nil if it is too large. Error, the verbs of package fmt and encoding/json
	// leave out Header and Body, which hold personal data.
	StatusCode int
	Header     http.Header `json:"-"`
	Body       []byte      `json:"-"`
	// Page is the page that was asked for, counted from 1; 0 for a call without pages.
	Page int
	// Tries is how many requests were sent.
	Tries int

	kind      error // one of the sentinels, or nil
	truncated bool
	again     bool // another try may bring more
	stopped   error

	// Of a single item: its id or, where that cannot be read, one made from its text, and its index on the page.
	item     uuid.UUID
	nameless bool
	place    int
}

func (e *ContractError) Error() string {
	return fmt.Sprintf("okchat: %sthe answer breaks the contract at %s: expected %s, got %s%s",
		pageText(e.Page), e.Where, e.Expected, e.Got, triesText(e.Tries))
}

// Format prints the text of Error for every verb, so that no verb prints the body.
func (e ContractError) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, e.Error()) }

// Is reports whether target is the sentinel of this error: [ErrTooLarge], [ErrItems] or [ErrIncomplete].
func (e *ContractError) Is(target error) bool { return e.kind != nil && target == e.kind }

// Unwrap returns why no more tries were made, such as the error of the context or [ErrBudget], or nil.
func (e *ContractError) Unwrap() error { return e.stopped }

func (e *ContractError) after() time.Duration { return 0 }
func (e *ContractError) retryable() bool      { return e.truncated || e.again }

func (e *ContractError) reason() string {
	switch {
	case e.truncated:
		return "truncated"
	case e.kind == ErrIncomplete: //nolint:errorlint // it is never wrapped
		return "incomplete"
	}
	return "contract"
}

func (e *ContractError) finish(tries int, stopped error) { e.Tries, e.stopped = tries, stopped }

// TransportError is the error of a call to which no whole answer came: the connection failed, broke or took too long, or the
// context ended. It wraps the cause, so that errors.Is finds context.Canceled and errors.As a *net.OpError.
type TransportError struct {
	// Page is the page that was asked for, counted from 1; 0 for a call without pages.
	Page int
	// Tries is how many requests were sent; 0 if the context ended while the call waited for its turn.
	Tries int

	err       error
	permanent bool
	stopped   error
}

func (e *TransportError) Error() string {
	s := fmt.Sprintf("okchat: %sno answer%s: %v", pageText(e.Page), triesText(e.Tries), e.err)
	if e.stopped != nil && !errors.Is(e.err, e.stopped) {
		s += ", not retried: " + e.stopped.Error()
	}
	return s
}

// Unwrap returns the cause, and why no more tries were made.
func (e *TransportError) Unwrap() []error {
	if e.stopped == nil {
		return []error{e.err}
	}
	return []error{e.err, e.stopped}
}

func (e *TransportError) after() time.Duration { return 0 }
func (e *TransportError) retryable() bool      { return !e.permanent }

func (e *TransportError) reason() string {
	if errors.Is(e.err, ErrTryTimeout) {
		return "try timeout"
	}
	return "transport"
}

func (e *TransportError) finish(tries int, stopped error) { e.Tries, e.stopped = tries, stopped }

func pageText(page int) string {
	if page == 0 {
		return ""
	}
	return fmt.Sprintf("page %d: ", page)
}

func triesText(n int) string {
	if n <= 1 {
		return ""
	}
	return fmt.Sprintf(" after %d tries", n)
}
