package archive

import (
	"context"
	"iter"

	okchat "github.com/okchat/okchat-go"
)

// Ahead returns a source that goes on reading while its pages are being written, up to n pages ahead. The ReadAhead of
// [okchat.ListOptions] alone sends requests at once, but lets them wait while the caller writes a page.
func Ahead(from Source, n int) Source { return ahead{from, n} }

type ahead struct {
	from Source
	n    int
}

func (a ahead) Pages(ctx context.Context, chatbotID string, opts okchat.ListOptions) iter.Seq2[*okchat.Page[okchat.Conversation], error] {
	return func(yield func(*okchat.Page[okchat.Conversation], error) bool) {
		type answer struct {
			page *okchat.Page[okchat.Conversation]
			err  error
		}
		ctx, cancel := context.WithCancel(ctx)
		answers, enough := make(chan answer, a.n), make(chan struct{})
		go func() {
			defer close(answers)
			for page, err := range a.from.Pages(ctx, chatbotID, opts) {
				// The end of ctx does not count here: its error has to arrive, or the walk would seem to have ended.
				select {
				case answers <- answer{page, err}:
				case <-enough:
					return
				}
			}
		}()
		defer func() {
			cancel()
			close(enough)
			for range answers { // until nothing of this walk runs any more
			}
		}()
		for a := range answers {
			if !yield(a.page, a.err) {
				return
			}
		}
	}
}
