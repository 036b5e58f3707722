package exchange

import (
	"archive/zip"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// Recording is a source of exchanges in the HAR format.
type Recording struct {
	// Name names it in findings and errors.
	Name string
	// Open returns its text from the beginning.
	Open func() (io.ReadCloser, error)
	// MaxBody is how many bytes of a body are read at most; 0 stands for DefaultMaxBody.
	MaxBody int
}

// FindRecordings returns the recordings at paths: files as they are, and the files *.har, *.har.gz, *.zhar and *.har.zip in
// folders and the folders in them, by name, numbers in names by their value, so that page-2 comes before page-10. It fails where a path cannot be
// read, or a folder holds no recording.
func FindRecordings(paths ...string) ([]Recording, error) {
	var list []Recording
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil {
			return nil, fmt.Errorf("%w: name a HAR file or a folder of them", err)
		}
		if !info.IsDir() {
			list = append(list, recordingFile(path))
			continue
		}
		var found []string
		err = filepath.WalkDir(path, func(path string, entry fs.DirEntry, err error) error {
			if err == nil && !entry.IsDir() {
				if _, ok := Stem(path); ok {
					found = append(found, path)
				}
			}
			return err
		})
		if err != nil {
			return nil, err
		}
		if len(found) == 0 {
			return nil, fmt.Errorf("%s: expected files *.har in the folder, got none: record some", path)
		}
		slices.SortFunc(found, natural)
		for _, path := range found {
			list = append(list, recordingFile(path))
		}
	}
	return list, nil
}

// Stem returns a file's name without the ending of a recording, and whether it has one: HAR as it is, compressed with gzip, or in
// a zip archive with the files that it names.
func Stem(name string) (stem string, ok bool) {
	for _, ending := range []string{".har.gz", ".har.zip", ".zhar", ".har"} {
		if n := len(name) - len(ending); n > 0 && strings.EqualFold(name[n:], ending) {
			return name[:n], true
		}
	}
	return name, false
}

func recordingFile(path string) Recording {
	return Recording{Name: path, Open: func() (io.ReadCloser, error) { return os.Open(path) }}
}

// natural compares names, runs of digits by their value.
func natural(a, b string) int {
	isDigit := func(r rune) bool { return r >= '0' && r <= '9' }
	for a != "" && b != "" {
		da, db := len(a)-len(strings.TrimLeftFunc(a, isDigit)), len(b)-len(strings.TrimLeftFunc(b, isDigit))
		if da > 0 && db > 0 {
			na, nb := strings.TrimLeft(a[:da], "0"), strings.TrimLeft(b[:db], "0")
			if c := cmp.Or(cmp.Compare(len(na), len(nb)), strings.Compare(na, nb)); c != 0 {
				return c
			}
			a, b = a[da:], b[db:]
			continue
		}
		if a[0] != b[0] {
			return cmp.Compare(a[0], b[0])
		}
		a, b = a[1:], b[1:]
	}
	return cmp.Compare(len(a), len(b))
}

// Parts opens the recording and yields its parts. The sequence ends with the first error.
func (r Recording) Parts() iter.Seq2[*Part, error] {
	return func(yield func(*Part, error) bool) {
		file, files, err := r.open()
		if err != nil {
			yield(nil, err)
			return
		}
		defer file.Close()
		readParts(file, r, files)(yield)
	}
}

// readParts cuts a recording into its parts.
func readParts(r io.Reader, recording Recording, files fs.FS) iter.Seq2[*Part, error] {
	return func(yield func(*Part, error) bool) {
		h := &harReader{name: recording.Name, maxBody: limitOf(recording.MaxBody), files: files, window: window{yield: yield}}
		err := h.read(r)
		if errors.Is(err, errStop) || !h.window.flush() {
			return
		}
		if err != nil {
			yield(nil, err)
		}
	}
}

// ReadHAR reads the exchanges of a recording in the HAR 1.2 format, which browsers and proxies write, one after the other: it
// holds few entries of the file at a time. Errors and [Exchange.Source] call the file name. A member "_published",
// "_redacted" or "_synthetic" that is true marks an entry, or all entries where it stands in the log before them. r may be
// compressed with gzip, and in UTF-16. Entries that are a little out of the order of their times are put in order.
//
// An error ends the sequence. It tells on one line what was expected, what came, at which byte or entry, and what to do: the
// file is not JSON or breaks off, has no log or no entries, goes on after its end, or an entry has no request. r is not
// closed.
func ReadHAR(r io.Reader, name string) iter.Seq2[*Exchange, error] {
	return func(yield func(*Exchange, error) bool) {
		for part, err := range readParts(r, Recording{Name: name}, nil) {
			var ex *Exchange
			switch {
			case err == nil && !part.IsEntry():
				continue
			case err == nil:
				if ex, err = part.Exchange(); err != nil {
					ex = nil
				}
			}
			if !yield(ex, err) || err != nil {
				return
			}
		}
	}
}

var zipMagic = []byte("PK\x03\x04")

// open opens the recording. attached are the files that it may name beside it.
func (r Recording) open() (text io.ReadCloser, attached fs.FS, err error) {
	file, err := r.Open()
	if err != nil {
		return nil, nil, err
	}
	onDisk, ok := file.(*os.File)
	if !ok {
		return file, nil, nil
	}
	head := make([]byte, len(zipMagic))
	if n, _ := onDisk.ReadAt(head, 0); n < len(head) || !bytes.Equal(head, zipMagic) {
		return file, folder(filepath.Dir(onDisk.Name())), nil
	}
	info, err := onDisk.Stat()
	if err != nil {
		return nil, nil, errors.Join(err, file.Close())
	}
	archive, err := zip.NewReader(onDisk, info.Size())
	if err != nil {
		return nil, nil, errors.Join(err, file.Close())
	}
	for _, member := range archive.File {
		if !strings.EqualFold(path.Ext(member.Name), ".har") {
			continue
		}
		text, err := member.Open()
		if err != nil {
			return nil, nil, errors.Join(err, file.Close())
		}
		beside, err := fs.Sub(archive, path.Dir(member.Name))
		if err != nil { // a name that leads out of the archive
			beside = nil
		}
		return struct {
			io.Reader
			io.Closer
		}{text, file}, beside, nil
	}
	return nil, nil, errors.Join(errors.New("expected a file *.har in the zip archive, got none: record it again"), file.Close())
}

// folder is a folder out of which no name and no link leads.
type folder string

// Open implements [fs.FS].
func (f folder) Open(name string) (fs.File, error) { return os.OpenInRoot(string(f), name) }
