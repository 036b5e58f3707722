package contract

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/okchat/okchat-go/exchange"
)

// Severity says what a finding means for consumers of the API.
type Severity string

const (
	// Violation says that the contract is broken: consumers may fail.
	Violation Severity = "violation"
	// Drift says that the vendor added what the contract allows but does not know. Consumers live on.
	Drift Severity = "drift"
	// Leak says that a recording holds what must not be shared: a key, a token, a person's data.
	Leak Severity = "leak"
)

// Code names a kind of fault. The values are stable. Beside these, each rule of meaning has a code of its own, which the
// contract declares: see [Contract.Rules].
type Code string

// The codes of violations.
const (
	CodeOperation       Code = "operation"              // no operation has this method and path
	CodeKey             Code = "key"                    // the request carries no key
	CodeMissing         Code = "missing"                // a required member or parameter is not there
	CodeType            Code = "type"                   // a value has another type, or is null where it may not be
	CodeFormat          Code = "format"                 // a string is not in its format
	CodeRange           Code = "range"                  // a value, a length or a number of items is out of its bounds
	CodeEnum            Code = "enum"                   // a value is not in a closed set
	CodeUnion           Code = "union"                  // a value has the type of none or of several of a union's branches
	CodeSpelling        Code = "spelling"               // a required member is there in another spelling
	CodeRepeated        Code = "repeated"               // a parameter is given more than once
	CodeParameter       Code = "undocumented-parameter" // the contract does not know this parameter
	CodeMediaType       Code = "content-type"           // the response's media type is none of the contract's
	CodeContentEncoding Code = "content-encoding"       // the body is not in the encoding that its header names
	CodeJSON            Code = "json"                   // the body is not one JSON document
	CodeEncoding        Code = "not-unicode"            // a string holds bytes that are not UTF-8, or half of a surrogate pair
	CodeDuplicate       Code = "duplicate-member"       // an object has a member twice
	CodeRule            Code = "undecided"              // a rule of meaning has no result for a body that keeps its schema
)

// The codes of leaks.
const (
	CodeLeakedKey    Code = "leaked-key"    // an API key
	CodeLeakedToken  Code = "leaked-token"  // another credential: a token, a cookie, a password in a URL
	CodeLeakedEmail  Code = "leaked-email"  // an e-mail address
	CodeLeakedPhone  Code = "leaked-phone"  // a phone number
	CodeLeakedPerson Code = "leaked-person" // an end user's id or text in a recording that is not marked as published or exchange.Redacted
)

// The codes of drift.
const (
	CodeMember Code = "undocumented-member" // the contract does not know this member
	CodeValue  Code = "unknown-value"       // an open set gained a value
	CodeStatus Code = "undocumented-status" // the contract says nothing of this status; a violation where it is no status at all
)

var leakCodes = []Code{CodeLeakedKey, CodeLeakedToken, CodeLeakedEmail, CodeLeakedPhone, CodeLeakedPerson}

func join(codes []Code) string {
	var list []string
	for _, code := range codes {
		list = append(list, string(code))
	}
	return strings.Join(list, ", ")
}

// Part is the place in an exchange that a finding speaks of.
type Part string

// The parts of an exchange.
const (
	PartRequest        Part = "request"
	PartRequestPath    Part = "request path parameter"
	PartRequestQuery   Part = "request query parameter"
	PartRequestHeader  Part = "request header"
	PartRequestCookie  Part = "request cookie"
	PartRequestBody    Part = "request body"
	PartStatus         Part = "response status"
	PartResponseHeader Part = "response header"
	PartResponseBody   Part = "response body"
)

// Finding is one fault of an exchange. None of its fields holds a message's text, an id or another string that an end
// user may have written; a short word of an open set is quoted, so that the contract can learn it. Names of members
// stand in Pointer as they came.
type Finding struct {
	// Source is where the leaf stands: the exchange's place for what has none of its own.
	Source exchange.Source
	// Severity is Violation, Drift or Leak.
	Severity Severity
	// Code is the kind of fault.
	Code Code
	// Part is where in the exchange Pointer points.
	Part Part
	// Pointer is the leaf at fault. In a body it is the leaf's JSON pointer (RFC 6901): "/data/3/created_at", "" for the
	// whole body, and for a missing member the pointer that it would have. In a union it names the leaf in the nearest
	// branch: the one whose type fits. Of parameters and headers it is the name.
	Pointer string
	// Expected is what the contract asks for, Got what came: "a date-time", "a string of 12 characters".
	Expected, Got string
	// Evidence says of a rule of meaning how it is known: "documented", "observed" or "assumed". "" for all else.
	Evidence string
	// SpecLine and SpecColumn are the place in the contract that the finding goes against, 0 where there is none.
	SpecLine, SpecColumn int

	offset   int // of the leaf in the body, -1 for other parts
	addition *addition
}

// spec notes the place in the contract.
func (f *Finding) spec(n *yaml.Node) {
	if n != nil {
		f.SpecLine, f.SpecColumn = n.Line, n.Column
	}
}

// maxLine is the most characters that a finding's line has.
const maxLine = 300

// String returns the finding on one line of at most 300 characters: its place and its message. Long parts are cut.
func (f Finding) String() string {
	place := ""
	if f.Source.File != "" {
		place = shorten(f.Source.Place(), 60) + ": "
	}
	return place + f.message(maxLine-utf8.RuneCountInString(place))
}

// Message says on one line of at most 300 characters what is wrong, and what it goes against, without the place in the
// recording.
func (f Finding) Message() string { return f.message(maxLine) }

func (f Finding) message(most int) string {
	head := fmt.Sprintf("%s %s: %s", f.Severity, f.Code, f.Part)
	if f.Pointer != "" {
		head += " " + shorten(f.Pointer, 90)
	}
	tail := ", got " + shorten(f.Got, 60)
	switch {
	case f.Severity == Drift:
		tail += "; add it to the contract if it stays"
	case f.Severity == Leak:
		tail += "; take it out before it is shared"
	case f.SpecLine > 0:
		tail += fmt.Sprintf(" (%s:%d)", specName, f.SpecLine)
	}
	head += ": expected "
	return head + shorten(f.Expected, most-utf8.RuneCountInString(head)-utf8.RuneCountInString(tail)) + tail
}

// shorten puts s on one line of printable characters, at most n of them.
func shorten(s string, n int) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '�'
	}, s)
	if runes := []rune(s); len(runes) > n {
		return string(runes[:max(n-1, 0)]) + "…"
	}
	return s
}
