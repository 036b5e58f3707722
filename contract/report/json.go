package report

import (
	"encoding/json"

	"github.com/okchat/okchat-go/contract"
)

// jsonReport is one JSON document. Its form is described by schema.json beside this file.
type jsonReport struct {
	*output
	count  Count
	errors []string
	begun  bool
}

// finding is a finding in JSON.
type finding struct {
	Source   string            `json:"source"`
	Line     int               `json:"line,omitempty"`
	Column   int               `json:"column,omitempty"`
	Severity contract.Severity `json:"severity"`
	Code     contract.Code     `json:"code"`
	Part     contract.Part     `json:"part"`
	Pointer  string            `json:"pointer"`
	Expected string            `json:"expected"`
	Got      string            `json:"got"`
	Evidence string            `json:"evidence,omitempty"`
	Spec     *specPlace        `json:"spec,omitempty"`
	Patch    string            `json:"patch,omitempty"`
	Message  string            `json:"message"`
}

type specPlace struct {
	File   string `json:"file"`
	Line   int    `json:"line"`
	Column int    `json:"column"`
}

func (j *jsonReport) Result(r *contract.Result) {
	j.count.Add(r)
	for _, f := range r.Findings {
		out := finding{f.Source.String(), f.Source.Line, f.Source.Column, f.Severity, f.Code, f.Part, f.Pointer, f.Expected, f.Got, f.Evidence, nil, j.contract.Patch(f), f.Message()}
		if f.SpecLine > 0 {
			out.Spec = &specPlace{j.contract.Name(), f.SpecLine, f.SpecColumn}
		}
		j.begin()
		j.value(out)
	}
}

// begin writes what comes before the next finding.
func (j *jsonReport) begin() {
	if j.begun {
		j.printf(",\n    ")
		return
	}
	j.begun = true
	j.printf("{\n  \"findings\": [\n    ")
}

func (j *jsonReport) value(v any) {
	b, err := json.Marshal(v)
	if err != nil && j.err == nil {
		j.err = err
	}
	j.printf("%s", b)
}

func (j *jsonReport) Error(err error) {
	j.count.Errors++
	j.errors = append(j.errors, err.Error())
}

func (j *jsonReport) Close() error {
	if j.begun {
		j.printf("\n  ],\n")
	} else {
		j.printf("{\n  \"findings\": [],\n")
	}
	if j.errors == nil {
		j.errors = []string{}
	}
	j.printf("  \"errors\": ")
	j.value(j.errors)
	j.printf(",\n  \"exchanges\": %d,\n  \"elsewhere\": %d,\n  \"violations\": %d,\n  \"drift\": %d,\n  \"leaks\": %d\n}\n",
		j.count.Exchanges, j.count.Elsewhere, j.count.Violations, j.count.Drift, j.count.Leaks)
	return j.err
}
