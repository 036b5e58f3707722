package report

import (
	"encoding/json"

	"github.com/okchat/okchat-go/contract/finding"
	"github.com/okchat/okchat-go/exchange"
)

// jsonReport is one JSON document. Its form is described by schema.json beside this file.
type jsonReport struct{ *output }

type (
	jsonDocument struct {
		Findings   []jsonFinding    `json:"findings"`
		NotChecked []jsonNotChecked `json:"notChecked"`
		Errors     []string         `json:"errors"`
		Count
	}
	jsonFinding struct {
		jsonPlace
		Request  string           `json:"request,omitempty"`
		Severity finding.Severity `json:"severity"`
		Code     finding.Code     `json:"code"`
		Part     finding.Part     `json:"part"`
		Pointer  string           `json:"pointer"`
		Expected string           `json:"expected"`
		Got      string           `json:"got"`
		Evidence string           `json:"evidence,omitempty"`
		Spec     *jsonSpec        `json:"spec,omitempty"`
		Patch    string           `json:"patch,omitempty"`
		Message  string           `json:"message"`
		Count    int              `json:"count"`
		Also     []jsonPlace      `json:"also,omitempty"`
	}
	jsonPlace struct {
		Source string `json:"source"`
		Line   int    `json:"line,omitempty"`
		Column int    `json:"column,omitempty"`
		Offset int64  `json:"offset,omitempty"`
	}
	jsonSpec struct {
		File   string `json:"file"`
		Line   int    `json:"line"`
		Column int    `json:"column"`
	}
	jsonNotChecked struct {
		Source  string `json:"source"`
		Request string `json:"request,omitempty"`
		Reason  string `json:"reason"`
		Count   int    `json:"count"`
	}
)

func placeOf(s exchange.Source) jsonPlace { return jsonPlace{s.String(), s.Line, s.Column, s.Offset} }

// Close implements [Writer].
func (j *jsonReport) Close() error {
	doc := jsonDocument{Findings: []jsonFinding{}, NotChecked: []jsonNotChecked{}, Errors: append([]string{}, j.errors...), Count: j.count}
	for _, g := range j.groups {
		f := g.Finding
		out := jsonFinding{
			jsonPlace: placeOf(f.Source), Request: f.Request, Severity: f.Severity, Code: f.Code, Part: f.Part, Pointer: f.Pointer,
			Expected: f.Expected, Got: f.Got, Evidence: f.Evidence, Patch: f.Patch, Message: f.Message(), Count: g.count,
		}
		if f.SpecLine > 0 {
			out.Spec = &jsonSpec{f.SpecFile, f.SpecLine, f.SpecColumn}
		}
		for _, s := range g.more {
			out.Also = append(out.Also, placeOf(s))
		}
		doc.Findings = append(doc.Findings, out)
	}
	for _, u := range j.reasons {
		doc.NotChecked = append(doc.NotChecked, jsonNotChecked{u.source.String(), u.call, u.reason, u.count})
	}
	return j.value(json.MarshalIndent(doc, "", "  "))
}
