package main

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"syscall"
	"testing"
	"time"

	okchat "github.com/okchat/okchat-go"
)

// BenchmarkExportMillion exports 1,000,000 conversations of a fake server in a process of its own, in each format, and
// prints the speed beside that of the client discarding them, in pages of the same size and with the same read-ahead, and
// the peak memory of the program.
func BenchmarkExportMillion(b *testing.B) {
	const n = 1_000_000
	okchatPath := build(b)
	serve := exec.CommandContext(b.Context(), okchatPath, "serve", "--addr", "127.0.0.1:0", "--synthetic", fmt.Sprint(n))
	talk, err := serve.StderrPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := serve.Start(); err != nil {
		b.Fatal(err)
	}
	defer func() { _ = serve.Process.Kill(); _ = serve.Wait() }()
	line, err := bufio.NewReader(talk).ReadString('\n')
	if err != nil {
		b.Fatal(err)
	}
	match := regexp.MustCompile(`chatbot (\S+) at (\S+)`).FindStringSubmatch(line)
	if match == nil {
		b.Fatalf("the first line is %q", line)
	}
	bot, url, key := match[1], match[2], "fake-key-for-tests"
	client, err := okchat.New(key, okchat.WithBaseURL(url))
	if err != nil {
		b.Fatal(err)
	}
	dir := b.TempDir()
	for b.Loop() {
		start, count := time.Now(), 0
		for _, err := range client.Conversations(b.Context(), bot, okchat.ListOptions{Limit: defaultPage, ReadAhead: defaultAhead}) {
			if err != nil {
				b.Fatal(err)
			}
			count++
		}
		if count != n {
			b.Fatalf("%d conversations", count)
		}
		bare := time.Since(start)
		b.ReportMetric(n/bare.Seconds(), "bare/s")
		for _, format := range []string{"ndjson", "csv", "xlsx", "sqlite"} {
			path := filepath.Join(dir, "a."+format)
			cmd := exec.CommandContext(b.Context(), okchatPath, "export", "--quiet", "--chatbot", bot, "-o", path)
			cmd.Env = append(os.Environ(), okchat.EnvKey+"="+key, okchat.EnvBaseURL+"="+url)
			start := time.Now()
			if out, err := cmd.CombinedOutput(); err != nil {
				b.Fatalf("%v\n%s", err, out)
			}
			took := time.Since(start)
			peak := float64(cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss) / 1024
			info, err := os.Stat(path)
			if err != nil {
				b.Fatal(err)
			}
			b.Logf("%-6s %5.1f s, %6.0f/s, %.2f of the bare client's speed, %3.0f MiB peak, %4d MiB on the disk",
				format, took.Seconds(), n/took.Seconds(), bare.Seconds()/took.Seconds(), peak, info.Size()>>20)
			b.ReportMetric(bare.Seconds()/took.Seconds(), format+"-x-bare")
			b.ReportMetric(peak, format+"-MiB-peak")
			if format == "ndjson" && (peak >= 64 || took > 2*bare) {
				b.Errorf("NDJSON took %v and %.0f MiB, expected at most %v and less than 64 MiB", took, peak, 2*bare)
			}
			_ = os.Remove(path)
		}
	}
}
