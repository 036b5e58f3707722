package okchat

import (
	"fmt"
	"io"
	"net/http"
	"slices"
)

const (
	// maxHeader bounds the header of an answer, in bytes.
	maxHeader = 256 << 10
	// maxErrorBody bounds how much is read of an answer that says no, in bytes.
	maxErrorBody = 64 << 10
)

// tooLargeError is the error of readBody for a body beyond the limit.
type tooLargeError struct{ limit int64 }

func (e *tooLargeError) Error() string { return fmt.Sprintf("more than %d bytes", e.limit) }

// readAnswer reads the body of an answer: up to the limit of [WithMaxBody] if it may be a page, and the beginning if the
// server refused.
func (c *Client) readAnswer(resp *http.Response) ([]byte, error) {
	if resp.StatusCode < 400 {
		return readBody(resp.Body, resp.ContentLength, c.conf.maxBody)
	}
	most := min(maxErrorBody, c.conf.maxBody)
	body, err := readBody(io.LimitReader(resp.Body, most), -1, most)
	if err != nil || int64(len(body)) == most { // an echo of the key may be cut, and is not known for one then, however it is escaped
		const longest = len("&#x000041;")
		body = body[:max(0, len(body)-longest*len(c.key.reveal()))]
	}
	return body, err
}

// readBody reads r to its end and fails if that is beyond limit bytes. size is the announced length, or -1. It reads into
// chunks that double the room and joins them in the end, so that it allocates at most three times the body.
func readBody(r io.Reader, size, limit int64) ([]byte, error) {
	const first, trusted = 64 << 10, 1 << 20
	if size > limit {
		return nil, &tooLargeError{limit}
	}
	next := int64(first)
	if size >= 0 {
		next = min(size, trusted) + 1 // a byte more tells the end without another chunk
	}
	var total int64
	var chunks [][]byte
	for {
		chunk := make([]byte, 0, min(next, limit+1-total))
		for len(chunk) < cap(chunk) {
			n, err := r.Read(chunk[len(chunk):cap(chunk)])
			if chunk = chunk[:len(chunk)+n]; err != nil {
				return join(chunks, chunk), eofIsNil(err)
			}
		}
		if total += int64(len(chunk)); total > limit {
			return nil, &tooLargeError{limit}
		}
		chunks, next = append(chunks, chunk), total
	}
}

// join returns the chunks and the last one as one slice.
func join(chunks [][]byte, last []byte) []byte {
	if len(chunks) == 0 {
		return last
	}
	return slices.Concat(append(chunks, last)...)
}

// eofIsNil returns nil for the end of a body and err for all others, wrapped io.EOF included: that is a broken connection.
func eofIsNil(err error) error {
	if err == io.EOF { //nolint:errorlint // a wrapped one is a connection that broke
		return nil
	}
	return err
}
