package bench

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/okchat/okchat-go/contract"
	"github.com/okchat/okchat-go/contract/recordings"
	"github.com/okchat/okchat-go/exchange"
	"github.com/okchat/okchat-go/gen/okchatapi"
)

// BenchmarkCheckPages checks pages of 100, 1,000 and 10,000 conversations: ten times the page is meant to take at most twelve times as
// long, and is compared with twelve pages of a tenth.
func BenchmarkCheckPages(b *testing.B) {
	rules := must(contract.New())
	clean := strings.NewReplacer("synthetic_closed", string(okchatapi.ConversationStateInProgress)) // or drift would cost as much as the rest
	check := func(n, times, repeat int) func() (cost, error) {
		query := fmt.Sprintf("page=1&limit=%d", n)
		ex := &exchange.Exchange{
			Method: http.MethodGet, URL: "http://127.0.0.1" + path + "?" + query, RequestHeader: http.Header{"X-Api-Key": {key}},
			Status: http.StatusOK, ResponseHeader: http.Header{"Content-Type": {"application/json"}}, ResponseBody: []byte(clean.Replace(page(query))),
		}
		return func() (cost, error) {
			c, err := work(times*repeat, func() error {
				if r := rules.Check(ex); r.Outcome != contract.Checked || len(r.Findings) != 0 {
					return fmt.Errorf("expected a page that is checked and clean, got %q %v", r.Reason, r.Findings)
				}
				return nil
			})
			return cost{wall: c.wall * float64(times), cpu: c.cpu * float64(times)}, err
		}
	}
	for _, n := range []int{1_000, 10_000} {
		large, limit := fmt.Sprintf("a page of %d", n), fmt.Sprintf("12 pages of %d", n/10)
		repeat := max(1, 20_000/n)
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			r := pair(b, fmt.Sprintf("check a page of %d", n), rounds(15, 9), side{large, check(n, 1, repeat)}, side{limit, check(n/10, 12, repeat)})
			r.claim(cpu, large, limit, 1)
		})
	}
}

// BenchmarkCheckFolder checks a folder of 10,000 recordings of an exchange each (2,000 in the short form). The limit is one recording
// after the other, read and checked by one goroutine, with the time divided by the processors.
func BenchmarkCheckFolder(b *testing.B) {
	const folder, alone = "recordings.Check", "one alone, over processors"
	rules := must(contract.New())
	n := rounds(10_000, 2_000)
	dir := b.TempDir()
	text := must(exchange.Marshal(sample()))
	for i := range n {
		har := fmt.Sprintf(`{"log":{"version":"1.2","entries":[%s]}}`, text)
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%d.har", i)), []byte(har), 0o600); err != nil {
			b.Fatal(err)
		}
	}
	list := must(exchange.FindRecordings(dir))
	check := func(list []exchange.Recording) error {
		for r, err := range recordings.Check(b.Context(), rules, list) {
			if err != nil || r.Outcome != contract.Checked || len(r.Findings) != 0 {
				return errors.Join(errors.New("expected an exchange that is checked and clean"), err)
			}
		}
		return nil
	}
	r := pair(b, fmt.Sprintf("check %d recordings", n), rounds(9, 9),
		side{folder, func() (cost, error) { return work(1, func() error { return check(list) }) }},
		side{alone, func() (cost, error) {
			processors := runtime.GOMAXPROCS(1)
			defer runtime.GOMAXPROCS(processors)
			c, err := work(1, func() error {
				for i := range list {
					if err := check(list[i : i+1]); err != nil {
						return err
					}
				}
				return nil
			})
			return cost{wall: c.wall / float64(processors), cpu: c.cpu}, err
		}})
	r.claim(wall, folder, alone, 0.8)
	r.claim(cpu, folder, alone, 0.8)
}
