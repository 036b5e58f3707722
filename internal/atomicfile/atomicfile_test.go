package atomicfile

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"syscall"
	"testing"
	"time"
)

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func names(t *testing.T, dir string) (list []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		list = append(list, e.Name())
	}
	return list
}

func TestTheTargetIsReplacedOnlyByCommit(t *testing.T) {
	dir := t.TempDir()
	old, link := filepath.Join(dir, "old"), filepath.Join(dir, "link")
	if err := os.WriteFile(old, []byte("old"), 0o640); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("old", link); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		commit bool
		want   string
	}{{false, "old"}, {true, "new"}} {
		file, err := Create(t.Context(), link)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(file, "new"); err != nil {
			t.Fatal(err)
		}
		if got := read(t, old); got != "old" {
			t.Errorf("before Commit the target holds %q", got)
		}
		if tt.commit {
			if err := file.Commit(); err != nil {
				t.Error(err)
			}
		}
		file.Abort()
		if got := read(t, old); got != tt.want {
			t.Errorf("commit %v: the target holds %q, expected %q", tt.commit, got, tt.want)
		}
		if left := names(t, dir); !slices.Equal(left, []string{"link", "old"}) {
			t.Errorf("commit %v: %v are there", tt.commit, left)
		}
	}
	if info, err := os.Lstat(link); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the link was replaced: %v", err)
	}
	if info, err := os.Stat(old); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("the mode is %v, %v, expected that of the old file", info.Mode(), err)
	}
}

func TestANewFileIsReadableByItsOwnerAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new")
	file, err := Create(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	if err := file.Commit(); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the mode is %v, %v", info.Mode(), err)
	}
}

func TestADeviceIsWrittenToAndADirectoryIsRefused(t *testing.T) {
	file, err := Create(t.Context(), os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(file, "text"); err != nil || !file.Direct() {
		t.Errorf("direct %v: %v", file.Direct(), err)
	}
	if err := file.Commit(); err != nil {
		t.Error(err)
	}
	if info, err := os.Stat(os.DevNull); err != nil || info.Mode().IsRegular() {
		t.Fatalf("%s is %v, %v", os.DevNull, info.Mode(), err)
	}
	if _, err := Create(t.Context(), t.TempDir()); err == nil {
		t.Error("a directory was accepted")
	}
	dangling := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink("nowhere", dangling); err != nil {
		t.Fatal(err)
	}
	if _, err := Create(t.Context(), dangling); err == nil {
		t.Error("a symbolic link to nowhere was accepted")
	}
}

// The shell gives such names for standard output and for process substitution. What they lead to may be a pipe, a socket or
// a file that others have written to before.
func TestANameOfAnOpenDescriptorIsWrittenWhereItStands(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no names of descriptors")
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	log := filepath.Join(t.TempDir(), "log")
	write(t, log, "")
	opened, err := os.OpenFile(log, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer opened.Close()
	if _, err := opened.WriteString("earlier "); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(t.TempDir(), "link")
	for _, tt := range []struct {
		name string
		to   *os.File
		got  func() string
		want string
	}{
		{"a pipe", w, func() string { w.Close(); b, _ := io.ReadAll(r); return string(b) }, "text"},
		{"a file", opened, func() string { return read(t, log) }, "earlier text"},
	} {
		_ = os.Remove(link)
		if err := os.Symlink(fmt.Sprintf("/dev/fd/%d", tt.to.Fd()), link); err != nil {
			t.Fatal(err)
		}
		file, err := Create(t.Context(), link)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(file, "text"); err != nil {
			t.Error(err)
		}
		if err := file.Commit(); err != nil {
			t.Error(err)
		}
		if got := tt.got(); got != tt.want {
			t.Errorf("%s: %q arrived, expected %q", tt.name, got, tt.want)
		}
	}
	if _, err := Create(t.Context(), "/dev/fd/987"); !errors.Is(err, syscall.EBADF) {
		t.Errorf("a descriptor that is not open: %v", err)
	}
}

func TestAPipeThatBlocksEndsWithTheContext(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no named pipes")
	}
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := mkfifo(fifo); err != nil {
		t.Skip(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(10*time.Millisecond, cancel)
	if _, err := Create(ctx, fifo); !errors.Is(err, context.Canceled) {
		t.Errorf("without a reader it ended with %v", err)
	}

	reader, err := os.OpenFile(fifo, os.O_RDWR, 0) // reads nothing
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	ctx, cancel = context.WithCancel(t.Context())
	file, err := Create(ctx, fifo)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Abort()
	time.AfterFunc(10*time.Millisecond, cancel)
	for err == nil {
		_, err = file.Write(make([]byte, 1<<20))
	}
	if !errors.Is(err, context.Canceled) {
		t.Errorf("with a reader that does not read it ended with %v", err)
	}
}

func TestAWriterThatIsNotStuckWritesAfterTheContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r, w := io.Pipe()
	go func() { _, _ = io.WriteString(NewWriter(ctx, w), "last line"); w.Close() }()
	if got, err := io.ReadAll(r); string(got) != "last line" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestFilesOfDeadRunsAreSweptAndThoseOfLiveOnesAreNot(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.csv")
	write(t, filepath.Join(dir, ".a.csv.123.part"), "of a run that was killed")
	write(t, filepath.Join(dir, ".b.csv.123.part"), "of another target")
	write(t, filepath.Join(dir, "a.csv.part"), "to be continued")
	write(t, filepath.Join(dir, ".a.csv.x.part"), "of another target, to be continued")
	if got, want := Sweep(path), []string{filepath.Join(dir, ".a.csv.123.part")}; !slices.Equal(got, want) {
		t.Errorf("swept %v, expected %v", got, want)
	}
	first, err := Create(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	if got := Sweep(path); len(got) > 0 {
		t.Errorf("swept %v of a live run", got)
	}
	if err := first.Commit(); err != nil {
		t.Error(err)
	}
	if left := names(t, dir); !slices.Equal(left, []string{".a.csv.x.part", ".b.csv.123.part", "a.csv", "a.csv.part"}) {
		t.Errorf("%v are there", left)
	}
}

func TestAFileIsContinued(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.csv")
	first, err := Continue(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(first, "one two thr"); err != nil {
		t.Fatal(err)
	}
	if _, err := Continue(path); !errors.Is(err, ErrInUse) {
		t.Errorf("a second run got it: %v", err)
	}
	first.Leave()
	first.Abort()
	second, err := Continue(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := second.Keep(100); err == nil {
		t.Error("100 bytes were kept of 11")
	}
	if err := second.Keep(8); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(second, "three"); err != nil {
		t.Fatal(err)
	}
	if err := second.Commit(); err != nil {
		t.Fatal(err)
	}
	if got := read(t, path); got != "one two three" || len(names(t, dir)) != 1 {
		t.Errorf("%q, %v are there", got, names(t, dir))
	}
}
