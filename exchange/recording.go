package exchange

import (
	"archive/zip"
	"bufio"
	"bytes"
	"cmp"
	"compress/gzip"
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

	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
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

// plainText returns the text of a recording in UTF-8, whether it is compressed with gzip or in UTF-16, and how many bytes of it
// were skipped: HAR's specification has readers ignore a byte order mark.
func plainText(r io.Reader) (text io.Reader, skipped int64, err error) {
	buffered := bufio.NewReaderSize(r, 64<<10)
	if head, _ := buffered.Peek(2); bytes.Equal(head, gzipMagic) {
		unzipped, err := gzip.NewReader(buffered)
		if err != nil {
			return nil, 0, err
		}
		buffered = bufio.NewReaderSize(unzipped, 64<<10)
	}
	head, _ := buffered.Peek(4)
	utf16 := func(order unicode.Endianness) io.Reader {
		return transform.NewReader(buffered, unicode.UTF16(order, unicode.UseBOM).NewDecoder())
	}
	switch {
	case bytes.HasPrefix(head, []byte("\xef\xbb\xbf")):
		_, _ = buffered.Discard(3)
		return buffered, 3, nil
	case bytes.HasPrefix(head, []byte{0xff, 0xfe}), len(head) > 1 && head[0] != 0 && head[1] == 0:
		return utf16(unicode.LittleEndian), 0, nil
	case bytes.HasPrefix(head, []byte{0xfe, 0xff}), len(head) > 1 && head[0] == 0 && head[1] != 0:
		return utf16(unicode.BigEndian), 0, nil
	}
	return buffered, 0, nil
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

// attach reads the file that the entry names in the place of its body, as Playwright writes it.
func (p *Part) attach(files fs.FS, limit int) {
	if files == nil || !bytes.Contains(p.Text, []byte(`"_file"`)) {
		return
	}
	e := newEntry(p)
	if e.read() != nil || e.har.Response.Content.File == "" {
		return
	}
	file, err := files.Open(e.har.Response.Content.File)
	if err != nil {
		return
	}
	defer file.Close()
	if p.attached, err = io.ReadAll(io.LimitReader(file, int64(limit)+1)); err != nil {
		p.attached = nil
		return
	}
	p.file = true
}
