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
		for batch, err := range Batches(ctx, a.from, chatbotID, opts, a.n) {
			if err != nil && !yield(nil, err) {
				return
			}
			for _, page := range batch {
				if !yield(page, nil) {
					return
				}
			}
		}
	}
}

// fullBatch is with how many conversations a batch takes no further page.
const fullBatch = 2000

// Batches goes on reading while pages are being written, up to n pages ahead, and hands out all that have come meanwhile at once.
// An error comes alone, behind the pages before it. With an n of 0 nothing is read ahead: each page is asked for once the one
// before it has been written.
func Batches(ctx context.Context, from Source, chatbotID string, opts okchat.ListOptions, n int) iter.Seq2[[]*okchat.Page[okchat.Conversation], error] {
	type answer struct {
		page *okchat.Page[okchat.Conversation]
		err  error
	}
	return func(yield func([]*okchat.Page[okchat.Conversation], error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		if n == 0 {
			for page, err := range from.Pages(ctx, chatbotID, opts) {
				if !yield([]*okchat.Page[okchat.Conversation]{page}, err) {
					return
				}
			}
			return
		}
		answers, enough := make(chan answer, n), make(chan struct{})
		go func() {
			defer close(answers)
			for page, err := range from.Pages(ctx, chatbotID, opts) {
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
		for next := range answers {
			var batch []*okchat.Page[okchat.Conversation]
			for more, count := true, 0; more && next.err == nil; {
				batch = append(batch, next.page)
				if count += len(next.page.Items); count >= fullBatch {
					break
				}
				select {
				case next, more = <-answers:
				default:
					more = false
				}
			}
			if len(batch) > 0 && !yield(batch, nil) || next.err != nil && !yield(nil, next.err) {
				return
			}
		}
	}
}
