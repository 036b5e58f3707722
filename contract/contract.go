// Package contract holds exchanges, an HTTP request and its response, against okchat-go's OpenAPI contract.
//
// A check takes an [Exchange] and returns [Finding] values, one for each fault:
//
//	c, err := contract.New()
//	...
//	for exchange, err := range contract.ReadHAR(file, "page-1.har") {
//		...
//		for _, finding := range c.Check(exchange) {
//			fmt.Println(finding)
//		}
//	}
//
// Exchanges come from recordings ([ReadHAR]) or from a client at work ([Contract.Watch]).
//
// A finding is a violation, the contract is broken, or drift: the vendor added a member, a value of an open set
// (x-extensible-enum) or a status. The contract allows what drifts, so consumers live on, yet it should learn of it.
//
// What is checked: method and path, the key's presence, each parameter, the status, response headers, the media type
// and the JSON body with its formats (uuid, date-time) to the letter. Which host served the exchange does not matter:
// a proxy or a fake is held to the same contract.
//
// The schema work is kin-openapi's. Findings are made from the structure of its errors and never from their messages,
// which quote the texts and ids of end users.
package contract

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/okchat/okchat-go"
)

// specName is what messages call the embedded contract.
const specName = "openapi.yaml"

// Contract is an OpenAPI document made ready for checks. It never changes and is safe for concurrent use. [New] and
// [Parse] make one.
type Contract struct {
	doc    *openapi3.T
	router routers.Router
	// open holds the schemas whose enum was made from x-extensible-enum: an unknown value is drift there.
	open map[*openapi3.Schema]bool
	opts openapi3filter.Options
}

// New returns okchat-go's own contract, the openapi.yaml that the module embeds. It fails only where that does not
// parse, which the module's tests rule out.
func New() (*Contract, error) {
	return Parse([]byte(okchat.OpenAPI()), specName)
}

// Check holds an exchange against the contract and returns a finding for each fault: those of the request first, then
// status, headers, media type and body of the response. None means that the contract holds. It never changes the
// exchange and never panics, whatever the bytes.
func (c *Contract) Check(ex *Exchange) []Finding {
	f := &findings{contract: c, source: ex.Source}
	input, ok := c.route(ex, f)
	if !ok {
		return f.list
	}
	c.checkRequest(input, f)
	c.checkResponse(ex, input, f)
	return f.list
}

// route finds the operation that the exchange called, and reports where there is none.
func (c *Contract) route(ex *Exchange, f *findings) (*openapi3filter.RequestValidationInput, bool) {
	target, err := url.Parse(ex.URL)
	if err != nil {
		f.add(Violation, CodeOperation, PartRequest, "", "a URL", "text that is none")
		return nil, false
	}
	// Path and query only: the host is not held against an exchange.
	req := &http.Request{
		Method: ex.Method,
		URL:    &url.URL{Path: target.Path, RawPath: target.RawPath, RawQuery: target.RawQuery},
		Header: ex.RequestHeader.Clone(),
		Body:   io.NopCloser(bytes.NewReader(ex.RequestBody)),
	}
	if req.Header == nil {
		req.Header = http.Header{}
	}
	route, params, err := c.router.FindRoute(req)
	if err != nil {
		f.add(Violation, CodeOperation, PartRequest, "", strings.Join(c.operations(), " or "), c.describeRequest(req))
		return nil, false
	}
	return &openapi3filter.RequestValidationInput{Request: req, Route: route, PathParams: params, Options: &c.opts}, true
}

// operations lists the contract's operations as "GET /path".
func (c *Contract) operations() []string {
	var list []string
	for _, path := range c.doc.Paths.InMatchingOrder() {
		for method := range c.doc.Paths.Value(path).Operations() {
			list = append(list, method+" "+path)
		}
	}
	return list
}

// describeRequest says what of a request that has no operation is known, without its path: that may hold ids.
func (c *Contract) describeRequest(req *http.Request) string {
	for _, operation := range c.operations() {
		method, _, _ := strings.Cut(operation, " ")
		probe := *req
		probe.Method = method
		if _, _, err := c.router.FindRoute(&probe); err == nil {
			return "another method, " + describeWord(req.Method)
		}
	}
	return "a path that the contract does not know"
}

func (c *Contract) checkRequest(input *openapi3filter.RequestValidationInput, f *findings) {
	if err := openapi3filter.ValidateRequest(context.Background(), input); err != nil {
		f.request(err)
	}
}

func (c *Contract) checkResponse(ex *Exchange, input *openapi3filter.RequestValidationInput, f *findings) {
	responses := input.Route.Operation.Responses
	// kin-openapi lets some redirects pass without a look at the contract, so the status is looked up here.
	ref := responses.Status(ex.Status)
	if ref == nil {
		ref = responses.Default()
	}
	if ref == nil {
		f.status(responses, ex.Status)
		return
	}
	err := openapi3filter.ValidateResponse(context.Background(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: input,
		Status:                 ex.Status,
		Header:                 ex.ResponseHeader,
		Options:                &c.opts,
	})
	if err != nil {
		f.header(ref.Value.Headers, err)
	}
	c.checkBody(ex, ref.Value.Content, f)
}

// checkBody holds the body to the schema of its media type. It does not leave this to openapi3filter, which decodes by
// registered media types and so refuses any HTML, even where the contract says that a body may be anything.
func (c *Contract) checkBody(ex *Exchange, content openapi3.Content, f *findings) {
	if len(content) == 0 {
		return
	}
	contentType := ex.ResponseHeader.Get("Content-Type")
	media := content.Get(contentType)
	if media == nil {
		f.mediaType(content, contentType)
		return
	}
	if media.Schema == nil || acceptsAll(media.Schema.Value) {
		return
	}
	value, err := decodeJSON(ex.ResponseBody)
	if err != nil {
		f.notJSON(ex.ResponseBody, err)
		return
	}
	if err := media.Schema.Value.VisitJSON(value, c.opts.SchemaValidationOptions...); err != nil {
		f.schema(PartResponseBody, "", err)
	}
}
