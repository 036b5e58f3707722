//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package atomicfile

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

func mkfifo(path string) error { return syscall.Mkfifo(path, 0o600) }

// The test's own binary stands in for another run: it begins a file and waits to be killed.
func TestAFileOfAnotherProcessIsSweptOnceThatIsDead(t *testing.T) {
	const variable = "ATOMICFILE_TARGET"
	if path := os.Getenv(variable); path != "" {
		if _, err := Create(t.Context(), path); err != nil {
			t.Fatal(err)
		}
		os.Stdout.WriteString("begun\n")
		select {}
	}
	path := filepath.Join(t.TempDir(), "a")
	other := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$")
	other.Env = append(os.Environ(), variable+"="+path)
	out, err := other.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "begun\n" {
		t.Fatal(line, err)
	}
	for _, want := range []int{0, 1} {
		if got := Sweep(path); len(got) != want {
			t.Errorf("swept %v, expected %d", got, want)
		}
		_ = other.Process.Kill()
		_ = other.Wait()
	}
}
