package contract

import (
	"cmp"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/okchat/okchat-go/contract/internal/jsontree"
	"github.com/okchat/okchat-go/contract/internal/rule"
	"github.com/okchat/okchat-go/contract/internal/spec"
	"github.com/okchat/okchat-go/exchange"
	"github.com/okchat/okchat-go/internal/lazy"
)

// Outcome tells how far an exchange could be checked.
type Outcome int

const (
	// Checked is the outcome of an exchange of which all was checked.
	Checked Outcome = iota
	// NotChecked is the outcome of an exchange of which something could not be checked, as Result.Reason says: it is neither
	// good nor bad. Findings are those of the rest.
	NotChecked
	// Elsewhere is the outcome of an exchange that calls none of the contract's operations, as most of a browser's recording
	// does.
	Elsewhere
	// Aside is the outcome of what stands in a recording beside the exchanges. It is only looked through for leaks.
	Aside
)

// Result is the outcome of the check of one exchange, with its findings. Package recordings, and Walk, add to it before they hand it on; it does not
// change afterwards.
type Result struct {
	// Exchange is the one that was checked.
	Exchange *exchange.Exchange
	// Outcome tells how far it could be checked, and Reason, on one line, why no further; "" where Outcome is Checked.
	Outcome Outcome
	Reason  string
	// Findings are those of the exchange: of the request first, then of status, headers, media type and body of the response.
	// None means that the contract holds as far as it was checked.
	Findings []Finding

	// Operation is the one that was called, nil where there is none. It is for packages coverage and redact, as are the
	// others below.
	Operation *spec.Operation
	// Request is how the operation reads the request.
	Request *spec.Request
	// Response is the description of the response's status in the contract, nil where it has none.
	Response *spec.Response
	// Body is the validated body of the response, nil where it is no JSON or where the contract has no schema for it.
	Body *spec.Validation

	contract *Contract
	sent     *spec.Validation // the request's body, as Body
	near     *spec.Operation  // the one that was nearly called
	faults   spec.Faults
	page     *rule.Page
	walk     string // tells the walk from others
}

// Contract returns the contract of the check, nil where the result comes from no check.
func (r *Result) Contract() *Contract { return r.contract }

// Read returns the body of the request or of the response (PartRequestBody or PartResponseBody) with what is known of its
// values. It has an answer where the check did not get as far: it called nearly one of the contract's operations, or the media
// type is wrong. body is without its content encoding.
func (r *Result) Read(part Part, body []byte) (*spec.Validation, error) {
	known, op := r.Body, cmp.Or(r.Operation, r.near)
	var content *spec.Content
	if part == PartRequestBody {
		known = r.sent
	}
	if known != nil {
		return known, nil
	}
	t, err := jsontree.Parse(body)
	if err != nil {
		return nil, err
	}
	if op != nil && part == PartRequestBody {
		content = op.Body
	} else if op != nil {
		if answer := op.Answer(max(r.Exchange.Status, 100)); answer != nil {
			content = answer.Content
		}
	}
	return spec.Validate(content.FirstSchema(), t, part, &spec.Faults{}), nil
}

// Severity tells what a finding means for consumers of the API.
type Severity = spec.Severity

const (
	// Violation is the severity of a broken contract: consumers may fail.
	Violation = spec.Violation
	// Drift is the severity of what the vendor added and the contract allows but does not know. Consumers live on.
	Drift = spec.Drift
	// Leak is the severity of what a recording holds and must not be shared: a key, a token, a person's data.
	Leak Severity = "leak"
)

// Code names a kind of fault. The values are stable. Beside these, each rule of meaning has a code of its own, which the
// contract declares: see [Contract.Rules].
type Code = spec.Code

// The codes of violations.
const (
	CodeOperation       = spec.CodeOperation       // no operation has this method and path
	CodeKey             = spec.CodeKey             // the request carries no key
	CodeMissing         = spec.CodeMissing         // a required member or parameter is not there
	CodeType            = spec.CodeType            // a value has another type, or is null where it may not be
	CodeFormat          = spec.CodeFormat          // a string is not in its format
	CodeRange           = spec.CodeRange           // a value, a length or a number of items is out of its bounds
	CodeEnum            = spec.CodeEnum            // a value is not in a closed set
	CodeUnion           = spec.CodeUnion           // a value has the type of none or of several of a union's branches
	CodeSpelling        = spec.CodeSpelling        // a required member is there in another spelling
	CodeRepeated        = spec.CodeRepeated        // a parameter is given more than once
	CodeParameter       = spec.CodeParameter       // the contract does not know this parameter
	CodeMediaType       = spec.CodeMediaType       // the media type is none of the contract's
	CodeContentEncoding = spec.CodeContentEncoding // the body is not in the encoding that its header names
	CodeJSON            = spec.CodeJSON            // the body is not one JSON document
	CodeEncoding        = spec.CodeEncoding        // a string holds bytes that are not UTF-8, or half of a surrogate pair
	CodeDuplicate       = spec.CodeDuplicate       // an object has a member twice
	CodeRule            = spec.CodeRule            // a rule of meaning has no result for a body that keeps its schema
)

// The codes of drift.
const (
	CodeMember = spec.CodeMember // the contract does not know this member
	CodeValue  = spec.CodeValue  // an open set gained a value
	CodeStatus = spec.CodeStatus // the contract says nothing of this status; a violation where it is no status at all
)

// The codes of leaks.
const (
	CodeLeakedKey    Code = "leaked-key"    // an API key
	CodeLeakedToken  Code = "leaked-token"  // another credential: a token, a cookie, a password in a URL
	CodeLeakedEmail  Code = "leaked-email"  // an e-mail address
	CodeLeakedPhone  Code = "leaked-phone"  // a phone number or a resident registration number
	CodeLeakedPerson Code = "leaked-person" // an end user's id or text in a recording that is not marked as published or redacted
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
type Part = spec.Part

// The parts of an exchange.
const (
	PartRequest        = spec.PartRequest
	PartRequestPath    = spec.PartRequestPath
	PartRequestQuery   = spec.PartRequestQuery
	PartRequestHeader  = spec.PartRequestHeader
	PartRequestBody    = spec.PartRequestBody
	PartStatus         = spec.PartStatus
	PartResponseHeader = spec.PartResponseHeader
	PartResponseBody   = spec.PartResponseBody
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

	addition *spec.Addition
}

// finish makes findings of the faults from the one at that position on: it adds places, lines and sources.
func (r *Result) finish(from int) {
	ex, call := r.Exchange, ""
	for i := range r.faults.List[from:] {
		f := &r.faults.List[from+i]
		if call == "" {
			call = r.Call()
		}
		found := Finding{
			Source: ex.At(-1), Request: call, Severity: f.Severity, Code: f.Code, Part: f.Part, Pointer: f.Pointer(), Expected: f.Expected, Got: f.Got,
			Evidence: f.Evidence, SpecFile: r.contract.Name(), Count: f.Count, addition: f.Addition,
		}
		if f.Part == PartResponseBody {
			found.Source = ex.At(f.Place())
		}
		if f.At != nil {
			found.SpecLine, found.SpecColumn = f.At.Line, f.At.Column
		}
		r.Findings = append(r.Findings, found)
	}
}

// plainOrigin matches the scheme and host of a URL that cannot hold a secret.
var plainOrigin = lazy.Regexp(`^https?://[a-z0-9.-]{1,60}(:\d{1,5})?$`)

// Call returns the request as Finding.Request has it.
func (r *Result) Call() string {
	method := strings.ToUpper(r.Exchange.Method)
	if !spec.Word().MatchString(method) {
		method = "a request"
	}
	if r.Operation == nil {
		if origin := spec.NewTarget(r.Exchange.URL).Origin; plainOrigin().MatchString(origin) {
			method += " " + origin + "/…"
		}
		return method
	}
	var query []string
	for _, v := range r.Request.Values {
		if v.Parameter.In != "query" {
			continue
		}
		text := "…"
		if v.Parameter.Schema.Format == "" && (v.Node.Kind != jsontree.String || spec.Word().MatchString(v.Node.Text)) {
			text = v.Node.Text
		}
		query = append(query, v.Parameter.Name+"="+text)
	}
	call := method + " " + r.contract.base + r.Operation.Path
	if query != nil {
		call += "?" + strings.Join(query, "&")
	}
	return call
}

// maxLine is the most characters that a finding's line has.
const maxLine = 300

// String returns the finding on one line of at most 300 characters: its place and its message. Long parts are cut.
func (f Finding) String() string {
	place := ""
	if f.Source.File != "" {
		place = spec.Shorten(f.Source.Place(), 60) + ": "
	}
	return place + f.message(maxLine-utf8.RuneCountInString(place))
}

// Message says on one line of at most 300 characters what is wrong, and what it goes against, without the place in the
// recording.
func (f Finding) Message() string { return f.message(maxLine) }

func (f Finding) message(most int) string {
	head := fmt.Sprintf("%s %s: %s", f.Severity, f.Code, f.Part)
	if f.Pointer != "" {
		head += " " + spec.Shorten(f.Pointer, 90)
	}
	tail := ", got " + spec.Shorten(f.Got, 60)
	switch {
	case f.Severity == Drift:
		tail += "; add it to the contract if it stays"
	case f.Severity == Leak:
		tail += "; take it out before it is shared"
	case f.SpecLine > 0:
		tail += fmt.Sprintf(" (%s:%d)", spec.Shorten(f.SpecFile, 40), f.SpecLine)
	}
	head += ": expected "
	return head + spec.Shorten(f.Expected, most-utf8.RuneCountInString(head)-utf8.RuneCountInString(tail)) + tail
}
