package exchange

import (
	"bytes"
	"compress/gzip"
	"io"
	"strings"
)

// DefaultMaxBody is how many bytes of a body are read at most where nobody says otherwise, before and after its content
// encodings are undone.
const DefaultMaxBody = 16 << 20

// EncodingError says how a body contradicts its Content-Encoding. It quotes nothing of the body.
type EncodingError struct{ Got string }

// Error returns what came.
func (e *EncodingError) Error() string { return e.Got }

var gzipMagic = []byte{0x1f, 0x8b}

// Body returns the response's body with its content encodings undone. An error is the [Reason] why nobody here can
// do so, or an *[EncodingError] where the body is not in the encoding that its header names.
func (ex *Exchange) Body() ([]byte, error) {
	if ex.Unread != "" {
		return nil, ex.Unread
	}
	maxBody := ex.maxBody
	if maxBody == 0 {
		maxBody = DefaultMaxBody
	}
	body := ex.ResponseBody
	zipped := bytes.HasPrefix(body, gzipMagic)
	switch encoding := strings.ToLower(strings.TrimSpace(ex.ResponseHeader.Get("Content-Encoding"))); encoding {
	case "", "identity":
		if zipped {
			return nil, &EncodingError{"none, and a body in gzip"}
		}
		return body, nil
	case "gzip", "x-gzip":
		if !zipped {
			if ex.Decoded {
				return body, nil
			}
			return nil, &EncodingError{"gzip, and a body that is not"}
		}
		r, err := gzip.NewReader(bytes.NewReader(body))
		if err == nil {
			body, err = io.ReadAll(io.LimitReader(r, int64(maxBody)+1))
		}
		switch {
		case len(body) > maxBody:
			return nil, TooLarge
		case err != nil:
			return nil, &EncodingError{"gzip that breaks off"}
		}
		return body, nil
	default:
		if ex.Decoded {
			return body, nil
		}
		return nil, UnknownEncoding
	}
}
