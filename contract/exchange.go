package contract

import (
	"bytes"
	"fmt"
	"net/http"
	"strconv"
	"time"
	"unicode/utf16"
	"unicode/utf8"
)

// Exchange is one request and its response, byte for byte: the bodies are what was sent, before any decoding but the
// transfer's own. Header maps have canonical keys, as net/http makes them. An Exchange may hold a key and the texts of
// end users: it is for checks, not for logs.
type Exchange struct {
	// Source says where the exchange comes from, "page-1.har entry 0" for instance. Findings repeat it.
	Source string
	// Synthetic says that the recording declares the exchange to be made up, by the HAR entry's member "_synthetic".
	Synthetic bool
	// Comment is the HAR entry's own.
	Comment string
	// Shareable says that the recording is marked as published or redacted, by the member "_published" or "_redacted" of
	// the HAR entry or of its log, or as synthetic: it holds no end user's ids and texts.
	Shareable bool
	// Time is when the request was sent, zero where that is unknown. A Date header of the response counts for more.
	Time time.Time
	// Decoded says that ResponseBody has its Content-Encoding undone already, as browsers record it.
	Decoded bool

	// Method is the request's method, in upper case.
	Method string
	// URL is the request's URL with its query, absolute or not.
	URL string
	// RequestHeader and RequestBody are nil where the request had none.
	RequestHeader http.Header
	RequestBody   []byte

	// Status is the response's status code, 100 to 599 in a sound recording.
	Status int
	// ResponseHeader and ResponseBody are nil where the response had none.
	ResponseHeader http.Header
	ResponseBody   []byte

	place   place
	cookies bool // whether the recording lists cookies beside the headers
	garbled bool // whether the body was no Unicode text where it was recorded as text
}

// place is where an exchange stands in a recording.
type place struct {
	// raw is the body as it stands there, from byte offset, line and column on; for HAR it is a string literal.
	raw          []byte
	line, column int
	literal      bool
}

// locate gives the findings about the body their lines and columns.
func (ex *Exchange) locate(list []Finding) {
	if ex.place.line == 0 {
		return
	}
	for i := range list {
		f := &list[i]
		f.Line, f.Column = ex.place.line, ex.place.column
		if f.offset < 0 || ex.place.raw == nil {
			continue
		}
		at := f.offset
		if ex.place.literal {
			at = literalOffset(ex.place.raw, f.offset)
		}
		before := ex.place.raw[:min(at, len(ex.place.raw))]
		if n := bytes.Count(before, []byte("\n")); n > 0 {
			f.Line += n
			f.Column = len(before) - bytes.LastIndexByte(before, '\n')
		} else {
			f.Column += len(before)
		}
	}
}

// literalOffset returns where the byte of that offset of a string's content stands in its JSON literal.
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

// NewBody returns the exchange of a response body that was kept without its request: a GET of that URL, with a key,
// answered with status 200 and JSON. name is what findings call it. Only what the body says is worth a check.
func (c *Contract) NewBody(name, url string, body []byte) *Exchange {
	ex := &Exchange{
		Source:         name,
		Method:         http.MethodGet,
		URL:            url,
		RequestHeader:  make(http.Header),
		Status:         http.StatusOK,
		ResponseHeader: http.Header{"Content-Type": {"application/json"}},
		ResponseBody:   body,
		place:          place{raw: body, line: 1, column: 1},
	}
	for _, key := range c.keys {
		ex.RequestHeader.Set(key, redacted)
	}
	return ex
}

// String says where the exchange comes from and how it went, without its URL, headers and bodies.
func (ex *Exchange) String() string {
	return fmt.Sprintf("%s (%s, status %d)", ex.Source, describeWord(ex.Method), ex.Status)
}
