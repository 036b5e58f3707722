package report

import (
	"encoding/xml"
	"fmt"
	"strings"

	"github.com/okchat/okchat-go/contract"
)

// junit is for CI systems that show test results: an exchange is a test case, a recording a suite.
type junit struct {
	*output
	suites []*junitSuite
}

type junitSuites struct {
	XMLName  xml.Name      `xml:"testsuites"`
	Name     string        `xml:"name,attr"`
	Tests    int           `xml:"tests,attr"`
	Failures int           `xml:"failures,attr"`
	Errors   int           `xml:"errors,attr"`
	Suites   []*junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name     string      `xml:"name,attr"`
	Tests    int         `xml:"tests,attr"`
	Failures int         `xml:"failures,attr"`
	Errors   int         `xml:"errors,attr"`
	Skipped  int         `xml:"skipped,attr"`
	Cases    []junitCase `xml:"testcase"`
}

type junitCase struct {
	Name    string         `xml:"name,attr"`
	Class   string         `xml:"classname,attr"`
	Skipped *junitMessage  `xml:"skipped"`
	Failure []junitMessage `xml:"failure"`
	Error   []junitMessage `xml:"error"`
	Out     string         `xml:"system-out,omitempty"`
}

type junitMessage struct {
	Message string `xml:"message,attr"`
	Type    string `xml:"type,attr,omitempty"`
	Text    string `xml:",chardata"`
}

func (j *junit) suite(name string) *junitSuite {
	if n := len(j.suites); n > 0 && j.suites[n-1].Name == name {
		return j.suites[n-1]
	}
	j.suites = append(j.suites, &junitSuite{Name: name})
	return j.suites[len(j.suites)-1]
}

// Result implements [Writer]. Like findings of one exchange are one message.
func (j *junit) Result(r *contract.Result) {
	if len(r.Findings) == 0 && r.Outcome >= contract.Elsewhere {
		return
	}
	source := r.Exchange.Source
	c := junitCase{Name: source.EntryName(), Class: source.File}
	if call := r.Call(); c.Name == "" {
		c.Name = call
	} else if call != "" {
		c.Name += ": " + call
	}
	s := j.suite(source.File)
	one := newOutput(nil, j.contract, j.opts)
	one.Result(r)
	var failed []junitMessage
	for _, g := range one.groups {
		line := g.String()
		if also := g.also(); also != "" {
			line += " (" + also + ")"
		}
		if j.fails(g.Finding) {
			failed = append(failed, junitMessage{g.Message(), string(g.Code), line})
		} else {
			c.Out += line + "\n"
		}
	}
	switch {
	case len(failed) > 0: // the schema has room for one
		for _, more := range failed[1:] {
			failed[0].Text += "\n" + more.Text
		}
		c.Failure = failed[:1]
		s.Failures++
	case r.Outcome == contract.NotChecked:
		c.Skipped = &junitMessage{Message: r.Reason}
		s.Skipped++
	}
	s.Tests++
	s.Cases = append(s.Cases, c)
}

// Error implements [Writer].
func (j *junit) Error(err error) {
	name, _, _ := strings.Cut(err.Error(), ": ")
	s := j.suite(name)
	s.Tests++
	s.Errors++
	s.Cases = append(s.Cases, junitCase{Name: "read", Class: name, Error: []junitMessage{{err.Error(), "error", err.Error()}}})
}

// Close implements [Writer].
func (j *junit) Close() error {
	all := junitSuites{Name: "okchat check", Suites: j.suites}
	for _, s := range j.suites {
		all.Tests += s.Tests
		all.Failures += s.Failures
		all.Errors += s.Errors
	}
	b, err := xml.MarshalIndent(all, "", "  ")
	if err != nil {
		return err
	}
	j.printf("%s%s\n", xml.Header, harmless(string(b), func(r rune) string { return fmt.Sprintf("&#x%x;", r) }))
	return j.err
}
