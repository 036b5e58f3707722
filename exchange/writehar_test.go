package exchange

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
)

// comments returns those of the entries of a recording, which must be a whole document.
func comments(t *testing.T, path string) (list []string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.HasSuffix(text, []byte(harTail)) {
		t.Errorf("expected a whole document, got %q at its end", text[max(0, len(text)-20):])
	}
	for ex, err := range ReadHAR(bytes.NewReader(text), path) {
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, ex.Comment)
	}
	return list
}

func commented(comment string) *Exchange {
	return &Exchange{Method: "GET", URL: "/p", Status: 200, Comment: comment, ResponseBody: bytes.Repeat([]byte("x"), 1000)}
}

func TestARecordingIsWholeAfterEachExchange(t *testing.T) {
	t.Parallel()
	file, err := os.Create(filepath.Join(t.TempDir(), "a.har"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	har := NewHARFile(file)
	var want []string
	for _, comment := range []string{"one", "two", "three"} {
		if err := har.Write(commented(comment)); err != nil {
			t.Fatal(err)
		}
		if want = append(want, comment); !slices.Equal(comments(t, file.Name()), want) {
			t.Errorf("expected %q, got %q", want, comments(t, file.Name()))
		}
	}
}

// fullDisk is a file on a disk that has room for so many bytes more.
type fullDisk struct {
	*os.File
	size, room int64
}

func (f *fullDisk) WriteAt(p []byte, at int64) (int, error) {
	fits := max(0, min(int64(len(p)), f.size+f.room-at))
	n, err := f.File.WriteAt(p[:fits], at)
	if err == nil && n < len(p) {
		err = syscall.ENOSPC
	}
	return n, err
}

func TestAFullDiskLosesTheLastExchangeAlone(t *testing.T) {
	t.Parallel()
	file, err := os.Create(filepath.Join(t.TempDir(), "a.har"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	disk := &fullDisk{file, 0, 100}
	har := NewHARFile(disk)
	if err := har.Write(commented("none")); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("expected to be told that the disk is full, got %v", err)
	}
	if info, err := file.Stat(); err != nil || info.Size() != 0 {
		t.Errorf("expected an empty file, got %d bytes", info.Size())
	}
	disk.room = 1 << 20
	if err := har.Write(commented("one")); err != nil {
		t.Fatal(err)
	}
	info, err := file.Stat()
	if err != nil {
		t.Fatal(err)
	}
	disk.size, disk.room = info.Size(), 700
	if err := har.Write(commented("two")); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("expected to be told that the disk is full, got %v", err)
	}
	if got := comments(t, file.Name()); !slices.Equal(got, []string{"one"}) {
		t.Errorf("expected the exchange before, got %q", got)
	}
	disk.room = 1 << 20
	if err := har.Write(commented("three")); err != nil {
		t.Error(err)
	}
	if got := comments(t, file.Name()); !slices.Equal(got, []string{"one", "three"}) {
		t.Errorf("expected to go on when there is room, got %q", got)
	}
}
