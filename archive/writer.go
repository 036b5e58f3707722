package archive

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	okchat "github.com/okchat/okchat-go"
)

// Writer takes conversations as they come.
type Writer interface {
	// WritePage writes conversations. Where it fails the output is of no use.
	WritePage([]okchat.Conversation) error
	// Close writes what is held back. It leaves what is below open.
	Close() error
}

// bufferSize is what a writer holds back, in bytes.
const bufferSize = 64 << 10

// errNoJSON is of a conversation that was made in Go and did not come from a server or an archive.
var errNoJSON = errors.New("it has no JSON that it came as")

// NewNDJSON makes a writer of one conversation a line, as the server sent it but for white space between the tokens:
// members that the contract does not know included, numbers and escapes as they were.
func NewNDJSON(w io.Writer) Writer {
	return &ndjson{out: bufio.NewWriterSize(w, bufferSize)}
}

type ndjson struct {
	out  *bufio.Writer
	line []byte
}

func (n *ndjson) WritePage(page []okchat.Conversation) error {
	for i := range page {
		raw, err := rawOf(&page[i])
		if err != nil {
			return err
		}
		n.line = append(appendCompact(n.line[:0], raw), '\n')
		if _, err := n.out.Write(n.line); err != nil {
			return err
		}
	}
	return nil
}

func (n *ndjson) Close() error { return n.out.Flush() }

func rawOf(conv *okchat.Conversation) (json.RawMessage, error) {
	raw := conv.Raw()
	if raw == nil {
		return nil, fmt.Errorf("archive: conversation %s: %w", conv.ID, errNoJSON)
	}
	return raw, nil
}
