package spec

import (
	"fmt"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/okchat/okchat-go/contract/finding"
	"github.com/okchat/okchat-go/contract/internal/jsontree"
	"github.com/okchat/okchat-go/contract/internal/words"
)

// Request checks a request's key and parameters. path are the parameters of the path as Match returns them.
func (op *Operation) Request(header http.Header, rawQuery string, path map[string]string, noKey bool, faults *Faults) *Request {
	r := &Request{Page: op.First}
	if !noKey {
		op.checkKey(header, faults)
	}
	query := make(map[string][]string)
	for pair := range strings.SplitSeq(rawQuery, "&") {
		if pair == "" {
			continue
		}
		name, text, _ := strings.Cut(pair, "=")
		n, err1 := url.QueryUnescape(name)
		v, err2 := url.QueryUnescape(text)
		if err1 == nil && err2 == nil {
			query[n] = append(query[n], v)
			continue
		}
		faults.Outside(finding.CodeType, finding.PartRequestQuery, "", op.Key, "a query in percent-encoding", "one that breaks it")
		r.Broken = append(r.Broken, "query/"+n)
	}
	for _, p := range op.Parameters {
		given := query[p.Name]
		delete(query, p.Name)
		if p.In == "path" {
			text, err := url.PathUnescape(path[p.Name])
			if err != nil {
				text = path[p.Name]
			}
			given = []string{text}
		}
		switch {
		case len(given) > 1:
			faults.Outside(finding.CodeRepeated, finding.PartRequestQuery, p.Name, p.Node, "it once", fmt.Sprintf("it %d times", len(given)))
		case len(given) == 0 && p.Required:
			faults.Outside(finding.CodeMissing, parts[p.In], p.Name, p.Node, "a value", "none")
		case len(given) == 0:
			continue
		default:
			if n := p.Check(given[0], faults); n != nil {
				r.Values = append(r.Values, Given{p, n})
				if p.In == "query" && p.Name == op.Counter {
					r.Page, _ = strconv.Atoi(n.Text)
				}
				continue
			}
		}
		r.Broken = append(r.Broken, p.In+"/"+p.Name)
	}
	for _, name := range slices.Sorted(maps.Keys(query)) {
		faults.Outside(finding.CodeParameter, finding.PartRequestQuery, name, op.Key, "a parameter that the contract knows", "another")
	}
	return r
}

// checkKey asks for the key's header, never for its value: a recording that was made safe to share keeps the contract.
func (op *Operation) checkKey(header http.Header, faults *Faults) {
	missing := ""
	for _, needs := range op.schemes {
		at := slices.IndexFunc(needs, func(name string) bool { return strings.TrimSpace(header.Get(name)) == "" })
		if at < 0 {
			return
		}
		missing = needs[at]
	}
	if missing != "" {
		faults.Outside(finding.CodeKey, finding.PartRequestHeader, missing, op.security, "an API key", "none")
	}
}

var parts = map[string]finding.Part{"path": finding.PartRequestPath, "query": finding.PartRequestQuery, "header": finding.PartResponseHeader}

// Check validates the text of a parameter or header, and returns it as a value of its type, or nil where it breaks its
// schema. A value that is only new to the contract keeps it.
func (p *Parameter) Check(given string, faults *Faults) *jsontree.Node {
	kind := jsontree.String
	types := p.Schema.Types
	switch {
	case types&jsontree.String != 0:
	case types&jsontree.Integer != 0 && isDecimal(given):
		kind = jsontree.Number | jsontree.Integer
	case types&jsontree.Boolean != 0 && (given == "true" || given == "false"):
		kind = jsontree.Boolean
	default:
		got := words.Text(given)
		if given == "" {
			got = "an empty value"
		}
		faults.Outside(finding.CodeType, parts[p.In], p.Name, p.Schema.Keyword("type"), types.String(), got)
		return nil
	}
	n := jsontree.Scalar(kind, given)
	v := &Validation{Faults: &Faults{}}
	v.value(p.Schema, n)
	broken := false
	for _, f := range v.Faults.List {
		f.Part, f.Pointer, f.Node, f.Offset, f.Addition = parts[p.In], p.Name, nil, -1, nil
		faults.Add(f)
		broken = broken || f.Severity == finding.Violation
	}
	if broken {
		return nil
	}
	return n
}

// isDecimal reports whether a text is a whole number as a query has it.
func isDecimal(s string) bool {
	_, err := strconv.ParseInt(s, 10, 64)
	return err == nil && s[0] != '+'
}

// Status checks a response's status and headers, and returns what the contract says of it, nil for nothing.
func (op *Operation) Status(status int, header http.Header, faults *Faults) *Response {
	var known []string
	for _, r := range op.Responses {
		known = append(known, r.Status)
	}
	expected := strings.Join(known, ", ")
	if status < 100 || status > 599 {
		faults.Outside(finding.CodeStatus, finding.PartStatus, "", op.answers, expected, fmt.Sprintf("%d, which is none", status))
		return nil
	}
	answer := op.Answer(status)
	if answer == nil {
		faults.Add(Fault{Finding: finding.Finding{Severity: finding.Drift, Code: finding.CodeStatus, Part: finding.PartStatus, Expected: expected, Got: strconv.Itoa(status)},
			Offset: -1, At: op.answers, Addition: &Addition{At: op.responses, Name: strconv.Itoa(status)}})
		return nil
	}
	for _, h := range answer.Headers {
		values := header.Values(h.Name)
		if len(values) == 0 && h.Required {
			faults.Outside(finding.CodeMissing, finding.PartResponseHeader, h.Name, h.Node, "a value", "none")
		}
		for _, v := range values {
			h.Check(v, faults)
		}
	}
	return answer
}

// Choose returns the schema of a body of that Content-Type, nil where there is nothing to check: any body will do, or the
// type is wrong, which is a fault of the header in that part.
func (c *Content) Choose(contentType string, part finding.Part, faults *Faults) *Schema {
	name, parameters, err := mime.ParseMediaType(contentType)
	if err != nil { // the type itself may be readable
		name, _, _ = strings.Cut(strings.ToLower(contentType), ";")
		name = strings.TrimSpace(name)
	}
	m := c.media(name)
	if m == nil {
		got := "none"
		if contentType != "" {
			got = words.MediaType(name)
		}
		var known []string
		for _, m := range c.Media {
			known = append(known, m.Pattern)
		}
		faults.Outside(finding.CodeMediaType, part, "Content-Type", c.Key, strings.Join(known, " or "), got)
		return nil
	}
	if charset := parameters["charset"]; m.Schema != nil && charset != "" && !strings.EqualFold(charset, "utf-8") {
		faults.Outside(finding.CodeMediaType, part, "Content-Type", c.Key, "JSON in UTF-8", "another charset")
	}
	return m.Schema
}

// media returns the most precise description of a media type, or nil.
func (c *Content) media(name string) *Media {
	kind, _, _ := strings.Cut(name, "/")
	for _, pattern := range []string{name, kind + "/*", "*/*"} {
		for i := range c.Media {
			if c.Media[i].Pattern == pattern {
				return &c.Media[i]
			}
		}
	}
	return nil
}
