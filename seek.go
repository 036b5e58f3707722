package okchat

// seek finds the page that holds the first item which is not newer than CreatedBefore, by binary search: about log2 of the
// number of pages in requests. first is the first page. Where seek returns no page, the walk stands behind one whose items
// were all newer, and goes on from there: what leaves meanwhile lets the count fall, and the walk then looks further up.
// Starting too early costs requests and starting too late would lose items, so a page counts as newer only if all its items
// are.
func (w *walk[T]) seek(first *Page[T], short *ContractError) (*Page[T], *ContractError, error) {
	if !w.allTooNew(first, short) {
		return first, short, nil
	}
	newer, other := first.Metadata, first.Metadata.TotalPages+1
	for other-newer.CurrentPage > 1 {
		page, short, err := w.fetch(w.ctx, w.query.at(newer.CurrentPage+(other-newer.CurrentPage)/2))
		if err != nil {
			return nil, nil, err
		}
		if w.allTooNew(page, short) {
			newer = page.Metadata
			continue
		}
		other = page.Metadata.CurrentPage
		if short == nil && len(page.Items) > 0 && w.tooNew(w.op.order(&page.Items[0])) {
			w.standBefore(page)
			return page, nil, nil
		}
	}
	w.Total, w.Done = newer.TotalCount, min(newer.CurrentPage*newer.PageSize, newer.TotalCount)
	w.finished = newer.CurrentPage >= newer.TotalPages
	return nil, nil, nil
}

func (w *walk[T]) allTooNew(page *Page[T], short *ContractError) bool {
	for i := range page.Items {
		if !w.tooNew(w.op.order(&page.Items[i])) {
			return false
		}
	}
	return short == nil && len(page.Odd) == 0 && len(page.Items) > 0
}
