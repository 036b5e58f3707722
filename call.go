package okchat

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/textproto"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/okchat/okchat-go/internal/fastjson"
)

// CallOptions are the options that every call takes.
type CallOptions struct {
	// Header is sent in addition to the client's own headers. It cannot name the header of the key.
	Header http.Header
	// TryTimeout and MaxTries replace those of the client for this call, see [WithTryTimeout] and [RetryPolicy]; 0 keeps them.
	TryTimeout time.Duration
	MaxTries   int
}

// Page is one page of a list, and the answer that held it.
type Page[T any] struct {
	// Items are the items in the order of the answer, without those that a walk handed out before and those that cannot be read.
	Items []T
	// Metadata are the answer's own numbers: those of the list at that moment.
	Metadata PageMetadata
	// StatusCode and Header are the answer's. Body is its bytes, after decompression; Items share memory with it, so do not
	// change it.
	StatusCode int
	Header     http.Header
	Body       []byte
	// Tries is how many requests were sent for this page.
	Tries int
	// Odd names the items of a walk's page that break the contract: those that cannot be read, which Items lacks, and
	// those out of order, which Items holds. [Client.Page] fails on the first one instead.
	Odd []*ContractError

	next func() Token // nil if no walk returned the page
}

// String returns which page it is and how many items it holds: printed field by field, the body would be a list of numbers.
func (p Page[T]) String() string {
	return fmt.Sprintf("page %d of %d with %d items", p.Metadata.CurrentPage, p.Metadata.TotalPages, len(p.Items))
}

// operation is an operation of the contract, bound to the arguments that are the same for each of its pages. Fetching,
// walking and reading ahead are generic over it.
type operation[T any] struct {
	// name is the contract's operationId, and ids names what the caller gave to make the path, for the error of a 404. err is
	// why these make none.
	name, ids string
	err       error
	// member is the member of the body that holds the items: a single one, or a list, beside whose pages metadata stand.
	member        string
	single, paged bool
	// request builds the request for one page. A limit of 0 leaves the page size to the server.
	request func(page, limit int) (*http.Request, error)
	// read reads one item of the page's data into its zero value, and returns what came beside its fields.
	read func(*T, *fastjson.Scanner) *sent
	// key returns an item's id, and order its created_at where the list is ordered by it, newest first.
	key   func(*T) uuid.UUID
	order func(*T) time.Time
	// owner returns the member ownerName, which has the value of in each item of this list; nil where there is none.
	owner     func(*T) uuid.UUID
	ownerName string
	of        uuid.UUID
}

// query is one call for a page, with arguments that have been checked.
type query struct {
	CallOptions

	page    int
	limit   int
	lenient bool // leave out single items that break the contract, instead of failing
	// short reports that a page stayed short of the items that its metadata say, though it was asked for again: a row limit behind
	// the API shortens all pages alike, so that from then on only empty ones are asked for again.
	short bool
}

// at returns q for another page.
func (q query) at(page int) query {
	q.page = page
	return q
}

// newQuery returns a call for a page, or an error that matches [ErrArgument]: err, which is that of the operation, or another.
func newQuery(err error, page, limit int, opts CallOptions) (query, error) {
	switch {
	case err != nil:
		return query{}, err
	case page < 0:
		return query{}, argumentErrorf("Page is %d, expected 1 or more, or 0 for the first", page)
	case limit < 0:
		return query{}, argumentErrorf("Limit is %d, expected 1 or more, or 0 for the server's default", limit)
	case opts.TryTimeout < 0:
		return query{}, argumentErrorf("TryTimeout is %v, expected more than 0, or 0 for the client's", opts.TryTimeout)
	case opts.MaxTries < 0:
		return query{}, argumentErrorf("MaxTries is %d, expected 1 or more, or 0 for the client's", opts.MaxTries)
	}
	for name := range opts.Header {
		if textproto.CanonicalMIMEHeaderKey(name) == headerKey {
			return query{}, argumentErrorf("Header names %s, expected the key in New alone", headerKey)
		}
	}
	return query{CallOptions: opts, page: page, limit: limit}, nil
}

// single gets one page as a call of its own.
func single[T any](ctx context.Context, c *Client, op *operation[T], page, limit int, opts CallOptions) (*Page[T], error) {
	q, err := newQuery(op.err, page, limit, opts)
	if err != nil {
		return nil, err
	}
	var got *Page[T]
	err = c.report(ctx, op.name, func(info *CallInfo) error {
		page, err := fetch(ctx, c, op, q)
		if info.Pages = 1; err == nil {
			got, info.Items = page, len(page.Items)
		}
		return err
	})
	return got, err
}

// pagesOf returns an iterator over the pages that run hands out, and over its error in the end. Each range is a call of its own.
func pagesOf[T any](ctx context.Context, c *Client, op *operation[T], run func(info *CallInfo, yield func(*Page[T]) bool) error) iter.Seq2[*Page[T], error] {
	return func(yield func(*Page[T], error) bool) {
		err := c.report(ctx, op.name, func(info *CallInfo) error {
			return run(info, func(page *Page[T]) bool {
				info.Items += len(page.Items)
				return yield(page, nil)
			})
		})
		if err != nil {
			yield(nil, err)
		}
	}
}

// fetch gets one page, with retries. The way of a page goes on through the functions below: fetchTries, fetchOnce, send,
// readAnswer, decodePage. A page that holds fewer items than its metadata say is returned together with an error that
// matches [ErrIncomplete].
func fetch[T any](ctx context.Context, c *Client, op *operation[T], q query) (*Page[T], error) {
	start := time.Now()
	page, tries, err := fetchTries(ctx, c, op, q)
	if c.conf.hooks.Page != nil {
		info := PageInfo{Operation: op.name, Page: q.page, Tries: tries, Duration: time.Since(start)}
		if info.Err = err; page != nil {
			info.Items = len(page.Items)
		}
		callHook(func() { c.conf.hooks.Page(ctx, info) })
	}
	return page, err
}

// fetchTries sends requests until one succeeds or the retry policy ends the call.
func fetchTries[T any](ctx context.Context, c *Client, op *operation[T], q query) (page *Page[T], tries int, err error) {
	var (
		a       attempts
		failure callError // of the last try
	)
	for {
		if err := c.pace.wait(ctx); err != nil {
			if failure == nil {
				failure = &TransportError{Page: q.page, err: fmt.Errorf("the request was not sent: %w", err)}
			}
			failure.finish(a.sent, err)
			return nil, a.sent, failure
		}
		a.sent++
		start := time.Now()
		page, status, size, failed := fetchOnce(ctx, c, op, q)
		info := TryInfo{Operation: op.name, Page: q.page, Try: a.sent, StatusCode: status, Bytes: size, Duration: time.Since(start)}
		if page != nil {
			page.Tries = a.sent
		}
		if failed == nil {
			c.budget.refund()
			c.tried(ctx, info)
			return page, a.sent, nil
		}
		failure = failed
		then := c.afterFailure(ctx, q, &a, failure)
		failure.finish(a.sent, then.reason)
		if then.asked {
			c.pace.pause(then.delay)
		}
		info.Err, info.Reason, info.Retry, info.Asked, info.Delay = failure, failure.reason(), then.again, then.asked, then.delay
		c.tried(ctx, info)
		if !then.again {
			return page, a.sent, failure
		}
		if then.asked { // the wait at the head of the loop is that of all calls
			continue
		}
		if err := sleep(ctx, then.delay); err != nil {
			failure.finish(a.sent, err)
			return nil, a.sent, failure
		}
	}
}

// fetchOnce sends one request and decodes its answer. The status and size are for the hooks, so that it returns them even if
// it fails.
func fetchOnce[T any](ctx context.Context, c *Client, op *operation[T], q query) (page *Page[T], status, size int, failure callError) {
	timeout := or(q.TryTimeout, c.conf.tryTimeout)
	tryCtx, cancel := context.WithTimeoutCause(ctx, timeout, ErrTryTimeout)
	defer cancel()
	transportError := func(err error) *TransportError {
		if ctx.Err() == nil && tryCtx.Err() != nil {
			err = fmt.Errorf("%w after %v", ErrTryTimeout, timeout)
		}
		return &TransportError{Page: q.page, err: c.key.scrubError(err), permanent: isPermanent(err)}
	}

	req, err := op.request(q.page, q.limit)
	if err != nil {
		return nil, 0, 0, transportError(err)
	}
	resp, err := c.send(req.WithContext(tryCtx), q)
	if err != nil {
		if origin, ok := errors.AsType[*originError](err); ok {
			return nil, 0, 0, &ContractError{Page: q.page, Where: "Location header",
				Expected: "a redirect within " + origin.expected, Got: "one to another origin"}
		}
		return nil, 0, 0, transportError(err)
	}
	defer resp.Body.Close()

	body, err := c.readAnswer(resp)
	switch {
	case resp.StatusCode >= 400:
		// The status decides, even if the body broke off.
		return nil, resp.StatusCode, len(body), c.newAPIError(q, op.ids, resp, body)
	case err != nil:
		if errors.Is(err, ErrTooLarge) {
			return nil, resp.StatusCode, 0, &ContractError{Page: q.page, StatusCode: resp.StatusCode, Header: resp.Header, Where: "body",
				Expected: fmt.Sprintf("at most %d bytes", c.conf.maxBody), Got: "more, so ask for smaller pages", kind: ErrTooLarge}
		}
		return nil, resp.StatusCode, len(body), transportError(fmt.Errorf("the body broke off after %d bytes: %w", len(body), err))
	}
	page, err = decodePage(tryCtx, op, q, resp, body)
	if page != nil {
		for _, odd := range page.Odd {
			c.complete(odd, q, resp, body)
		}
	}
	if broken, ok := errors.AsType[*ContractError](err); ok {
		c.complete(broken, q, resp, body)
		return page, resp.StatusCode, len(body), broken
	}
	if err != nil {
		return nil, resp.StatusCode, len(body), transportError(err)
	}
	return page, resp.StatusCode, len(body), nil
}

// complete adds to e the answer that it is about.
func (c *Client) complete(e *ContractError, q query, resp *http.Response, body []byte) {
	e.Page, e.StatusCode, e.Header, e.Body = q.page, resp.StatusCode, resp.Header, body
	e.Got = c.key.scrub(e.Got)
	if e.Got == "none" && strings.LastIndexByte(e.Where, '/') == 0 {
		if text := c.clean(serverReason(body[:min(len(body), maxErrorBody)]), maxMessage); text != "" {
			e.Got = "none, and the message: " + text
		}
	}
}

// send adds the headers that each request of a call has, and sends it. The key is added further down, by keyTransport.
func (c *Client) send(req *http.Request, q query) (*http.Response, error) {
	req.Header.Set("Accept", mediaType)
	req.Header.Set("User-Agent", c.conf.userAgent)
	for name, values := range q.Header {
		req.Header[textproto.CanonicalMIMEHeaderKey(name)] = values
	}
	return c.http.Do(req)
}

// maxErrorBody bounds how much is read of an answer that says no, in bytes.
const maxErrorBody = 64 << 10

// readAnswer reads the body of an answer: up to the limit of [WithMaxBody] if it may be a page, and the beginning if the server
// refused. It takes at most three times the body in memory, and trusts an announced length only so far.
func (c *Client) readAnswer(resp *http.Response) ([]byte, error) {
	const usual, trusted = 64 << 10, 1 << 20
	limit, refused := c.conf.maxBody, resp.StatusCode >= 400
	if refused {
		limit = min(limit, maxErrorBody)
	} else if resp.ContentLength > limit {
		return nil, ErrTooLarge
	}
	room := int64(usual)
	if resp.ContentLength >= 0 {
		room = min(resp.ContentLength, trusted)
	}
	var body bytes.Buffer
	body.Grow(int(room) + bytes.MinRead) // with which ReadFrom finds the end without growing
	_, err := body.ReadFrom(io.LimitReader(resp.Body, limit+1))
	long := int64(body.Len()) > limit
	switch {
	case refused && (long || err != nil): // an echo of the key may be cut, and is not known for one then, however it is escaped
		const longest = len("&#x000041;")
		body.Truncate(max(0, min(body.Len(), int(limit))-longest*len(c.key.reveal())))
	case long:
		return nil, ErrTooLarge
	}
	return body.Bytes(), err
}
