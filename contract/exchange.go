package contract

import (
	"fmt"
	"net/http"
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
}

// String says where the exchange comes from and how it went, without its URL, headers and bodies.
func (ex *Exchange) String() string {
	return fmt.Sprintf("%s (%s, status %d)", ex.Source, describeWord(ex.Method), ex.Status)
}
