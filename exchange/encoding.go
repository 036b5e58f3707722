package exchange

import (
	"bufio"
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

// maxEncodings bounds the content encodings of one body.
const maxEncodings = 4

var (
	gzipMagic = []byte{0x1f, 0x8b}
	zstdMagic = []byte{0x28, 0xb5, 0x2f, 0xfd}
)

// Body returns the response's body with its content encodings undone, the last one first: gzip, deflate, br and zstd. An
// error is the [Reason] why nobody here can do so, or else tells how the body contradicts the encoding that its header names.
// It quotes nothing of the body.
//
// Recordings keep the headers of an answer, but most keep its body decoded. Of a recorded body nothing is undone unless it
// still looks encoded.
func (ex *Exchange) Body() ([]byte, error) {
	if ex.Unread != "" {
		return nil, ex.Unread
	}
	encodings := ex.encodings()
	body := ex.ResponseBody
	switch {
	case len(body) > limitOf(ex.maxBody):
		return nil, TooLarge
	case len(body) == 0:
		return body, nil // of HEAD for instance, whose headers are those of GET
	case len(encodings) == 0 && ex.headless && bytes.HasPrefix(body, gzipMagic):
		encodings = []string{"gzip"} // the recorder dropped the headers
	case len(encodings) == 0 && bytes.HasPrefix(body, gzipMagic):
		return nil, errors.New("none, and a body in gzip")
	case len(encodings) > maxEncodings:
		return nil, UnknownEncoding
	}
	for _, name := range slices.Backward(encodings) {
		if ex.Decoded && !looksEncoded(name, body) {
			continue
		}
		decoded, err := undo(name, body, limitOf(ex.maxBody))
		if err != nil {
			return nil, err
		}
		body = decoded
	}
	return body, nil
}

// encodings returns the names of the Content-Encoding in lower case, without those that change nothing.
func (ex *Exchange) encodings() []string {
	var names []string
	for name := range strings.SplitSeq(strings.ToLower(strings.Join(ex.ResponseHeader.Values("Content-Encoding"), ",")), ",") {
		if name = strings.TrimSpace(name); name != "" && name != "identity" && name != "none" {
			names = append(names, strings.TrimPrefix(name, "x-"))
		}
	}
	return names
}

// encoded reports whether a recorded body may still be encoded, so that its size is another than that of the decoded one.
func (ex *Exchange) encoded() bool {
	return bytes.HasPrefix(ex.ResponseBody, gzipMagic) ||
		slices.ContainsFunc(ex.encodings(), func(name string) bool { return looksEncoded(name, ex.ResponseBody) })
}

// looksEncoded reports whether a recorded body may still be in the encoding.
func looksEncoded(name string, body []byte) bool {
	switch name {
	case "gzip":
		return bytes.HasPrefix(body, gzipMagic)
	case "zstd":
		return bytes.HasPrefix(body, zstdMagic)
	case "br", "deflate":
		return !utf8.Valid(body)
	}
	return false
}

// undo returns a body without one encoding.
func undo(name string, body []byte, limit int) ([]byte, error) {
	source := bytes.NewReader(body)
	var r io.Reader
	var err error
	switch name {
	case "gzip":
		if r, err = gzip.NewReader(source); err != nil {
			return nil, errors.New("gzip, and a body that is not")
		}
	case "deflate":
		// The name means zlib's format, but some servers send what that wraps.
		if r, err = zlib.NewReader(source); err != nil {
			source.Reset(body)
			r = flate.NewReader(source)
		}
	case "br":
		r = brotli.NewReader(source)
	case "zstd":
		decoder, err := zstd.NewReader(source, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(8<<20))
		if err != nil {
			return nil, UnknownEncoding
		}
		defer decoder.Close()
		r = decoder
	default:
		return nil, UnknownEncoding
	}
	var out bytes.Buffer
	_, err = io.Copy(&out, io.LimitReader(bufio.NewReader(r), int64(limit)+1))
	switch {
	case out.Len() > limit:
		return nil, TooLarge
	case errors.Is(err, io.ErrUnexpectedEOF):
		return nil, errors.New(name + " that breaks off")
	case err != nil:
		return nil, errors.New(name + ", and a body that is not")
	case source.Len() > 0:
		return nil, errors.New(name + ", and more after its end")
	}
	return out.Bytes(), nil
}

// plainText returns the text of a recording in UTF-8, whether it is compressed with gzip or in UTF-16, and how many bytes of it
// were skipped: HAR's specification has readers ignore a byte order mark.
func plainText(r io.Reader) (text io.Reader, skipped int64, err error) {
	buffered := bufio.NewReaderSize(r, 64<<10)
	if head, _ := buffered.Peek(2); bytes.Equal(head, gzipMagic) {
		unzipped, err := gzip.NewReader(buffered)
		if err != nil {
			return nil, 0, err
		}
		buffered = bufio.NewReaderSize(unzipped, 64<<10)
	}
	head, _ := buffered.Peek(4)
	utf16 := func(order unicode.Endianness) io.Reader {
		return transform.NewReader(buffered, unicode.UTF16(order, unicode.UseBOM).NewDecoder())
	}
	switch {
	case bytes.HasPrefix(head, []byte("\xef\xbb\xbf")):
		_, _ = buffered.Discard(3)
		return buffered, 3, nil
	case bytes.HasPrefix(head, []byte{0xff, 0xfe}), len(head) > 1 && head[0] != 0 && head[1] == 0:
		return utf16(unicode.LittleEndian), 0, nil
	case bytes.HasPrefix(head, []byte{0xfe, 0xff}), len(head) > 1 && head[0] == 0 && head[1] != 0:
		return utf16(unicode.BigEndian), 0, nil
	}
	return buffered, 0, nil
}
