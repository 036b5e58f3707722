package okchat

import (
	"context"
	"crypto/sha256"
	"fmt"
	"mime"
	"net/http"
	"reflect"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"github.com/okchat/okchat-go/internal/fastjson"
)

// mediaType is the media type of a page in the contract.
const mediaType = "application/json"

// decodePage decodes the answer to q. It checks what a caller relies on: the body is one JSON document of the contract's
// types, it is the page and the list that were asked for, its metadata agree with each other, and each item has an id and a
// time. It fails with a *ContractError that names the first of these that is not so, or with the error of ctx. A page that
// holds fewer items than its metadata say is returned together with its error.
func decodePage[T any](ctx context.Context, op *operation[T], q query, resp *http.Response, body []byte) (*Page[T], error) {
	if err := checkHead(resp); err != nil {
		return nil, err
	}
	d := decoder[T]{ctx: ctx, op: op, query: q, scanner: fastjson.NewScanner(body), size: len(body), items: []T{},
		needed: []string{"id", op.ownerName, "created_at"}}
	if err := d.page(); err != nil {
		return nil, err
	}
	page := &Page[T]{Items: d.items, Metadata: d.metadata, StatusCode: resp.StatusCode, Header: resp.Header, Body: body, Odd: d.odd}
	if !op.paged {
		return page, nil
	}
	if short := checkCount(d.metadata, d.count); short != nil {
		short.again = d.count == 0 || !q.short
		return page, short
	}
	return page, nil
}

// checkHead checks that the status and the header announce a page.
func checkHead(resp *http.Response) error {
	if resp.StatusCode != http.StatusOK {
		return &ContractError{Where: "status", Expected: "200, 4xx or 5xx", Got: strconv.Itoa(resp.StatusCode)}
	}
	media, charset := parseMediaType(resp.Header.Get("Content-Type"))
	if media != mediaType {
		return &ContractError{Where: "Content-Type header", Expected: mediaType, Got: or(clip(oneLine(media), 64), "none that can be read")}
	}
	if charset != "" && charset != "utf-8" && charset != "utf8" {
		return &ContractError{Where: "Content-Type header", Expected: "the charset utf-8", Got: clip(oneLine(charset), 64)}
	}
	for encoding := range strings.SplitSeq(strings.Join(resp.Header.Values("Content-Encoding"), ","), ",") {
		encoding = strings.ToLower(strings.TrimSpace(encoding))
		if encoding != "" && encoding != "identity" && !resp.Uncompressed {
			return &ContractError{Where: "Content-Encoding header", Expected: "none or gzip, as was asked for",
				Got: clip(oneLine(strings.Join(resp.Header.Values("Content-Encoding"), ", ")), 64)}
		}
	}
	return nil
}

// parseMediaType returns the media type and charset of a Content-Type header in lower case. Parameters that are malformed
// or repeated leave the media type as it is: the body then tells what it is itself.
func parseMediaType(header string) (media, charset string) {
	media, parameters, err := mime.ParseMediaType(header)
	if err != nil {
		media = strings.ToLower(strings.TrimSpace(header[:max(0, strings.IndexAny(header+",", ",;"))]))
	}
	return media, strings.ToLower(strings.Trim(parameters["charset"], `'" `))
}

// decoder reads the body of one page. Its memory stays in proportion to the body: it stops at one item more than the page
// may hold, and package fastjson bounds what the items hold.
type decoder[T any] struct {
	ctx     context.Context
	op      *operation[T]
	query   query
	scanner *fastjson.Scanner
	size    int
	needed  []string // members without which an item cannot be used

	items    []T
	odd      []*ContractError // items that are left out
	count    int              // of both
	metadata PageMetadata
	listed   bool // items were read
	located  bool // metadata were read
}

// page reads the body.
func (d *decoder[T]) page() error {
	s := d.scanner
	if s.Next() != '{' {
		s.Mismatch("an object")
	} else {
		for more := s.Begin('{', '}'); more; more = s.More('}') {
			var err error
			switch string(s.Name()) {
			case d.op.member:
				err = d.data()
			case "metadata":
				if !d.op.paged {
					s.Skip()
					continue
				}
				err = d.readMetadata()
			default:
				s.Skip()
			}
			if err != nil {
				return err
			}
		}
	}
	if s.End(); s.Err() != nil {
		e := s.Err()
		return &ContractError{Where: "body", Expected: e.Expected, Got: e.Got, truncated: e.Truncated}
	}
	if m, ok := s.TakeMismatch(); ok {
		return &ContractError{Where: or(m.Where, "body"), Expected: m.Expected, Got: m.Got}
	}
	switch {
	case !d.listed:
		return &ContractError{Where: "/" + d.op.member, Expected: d.expected(), Got: "none"}
	case d.op.paged && !d.located:
		return &ContractError{Where: "/metadata", Expected: "an object", Got: "none"}
	case d.op.paged:
		if err := checkMetadata(d.query, d.metadata, d.count); err != nil {
			return err
		}
	}
	if len(d.odd) > 0 && !d.query.lenient {
		return d.odd[0]
	}
	return nil
}

// readMetadata reads the page's metadata and, where they come before the items, checks them first.
func (d *decoder[T]) readMetadata() error {
	s := d.scanner
	d.metadata, d.located = PageMetadata{}, true
	t := metadataType.of(reflect.TypeFor[PageMetadata]())
	missing := t.Read(s, &d.metadata)
	if s.Err() != nil {
		return nil
	}
	const at = "/metadata"
	if m, ok := s.TakeMismatch(); ok {
		return &ContractError{Where: at + m.Where, Expected: m.Expected, Got: m.Got}
	}
	if missing != 0 {
		name := t.Names(missing)[0]
		_, expected := t.Bit(name)
		return &ContractError{Where: at + "/" + name, Expected: expected, Got: "none"}
	}
	if !d.listed {
		if err := checkMetadata(d.query, d.metadata, 0); err != nil {
			return err
		}
	}
	return nil
}

// expected describes what holds the items.
func (d *decoder[T]) expected() string {
	if d.op.single {
		return "an object"
	}
	return "an array"
}

// data reads the items.
func (d *decoder[T]) data() error {
	s := d.scanner
	clear(d.items)
	d.items, d.odd, d.count, d.listed = d.items[:0], nil, 0, true
	first := s.Next()
	if first == '{' && d.op.single {
		d.count = 1
		return d.item()
	}
	if first != '[' || d.op.single {
		got := fastjson.Describe(first)
		if s.Skip(); s.Err() != nil {
			return nil
		}
		return &ContractError{Where: "/" + d.op.member, Expected: d.expected(), Got: got}
	}
	most, why := d.most()
	for more := s.Begin('[', ']'); more; more = s.More(']') {
		if d.count == most {
			return &ContractError{Where: "/" + d.op.member, Expected: fmt.Sprintf("at most %d items, %s", most, why), Got: "more"}
		}
		if d.count++; d.count%64 == 0 && d.ctx.Err() != nil {
			return d.ctx.Err()
		}
		if err := d.item(); err != nil {
			return err
		}
	}
	return nil
}

// most returns how many items the page may hold, and why not more: the page size if it is known yet, the limit that was asked
// for, or as many as fit into the body.
func (d *decoder[T]) most() (n int, why string) {
	const shortest = 128 // bytes of an item with an id, a time, and whose it is
	n, why = 1000+d.size/shortest, "as no more fit into the body"
	if d.located && d.metadata.PageSize <= n {
		return d.metadata.PageSize, "the pageSize"
	}
	if limit := d.query.limit; limit > 0 && limit <= n {
		return limit, "the limit asked for"
	}
	return n, why
}

// item reads one item. One that breaks the contract is left out of the list and named in odd. One of another list is an error
// at once: it is somebody else's.
func (d *decoder[T]) item() error {
	s, n := d.scanner, len(d.items)
	if n == cap(d.items) {
		d.grow()
	}
	d.items = d.items[:n+1]
	item := &d.items[n]
	s.Next()
	start := s.Offset()
	came := d.op.read(item, s)
	if s.Err() != nil {
		return nil
	}
	m, broken := s.TakeMismatch()
	owner := d.op.of
	if d.op.owner != nil {
		owner = d.op.owner(item)
	}
	switch {
	case owner != d.op.of && owner != uuid.Nil:
		return &ContractError{Where: d.where("/" + d.op.ownerName), Expected: "the one asked for", Got: "another"}
	case broken:
		return d.leaveOut(start, m.Where, m.Expected, m.Got)
	}
	if name, expected := came.firstMissing(d.needed); name != "" {
		return d.leaveOut(start, "/"+name, expected, "none")
	}
	if d.op.key(item) == uuid.Nil {
		return d.leaveOut(start, "/id", "a UUID", "the one of zeros")
	}
	if owner == uuid.Nil && d.op.owner != nil {
		return d.leaveOut(start, "/"+d.op.ownerName, "the one asked for", "the one of zeros")
	}
	return nil
}

// grow makes room for more items: first for as many as are expected, then for as many as fit into the rest of the body if
// they are of the size of those before.
func (d *decoder[T]) grow() {
	const common = 300 // bytes of a conversation with all its members
	n, read := len(d.items), d.scanner.Offset()
	more := max(n/4, (d.size-read)/(read/max(n, 1)+1)*9/8) + 1
	if n == 0 {
		more = min(or(d.query.limit, 10), 1+d.size/common)
	}
	grown := make([]T, n, n+more)
	copy(grown, d.items)
	d.items = grown
}

// where returns the JSON pointer of a place in the item just read.
func (d *decoder[T]) where(pointer string) string {
	if d.op.single {
		return "/" + d.op.member + pointer
	}
	return "/" + d.op.member + "/" + strconv.Itoa(d.count-1) + pointer
}

// leaveOut takes the item just read, which begins at start, off the list and names it in odd. Without lenient the first one
// is kept, as the error.
func (d *decoder[T]) leaveOut(start int, pointer, expected, got string) error {
	last := len(d.items) - 1
	id := d.op.key(&d.items[last])
	clear(d.items[last:])
	d.items = d.items[:last]
	if d.query.lenient || len(d.odd) == 0 {
		odd := &ContractError{Where: d.where(pointer), Expected: expected, Got: got, item: id, nameless: id == uuid.Nil, place: d.count - 1}
		if odd.nameless {
			odd.item = idOf(d.scanner.From(start))
		}
		d.odd = append(d.odd, odd)
	}
	return nil
}

// idOf makes an id from text, by which the same text is known again.
func idOf(text []byte) uuid.UUID {
	sum := sha256.Sum256(text)
	return uuid.UUID(sum[:16])
}

// checkMetadata compares the page's numbers with the request and with each other. A server may cap the limit, so a
// smaller page size than asked for is fine.
func checkMetadata(q query, m PageMetadata, count int) error {
	const at = "/metadata/"
	for _, n := range []struct {
		name       string
		got, least int
	}{{"currentPage", m.CurrentPage, 1}, {"pageSize", m.PageSize, 1}, {"totalCount", m.TotalCount, 0}, {"totalPages", m.TotalPages, 0}} {
		if n.got < n.least {
			return &ContractError{Where: at + n.name, Expected: fmt.Sprintf("a whole number from %d", n.least), Got: strconv.Itoa(n.got)}
		}
	}
	pages := m.TotalCount / m.PageSize
	if m.TotalCount%m.PageSize > 0 {
		pages++
	}
	switch {
	case m.CurrentPage != q.page:
		return &ContractError{Where: at + "currentPage", Expected: fmt.Sprintf("%d, the page asked for", q.page), Got: strconv.Itoa(m.CurrentPage)}
	case q.limit > 0 && m.PageSize > q.limit:
		return &ContractError{Where: at + "pageSize", Expected: fmt.Sprintf("at most %d, the limit asked for", q.limit), Got: strconv.Itoa(m.PageSize)}
	case m.TotalPages != pages && (m.TotalCount > 0 || m.TotalPages > 1): // an empty list may count as one page
		return &ContractError{Where: at + "totalPages", Got: strconv.Itoa(m.TotalPages),
			Expected: fmt.Sprintf("%d, which is totalCount %d in pages of %d", pages, m.TotalCount, m.PageSize)}
	case count > m.PageSize:
		return &ContractError{Where: "/data", Expected: fmt.Sprintf("at most %d items, the pageSize", m.PageSize), Got: strconv.Itoa(count)}
	case count > m.TotalCount:
		return &ContractError{Where: at + "totalCount", Expected: fmt.Sprintf("at least %d, the items on this page", count), Got: strconv.Itoa(m.TotalCount)}
	}
	return nil
}
