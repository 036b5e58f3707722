// Package archive keeps a chatbot's conversations in files: newline-delimited JSON, CSV, and SQLite.
//
//	for page, err := range client.Pages(ctx, chatbotID, okchat.ListOptions{Limit: 100}) {
//		if err != nil {
//			return err // the file is as it was
//		}
//		if err := w.WritePage(page.Items); err != nil {
//			return err
//		}
//	}
//	return w.Close()
//
// w is what [NewNDJSON] or [NewCSV] made, on a [File] for instance, which takes the place of its target only when it is
// whole. docs/archive.md tells of the columns.
package archive
