package redact

import (
	"net/url"
	"slices"
	"strings"

	"github.com/okchat/okchat-go/contract"
	"github.com/okchat/okchat-go/contract/internal/spec"
	"github.com/okchat/okchat-go/internal/lazy"
)

// url returns the URL of a call: on a host that everybody knows or a pseudonym of it, without the base path below which the
// API is served, and with pseudonyms for the values of its parameters.
func (r *Redactor) url(result *contract.Result) string {
	target := spec.NewTarget(result.Exchange.URL)
	out := r.origin(target.Origin) + r.path(target.Path, result.Contract().Base())
	if target.Query == "" {
		return out
	}
	pairs := strings.Split(target.Query, "&")
	for i, pair := range pairs {
		pairs[i] = r.pair(result.Operation, pair)
	}
	return out + "?" + strings.Join(pairs, "&")
}

var knownHost = lazy.Regexp(`^https?://(localhost|127\.0\.0\.1|\[::1\])(:\d{1,5})?$`)

func (r *Redactor) origin(origin string) string {
	if origin == "" || knownHost().MatchString(origin) || slices.Contains(r.contract.Compiled().Servers, origin) {
		return origin
	}
	return "https://" + strings.ReplaceAll(r.name(origin), "_", "-") + ".example"
}

// path returns a path below the base.
func (r *Redactor) path(path, base string) string {
	path = strings.TrimPrefix(path, base)
	segments := strings.Split(path, "/")
	for i, s := range segments {
		plain, err := url.PathUnescape(s)
		switch {
		case s == "", s == ".", err == nil && r.contract.Compiled().HasSegment(strings.ToLower(plain)):
		case err != nil:
			segments[i] = "%zz"
		default:
			segments[i] = url.PathEscape(r.id(plain))
		}
	}
	return strings.Join(segments, "/")
}

// pair returns a pair of the query.
func (r *Redactor) pair(op *spec.Operation, pair string) string {
	name, value, assigned := strings.Cut(pair, "=")
	plain, err := url.QueryUnescape(name)
	var schema *spec.Schema
	switch i := r.queryParameter(op, plain); {
	case pair == "":
		return ""
	case err != nil:
		name = "%zz" // stays broken
	case i >= 0:
		schema = op.Parameters[i].Schema
	default:
		name = r.name(plain)
	}
	if !assigned {
		return name
	}
	if plain, err = url.QueryUnescape(value); err != nil {
		return name + "=%zz"
	}
	return name + "=" + url.QueryEscape(r.parameter(schema, plain))
}

func (r *Redactor) queryParameter(op *spec.Operation, name string) int {
	if op == nil {
		return -1
	}
	return slices.IndexFunc(op.Parameters, func(p *spec.Parameter) bool { return p.In == "query" && p.Name == name })
}

// What a value may look like that keeps the type of a number, or nearly.
var (
	smallNumber = lazy.Regexp(`^[+-]?\d{1,19}(\.\d{1,2})?$`)
	largeNumber = lazy.Regexp(`^[+-]?\d{20,}$`)
)

// parameter returns the value of a parameter or header that a schema describes, nil for none.
func (r *Redactor) parameter(s *spec.Schema, v string) string {
	switch {
	case strings.TrimSpace(v) == "":
		return ""
	case s == nil:
		return r.name(v)
	case s.Known != nil, s.Format == "date-time", s.Format == "uuid", s.Personal != "":
		return r.text(v, s)
	case smallNumber().MatchString(v):
		return v
	case largeNumber().MatchString(v):
		return strings.Repeat("9", len(v)) // is too large for any reader, too
	case v == "true" || v == "false":
		return v
	}
	return r.prose(v)
}
