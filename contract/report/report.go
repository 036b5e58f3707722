// Package report writes what checks found, for people and for machines: as text, JSON, JUnit XML, SARIF or as the
// workflow commands of GitHub.
//
//	w, err := report.New("sarif", os.Stdout, rules, report.Options{})
//	...
//	for result, err := range recordings.Check(ctx, rules, list) {
//		if err != nil {
//			w.Error(err)
//			continue
//		}
//		w.Result(result)
//	}
//	err = w.Close()
//
// Like findings are one with a count and the first places. Reports hold what findings hold, and so no text of an end user.
// What they quote is escaped. The same results make the same bytes.
package report

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"

	"github.com/okchat/okchat-go/contract"
	"github.com/okchat/okchat-go/contract/finding"
	"github.com/okchat/okchat-go/contract/internal/words"
	"github.com/okchat/okchat-go/exchange"
	"github.com/okchat/okchat-go/internal/lazy"
)

// Formats returns the formats that New knows.
func Formats() []string { return []string{"text", "json", "junit", "sarif", "github"} }

// Options are how a report looks.
type Options struct {
	// Colour has text in colour, for a terminal.
	Colour bool
	// Strict has drift count as an error in the formats that tell errors from warnings.
	Strict bool
	// All has each finding told, and not like ones as one.
	All bool
	// Version is the checking program's, for the formats that name it.
	Version string
}

// Writer takes the results of a run one by one and writes them in its format. It is not safe for concurrent use.
type Writer interface {
	// Result takes what one exchange's check found.
	Result(*contract.Result)
	// Error takes the reason why something could not be read.
	Error(error)
	// Close ends the report, and returns the first error of writing it. It does not close what the report is written to.
	Close() error
}

// New returns a writer of the format. It fails where there is no such format.
func New(format string, w io.Writer, c *contract.Contract, opts Options) (Writer, error) {
	out := newOutput(w, c, opts)
	switch format {
	case "text":
		return &text{output: out}, nil
	case "json":
		return &jsonReport{output: out}, nil
	case "junit":
		return &junit{output: out}, nil
	case "sarif":
		return &sarif{out}, nil
	case "github":
		return &github{out}, nil
	default:
		return nil, fmt.Errorf("the format is %q, expected one of %s", format, strings.Join(Formats(), ", "))
	}
}

// output has the state that all formats need. It keeps the first error of writing, after which nothing is written.
type output struct {
	w        io.Writer
	contract *contract.Contract
	opts     Options
	err      error

	count    Count
	groups   []*group // in the order of their first findings
	byKey    map[key]*group
	reasons  []*unchecked
	byReason map[string]*unchecked
	errors   []string
}

func newOutput(w io.Writer, c *contract.Contract, opts Options) *output {
	return &output{w: w, contract: c, opts: opts, byKey: make(map[key]*group), byReason: make(map[string]*unchecked)}
}

// group is a finding with its like.
type group struct {
	finding.Finding
	count int
	more  []exchange.Source // the places after the first, as far as maxPlaces
}

const maxPlaces = 5

// key identifies findings that are alike.
type key struct {
	severity finding.Severity
	code     finding.Code
	part     finding.Part
	pattern  string
	line     int
	got      string // of drift
	n        int    // with Options.All
}

// unchecked are exchanges that could not be checked for the same reason.
type unchecked struct {
	reason string
	source exchange.Source // of the first
	call   string
	count  int
}

func (o *output) printf(format string, args ...any) {
	if o.err == nil {
		_, o.err = fmt.Fprintf(o.w, format, args...)
	}
}

// value writes a JSON document, and returns the first error of writing.
func (o *output) value(b []byte, err error) error {
	if err != nil && o.err == nil {
		o.err = err
	}
	o.printf("%s\n", harmless(string(b), func(r rune) string {
		if r > 0xffff {
			r1, r2 := utf16.EncodeRune(r)
			return fmt.Sprintf("\\u%04x\\u%04x", r1, r2)
		}
		return fmt.Sprintf("\\u%04x", r)
	}))
	return o.err
}

// harmless returns a text with what a terminal or a runner of GitHub would obey escaped in the text's own way.
func harmless(s string, escape func(rune) string) string {
	var b strings.Builder
	for i, r := range s {
		if !unicode.IsPrint(r) && r != '\n' && r != '\t' || r == '#' && strings.HasPrefix(s[i:], "#[") {
			b.WriteString(escape(r))
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// Error takes the reason why something could not be read.
func (o *output) Error(err error) {
	o.count.Errors++
	o.errors = append(o.errors, err.Error())
}

// Result groups the findings of a result.
func (o *output) Result(r *contract.Result) { o.collect(r, func(*group) {}) }

// collect groups the findings of a result, and calls first for each one that is the first of its kind.
func (o *output) collect(r *contract.Result, first func(*group)) {
	o.count.Add(r)
	if r.Outcome == contract.NotChecked {
		u := o.byReason[r.Reason]
		if u == nil {
			u = &unchecked{reason: r.Reason, source: r.Exchange.Source, call: r.Call()}
			o.byReason[r.Reason] = u
			o.reasons = append(o.reasons, u)
		}
		u.count++
	}
	for _, f := range r.Findings {
		k := key{severity: f.Severity, code: f.Code, part: f.Part, pattern: index().ReplaceAllString(f.Pointer, "/*"), line: f.SpecLine}
		if f.Severity == finding.Drift {
			k.got = f.Got
		}
		if o.opts.All {
			k.n = len(o.groups)
		}
		g := o.byKey[k]
		if g == nil {
			g = &group{Finding: f}
			o.byKey[k] = g
			o.groups = append(o.groups, g)
			first(g)
		} else if len(g.more) < maxPlaces-1 {
			g.more = append(g.more, f.Source)
		}
		g.count += max(f.Count, 1)
	}
}

var index = lazy.Regexp(`/\d+\b`)

// also tells how many like findings a group has beside its first, and where: "" for none.
func (g *group) also() string {
	if g.count < 2 {
		return ""
	}
	s := fmt.Sprintf("%d in all", g.count)
	var places []string
	for _, source := range g.more {
		places = append(places, source.Place())
	}
	if places != nil && g.count > 1+len(g.more) {
		places = append(places, "…")
	}
	if places == nil {
		return s
	}
	return s + ", the next at " + strings.Join(places, ", ")
}

func (u *unchecked) String() string {
	n := ""
	if u.count > 1 {
		n = fmt.Sprintf(" (%d exchanges, this is the first)", u.count)
	}
	return fmt.Sprintf("not checked: %s%s", u.reason, n)
}

// fails reports whether a finding makes the run fail.
func (o *output) fails(f finding.Finding) bool { return f.Severity != finding.Drift || o.opts.Strict }

// Safe returns a text on one line in which a terminal sees no control sequence and GitHub's runners no workflow command.
func Safe(s string) string {
	s = strings.NewReplacer("\n", "\\n", "\t", "\\t").Replace(s)
	s = harmless(s, func(r rune) string {
		if r == '#' {
			return "\\x23"
		}
		quoted := strconv.QuoteRune(r)
		return quoted[1 : len(quoted)-1]
	})
	if rest, ok := strings.CutPrefix(s, "::"); ok {
		s = "\\x3a:" + rest
	}
	return s
}

// Count is how many results and findings of each kind a run had.
type Count struct {
	Checked    int `json:"exchanges"`
	NotChecked int `json:"unchecked"`
	Elsewhere  int `json:"elsewhere"`
	Violations int `json:"violations"`
	Drift      int `json:"drift"`
	Leaks      int `json:"leaks"`
	Errors     int `json:"-"`
	// Bodies is how many of the exchanges that are not wholly checked have a body that was.
	Bodies int `json:"-"`
}

// Add counts a result.
func (c *Count) Add(r *contract.Result) {
	switch r.Outcome {
	case contract.Checked:
		c.Checked++
	case contract.NotChecked:
		c.NotChecked++
		if r.Body != nil {
			c.Bodies++
		}
	case contract.Elsewhere:
		c.Elsewhere++
	}
	for _, f := range r.Findings {
		n := max(f.Count, 1)
		switch f.Severity {
		case finding.Violation:
			c.Violations += n
		case finding.Drift:
			c.Drift += n
		case finding.Leak:
			c.Leaks += n
		}
	}
}

// String tells the counts in one line.
func (c *Count) String() string {
	s := fmt.Sprintf("%s checked against the contract: %s, %d drift, %s", words.Plural(c.Checked, "exchange"),
		words.Plural(c.Violations, "violation"), c.Drift, words.Plural(c.Leaks, "leak"))
	if c.NotChecked > 0 {
		s += fmt.Sprintf("; %d not checked", c.NotChecked)
	}
	if c.Elsewhere > 0 {
		s += fmt.Sprintf("; %d of other endpoints left out", c.Elsewhere)
	}
	if c.Errors > 0 {
		s += "; " + words.Plural(c.Errors, "thing") + " could not be read"
	}
	return s
}
