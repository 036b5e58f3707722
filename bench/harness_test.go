package bench

import (
	"cmp"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A cost holds the time, memory and processor use of one piece of work. Less is better in each of its fields; those that were not measured are 0.
type cost struct {
	wall, cpu     float64 // nanoseconds
	bytes, allocs float64 // allocated
	memory        float64 // bytes resident, or the peak of the heap
}

// A metric is a field of a cost.
type metric struct {
	name string
	of   func(cost) float64
	text func(float64) string
}

var (
	wall   = metric{"time", func(c cost) float64 { return c.wall }, nanoseconds}
	cpu    = metric{"CPU", func(c cost) float64 { return c.cpu }, nanoseconds}
	bytes_ = metric{"memory allocated", func(c cost) float64 { return c.bytes }, bytesText}
	allocs = metric{"allocations", func(c cost) float64 { return c.allocs }, func(n float64) string { return fmt.Sprintf("%.0f", n) }}
	memory = metric{"memory", func(c cost) float64 { return c.memory }, bytesText}
	rate   = metric{"requests a second", func(c cost) float64 { return c.wall }, func(ns float64) string { return fmt.Sprintf("%.0f/s", 1e9/ns) }}
)

func nanoseconds(ns float64) string {
	switch {
	case ns < 1e3:
		return fmt.Sprintf("%.0f ns", ns)
	case ns < 1e6:
		return fmt.Sprintf("%.3g µs", ns/1e3)
	case ns < 1e9:
		return fmt.Sprintf("%.3g ms", ns/1e6)
	default:
		return fmt.Sprintf("%.3g s", ns/1e9)
	}
}

func bytesText(n float64) string {
	if n < 1<<20 {
		return fmt.Sprintf("%.1f KiB", n/(1<<10))
	}
	return fmt.Sprintf("%.1f MiB", n/(1<<20))
}

// A side does the work its own way.
type side struct {
	name string
	run  func() (cost, error)
}

// always is a side that stands for a figure.
func always(name string, c cost) side {
	return side{name, func() (cost, error) { return c, nil }}
}

// work runs what is measured n times and returns what one cost this process.
func work(n int, do func() error) (cost, error) {
	var before, after runtime.MemStats
	runtime.GC() // nobody pays for the garbage of others
	runtime.ReadMemStats(&before)
	cpu, start := cpuTime(syscall.RUSAGE_SELF), time.Now()
	for range n {
		if err := do(); err != nil {
			return cost{}, err
		}
	}
	took := time.Since(start)
	cpu = cpuTime(syscall.RUSAGE_SELF) - cpu
	runtime.ReadMemStats(&after)
	f := float64(n)
	return cost{
		wall:   float64(took) / f,
		cpu:    float64(cpu) / f,
		bytes:  float64(after.TotalAlloc-before.TotalAlloc) / f,
		allocs: float64(after.Mallocs-before.Mallocs) / f,
	}, nil
}

func cpuTime(who int) time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(who, &usage); err != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// runs are the costs of each side in each round.
type runs struct {
	b     *testing.B
	work  string
	costs map[string][]cost
	round func() // runs each side once more
}

// pair runs the sides in rounds, each side once a round, the other way round in every other one, for as long as the
// benchmark lasts and at least so many rounds.
func pair(b *testing.B, work string, rounds int, sides ...side) *runs {
	b.Helper()
	r := &runs{b: b, work: work, costs: map[string][]cost{}}
	n := 0
	r.round = func() {
		n++
		for _, s := range sides {
			c, err := s.run()
			if err != nil {
				b.Fatalf("%s: %v", s.name, err)
			}
			r.costs[s.name] = append(r.costs[s.name], c)
		}
		slices.Reverse(sides)
	}
	for _, s := range sides { // what is only slow at first
		if _, err := s.run(); err != nil {
			b.Fatalf("%s: %v", s.name, err)
		}
	}
	for b.Loop() {
		r.round()
	}
	for n < rounds {
		r.round()
	}
	b.ReportMetric(0, "ns/op") // rounds take what they take
	return r
}

// A row is a claim and what was measured of it: ratio says how many times less ours costs than the peer's.
type row struct {
	work, metric      string
	ours, peer        string // names
	oursText, peerTxt string // medians
	ratio, low, high  float64
	bar               float64 // what the ratio is meant to reach, 0 for no bar
	shown             bool    // but not judged by the short form: a figure of another machine, or not the same work
}

// missed reports whether the ratio is under its bar by more than the noise of this run.
func (r row) missed() bool { return r.high < r.bar }

func (r row) verdict() string {
	switch {
	case r.bar == 0:
		return ""
	case r.missed():
		return "missed"
	case r.ratio < r.bar:
		return "within the noise"
	default:
		return "reached"
	}
}

var table struct {
	rows    []row
	curves  []curve
	skipped []string
}

// claim adds a row with the median of the rounds' ratios and the bounds that it lies between with 95 % confidence. The short form
// fails where the upper bound is below bar.
func (r *runs) claim(m metric, ours, peer string, bar float64) row {
	r.b.Helper()
	return r.row(m, ours, peer, bar, false)
}

// show is claim for what the short form does not judge.
func (r *runs) show(m metric, ours, peer string, bar float64) row {
	r.b.Helper()
	return r.row(m, ours, peer, bar, true)
}

func (r *runs) row(m metric, ours, peer string, bar float64, shown bool) row {
	r.b.Helper()
	out := r.compare(m, ours, peer)
	out.bar, out.shown = bar, shown
	judged := testing.Short() && !shown
	if judged && out.missed() { // one run of twenty misses by chance: it has three times the rounds to show
		for range 2 * len(r.costs[ours]) {
			r.round()
		}
		out = r.compare(m, ours, peer)
		out.bar = bar
	}
	table.rows = append(table.rows, out)
	fmt.Printf("%-58s %-17s %10s | %-32s %10s | %s %s\n", out.work+", "+ours, m.name, out.oursText, peer, out.peerTxt, out.ratioText(), out.verdict())
	if judged && out.missed() {
		r.b.Errorf("%s: %s of %s against %s is %s, expected at least %s", r.work, m.name, ours, peer, out.ratioText(), factor(bar))
	}
	return out
}

// compare returns the median of the rounds' ratios and its bounds, without a bar.
func (r *runs) compare(m metric, ours, peer string) row {
	mine, theirs := r.values(m, ours), r.values(m, peer)
	ratios := make([]float64, len(mine))
	for i := range mine {
		ratios[i] = theirs[i] / mine[i]
	}
	mid, low, high := median(ratios)
	a, _, _ := median(mine)
	z, _, _ := median(theirs)
	return row{
		work: r.work, metric: m.name, ours: ours, peer: peer, oursText: m.text(a), peerTxt: m.text(z),
		ratio: mid, low: low, high: high,
	}
}

func (r row) ratioText() string {
	return fmt.Sprintf("%s (%s to %s)", factor(r.ratio), factor(r.low), factor(r.high))
}

func factor(f float64) string {
	if f < 10 {
		return fmt.Sprintf("%.2fx", f)
	}
	return fmt.Sprintf("%.0fx", f)
}

func (r *runs) values(m metric, name string) []float64 {
	costs, ok := r.costs[name]
	if !ok {
		panic("no side " + name)
	}
	values := make([]float64, len(costs))
	for i, c := range costs {
		values[i] = m.of(c)
	}
	return values
}

// median returns the median, and the order statistics that it lies between with 95 % confidence, whatever the
// distribution; of less than nine values, least and largest.
func median(values []float64) (mid, low, high float64) {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	mid = (sorted[(n-1)/2] + sorted[n/2]) / 2
	// k is the largest with P(Binomial(n, 1/2) < k) at most 2.5 %.
	k, p, sum := 0, 1.0, 0.0
	for range n {
		p /= 2
	}
	for ; sum+p <= 0.025; k++ {
		sum += p
		p = p * float64(n-k) / float64(k+1)
	}
	k = max(k-1, 0)
	return mid, sorted[k], sorted[n-1-k]
}

// skip notes what is not measured, and why, in the report and on standard error.
func skip(b *testing.B, what, why string) {
	b.Helper()
	line := what + ": " + why
	if !slices.Contains(table.skipped, line) {
		table.skipped = append(table.skipped, line)
	}
	fmt.Fprintf(os.Stderr, "\n!!! NOT MEASURED: %s\n\n", line)
}

func TestMain(m *testing.M) {
	if role := os.Getenv(envRole); role != "" {
		play(role)
		return
	}
	status := m.Run()
	stopAll()
	all := flag.Lookup("test.bench").Value.String() == "."
	if status == 0 && all && !testing.Short() {
		if err := writeReport(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			status = 1
		}
	}
	os.Exit(status)
}

// machine describes what this run ran on: processor, system and Go.
func machine() string {
	model := "unknown processor"
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(text)) {
			if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
				model = strings.TrimSpace(value)
				break
			}
		}
	}
	return fmt.Sprintf("%s, %d cores, %s/%s, %s", model, runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version())
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func drain(r io.ReadCloser) error {
	_, err := io.Copy(io.Discard, r)
	return cmp.Or(err, r.Close())
}
