package exchange

import (
	"errors"
	"io"
	"os"
	"path/filepath"
)

// HARFile is a recording under way in a file. After each exchange the file is a whole document, whatever happens to the
// process or to the disk then. It is not safe for concurrent use.
type HARFile struct {
	path string
	file document // nil before the first exchange
	size int64    // of the document without its end
}

// document is what HARFile needs of a file.
type document interface {
	io.WriterAt
	io.Closer
	Truncate(size int64) error
	Sync() error
}

// CreateHAR begins a recording. A file that stands at path stays there until there is an exchange to record; then the
// recording takes its place. It fails where no file can be made there.
func CreateHAR(path string) (*HARFile, error) {
	file, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*.part")
	if err != nil {
		return nil, err
	}
	// The first exchange makes it again: a recording that never gets one leaves nothing behind, even if it is killed.
	return &HARFile{path: path}, errors.Join(file.Close(), os.Remove(file.Name()))
}

// Write records one exchange. An exchange is written as it is: make it safe to share before. After an error the exchange
// is not in the file, those before it are, and the next one may be written.
func (h *HARFile) Write(ex *Exchange) error {
	entry, err := marshalEntry(ex)
	if err != nil {
		return err
	}
	if h.file == nil {
		return h.begin(entry)
	}
	text := append([]byte(harBetween), entry...)
	if err := h.write(append(text, harTail...)); err != nil {
		return err
	}
	h.size += int64(len(text))
	return nil
}

// begin writes the document of one exchange beside the path, and puts it there.
func (h *HARFile) begin(entry []byte) error {
	file, err := os.CreateTemp(filepath.Dir(h.path), "."+filepath.Base(h.path)+".*.part")
	if err != nil {
		return err
	}
	text := append([]byte(harHead), entry...)
	_, err = file.Write(append(text, harTail...))
	if err == nil {
		err = os.Rename(file.Name(), h.path)
	}
	if err != nil {
		return errors.Join(err, file.Close(), os.Remove(file.Name()))
	}
	h.file, h.size = file, int64(len(text))
	return nil
}

// write puts text in the place of the document's end. If it fails, as on a full disk, it puts the end back, for which there
// was room before.
func (h *HARFile) write(text []byte) error {
	_, err := h.file.WriteAt(text, h.size)
	if err != nil {
		_, undone := h.file.WriteAt([]byte(harTail), h.size)
		err = errors.Join(err, undone, h.file.Truncate(h.size+int64(len(harTail))))
	}
	return err
}

// Close ends the recording. One without exchanges is an error, as no reader takes it; there is no file of it.
func (h *HARFile) Close() error {
	if h.file == nil {
		return errNothing
	}
	return errors.Join(h.file.Sync(), h.file.Close())
}

var errNothing = errors.New("expected an exchange to record, got none")
