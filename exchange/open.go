package exchange

import (
	"archive/zip"
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

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
	if e.read() != nil || e.file == "" {
		return
	}
	file, err := files.Open(e.file)
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
