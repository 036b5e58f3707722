// Package report writes what checks found, for people and for machines: as text, JSON, JUnit XML, SARIF or as the
// workflow commands of GitHub.
//
//	w, err := report.New("sarif", os.Stdout, rules, report.Options{})
//	...
//	for result, err := range rules.CheckRecordings(ctx, recordings) {
//		if err != nil {
//			w.Error(err)
//			continue
//		}
//		w.Result(result)
//	}
//	err = w.Close()
//
// Reports hold what findings hold, and so no text of an end user. The same results make the same bytes.
package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/okchat/okchat-go/contract"
)

// Formats are the formats that New knows.
var Formats = []string{"text", "json", "junit", "sarif", "github"}

// Options are how a report looks.
type Options struct {
	// Colour has text in colour, for a terminal.
	Colour bool
	// Strict has drift count as an error in the formats that tell errors from warnings.
	Strict bool
	// Version is the checking program's, for the formats that name it.
	Version string
}

// Writer takes the results of a run one by one and writes them in its format. It is not safe for concurrent use.
type Writer interface {
	// Result takes what one exchange's check found.
	Result(*contract.Result)
	// Error takes the reason why something could not be checked.
	Error(error)
	// Close ends the report, and returns the first error of writing it. It does not close what the report is written to.
	Close() error
}

// New returns a writer of the format. It fails where there is no such format.
func New(format string, w io.Writer, c *contract.Contract, opts Options) (Writer, error) {
	out := &output{w: w, contract: c, opts: opts}
	switch format {
	case "text":
		return &text{output: out}, nil
	case "json":
		return &jsonReport{output: out}, nil
	case "junit":
		return &junit{output: out}, nil
	case "sarif":
		return newSARIF(out), nil
	case "github":
		return &github{out}, nil
	default:
		return nil, fmt.Errorf("the format is %q, expected one of %s", format, strings.Join(Formats, ", "))
	}
}

// output is what all formats have in common: it keeps the first error of writing, after which nothing is written.
type output struct {
	w        io.Writer
	contract *contract.Contract
	opts     Options
	err      error
}

func (o *output) printf(format string, args ...any) {
	if o.err == nil {
		_, o.err = fmt.Fprintf(o.w, format, args...)
	}
}

func (o *output) Close() error { return o.err }

// fails says whether a finding makes the run fail.
func (o *output) fails(f contract.Finding) bool { return f.Severity != contract.Drift || o.opts.Strict }

// Count is how many findings of each severity a run had.
type Count struct{ Exchanges, Elsewhere, Violations, Drift, Leaks, Errors int }

// Add counts a result.
func (c *Count) Add(r *contract.Result) {
	if r.Elsewhere {
		c.Elsewhere++
		return
	}
	c.Exchanges++
	for _, f := range r.Findings {
		switch f.Severity {
		case contract.Violation:
			c.Violations++
		case contract.Drift:
			c.Drift++
		case contract.Leak:
			c.Leaks++
		}
	}
}

// String tells the counts in one line.
func (c *Count) String() string {
	n := func(n int, one, many string) string {
		if n == 1 {
			return "1 " + one
		}
		return fmt.Sprintf("%d %s", n, many)
	}
	s := fmt.Sprintf("%s held against the contract: %s, %d drift, %s", n(c.Exchanges, "exchange", "exchanges"),
		n(c.Violations, "violation", "violations"), c.Drift, n(c.Leaks, "leak", "leaks"))
	if c.Elsewhere > 0 {
		s += fmt.Sprintf("; %d of other endpoints left out", c.Elsewhere)
	}
	if c.Errors > 0 {
		s += "; " + n(c.Errors, "thing", "things") + " could not be checked"
	}
	return s
}
