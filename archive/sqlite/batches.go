package sqlite

import (
	"context"
	"iter"

	okchat "github.com/okchat/okchat-go"
)

// How many pages are read ahead, and with how many conversations a batch takes no further page.
const (
	aheadPages = 8
	fullBatch  = 1000
)

// batches goes on reading while a page is being stored, and hands out all pages that have come meanwhile at once: where storing
// is what takes time, a transaction holds many of them. An error comes behind the pages before it. The sequence calls cancel when
// it ends, and then waits until nothing of the walk runs any more. One by one, each page is asked for when the one before it has
// been stored.
func batches(pages iter.Seq2[*okchat.Page[okchat.Conversation], error], cancel context.CancelFunc, oneByOne bool) iter.Seq2[[]*okchat.Page[okchat.Conversation], error] {
	type answer struct {
		page *okchat.Page[okchat.Conversation]
		err  error
	}
	return func(yield func([]*okchat.Page[okchat.Conversation], error) bool) {
		if oneByOne {
			for page, err := range pages {
				if !yield([]*okchat.Page[okchat.Conversation]{page}, err) {
					return
				}
			}
			return
		}
		answers, enough := make(chan answer, aheadPages), make(chan struct{})
		go func() {
			defer close(answers)
			for page, err := range pages {
				// The end of the context does not count here: its error has to arrive, or the walk would seem to have ended.
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
			for range answers {
			}
		}()
		for first := range answers {
			var batch []*okchat.Page[okchat.Conversation]
			next, more, count := first, true, 0
			for more && next.err == nil {
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
			if len(batch) > 0 && !yield(batch, nil) {
				return
			}
			if next.err != nil && !yield(nil, next.err) {
				return
			}
		}
	}
}
