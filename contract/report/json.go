package report

import (
	"encoding/json"

	"github.com/okchat/okchat-go/contract"
	"github.com/okchat/okchat-go/exchange"
)

// jsonReport is one JSON document. Its form is described by schema.json beside this file.
type jsonReport struct{ *output }

// finding is a finding in JSON.
type finding struct {
	Source   string            `json:"source"`
	Line     int               `json:"line,omitempty"`
	Column   int               `json:"column,omitempty"`
	Offset   int64             `json:"offset,omitempty"`
	Request  string            `json:"request,omitempty"`
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
	Count    int               `json:"count"`
	Also     []place           `json:"also,omitempty"`
}

type specPlace struct {
	File   string `json:"file"`
	Line   int    `json:"line"`
	Column int    `json:"column"`
}

type place struct {
	Source string `json:"source"`
	Line   int    `json:"line,omitempty"`
	Column int    `json:"column,omitempty"`
	Offset int64  `json:"offset,omitempty"`
}

type notChecked struct {
	Source  string `json:"source"`
	Request string `json:"request,omitempty"`
	Reason  string `json:"reason"`
	Count   int    `json:"count"`
}

func placeOf(s exchange.Source) place { return place{s.String(), s.Line, s.Column, s.Offset} }

// Close implements [Writer].
func (j *jsonReport) Close() error {
	j.printf("{\n  \"findings\": [")
	for i, g := range j.groups {
		f := g.Finding
		out := finding{f.Source.String(), f.Source.Line, f.Source.Column, f.Source.Offset, f.Request, f.Severity, f.Code, f.Part, f.Pointer,
			f.Expected, f.Got, f.Evidence, nil, j.contract.Patch(f), f.Message(), g.count, nil}
		if f.SpecLine > 0 {
			out.Spec = &specPlace{f.SpecFile, f.SpecLine, f.SpecColumn}
		}
		for _, s := range g.more {
			out.Also = append(out.Also, placeOf(s))
		}
		j.next(i)
		j.value(json.Marshal(out))
	}
	j.end(len(j.groups))
	j.printf("],\n  \"notChecked\": [")
	for i, u := range j.reasons {
		j.next(i)
		j.value(json.Marshal(notChecked{u.source.String(), u.call, u.reason, u.count}))
	}
	j.end(len(j.reasons))
	j.printf("],\n  \"errors\": ")
	j.value(json.Marshal(append([]string{}, j.errors...)))
	c := j.count
	j.printf(",\n  \"exchanges\": %d,\n  \"unchecked\": %d,\n  \"elsewhere\": %d,\n  \"violations\": %d,\n  \"drift\": %d,\n  \"leaks\": %d\n}\n",
		c.Checked, c.NotChecked, c.Elsewhere, c.Violations, c.Drift, c.Leaks)
	return j.err
}

// next and end write what stands around the items of an array.
func (j *jsonReport) next(i int) {
	if i > 0 {
		j.printf(",")
	}
	j.printf("\n    ")
}

func (j *jsonReport) end(n int) {
	if n > 0 {
		j.printf("\n  ")
	}
}
