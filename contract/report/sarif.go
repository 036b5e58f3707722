package report

import (
	"cmp"
	"encoding/json"
	"net/url"
	"path/filepath"
	"slices"
	"strings"

	"github.com/okchat/okchat-go/contract"
	"github.com/okchat/okchat-go/contract/finding"
	"github.com/okchat/okchat-go/exchange"
)

// sarif is SARIF 2.1.0, which code scanning reads.
type sarif struct{ *output }

type (
	sarifText struct {
		Text string `json:"text"`
	}
	sarifArtifact struct {
		URI string `json:"uri"`
	}
	sarifRegion struct {
		StartLine   int   `json:"startLine"`
		StartColumn int   `json:"startColumn,omitempty"`
		ByteOffset  int64 `json:"byteOffset,omitempty"`
	}
	sarifPhysical struct {
		Artifact sarifArtifact `json:"artifactLocation"`
		Region   *sarifRegion  `json:"region,omitempty"`
	}
	sarifLogical struct {
		Name string `json:"fullyQualifiedName"`
		Kind string `json:"kind"`
	}
	sarifLocation struct {
		Physical sarifPhysical  `json:"physicalLocation"`
		Logical  []sarifLogical `json:"logicalLocations,omitempty"`
		Message  *sarifText     `json:"message,omitempty"`
	}
	sarifResult struct {
		RuleID    finding.Code      `json:"ruleId"`
		Level     string            `json:"level"`
		Message   sarifText         `json:"message"`
		Locations []sarifLocation   `json:"locations"`
		Related   []sarifLocation   `json:"relatedLocations,omitempty"`
		Prints    map[string]string `json:"partialFingerprints"`
		Count     int               `json:"occurrenceCount,omitempty"`
		Extra     map[string]string `json:"properties,omitempty"`
	}
	sarifNotification struct {
		Level     string          `json:"level"`
		Message   sarifText       `json:"message"`
		Locations []sarifLocation `json:"locations,omitempty"`
	}
	sarifRule struct {
		ID    finding.Code `json:"id"`
		Short sarifText    `json:"shortDescription"`
	}
)

func (s *sarif) result(g *group) sarifResult {
	f := g.Finding
	level := "error"
	if !s.fails(f) {
		level = "warning"
	}
	place := locationOf(f.Source)
	if f.Pointer != "" {
		place.Logical = []sarifLogical{{f.Pointer, "member"}}
	}
	out := sarifResult{
		RuleID: f.Code, Level: level, Message: sarifText{f.Message()}, Locations: []sarifLocation{place},
		Prints: map[string]string{"place/v1": f.Source.EntryName() + " " + string(f.Part) + " " + f.Pointer},
		Count:  g.count, Extra: map[string]string{},
	}
	for _, source := range g.more {
		also := locationOf(source)
		also.Message = &sarifText{"the same"}
		out.Related = append(out.Related, also)
	}
	if f.SpecLine > 0 {
		out.Related = append(out.Related, sarifLocation{
			Physical: sarifPhysical{sarifArtifact{uri(f.SpecFile)}, &sarifRegion{StartLine: f.SpecLine, StartColumn: f.SpecColumn}},
			Message:  &sarifText{"the contract"},
		})
	}
	for name, text := range map[string]string{"patch": f.Patch, "request": f.Request} {
		if text != "" {
			out.Extra[name] = text
		}
	}
	return out
}

// uri is a file's name as a relative reference.
func uri(name string) string { return (&url.URL{Path: filepath.ToSlash(name)}).String() }

func locationOf(s exchange.Source) sarifLocation {
	place := sarifLocation{Physical: sarifPhysical{Artifact: sarifArtifact{uri(s.File)}}}
	if s.Line > 0 {
		place.Physical.Region = &sarifRegion{s.Line, s.Column, s.Offset}
	}
	return place
}

// Close implements [Writer].
func (s *sarif) Close() error {
	results := []sarifResult{}
	rules := []sarifRule{}
	for _, g := range s.groups {
		results = append(results, s.result(g))
		if !slices.ContainsFunc(rules, func(r sarifRule) bool { return r.ID == g.Code }) {
			rules = append(rules, sarifRule{g.Code, sarifText{string(g.Severity) + ": " + describe(s.contract, g.Code)}})
		}
	}
	slices.SortFunc(rules, func(a, b sarifRule) int { return cmp.Compare(a.ID, b.ID) })
	notes := []sarifNotification{}
	for _, message := range s.errors {
		notes = append(notes, sarifNotification{"error", sarifText{message}, nil})
	}
	for _, u := range s.reasons {
		notes = append(notes, sarifNotification{"warning", sarifText{u.source.Place() + " " + u.String()}, []sarifLocation{locationOf(u.source)}})
	}
	version := cmp.Or(s.opts.Version, "0.0.0")
	return s.value(json.MarshalIndent(map[string]any{
		"$schema": "https://json.schemastore.org/sarif-2.1.0.json",
		"version": "2.1.0",
		"runs": []any{map[string]any{
			"columnKind": "utf16CodeUnits",
			"tool": map[string]any{"driver": map[string]any{
				"name": "okchat", "informationUri": "https://github.com/okchat/okchat-go", "version": version,
				"semanticVersion": strings.TrimPrefix(version, "v"), "rules": rules,
			}},
			"results":     results,
			"invocations": []any{map[string]any{"executionSuccessful": len(s.errors) == 0, "toolExecutionNotifications": notes}},
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
