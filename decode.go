package okchat

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"reflect"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"github.com/okchat/okchat-go/gen/okchatapi"
)

// mediaType is the contract's, for the answer 200.
const mediaType = "application/json"

// errorBody bounds how much is read of an answer that says no.
const errorBody = 64 << 10

func (c *Client) readAnswer(resp *http.Response) ([]byte, error) {
	if resp.StatusCode < 400 {
		return readBody(resp.Body, resp.ContentLength, c.conf.maxBody)
	}
	return io.ReadAll(io.LimitReader(resp.Body, min(errorBody, c.conf.maxBody)))
}

// decodePage makes a page of an answer, or says what the contract does not allow. It checks what a caller relies on:
// that the body is one JSON document of the contract's types, that it is the page asked for, that its metadata are there
// and agree with each other, that each conversation has an id and a time.
func decodePage[T any](op operation[T], q query, resp *http.Response, body []byte) (*Page[T], *ContractError) {
	if resp.StatusCode != http.StatusOK {
		return nil, &ContractError{Where: "status", Expected: "200, 4xx or 5xx", Got: strconv.Itoa(resp.StatusCode)}
	}
	contentType := resp.Header.Get("Content-Type")
	if got, _, err := mime.ParseMediaType(contentType); err != nil || got != mediaType {
		return nil, &ContractError{Where: "Content-Type header", Expected: mediaType, Got: describeMediaType(got)}
	}
	if encoding := resp.Header.Get("Content-Encoding"); encoding != "" && !resp.Uncompressed {
		return nil, &ContractError{Where: "Content-Encoding header", Expected: "none or gzip", Got: "another"}
	}
	items, metadata, broken := op.decode(body, or(q.limit, 10))
	if broken != nil {
		return nil, broken
	}
	if err := checkMetadata(q, metadata, len(items)); err != nil {
		return nil, err
	}
	for i := range items {
		if op.key(&items[i]) == uuid.Nil {
			return nil, &ContractError{Where: fmt.Sprintf("/data/%d/id", i), Expected: "a UUID", Got: "none"}
		}
		if op.order(&items[i]).IsZero() {
			return nil, &ContractError{Where: fmt.Sprintf("/data/%d/created_at", i), Expected: "a date-time", Got: "none"}
		}
	}
	return &Page[T]{Items: items, Metadata: metadata, StatusCode: resp.StatusCode, Header: resp.Header, Body: body}, nil
}

// decodeConversations reads a page of about limit conversations: the fast way, or where that is in doubt with encoding/json, which
// has the last word on what is an error.
func decodeConversations(body []byte, limit int) ([]Conversation, PageMetadata, *ContractError) {
	const missing = -1
	none := PageMetadata{CurrentPage: missing, PageSize: missing, TotalCount: missing, TotalPages: missing}
	metadata := none
	if conversations, ok := scanPage(body, limit, &metadata); ok && conversations != nil {
		return conversations, metadata, nil
	}
	if !checkDepth(body) {
		return nil, none, &ContractError{Where: "body", Expected: fmt.Sprintf("at most %d levels of JSON", maxDepth), Got: "more"}
	}
	decoded := okchatapi.ConversationPage{Metadata: none}
	var raw struct{ Data []json.RawMessage }
	if err := json.Unmarshal(body, &decoded); err != nil {
		return nil, none, explainDecode(body, err)
	}
	if decoded.Data == nil {
		return nil, none, &ContractError{Where: "/data", Expected: "an array", Got: "none"}
	}
	_ = json.Unmarshal(body, &raw) // it went well before
	conversations := make([]Conversation, len(decoded.Data))
	for i, conv := range decoded.Data {
		conversations[i] = Conversation{Conversation: conv, raw: raw.Data[i]}
	}
	return conversations, decoded.Metadata, nil
}

// checkMetadata holds the page's numbers against the request and against each other. A server may cap the limit, so a
// smaller page size than asked for is fine.
func checkMetadata(q query, m PageMetadata, count int) *ContractError {
	const at = "/metadata/"
	for _, n := range []struct {
		name       string
		got, least int
	}{{"currentPage", m.CurrentPage, 1}, {"pageSize", m.PageSize, 1}, {"totalCount", m.TotalCount, 0}, {"totalPages", m.TotalPages, 0}} {
		if n.got < n.least {
			return &ContractError{Where: at + n.name, Expected: fmt.Sprintf("a whole number from %d", n.least), Got: orMissing(n.got)}
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
		return &ContractError{Where: "/data", Expected: fmt.Sprintf("at most %d conversations, the pageSize", m.PageSize), Got: strconv.Itoa(count)}
	case count > m.TotalCount:
		return &ContractError{Where: at + "totalCount", Expected: fmt.Sprintf("at least %d, the conversations on this page", count), Got: strconv.Itoa(m.TotalCount)}
	}
	return nil
}

func orMissing(n int) string {
	if n == -1 {
		return "none"
	}
	return strconv.Itoa(n)
}

func describeMediaType(got string) string {
	if got == "" || len(got) > 64 {
		return "none that can be read"
	}
	return got
}

// explainDecode finds out what a decoding error means, without the values it may hold.
func explainDecode(body []byte, err error) *ContractError {
	if syntax := (*json.SyntaxError)(nil); errors.As(err, &syntax) {
		e := &ContractError{Where: "body", Expected: "one JSON document", Got: fmt.Sprintf("something else at byte %d", syntax.Offset)}
		if len(bytes.TrimSpace(body)) == 0 {
			e.Got = "an empty body"
		}
		// Syntax that breaks only where the text ends is a body cut short, and another try may bring the rest.
		if e.truncated = syntax.Offset >= int64(len(body)); e.truncated && len(body) > 0 {
			e.Got = fmt.Sprintf("one that ends early, after %d bytes", len(body))
		}
		return e
	}
	if where, expected, got := locate(body, reflect.TypeFor[okchatapi.ConversationPage](), ""); expected != "" {
		return &ContractError{Where: or(where, "body"), Expected: expected, Got: got}
	}
	return &ContractError{Where: "body", Expected: "the contract's types", Got: "others"}
}

// locate walks down to the value that does not decode as t, and returns its JSON pointer.
func locate(raw json.RawMessage, t reflect.Type, pointer string) (where, expected, got string) {
	if json.Unmarshal(raw, reflect.New(t).Interface()) == nil {
		return "", "", ""
	}
	switch t.Kind() {
	case reflect.Slice:
		var items []json.RawMessage
		if json.Unmarshal(raw, &items) == nil {
			for i, item := range items {
				if where, expected, got := locate(item, t.Elem(), fmt.Sprintf("%s/%d", pointer, i)); expected != "" {
					return where, expected, got
				}
			}
		}
	case reflect.Struct:
		var members map[string]json.RawMessage
		if json.Unmarshal(raw, &members) == nil {
			for i := range t.NumField() { //nolint:modernize // ranging over Fields makes each importer's program heavier
				field := t.Field(i)
				name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
				if member, ok := members[name]; ok {
					if where, expected, got := locate(member, field.Type, pointer+"/"+name); expected != "" {
						return where, expected, got
					}
				}
			}
		}
	}
	return pointer, describeType(t), describeJSON(raw)
}

func describeType(t reflect.Type) string {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch t {
	case reflect.TypeFor[uuid.UUID]():
		return "a UUID"
	case reflect.TypeFor[okchatapi.LastMessage]():
		return "an object, a string or null"
	}
	switch t.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.Int:
		return "a whole number"
	case reflect.String:
		return "a string"
	case reflect.Slice:
		return "an array"
	default:
		if t.String() == "time.Time" {
			return "an RFC 3339 date-time"
		}
		return "an object"
	}
}

func describeJSON(raw json.RawMessage) string {
	raw = bytes.TrimSpace(raw)
	switch raw[0] {
	case '{':
		return "an object that does not fit"
	case '[':
		return "an array"
	case '"':
		return "another string"
	case 't', 'f':
		return "a boolean"
	case 'n':
		return "null"
	default:
		return "a number"
	}
}
