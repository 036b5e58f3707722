package exchange

import (
	"errors"
	"io"
)

// HARFile is a recording under way in a file. After each exchange the file is a whole document, whatever happens to the
// process or to the disk then. [NewHARFile] makes one. It is not safe for concurrent use.
type HARFile struct {
	file Document
	size int64 // of the document without its end; 0 before the first exchange
}

// Document is a file as [HARFile] writes it.
type Document interface {
	io.WriterAt
	Truncate(size int64) error
}

// NewHARFile returns a recording in an empty file. It has no end to write, and does not close the file.
func NewHARFile(file Document) *HARFile { return &HARFile{file: file} }

// Write records one exchange. An exchange is written as it is: make it safe to share before. After an error the exchange is
// not in the file, those before it are, and the next one may be written.
func (h *HARFile) Write(ex *Exchange) error {
	entry, err := Marshal(ex)
	if err != nil {
		return err
	}
	begin, undone := harBetween, harTail
	if h.size == 0 {
		begin, undone = harHead, ""
	}
	text := append([]byte(begin), entry...)
	size := h.size + int64(len(text))
	// The end that is there gives way to the entry and a new end. On a full disk it is put back, for which there was room.
	if _, err := h.file.WriteAt(append(text, harTail...), h.size); err != nil {
		_, failed := h.file.WriteAt([]byte(undone), h.size)
		return errors.Join(err, failed, h.file.Truncate(h.size+int64(len(undone))))
	}
	h.size = size
	return nil
}
