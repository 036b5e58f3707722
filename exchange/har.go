package exchange

import (
	"errors"
	"math"
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// harEntry is an entry of a recording in the HAR 1.2 format, as it is read and written.
type harEntry struct {
	Published bool        `json:"_published,omitempty"`
	Redacted  bool        `json:"_redacted,omitempty"`
	Synthetic bool        `json:"_synthetic,omitempty"`
	Started   string      `json:"startedDateTime"`
	Time      int         `json:"time"`
	Request   harRequest  `json:"request"`
	Response  harResponse `json:"response"`
	Cache     struct{}    `json:"cache"`
	Timings   harTimings  `json:"timings"`
	Comment   string      `json:"comment,omitempty"`
}

type harRequest struct {
	Method      string    `json:"method"`
	URL         string    `json:"url"`
	HTTPVersion string    `json:"httpVersion"`
	Cookies     harFields `json:"cookies"`
	Headers     harFields `json:"headers"`
	Query       harFields `json:"queryString"`
	Post        *harPost  `json:"postData,omitempty"`
	HeadersSize int       `json:"headersSize"`
	BodySize    int       `json:"bodySize"`
}

type harPost struct {
	MIMEType string    `json:"mimeType"`
	Params   harFields `json:"params"`
	Text     string    `json:"text"`
	File     string    `json:"_file,omitempty"` // where Playwright puts the body
}

type harResponse struct {
	Status      jsontext.Value `json:"status"` // nil where there is none
	StatusText  string         `json:"statusText"`
	HTTPVersion string         `json:"httpVersion"`
	Cookies     harFields      `json:"cookies"`
	Headers     harFields      `json:"headers"`
	Content     harContent     `json:"content"`
	RedirectURL string         `json:"redirectURL"`
	HeadersSize int            `json:"headersSize"`
	BodySize    int            `json:"bodySize"`
	Error       string         `json:"_error,omitempty"`       // of Chrome
	FailureText string         `json:"_failureText,omitempty"` // of Playwright
}

type harContent struct {
	Size           int     `json:"size"` // -1 where it is unknown
	MIMEType       string  `json:"mimeType"`
	Text           harText `json:"text,omitzero"`
	Encoding       string  `json:"encoding,omitempty"`
	Raw            bool    `json:"_encoded,omitempty"` // the text is the body as it was sent
	File           string  `json:"_file,omitempty"`    // where Playwright puts the body
	Truncated      bool    `json:"truncated,omitempty"`
	OtherTruncated bool    `json:"_truncated,omitempty"`
	Comment        string  `json:"comment,omitempty"`
}

type harTimings struct {
	Receive int `json:"receive"`
	Send    int `json:"send"`
	Wait    int `json:"wait"`
}

// harFields are headers, cookies or parameters, nil where there is no list of them.
type harFields []harField

type harField struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// harText is a body in an entry. Its zero value is none.
type harText struct {
	given   bool
	content []byte
	garbled bool // whether the literal is no Unicode text
	at, end int  // where in the entry the literal stands
}

// MarshalText returns the body.
func (t harText) MarshalText() ([]byte, error) { return t.content, nil }

// IsZero reports whether there is no text.
func (t harText) IsZero() bool { return !t.given }

// lenient is how a recording is read: it tells what was seen, which need not be sound. A value of another type than HAR
// gives it is skipped, as recorders differ in what they write where they know nothing.
var lenient = json.JoinOptions(
	jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true),
	json.WithUnmarshalers(json.UnmarshalFromFunc(func(dec *jsontext.Decoder, to any) error {
		kind := dec.PeekKind()
		switch to := to.(type) {
		case *string:
			return readString(dec, kind, to)
		case *int:
			if kind != '0' {
				return dec.SkipValue()
			}
			value, err := dec.ReadValue()
			if f, bad := strconv.ParseFloat(string(value), 64); bad == nil && math.Abs(f) < math.MaxInt32 {
				*to = int(f)
			}
			return err
		case *bool:
			*to = *to || kind == 't'
			return dec.SkipValue()
		case *harText:
			return to.read(dec, kind)
		case *harFields:
			*to = harFields{}
			if kind == '{' {
				return to.readObject(dec)
			}
			if kind != '[' {
				*to = nil
				return dec.SkipValue()
			}
		case *jsontext.Value, **harPost:
		default:
			if kind != '{' {
				return dec.SkipValue()
			}
		}
		return errors.ErrUnsupported // leaves it to the package
	})),
)

// readString reads a string or the literal of a number or boolean.
func readString(dec *jsontext.Decoder, kind jsontext.Kind, to *string) error {
	switch kind {
	case '{', '[', 'n':
		return dec.SkipValue()
	}
	token, err := dec.ReadToken()
	if err == nil {
		*to = token.String()
	}
	return err
}

// read notes where the literal stands.
func (t *harText) read(dec *jsontext.Decoder, kind jsontext.Kind) error {
	if kind != '"' {
		return dec.SkipValue()
	}
	literal, err := dec.ReadValue()
	if err != nil {
		return err
	}
	content, err := jsontext.AppendUnquote(nil, literal)
	end := int(dec.InputOffset())
	*t = harText{given: true, content: content, garbled: err != nil, at: end - len(literal), end: end}
	return nil
}

// readObject reads fields from an object of values, or of lists of values, by their names.
func (h *harFields) readObject(dec *jsontext.Decoder) error {
	return within(dec, func() error {
		name, err := dec.ReadToken()
		if err != nil {
			return err
		}
		return h.add(dec, name.String())
	})
}

func (h *harFields) add(dec *jsontext.Decoder, name string) error {
	kind := dec.PeekKind()
	if kind == '[' {
		return within(dec, func() error { return h.add(dec, name) })
	}
	field := harField{Name: name}
	err := readString(dec, kind, &field.Value)
	*h = append(*h, field)
	return err
}

// within reads an object or an array, and calls read where a name or an item comes.
func within(dec *jsontext.Decoder, read func() error) error {
	if _, err := dec.ReadToken(); err != nil {
		return err
	}
	for kind := dec.PeekKind(); kind != '}' && kind != ']'; kind = dec.PeekKind() {
		if err := read(); err != nil {
			return err
		}
	}
	_, err := dec.ReadToken()
	return err
}
