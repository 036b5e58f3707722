package archive

import (
	"bufio"
	"context"
	"io"
	"iter"

	okchat "github.com/okchat/okchat-go"
	"github.com/okchat/okchat-go/internal/column"
	"github.com/okchat/okchat-go/internal/fastjson"
)

// Source hands out conversations page by page: a *[okchat.Client], or something around one.
type Source interface {
	Pages(ctx context.Context, chatbotID string, opts okchat.ListOptions) iter.Seq2[*okchat.Page[okchat.Conversation], error]
}

// Writer writes conversations in one format.
type Writer interface {
	// WritePage writes conversations. Once it has failed the output is of no use.
	WritePage([]okchat.Conversation) error
	// Flush writes what is buffered, and must be called at the end. It does not close the writer below.
	Flush() error
}

const bufferSize = 64 << 10

// NewNDJSON returns a writer of one conversation a line, as the server sent it but for white space between the tokens:
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
		raw, err := column.Raw(&page[i])
		if err != nil {
			return err
		}
		n.line = append(fastjson.AppendCompact(n.line[:0], raw), '\n')
		if _, err := n.out.Write(n.line); err != nil {
			return err
		}
	}
	return nil
}

func (n *ndjson) Flush() error { return n.out.Flush() }
