package report

import (
	"encoding/xml"
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
	Cases    []junitCase `xml:"testcase"`
}

type junitCase struct {
	Name    string         `xml:"name,attr"`
	Class   string         `xml:"classname,attr"`
	Failure []junitMessage `xml:"failure"`
	Error   []junitMessage `xml:"error"`
	Out     string         `xml:"system-out,omitempty"`
}

type junitMessage struct {
	Message string `xml:"message,attr"`
	Type    string `xml:"type,attr"`
	Text    string `xml:",chardata"`
}

func (j *junit) suite(name string) *junitSuite {
	if n := len(j.suites); n > 0 && j.suites[n-1].Name == name {
		return j.suites[n-1]
	}
	j.suites = append(j.suites, &junitSuite{Name: name})
	return j.suites[len(j.suites)-1]
}

func (j *junit) Result(r *contract.Result) {
	if r.Elsewhere {
		return
	}
	name, entry := r.Exchange.Source.File, r.Exchange.Source.EntryName()
	if entry == "" {
		entry = "exchange"
	}
	s := j.suite(name)
	c := junitCase{Name: entry, Class: name}
	for _, f := range r.Findings {
		if j.fails(f) {
			c.Failure = append(c.Failure, junitMessage{f.Message(), string(f.Code), f.String()})
		} else {
			c.Out += f.String() + "\n"
		}
	}
	if len(c.Failure) > 1 { // the schema has room for one
		for _, more := range c.Failure[1:] {
			c.Failure[0].Text += "\n" + more.Text
		}
		c.Failure = c.Failure[:1]
	}
	s.Tests++
	s.Failures += len(c.Failure)
	s.Cases = append(s.Cases, c)
}

func (j *junit) Error(err error) {
	name, _, _ := strings.Cut(err.Error(), ": ")
	s := j.suite(name)
	s.Tests++
	s.Errors++
	s.Cases = append(s.Cases, junitCase{Name: "read", Class: name, Error: []junitMessage{{err.Error(), "error", err.Error()}}})
}

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
	j.printf("%s%s\n", xml.Header, b)
	return j.err
}
