package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	okchat "github.com/okchat/okchat-go"
)

// withHTTP is the least that a program of this kind links.
const withHTTP = `package main

import (
	"fmt"
	"net/http"
	"os"
)

func main() {
	fmt.Println("hello, world")
	if len(os.Args) > 1 {
		_, _ = http.Get(os.Args[1])
	}
}
`

// BenchmarkStartUp runs okchat version and a program that links net/http in turn, 100 times each, and fails where the median
// of the one takes 5 ms more than that of the other. What prepares at each start shows with GODEBUG=inittrace=1: most of what
// is left are cel-go and protobuf, which register their types, and the size of the program.
func BenchmarkStartUp(b *testing.B) {
	const pairs, most = 100, 5 * time.Millisecond
	okchatPath, dir := build(b), b.TempDir()
	source, bare := filepath.Join(dir, "bare.go"), filepath.Join(dir, "bare.exe")
	if err := os.WriteFile(source, []byte(withHTTP), 0o600); err != nil {
		b.Fatal(err)
	}
	if out, err := exec.Command("go", "build", "-o", bare, source).CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	for b.Loop() {
		var of [2][]usage
		for range pairs {
			for i, command := range [][]string{{okchatPath, "version"}, {bare}} {
				of[i] = append(of[i], measure(b, command...))
			}
		}
		wall := func(u usage) time.Duration { return u.wall }
		took, least := median(of[0], wall), median(of[1], wall)
		b.ReportMetric(float64(took.Microseconds())/1000, "ms-version")
		b.ReportMetric(float64(least.Microseconds())/1000, "ms-net/http")
		if took > least+most {
			b.Errorf("okchat version took %v, a program that links net/http %v, expected at most %v more", took, least, most)
		}
	}
}

// BenchmarkListCPU measures the CPU time of a list of the recorded sample, its server in the same process included.
func BenchmarkListCPU(b *testing.B) {
	const runs, most = 30, 100 * time.Millisecond
	okchatPath := build(b)
	for b.Loop() {
		var of []usage
		for range runs {
			of = append(of, measure(b, okchatPath, "list"))
		}
		took := median(of, func(u usage) time.Duration { return u.cpu })
		b.ReportMetric(float64(took.Microseconds())/1000, "ms-CPU")
		b.ReportMetric(float64(median(of, func(u usage) time.Duration { return u.wall }).Microseconds())/1000, "ms-wall")
		if took >= most {
			b.Errorf("okchat list took %v of CPU time, expected less than %v", took, most)
		}
	}
}

type usage struct{ wall, cpu time.Duration }

func measure(b *testing.B, command ...string) usage {
	b.Helper()
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Env = append(os.Environ(), okchat.EnvKey+"=", okchat.EnvBaseURL+"=")
	start := time.Now()
	if err := cmd.Run(); err != nil {
		b.Fatalf("%v: %v", command, err)
	}
	took := time.Since(start)
	r := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	return usage{took, time.Duration(r.Utime.Nano() + r.Stime.Nano())}
}

func median(of []usage, what func(usage) time.Duration) time.Duration {
	values := make([]time.Duration, len(of))
	for i, u := range of {
		values[i] = what(u)
	}
	slices.Sort(values)
	return values[len(values)/2]
}
