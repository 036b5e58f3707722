// Package archive writes a chatbot's conversations to files, and counts them: newline-delimited JSON and CSV here, SQLite in
// package sqlite below, so that a program that does without it does not link it.
//
//	w := archive.NewCSV(file, archive.CSVOptions{})
//	for page, err := range client.Pages(ctx, chatbotID, okchat.ListOptions{Limit: 100}) {
//		if err != nil {
//			return err // the file is not complete
//		}
//		if err := w.WritePage(page.Items); err != nil {
//			return err
//		}
//	}
//	return w.Flush()
//
// docs/archive.md describes the columns.
package archive
