package report

import (
	"cmp"
	"encoding/json"
	"net/url"
	"path/filepath"
	"strings"

	"github.com/okchat/okchat-go/contract"
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

// sarif is SARIF 2.1.0, which code scanning reads.
type sarif struct{ *output }

// object is a JSON object of the report.
type object map[string]any

// message returns a text as SARIF has it.
func message(s string) object { return object{"text": s} }

func (s *sarif) result(g *group) object {
	f := g.Finding
	level := "error"
	if !s.fails(f) {
		level = "warning"
	}
	place := locationOf(f.Source)
	if f.Pointer != "" {
		place["logicalLocations"] = []object{{"fullyQualifiedName": f.Pointer, "kind": "member"}}
	}
	related := []object{}
	for _, source := range g.more {
		also := locationOf(source)
		also["message"] = message("the same")
		related = append(related, also)
	}
	if f.SpecLine > 0 {
		at := locationOf(exchange.Source{File: f.SpecFile, Line: f.SpecLine, Column: f.SpecColumn})
		at["message"] = message("the contract")
		related = append(related, at)
	}
	extra := object{}
	for name, text := range map[string]string{"patch": f.Patch, "request": f.Request} {
		if text != "" {
			extra[name] = text
		}
	}
	return object{
		"ruleId": f.Code, "level": level, "message": message(f.Message()), "locations": []object{place}, "relatedLocations": related,
		"partialFingerprints": object{"place/v1": f.Source.EntryName() + " " + string(f.Part) + " " + f.Pointer},
		"occurrenceCount":     g.count, "properties": extra,
	}
}

// locationOf returns a place, its file's name as a relative reference.
func locationOf(s exchange.Source) object {
	physical := object{"artifactLocation": object{"uri": (&url.URL{Path: filepath.ToSlash(s.File)}).String()}}
	if s.Line > 0 {
		region := object{"startLine": s.Line, "startColumn": s.Column}
		if s.Offset > 0 {
			region["byteOffset"] = s.Offset
		}
		physical["region"] = region
	}
	return object{"physicalLocation": physical}
}

// Close implements [Writer].
func (s *sarif) Close() error {
	results, rules, notes := []object{}, []object{}, []object{}
	told := make(map[finding.Code]bool)
	for _, g := range s.groups {
		results = append(results, s.result(g))
		if !told[g.Code] {
			told[g.Code] = true
			rules = append(rules, object{"id": g.Code, "shortDescription": message(string(g.Severity) + ": " + describe(s.contract, g.Code))})
		}
	}
	for _, err := range s.errors {
		notes = append(notes, object{"level": "error", "message": message(err)})
	}
	for _, u := range s.reasons {
		notes = append(notes, object{"level": "warning", "message": message(u.source.Place() + " " + u.String()), "locations": []object{locationOf(u.source)}})
	}
	version := cmp.Or(s.opts.Version, "0.0.0")
	return s.value(json.MarshalIndent(object{
		"$schema": "https://json.schemastore.org/sarif-2.1.0.json",
		"version": "2.1.0",
		"runs": []object{{
			"columnKind": "utf16CodeUnits",
			"tool": object{"driver": object{
				"name": "okchat", "informationUri": "https://github.com/okchat/okchat-go", "version": version,
				"semanticVersion": strings.TrimPrefix(version, "v"), "rules": rules,
			}},
			"results":     results,
			"invocations": []object{{"executionSuccessful": len(s.errors) == 0, "toolExecutionNotifications": notes}},
		}},
	}, "", "  "))
}

// describe returns what a code stands for: what a rule expects, or else the code itself.
func describe(c *contract.Contract, code finding.Code) string {
	for _, r := range c.Rules() {
		if r.Code == code {
			return r.Expect
		}
	}
	return string(code)
}
