package report

import (
	"cmp"
	"encoding/json"
	"net/url"
	"path/filepath"
	"slices"

	"github.com/okchat/okchat-go/contract"
)

// sarif is SARIF 2.1.0, which code scanning reads.
type sarif struct {
	*output
	codes  map[contract.Code]contract.Finding
	errors []sarifNotification
	begun  bool
}

type (
	sarifText struct {
		Text string `json:"text"`
	}
	sarifArtifact struct {
		URI string `json:"uri"`
	}
	sarifRegion struct {
		StartLine   int `json:"startLine"`
		StartColumn int `json:"startColumn,omitempty"`
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
		RuleID    contract.Code     `json:"ruleId"`
		Level     string            `json:"level"`
		Message   sarifText         `json:"message"`
		Locations []sarifLocation   `json:"locations"`
		Related   []sarifLocation   `json:"relatedLocations,omitempty"`
		Prints    map[string]string `json:"partialFingerprints"`
		Extra     map[string]string `json:"properties,omitempty"`
	}
	sarifNotification struct {
		Level   string    `json:"level"`
		Message sarifText `json:"message"`
	}
	sarifRule struct {
		ID    contract.Code `json:"id"`
		Short sarifText     `json:"shortDescription"`
	}
)

func newSARIF(out *output) *sarif {
	return &sarif{output: out, codes: make(map[contract.Code]contract.Finding)}
}

func (s *sarif) Result(r *contract.Result) {
	for _, f := range r.Findings {
		s.begin()
		s.value(s.result(f))
		if _, ok := s.codes[f.Code]; !ok {
			s.codes[f.Code] = f
		}
	}
}

func (s *sarif) result(f contract.Finding) sarifResult {
	level := "error"
	if !s.fails(f) {
		level = "warning"
	}
	name, entry := f.Source.File, f.Source.EntryName()
	place := sarifLocation{Physical: sarifPhysical{Artifact: sarifArtifact{uri(name)}}}
	if f.Source.Line > 0 {
		place.Physical.Region = &sarifRegion{f.Source.Line, f.Source.Column}
	}
	if f.Pointer != "" {
		place.Logical = []sarifLogical{{f.Pointer, "member"}}
	}
	out := sarifResult{
		RuleID: f.Code, Level: level, Message: sarifText{f.Message()}, Locations: []sarifLocation{place},
		Prints: map[string]string{"place/v1": entry + " " + string(f.Part) + " " + f.Pointer},
	}
	if f.SpecLine > 0 {
		out.Related = []sarifLocation{{
			Physical: sarifPhysical{sarifArtifact{uri(s.contract.Name())}, &sarifRegion{f.SpecLine, f.SpecColumn}},
			Message:  &sarifText{"the contract"},
		}}
	}
	if patch := s.contract.Patch(f); patch != "" {
		out.Extra = map[string]string{"patch": patch}
	}
	return out
}

// uri is a file's name as a relative reference.
func uri(name string) string { return (&url.URL{Path: filepath.ToSlash(name)}).String() }

func (s *sarif) begin() {
	if s.begun {
		s.printf(",\n      ")
		return
	}
	s.begun = true
	s.printf("{\n  \"$schema\": \"https://json.schemastore.org/sarif-2.1.0.json\",\n  \"version\": \"2.1.0\",\n  \"runs\": [{\n    \"results\": [\n      ")
}

func (s *sarif) value(v any) {
	b, err := json.Marshal(v)
	if err != nil && s.err == nil {
		s.err = err
	}
	s.printf("%s", b)
}

func (s *sarif) Error(err error) {
	s.errors = append(s.errors, sarifNotification{"error", sarifText{err.Error()}})
}

func (s *sarif) Close() error {
	if !s.begun {
		s.begin()
	}
	rules := make([]sarifRule, 0, len(s.codes))
	for code, f := range s.codes {
		rules = append(rules, sarifRule{code, sarifText{string(f.Severity) + ": " + describe(s.contract, code)}})
	}
	slices.SortFunc(rules, func(a, b sarifRule) int { return cmp.Compare(a.ID, b.ID) })
	s.printf("\n    ],\n    \"tool\": {\"driver\": ")
	s.value(map[string]any{"name": "okchat", "informationUri": "https://github.com/okchat/okchat-go", "semanticVersion": cmp.Or(s.opts.Version, "0.0.0"), "rules": rules})
	s.printf("},\n    \"invocations\": [")
	invocation := map[string]any{"executionSuccessful": len(s.errors) == 0}
	if len(s.errors) > 0 {
		invocation["toolExecutionNotifications"] = s.errors
	}
	s.value(invocation)
	s.printf("]\n  }]\n}\n")
	return s.err
}

// describe says what a code stands for: what a rule expects, or else its own words.
func describe(c *contract.Contract, code contract.Code) string {
	for _, r := range c.Rules() {
		if r.Code == code {
			return r.Expect
		}
	}
	return string(code)
}
