package sqlite

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	okchat "github.com/okchat/okchat-go"
	"github.com/okchat/okchat-go/okchattest"
)

func TestAFullDiskIsNamedAndTheOldFileSurvives(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=256k"); err != nil {
		t.Skipf("a small file system cannot be mounted: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, 0) })
	srv, client := serve(t, okchattest.Synthetic(1, 2000))
	opts := okchat.ListOptions{Limit: 100}
	old := filepath.Join(dir, "old")
	if err := os.WriteFile(old, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Export(t.Context(), old, srv.ChatbotID, client, opts, ExportOptions{})
	if !errors.Is(err, syscall.ENOSPC) || readFile(t, old) != "old" {
		t.Errorf("export: %v, the file is %q", err, readFile(t, old))
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("%v, %v were left", entries, err)
	}
	archive := filepath.Join(dir, "a.sqlite")
	s, err := Create(t.Context(), archive, srv.ChatbotID)
	if err != nil {
		t.Fatal(err)
	}
	result, err := s.Update(t.Context(), client, opts, false)
	s.Close()
	if !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("update: %v", err)
	}
	if got := one(t, archive, "PRAGMA integrity_check"); got != "ok" {
		t.Errorf("the integrity check says %s", got)
	}
	if got := one(t, archive, "SELECT count(*) FROM conversations"); got != fmt.Sprint(result.Added) {
		t.Errorf("%s conversations are there, %d were reported", got, result.Added)
	}
}
