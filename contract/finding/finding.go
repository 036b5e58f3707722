// Package finding describes what a check finds: a fault of an exchange, where it stands, and what it goes against.
package finding

import (
	"fmt"
	"unicode/utf8"

	"github.com/okchat/okchat-go/contract/internal/words"
	"github.com/okchat/okchat-go/exchange"
)

// Severity tells what a finding means for consumers of the API.
type Severity string

const (
	// Violation is the severity of a broken contract: consumers may fail.
	Violation Severity = "violation"
	// Drift is the severity of what the vendor added and the contract allows but does not know. Consumers live on.
	Drift Severity = "drift"
	// Leak is the severity of what a recording holds and must not be shared: a key, a token, a person's data.
	Leak Severity = "leak"
)

// Code names a kind of fault. The values are stable. Beside these, each rule of meaning has a code of its own, which the
// contract declares: see [contract.Contract.Rules].
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
	CodeMediaType       Code = "content-type"           // the media type is none of the contract's
	CodeContentEncoding Code = "content-encoding"       // the body is not in the encoding that its header names
	CodeJSON            Code = "json"                   // the body is not one JSON document
	CodeEncoding        Code = "not-unicode"            // a string holds bytes that are not UTF-8, or half of a surrogate pair
	CodeDuplicate       Code = "duplicate-member"       // an object has a member twice
	CodeRule            Code = "undecided"              // a rule of meaning has no result for a body that keeps its schema
)

// The codes of drift.
const (
	CodeMember Code = "undocumented-member" // the contract does not know this member
	CodeValue  Code = "unknown-value"       // an open set gained a value
	CodeStatus Code = "undocumented-status" // the contract says nothing of this status; a violation where it is no status at all
)

// The codes of leaks.
const (
	CodeLeakedKey    Code = "leaked-key"    // an API key
	CodeLeakedToken  Code = "leaked-token"  // another credential: a token, a cookie, a password in a URL
	CodeLeakedEmail  Code = "leaked-email"  // an e-mail address
	CodeLeakedPhone  Code = "leaked-phone"  // a phone number or a resident registration number
	CodeLeakedPerson Code = "leaked-person" // an end user's id or text in a recording that is not marked as published or redacted
)

// Leaks returns the codes of leaks.
func Leaks() []Code {
	return []Code{CodeLeakedKey, CodeLeakedToken, CodeLeakedEmail, CodeLeakedPhone, CodeLeakedPerson}
}

// Part is the place in an exchange that a finding speaks of.
type Part string

// The parts of an exchange.
const (
	PartRequest        Part = "request"
	PartRequestPath    Part = "request path parameter"
	PartRequestQuery   Part = "request query parameter"
	PartRequestHeader  Part = "request header"
	PartRequestBody    Part = "request body"
	PartStatus         Part = "response status"
	PartResponseHeader Part = "response header"
	PartResponseBody   Part = "response body"
	// PartRecording is the rest of a recording, beside request and response.
	PartRecording Part = "recording"
)

// Finding is one fault of an exchange. None of its fields holds a message's text, an id or another string that an end
// user may have written; a short word of an open set is quoted, so that the contract can learn it. Names of members
// stand in Pointer as they came: whoever prints it has to escape it.
type Finding struct {
	// Source is where the leaf stands: the exchange's place for what has none of its own.
	Source exchange.Source
	// Request is the call: its method, and its URL with the names of path parameters in place of their values and without
	// what the contract does not know: "GET /api/external/chatbot/{chatbotId}/conversations?page=2". Of a call of none of its
	// operations it is the host alone.
	Request string
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
	// Expected names the value that the contract asks for, Got the one that came: "a date-time", "a string of 12 characters".
	Expected, Got string
	// Evidence is how a rule of meaning is known: "documented", "observed" or "assumed". "" for all else.
	Evidence string
	// SpecFile, SpecLine and SpecColumn are the place in the contract that the finding goes against, SpecLine 0 where there
	// is none.
	SpecFile             string
	SpecLine, SpecColumn int
	// Count is how many like faults of the exchange the finding stands for, itself included. It is 1 but for the last of a
	// hundred.
	Count int
	// Patch is the change that a drift suggests: a unified diff of the contract, ready for patch -p1, that describes what came, for a person to
	// complete. It is "" for other findings, and where a name is none that a contract should learn unseen.
	Patch string
}

// maxLine is the most characters that a finding's line has.
const maxLine = 300

// String returns the finding on one line of at most 300 characters: its place and its message. Long parts are cut.
func (f Finding) String() string {
	place := ""
	if f.Source.File != "" {
		place = words.Shorten(f.Source.Place(), 60) + ": "
	}
	return place + f.message(maxLine-utf8.RuneCountInString(place))
}

// Message says on one line of at most 300 characters what is wrong, and what it goes against, without the place in the
// recording.
func (f Finding) Message() string { return f.message(maxLine) }

func (f Finding) message(most int) string {
	head := fmt.Sprintf("%s %s: %s", f.Severity, f.Code, f.Part)
	if f.Pointer != "" {
		head += " " + words.Shorten(f.Pointer, 90)
	}
	tail := ", got " + words.Shorten(f.Got, 60)
	switch {
	case f.Severity == Drift:
		tail += "; add it to the contract if it stays"
	case f.Severity == Leak:
		tail += "; take it out before it is shared"
	case f.SpecLine > 0:
		tail += fmt.Sprintf(" (%s:%d)", words.Shorten(f.SpecFile, 40), f.SpecLine)
	}
	head += ": expected "
	return head + words.Shorten(f.Expected, most-utf8.RuneCountInString(head)-utf8.RuneCountInString(tail)) + tail
}
