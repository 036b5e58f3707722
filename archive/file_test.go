package archive

import (
	"io"
	"os"
	"path/filepath"
	"testing"

	okchat "github.com/okchat/okchat-go"
	"github.com/okchat/okchat-go/okchattest"
)

func TestAFileTakesItsPlaceWhenItIsWhole(t *testing.T) {
	dir := t.TempDir()
	old := filepath.Join(dir, "old")
	if err := os.WriteFile(old, []byte("old"), 0o640); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(dir, "link")
	if err := os.Symlink("old", link); err != nil {
		t.Fatal(err)
	}
	for _, commit := range []bool{false, true} {
		file, err := CreateFile(link)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(file, "new"); err != nil {
			t.Fatal(err)
		}
		if got := read(t, old); got != "old" {
			t.Errorf("before the end it is %q", got)
		}
		want := "old"
		if commit {
			want = "new"
			if err := file.Commit(); err != nil {
				t.Error(err)
			}
		}
		file.Abort()
		if got := read(t, old); got != want {
			t.Errorf("committed %v, it is %q", commit, got)
		}
		if entries, err := os.ReadDir(dir); err != nil || len(entries) != 2 {
			t.Errorf("committed %v, %v, %v are there", commit, entries, err)
		}
	}
	if info, err := os.Lstat(link); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the link is gone: %v", err)
	}
	if info, err := os.Stat(old); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("the mode is %v, %v", info.Mode(), err)
	}
}

func TestAFileThatIsNewIsItsOwners(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new")
	file, err := CreateFile(path)
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

func TestADeviceIsNotReplaced(t *testing.T) {
	file, err := CreateFile(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	if err := file.Commit(); err != nil {
		t.Error(err)
	}
	if info, err := os.Stat(os.DevNull); err != nil || info.Mode().IsRegular() {
		t.Fatalf("%s is %v, %v", os.DevNull, info.Mode(), err)
	}
	srv, client := serve(t, okchattest.Synthetic(1, 3))
	if _, err := ExportSQLite(t.Context(), os.DevNull, srv.ChatbotID, client, okchat.ListOptions{}); err == nil {
		t.Error("an archive went to a device")
	}
	if _, err := CreateFile(t.TempDir()); err == nil {
		t.Error("a directory was taken")
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
