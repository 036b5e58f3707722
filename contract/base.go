package contract

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// At returns the contract as it is served below a base URL, of which only the path counts: with "/okchat" or
// "https://gateway.example/okchat" each operation's path begins with /okchat. It replaces an earlier base. It fails where base is
// no URL or has a query.
func (c *Contract) At(base string) (*Contract, error) {
	target, err := url.Parse(base)
	if err != nil || target.RawQuery != "" || target.Fragment != "" || target.Opaque != "" {
		return nil, fmt.Errorf("the base is not a URL without query, expected a path such as /prefix or https://host/prefix")
	}
	prefix := strings.FieldsFunc(target.EscapedPath(), func(r rune) bool { return r == '/' })
	out := *c
	out.base, out.operations = prefix, make([]*operation, len(c.operations))
	for i, op := range c.operations {
		moved := *op
		moved.segments = slices.Concat(prefix, op.segments[len(c.base):])
		out.operations[i] = &moved
	}
	return &out, nil
}

// Concerns reports whether a request's path is one of the contract's operations. The method does not matter.
func (c *Contract) Concerns(req *http.Request) bool {
	return slices.ContainsFunc(c.operations, func(op *operation) bool {
		_, ok := op.match(req.URL.EscapedPath())
		return ok
	})
}
