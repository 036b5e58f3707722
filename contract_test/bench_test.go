package contract_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers/legacy"

	"github.com/okchat/okchat-go"
	check "github.com/okchat/okchat-go/contract/recordings"
	"github.com/okchat/okchat-go/contract_test/recordings"
	"github.com/okchat/okchat-go/exchange"
)

// BenchmarkCheck checks an exchange of 10 conversations with all rules, parsing included, and has kin-openapi's bare
// ValidateResponse look at the same one, by turns in the same run: x-kin-3.1 is our time as a share of kin's on the same
// document, x-kin-3.0 on one that says it is 3.0.
func BenchmarkCheck(b *testing.B) {
	c, err := newContract()
	if err != nil {
		b.Fatal(err)
	}
	file, _ := recordings.FS().Open("page-1.har")
	var ex *exchange.Exchange
	for e := range exchange.ReadHAR(file, "page-1.har") {
		ex = e
	}
	kin31, kin30 := kinResponse(b, ex, "3.1.0"), kinResponse(b, ex, "3.0.3")
	ours := func() {
		if len(c.Check(ex).Findings) != 0 {
			b.Fatal("a finding")
		}
	}
	measure := func(f func()) time.Duration {
		start := time.Now()
		for range 10 {
			f()
		}
		return time.Since(start)
	}
	var spent, spent31, spent30 time.Duration
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if i%500 == 0 {
			b.StopTimer()
			spent += measure(ours)
			spent31 += measure(kin31)
			spent30 += measure(kin30)
			b.StartTimer()
		}
		ours()
	}
	b.ReportMetric(float64(spent)/float64(spent31), "x-kin-3.1")
	b.ReportMetric(float64(spent)/float64(spent30), "x-kin-3.0")
}

// kinResponse returns kin-openapi's validation of the exchange's response.
func kinResponse(b *testing.B, ex *exchange.Exchange, version string) func() {
	doc, err := openapi3.NewLoader().LoadFromData([]byte(okchat.OpenAPI()))
	if err != nil {
		b.Fatal(err)
	}
	doc.Servers = nil
	router, err := legacy.NewRouter(doc)
	if err != nil {
		b.Fatal(err)
	}
	doc.OpenAPI = version // kin-openapi looks at it for each response
	target, _ := url.Parse(ex.URL)
	req := &http.Request{Method: ex.Method, URL: &url.URL{Path: target.Path}, Header: ex.RequestHeader}
	route, params, err := router.FindRoute(req)
	if err != nil {
		b.Fatal(err)
	}
	input := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{Request: req, PathParams: params, Route: route},
		Status:                 ex.Status, Header: ex.ResponseHeader,
	}
	return func() {
		input.Body = io.NopCloser(bytes.NewReader(ex.ResponseBody))
		if err := openapi3filter.ValidateResponse(b.Context(), input); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkRecordings checks a folder of 10,000 recordings with an exchange each. peak-MiB is the most memory that was in use
// (heap, sampled), growth that of 10,000 as a multiple of that of 1,000.
func BenchmarkRecordings(b *testing.B) {
	c, err := newContract()
	if err != nil {
		b.Fatal(err)
	}
	text, err := recordings.FS().(interface{ ReadFile(string) ([]byte, error) }).ReadFile("page-1.har")
	if err != nil {
		b.Fatal(err)
	}
	dir := b.TempDir()
	const n = 10_000
	for i := range n {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%d.har", i)), text, 0o600); err != nil {
			b.Fatal(err)
		}
	}
	list, err := exchange.FindRecordings(dir)
	if err != nil {
		b.Fatal(err)
	}
	run := func(list []exchange.Recording) (peak uint64) {
		runtime.GC()
		var m runtime.MemStats
		checked := 0
		for r, err := range check.Check(b.Context(), c, list) {
			if err != nil || len(r.Findings) != 0 {
				b.Fatal(err)
			}
			if checked++; checked%100 == 0 {
				runtime.ReadMemStats(&m)
				peak = max(peak, m.HeapInuse+m.StackInuse)
			}
		}
		return peak
	}
	few := run(list[:1000])
	var peak uint64
	b.ResetTimer()
	for b.Loop() {
		peak = max(peak, run(list))
	}
	b.ReportMetric(float64(n*b.N)/b.Elapsed().Seconds(), "exchanges/s")
	b.ReportMetric(float64(peak)/(1<<20), "peak-MiB")
	b.ReportMetric(float64(peak)/float64(few), "x-growth")
}

// BenchmarkGigabyte checks one recording of 1 GiB, which is made as it is read. peak-MiB is the most memory that was in use.
func BenchmarkGigabyte(b *testing.B) {
	c, err := newContract()
	if err != nil {
		b.Fatal(err)
	}
	text, err := recordings.FS().(interface{ ReadFile(string) ([]byte, error) }).ReadFile("page-1.har")
	if err != nil {
		b.Fatal(err)
	}
	begin, end := bytes.Index(text, []byte("      {\n")), bytes.LastIndex(text, []byte("\n    ]"))
	entry := slices.Concat(bytes.TrimSpace(text[begin:end]), []byte(",\n"))
	n := 1<<30/len(entry) + 1
	recording := exchange.Recording{Name: "huge.har", Open: func() (io.ReadCloser, error) {
		return io.NopCloser(io.MultiReader(bytes.NewReader(text[:begin]), &repeat{text: entry, left: n}, bytes.NewReader(text[begin:]))), nil
	}}
	var peak uint64
	var m runtime.MemStats
	for b.Loop() {
		checked := 0
		for r, err := range check.Check(b.Context(), c, []exchange.Recording{recording}) {
			if err != nil || len(r.Findings) != 0 {
				b.Fatal(err, r)
			}
			if checked++; checked%1000 == 0 {
				runtime.ReadMemStats(&m)
				peak = max(peak, m.HeapInuse+m.StackInuse)
			}
		}
		if checked != n+1 {
			b.Fatalf("expected %d exchanges, got %d", n+1, checked)
		}
	}
	b.ReportMetric(float64(n*b.N)/b.Elapsed().Seconds(), "exchanges/s")
	b.ReportMetric(float64(peak)/(1<<20), "peak-MiB")
}

// repeat is a text many times over.
type repeat struct {
	text []byte
	at   int
	left int
}

func (r *repeat) Read(p []byte) (int, error) {
	if r.left == 0 {
		return 0, io.EOF
	}
	n := copy(p, r.text[r.at:])
	if r.at += n; r.at == len(r.text) {
		r.at, r.left = 0, r.left-1
	}
	return n, nil
}
