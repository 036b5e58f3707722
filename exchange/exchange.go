// Package exchange reads, writes and captures HTTP exchanges: a request with its response. It knows nothing of any
// contract; package contract checks what is read here.
//
// Exchanges come from recordings in the HAR format ([FindRecordings], [ReadHAR]), from the requests of a client
// ([Transport]) or from those that a server answers ([Handler]).
package exchange

import (
	"bytes"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"
	"unicode/utf16"
	"unicode/utf8"
)

// Redacted stands for the value of a key header in an exchange that was captured.
const Redacted = "REDACTED"

// DefaultMaxBody is how many bytes of a body are read at most where nobody says otherwise, before and after its content
// encodings are undone.
const DefaultMaxBody = 16 << 20

// Exchange is one request and its response. An Exchange may hold a key and the texts of end users: it is for checks, not for
// logs.
type Exchange struct {
	// Source is where the exchange comes from. Findings repeat it.
	Source Source
	// Synthetic reports whether the recording declares the exchange to be made up, by the HAR entry's member "_synthetic".
	Synthetic bool
	// Shareable reports whether the recording is marked as published or redacted, by the member "_published" or "_redacted"
	// of the HAR entry or of its log, or as synthetic: it holds no end user's ids and texts.
	Shareable bool
	// Comment is the HAR entry's own.
	Comment string
	// Time is when the request was sent, zero where that is unknown. A Date header of the response counts for more.
	Time time.Time

	// Method is the request's method, in upper case.
	Method string
	// URL is the request's URL with its query, absolute or not.
	URL string
	// RequestHeader and RequestBody are nil where the request had none. Header maps have canonical keys, as net/http makes
	// them.
	RequestHeader http.Header
	RequestBody   []byte

	// Status is the response's status code, 100 to 599 in a sound recording; 0 where there was no answer.
	Status int
	// ResponseHeader is nil where the response had none.
	ResponseHeader http.Header
	// ResponseBody is the body as it was sent, or as it was recorded; [Exchange.Body] undoes its content encodings.
	ResponseBody []byte
	// Decoded reports whether ResponseBody may have its Content-Encoding undone already, as recordings keep text.
	Decoded bool
	// Garbled reports whether a recording kept ResponseBody as text although it was no Unicode text. What was not is
	// replaced by U+FFFD.
	Garbled bool
	// Unread is why the response, or its body, is not there to be checked. It is empty where all of it is.
	Unread Reason

	// Part is the HAR entry, nil where the exchange is of no recording.
	Part *Part
	// BodyOffset is where in the entry the literal stands from which ResponseBody was read, 0 where it was not.
	BodyOffset int

	literal  []byte // the JSON string in the entry from which ResponseBody was read
	maxBody  int    // bound on the decoded body, 0 for DefaultMaxBody
	headless bool   // whether the recording has no response headers
	keys     func() []string
}

// Reason says why a response cannot be checked. It is an error, so that [Exchange.Body] can return it.
type Reason string

// The reasons why a response, or its body, cannot be checked.
const (
	NoAnswer        Reason = "no answer was recorded"
	NotRecorded     Reason = "the body was not recorded"
	Cut             Reason = "the body was cut off by its recorder or reader"
	Broken          Reason = "the connection broke before the end of the body"
	UnknownEncoding Reason = "nobody here undoes the body's encoding"
	TooLarge        Reason = "the body is larger than the limit"
	Upgraded        Reason = "the connection was handed to another protocol"
	NotModified     Reason = "the answer is in the client's cache"
)

// Error returns the reason as a text.
func (r Reason) Error() string { return string(r) }

// Answered reports whether there is a response whose status and headers can be checked.
func (r Reason) Answered() bool { return r != NoAnswer && r != Upgraded && r != NotModified }

// Source is where an exchange, or a value in it, stands.
type Source struct {
	// File is a recording's name, or another name of the origin such as "live".
	File string
	// Entry is the number of the HAR entry, counted from 1, as an index counts from 0: 0 stands for no entry.
	Entry int
	// Line and Column are counted from 1, columns in UTF-16 code units as editors and SARIF count them. They are 0 where
	// they are unknown. Of an exchange they are where the body stands, or else the entry.
	Line, Column int
	// Offset is the number of bytes before the place in the file's text.
	Offset int64
}

// String returns the source without its place: "page-1.har entry 0". Entries are counted from 0 as log.entries is.
func (s Source) String() string {
	s.Line = 0
	return s.Place()
}

// EntryName returns "entry 0" for the first entry of a recording, "" where the source is none.
func (s Source) EntryName() string {
	if s.Entry == 0 {
		return ""
	}
	return fmt.Sprintf("entry %d", s.Entry-1)
}

// Place returns the source with its place: "page-1.har:52:5712 entry 0".
func (s Source) Place() string {
	place := s.File
	if s.Line > 0 {
		place = fmt.Sprintf("%s:%d:%d", s.File, s.Line, s.Column)
	}
	if s.Entry > 0 {
		place += " " + s.EntryName()
	}
	return place
}

// Part is a piece of a recording: an entry, or another member of the file or of its log.
type Part struct {
	// Source is where the piece begins.
	Source Source
	// Name is the member's, empty for an entry.
	Name string
	// Text is the piece's JSON value as it stands in the file. Of strings too long for any use nothing but the quotation marks
	// is left.
	Text []byte

	cuts     []int // where in Text the strings too long begin
	squeezed bool  // whether Text lacks white space
	err      error // why Text is not there
	// What the members of the recording before the entry say of all entries.
	synthetic, shareable bool
	maxBody              int
	sent                 []byte // the file that the request's body was put in, nil for none
	attached             []byte // the one of the response's
	file                 bool   // whether there is one
	large                bool   // and it is larger than the limit, so that attached is not it
}

// IsEntry reports whether the part is an entry of the log: only those have an Exchange.
func (p *Part) IsEntry() bool { return p.Source.Entry > 0 }

// At returns the place of a byte of Text, or the part's own where white space was left out of it.
func (p *Part) At(offset int) Source {
	if p.squeezed {
		return p.Source
	}
	return p.Source.after(p.Text[:min(max(offset, 0), len(p.Text))])
}

// Keys returns the values of the request's key headers where the exchange was captured: RequestHeader does not have them.
// Whoever records the exchange searches for them.
func (ex *Exchange) Keys() []string {
	if ex.keys == nil {
		return nil
	}
	return slices.Clone(ex.keys())
}

// Preflight reports whether the request is the question that a browser asks before one of another origin. Browsers send
// it by themselves, without the caller's headers, so that it is none of a contract's operations.
func (ex *Exchange) Preflight() bool {
	return ex.Method == http.MethodOptions && ex.RequestHeader.Get("Access-Control-Request-Method") != ""
}

// String returns where the exchange comes from and how it went, without its URL, headers and bodies.
func (ex *Exchange) String() string {
	method := ex.Method
	if !slices.Contains(methods, method) {
		method = "another method"
	}
	return fmt.Sprintf("%s (%s, status %d)", ex.Source, method, ex.Status)
}

// methods are those that String repeats; whatever else stands in their place may be anything.
var methods = []string{
	http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions,
}

// after returns the place behind a text that stands at s.
func (s Source) after(text []byte) Source {
	if s.Line == 0 {
		return s
	}
	s.Offset += int64(len(text))
	if n := bytes.Count(text, []byte("\n")); n > 0 {
		s.Line += n
		s.Column = 1
		text = text[bytes.LastIndexByte(text, '\n')+1:]
	}
	s.Column += units(text)
	return s
}

// units counts the UTF-16 code units of a text in UTF-8. A byte that is no part of a character counts as one where it could
// begin one.
func units(text []byte) int {
	n := 0
	for _, c := range text {
		if c&0xc0 != 0x80 {
			n++
		}
		if c >= 0xf0 {
			n++
		}
	}
	return n
}

// literalOffset returns the offset in a JSON string literal of the byte at that offset of its content.
func literalOffset(literal []byte, offset int) int {
	at := 1 // after the quotation mark
	for content := 0; content < offset && at < len(literal); {
		if literal[at] != '\\' {
			at, content = at+1, content+1
			continue
		}
		var r rune
		n := 2
		if at+6 <= len(literal) && literal[at+1] == 'u' {
			code, _ := strconv.ParseUint(string(literal[at+2:at+6]), 16, 16)
			r, n = rune(code), 6
			if utf16.IsSurrogate(r) { // half of a pair: the other half follows
				r, n = utf8.MaxRune, 12
			}
		}
		at, content = at+n, content+utf8.RuneLen(r)
	}
	return at
}

// At returns the place of a byte of the body, or the exchange's own place where the body is not in the file as text or
// offset is negative.
func (ex *Exchange) At(offset int) Source {
	text := ex.literal
	switch {
	case offset < 0:
		return ex.Source
	case text != nil:
		offset = literalOffset(text, offset)
	case ex.Source.Entry == 0: // the file is the body
		text = ex.ResponseBody
	}
	return ex.Source.after(text[:min(offset, len(text))])
}

// limitOf returns the bound that a field MaxBody stands for.
func limitOf(maxBody int) int {
	if maxBody > 0 {
		return maxBody
	}
	return DefaultMaxBody
}
