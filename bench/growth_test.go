package bench

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"runtime/metrics"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	okchatgo "github.com/okchat/okchat-go"
	"github.com/okchat/okchat-go/archive"
	"github.com/okchat/okchat-go/archive/sqlite"
	"github.com/okchat/okchat-go/contract"
	"github.com/okchat/okchat-go/contract/finding"
	"github.com/okchat/okchat-go/exchange"
)

var sizesFlag = flag.String("sizes", "", `numbers of conversations, or of messages, that the growth curves are measured at (default "1000,10000,100000,1000000", with -short "10000,100000")`)

func sizes(b *testing.B) []int {
	b.Helper()
	text := *sizesFlag
	switch {
	case text != "":
	case testing.Short():
		text = "10000,100000"
	default:
		text = "1000,10000,100000,1000000"
	}
	var list []int
	for part := range strings.SplitSeq(text, ",") {
		n, err := strconv.Atoi(part)
		if err != nil || n < 100 {
			b.Fatalf("-sizes: expected numbers from 100 on, separated by commas, got %q", part)
		}
		list = append(list, n)
	}
	slices.Sort(list)
	return list
}

// A curve is how the time of one piece of work, and the highest memory of all, change with their number.
type curve struct {
	work   string
	points []point
}

type point struct {
	n            int
	wall, memory float64 // medians: nanoseconds for one, bytes
}

// grow measures do, a piece of work on n items, at each of the sizes. At the largest the time for one is meant to stay within 1.15
// times that at 10,000, or at the smallest size if that is not among them, and the highest memory within 1.15 times that at the size
// before: caches of a fixed size fill first. wall is divided by n unless do is one piece of work whatever n.
func grow(b *testing.B, work string, one bool, do func(n int) (cost, error)) {
	b.Helper()
	all := sizes(b)
	sides := make([]side, 0, len(all))
	for _, n := range all {
		// Small ones are repeated: one would be too short to measure, and the highest of few looks at the memory is lower.
		times := max(1, min(10, 100_000/n))
		sides = append(sides, side{grouped(n), func() (cost, error) {
			var sum cost
			for range times {
				c, err := do(n)
				if err != nil {
					return cost{}, err
				}
				if !one {
					c.wall /= float64(n)
				}
				sum.wall += c.wall / float64(times)
				sum.memory = max(sum.memory, c.memory)
			}
			return sum, nil
		}})
	}
	r := pair(b, "growth: "+work, 3, slices.Clone(sides)...)
	c := curve{work: work}
	for i, s := range sides {
		took, _, _ := median(r.values(wall, s.name))
		held, _, _ := median(r.values(memory, s.name))
		c.points = append(c.points, point{all[i], took, held})
	}
	table.curves = append(table.curves, c)
	large, base := sides[len(sides)-1].name, sides[max(0, slices.Index(all, 10_000))].name
	if large == base {
		return
	}
	r.claim(wall, large, base, 1/1.15)
	r.show(memory, large, sides[len(sides)-2].name, 1/1.15)
}

// grouped writes a number with commas between thousands.
func grouped(n int) string {
	text := strconv.Itoa(n)
	for at := len(text) - 3; at > 0; at -= 3 {
		text = text[:at] + "," + text[at:]
	}
	return text
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

// servers starts a server for each size that is asked for.
func servers(b *testing.B) func(n int) *process {
	running := map[int]*process{}
	b.Cleanup(func() {
		for _, server := range running {
			server.stop()
		}
	})
	return func(n int) *process {
		if running[n] == nil {
			running[n] = serve(b, n)
		}
		return running[n]
	}
}

func BenchmarkGrowthOfWalk(b *testing.B) {
	server := servers(b)
	grow(b, "walk, for each conversation", false, func(n int) (cost, error) {
		client := newOurs(server(n).url, nil)
		return peak(func() error { return walk(client, n, okchatgo.ListOptions{Limit: 100}) })
	})
}

func BenchmarkGrowthOfExport(b *testing.B) {
	server, dir := servers(b), b.TempDir()
	grow(b, "export, for each conversation", false, func(n int) (cost, error) {
		return export(server(n), "-o", filepath.Join(dir, "all.ndjson"))
	})
}

// BenchmarkGrowthOfUpdate brings archives up to date in which nothing has changed: the first round, which is not counted, makes them.
func BenchmarkGrowthOfUpdate(b *testing.B) {
	server, dir := servers(b), b.TempDir()
	grow(b, "bring an archive up to date, for each conversation", false, func(n int) (cost, error) {
		return export(server(n), "--update", filepath.Join(dir, strconv.Itoa(n)+".sqlite"))
	})
}

// talkers returns how many conversations of the fake server have so many messages, nearly.
func talkers(messages int) int { return messages * 10 / 127 }

func BenchmarkGrowthOfMessages(b *testing.B) {
	server, dir := servers(b), b.TempDir()
	grow(b, "export with messages, for each message", false, func(n int) (cost, error) {
		return export(server(talkers(n)), "--messages", "-o", filepath.Join(dir, "all.ndjson"))
	})
}

// BenchmarkGrowthOfSearch searches archives with messages, one for each size, for a text that a quarter of them hold.
func BenchmarkGrowthOfSearch(b *testing.B) {
	server, dir := servers(b), b.TempDir()
	archives := map[int]*sqlite.Archive{}
	b.Cleanup(func() {
		for _, a := range archives {
			_ = a.Close()
		}
	})
	grow(b, "search, the newest 20 of n messages", true, func(n int) (cost, error) {
		if archives[n] == nil {
			path := filepath.Join(dir, strconv.Itoa(n)+".sqlite")
			if _, err := export(server(talkers(n)), "--messages", "-o", path); err != nil {
				return cost{}, err
			}
			archives[n] = must(sqlite.Open(b.Context(), path))
		}
		const times = 20
		c, err := peak(func() error {
			for range times {
				hits, err := archives[n].Search(b.Context(), "where is my order", okchatgo.ListOptions{}, archive.Filter{}, sqlite.Position{}, 20)
				if err != nil {
					return err
				}
				if len(hits) != 20 {
					return fmt.Errorf("%d hits, expected 20", len(hits))
				}
			}
			return nil
		})
		c.wall /= times
		return c, err
	})
}

// export runs okchat export against a server.
func export(server *process, args ...string) (cost, error) {
	return program([]string{okchatgo.EnvKey + "=" + key, okchatgo.EnvBaseURL + "=" + server.url},
		okchat(), append([]string{"export", "--quiet", "--chatbot", bot}, args...)...)
}

// BenchmarkGrowthOfCheck checks the pages of a walk against the contract and compares them with each other. Making them is not counted.
func BenchmarkGrowthOfCheck(b *testing.B) {
	rules := must(contract.New())
	grow(b, "check, for each conversation", false, func(n int) (cost, error) {
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

func TestEachCurveIsDrawnInBothCharts(t *testing.T) {
	curves := []curve{
		{"one", []point{{1000, 3, 20}, {10_000, 2, 40}, {100_000, 2.2, 400}}},
		{"other", []point{{5000, 1, 1}, {20_000, 1, 1}}},
	}
	drawing := curvesChart(curves)
	for text, want := range map[string]int{
		"<polyline ": 4,
		// The smallest size is at the left border, the largest at the right, and ten times the memory at the top.
		`points="40.0,`: 1, " 340.0,": 1, " 700.0,30.0\"": 1, ">one<": 1, ">other<": 1, ">100,000<": 2,
	} {
		if got := strings.Count(drawing, text); got != want {
			t.Errorf("%q is there %d times, expected %d in\n%s", text, got, want, drawing)
		}
	}
	if got := strings.Count(growthTable(curves), "\n| o"); got != 5 {
		t.Errorf("the table has %d lines, expected 5", got)
	}
}

// curvesChart draws the curves: time for one on the left, memory on the right, as multiples of what they were at 10,000.
func curvesChart(curves []curve) string {
	const left, top, width, height, gap, legend = 40, 30, 300, 240, 60, 20
	colours := []string{"#2f7d4f", "#2b62b8", "#c2452d", "#8a5bb5", "#b8860b", "#3c8f97"}
	least, most, small, large := 0.5, 2.0, 1000.0, 10_000.0
	value := [2]func(point) float64{func(p point) float64 { return p.wall }, func(p point) float64 { return p.memory }}
	base := func(c curve, panel int) float64 {
		i := max(0, slices.IndexFunc(c.points, func(p point) bool { return p.n == 10_000 }))
		return value[panel](c.points[i])
	}
	for _, c := range curves {
		for _, p := range c.points {
			small, large = min(small, float64(p.n)), max(large, float64(p.n))
			for panel := range value {
				f := value[panel](p) / base(c, panel)
				least, most = min(least, f), max(most, f)
			}
		}
	}
	y := func(f float64) float64 { return top + height*(1-along(f, least, most)) }
	x := func(n float64, panel int) float64 {
		return float64(left+panel*(width+gap)) + width*along(n, small, large)
	}
	var out strings.Builder
	fmt.Fprintf(&out, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="11" role="img">`+"\n",
		left+2*width+gap+30, top+height+40+legend*len(curves))
	out.WriteString("<title>How time for one and memory grow with the number of conversations or messages, on logarithmic scales</title>\n")
	out.WriteString(`<rect width="100%" height="100%" fill="#fff"/>` + "\n")
	for panel, title := range []string{"time for one, times that at 10,000", "memory, times that at 10,000"} {
		fmt.Fprintf(&out, `<text x="%.1f" y="%d" fill="#222">%s</text>`+"\n", x(small, panel), top-12, title)
		for _, f := range []float64{0.05, 0.1, 0.2, 0.5, 1, 1.15, 2, 5, 10, 20} {
			if f < least || f > most {
				continue
			}
			colour := map[bool]string{true: "#000", false: "#ddd"}[f == 1.15] // the bar
			fmt.Fprintf(&out, `<line x1="%.1f" x2="%.1f" y1="%.1f" y2="%.1f" stroke="%s"/><text x="%.1f" y="%.1f" text-anchor="end" fill="#555">%g</text>`+"\n",
				x(small, panel), x(large, panel), y(f), y(f), colour, x(small, panel)-4, y(f)+4, f)
		}
		for n := small; n <= large; n *= 10 {
			fmt.Fprintf(&out, `<text x="%.1f" y="%d" text-anchor="middle" fill="#555">%s</text>`+"\n", x(n, panel), top+height+16, grouped(int(n)))
		}
		for i, c := range curves {
			var line []string
			for _, p := range c.points {
				line = append(line, fmt.Sprintf("%.1f,%.1f", x(float64(p.n), panel), y(value[panel](p)/base(c, panel))))
			}
			fmt.Fprintf(&out, `<polyline points="%s" fill="none" stroke="%s" stroke-width="2"/>`+"\n", strings.Join(line, " "), colours[i%len(colours)])
		}
	}
	for i, c := range curves {
		at := top + height + 40 + legend*i
		fmt.Fprintf(&out, `<rect x="%d" y="%d" width="12" height="4" fill="%s"/><text x="%d" y="%d" fill="#222">%s</text>`+"\n",
			left, at-6, colours[i%len(colours)], left+18, at, c.work)
	}
	out.WriteString("</svg>\n")
	return out.String()
}
