package bench

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/metrics"
	"strconv"
	"testing"
	"time"

	okchatgo "github.com/okchat/okchat-go"
	"github.com/okchat/okchat-go/contract"
	"github.com/okchat/okchat-go/contract/finding"
	"github.com/okchat/okchat-go/exchange"
)

// grow does a piece of work on a list of 10,000 conversations and on one of 1,000,000 (100,000 in the short form): what one
// conversation takes is meant to stay within 1.2 times, and so is the highest memory.
func grow(b *testing.B, work string, do func(n int) (cost, error)) {
	b.Helper()
	const small = 10_000
	large := rounds(1_000_000, 100_000)
	each := func(n, times int) side {
		return side{strconv.Itoa(n), func() (cost, error) {
			var sum cost
			for range times {
				c, err := do(n)
				if err != nil {
					return cost{}, err
				}
				sum.wall += c.wall / float64(n*times)
				sum.memory = max(sum.memory, c.memory)
			}
			return sum, nil
		}}
	}
	// As much work on both sides: the highest of many looks is higher.
	r := pair(b, "growth: "+work+", for each conversation", 3, each(large, 1), each(small, large/small))
	r.claim(wall, strconv.Itoa(large), strconv.Itoa(small), 1/1.2)
	r.claim(memory, strconv.Itoa(large), strconv.Itoa(small), 1/1.2)
}

// peak calls do and returns the time it took and the most that the live heap held at any time, looked at each 2 ms.
func peak(do func() error) (cost, error) {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	most, done, stopped := 0.0, make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			metrics.Read(sample)
			most = max(most, float64(sample[0].Value.Uint64()))
			select {
			case <-done:
				return
			case <-time.After(2 * time.Millisecond):
			}
		}
	}()
	c, err := work(1, do)
	close(done)
	<-stopped
	c.memory = most
	return c, err
}

func BenchmarkGrowthOfWalk(b *testing.B) {
	servers := serveEach(b)
	grow(b, "walk", func(n int) (cost, error) {
		client := newOurs(servers(n).url, nil)
		return peak(func() error { return walk(client, n, okchatgo.ListOptions{Limit: 100}) })
	})
}

// serveEach starts a server for each size that is asked for.
func serveEach(b *testing.B) func(n int) *process {
	servers := map[int]*process{}
	b.Cleanup(func() {
		for _, server := range servers {
			server.stop()
		}
	})
	return func(n int) *process {
		if servers[n] == nil {
			servers[n] = serve(b, n)
		}
		return servers[n]
	}
}

func BenchmarkGrowthOfExport(b *testing.B) {
	growProgram(b, "export", "ndjson", "-o")
}

func BenchmarkGrowthOfUpdate(b *testing.B) {
	if testing.Short() {
		b.Skip("too long for the short form")
	}
	growProgram(b, "bring an archive up to date", "sqlite", "--update")
}

// growProgram runs okchat export once to have a file, for what it does to one that is there, and once to be measured.
func growProgram(b *testing.B, work, ending, flag string) {
	b.Helper()
	servers := serveEach(b)
	dir := b.TempDir()
	run := func(n int) (cost, error) {
		cmd := exec.Command(okchat(), "export", "--quiet", "--chatbot", bot, flag, filepath.Join(dir, strconv.Itoa(n)+"."+ending))
		cmd.Env = append(os.Environ(), okchatgo.EnvKey+"="+key, okchatgo.EnvBaseURL+"="+servers(n).url)
		start := time.Now()
		if err := cmd.Start(); err != nil {
			return cost{}, err
		}
		// What the system says of a process that has ended starts with the memory of the one that started it.
		p, most, ended := &process{cmd: cmd}, 0.0, make(chan error, 1)
		go func() { ended <- cmd.Wait() }()
		for {
			select {
			case err := <-ended:
				return cost{wall: float64(time.Since(start)), memory: most}, err
			case <-time.After(5 * time.Millisecond):
				most = max(most, p.most())
			}
		}
	}
	grow(b, work, run) // the first round is not counted
}

// BenchmarkGrowthOfCheck checks the pages of a walk against the contract and compares them with each other. Making them is not counted.
func BenchmarkGrowthOfCheck(b *testing.B) {
	rules := must(contract.New())
	grow(b, "check", func(n int) (cost, error) {
		walk := rules.NewWalk()
		total := fake(n)
		var took time.Duration
		c, err := peak(func() error {
			for number := 1; number <= n/100; number++ {
				query := fmt.Sprintf("page=%d&limit=100", number)
				resp := answerOf(total, query)
				body, err := io.ReadAll(resp.Body)
				if err != nil {
					return err
				}
				ex := &exchange.Exchange{
					Method: http.MethodGet, URL: "http://127.0.0.1" + path + "?" + query,
					RequestHeader: http.Header{"X-Api-Key": {key}},
					Status:        resp.StatusCode, ResponseHeader: resp.Header, ResponseBody: body,
				}
				start := time.Now()
				findings := walk.Check(ex).Findings
				took += time.Since(start)
				for _, f := range findings {
					if f.Severity == finding.Violation {
						return fmt.Errorf("%s", f)
					}
				}
			}
			return context.Cause(b.Context())
		})
		c.wall = float64(took)
		return c, err
	})
}
