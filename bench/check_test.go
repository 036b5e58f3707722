package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers/legacy"
	"github.com/pb33f/libopenapi"
	validator "github.com/pb33f/libopenapi-validator"
	"github.com/pb33f/libopenapi-validator/config"

	okchatgo "github.com/okchat/okchat-go"
	"github.com/okchat/okchat-go/contract"
	"github.com/okchat/okchat-go/contract/finding"
	"github.com/okchat/okchat-go/contract_test/recordings"
	"github.com/okchat/okchat-go/exchange"
)

// A checker says what is wrong with an exchange.
type checker func(*exchange.Exchange) error

// sample is the vendor's: a page of ten conversations.
func sample() *exchange.Exchange {
	const name = "page-1.har"
	for ex, err := range exchange.ReadHAR(must(recordings.FS().Open(name)), name) {
		return must(ex, err)
	}
	panic("no entry in " + name)
}

func checkOurs() checker {
	c := must(contract.New())
	return func(ex *exchange.Exchange) error {
		for _, f := range c.Check(ex).Findings {
			if f.Severity == finding.Violation {
				return errors.New(f.String())
			}
		}
		return nil
	}
}

func httpOf(ex *exchange.Exchange) (*http.Request, *http.Response) {
	req := must(http.NewRequest(ex.Method, ex.URL, nil))
	req.Header = ex.RequestHeader
	return req, &http.Response{
		StatusCode: ex.Status, Header: ex.ResponseHeader, Request: req, Body: io.NopCloser(bytes.NewReader(ex.ResponseBody)),
	}
}

func checkKin(spec []byte) checker {
	doc := must(openapi3.NewLoader().LoadFromData(spec))
	router := must(legacy.NewRouter(doc))
	opts := &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, IncludeResponseStatus: true}
	ctx := context.Background()
	return func(ex *exchange.Exchange) error {
		req, resp := httpOf(ex)
		route, params, err := router.FindRoute(req)
		if err != nil {
			return err
		}
		in := &openapi3filter.RequestValidationInput{Request: req, PathParams: params, Route: route, Options: opts}
		if err := openapi3filter.ValidateRequest(ctx, in); err != nil {
			return err
		}
		return openapi3filter.ValidateResponse(ctx, &openapi3filter.ResponseValidationInput{
			RequestValidationInput: in, Status: resp.StatusCode, Header: resp.Header, Body: resp.Body, Options: opts,
		})
	}
}

func checkPb33f(spec []byte) checker {
	v, errs := validator.NewValidator(must(libopenapi.NewDocument(spec)), config.WithStrictMode(), config.WithFormatAssertions())
	if len(errs) > 0 {
		panic(errors.Join(errs...))
	}
	return func(ex *exchange.Exchange) error {
		if ok, errs := v.ValidateHttpRequestResponse(httpOf(ex)); !ok {
			return errors.New(errs[0].Error())
		}
		return nil
	}
}

var activeIsTrue = regexp.MustCompile(`"active": *true`)

// BenchmarkCheck checks the vendor's sample against the contract. Ours checks the rules of meaning too.
func BenchmarkCheck(b *testing.B) {
	const n = 100
	const (
		ours    = "contract.Check"
		parsing = "json.Unmarshal into any, no check"
		kin30   = "kin-openapi, on OpenAPI 3.0"
		kin31   = "kin-openapi, on OpenAPI 3.1"
		pb33f   = "libopenapi-validator, strict"
		limits  = "0.05 ms and 150 allocations"
		goal    = "0.04 ms"
	)
	spec31 := []byte(okchatgo.OpenAPI())
	spec30 := must(os.ReadFile("../api/openapi-3.0.yaml"))
	ex := sample()
	sides := []side{
		{parsing, func() (cost, error) {
			return work(n, func() error {
				var v any
				return json.Unmarshal(ex.ResponseBody, &v)
			})
		}},
		always(limits, cost{wall: 5e4, allocs: 150}),
		always(goal, cost{wall: 4e4}),
	}
	type candidate struct {
		name  string
		check checker
	}
	candidates := []candidate{{ours, checkOurs()}, {kin30, checkKin(spec30)}, {kin31, checkKin(spec31)}}
	if !testing.Short() { // the gate compiles libopenapi without inlining
		candidates = append(candidates, candidate{pb33f, checkPb33f(spec31)})
	}
	for _, c := range candidates {
		// One that takes all would be fast.
		broken := *ex
		broken.ResponseBody = activeIsTrue.ReplaceAll(ex.ResponseBody, []byte(`"active": 1`))
		if bytes.Equal(broken.ResponseBody, ex.ResponseBody) || c.check(&broken) == nil {
			b.Fatalf("%s takes a broken exchange", c.name)
		}
		if err := c.check(ex); err != nil {
			b.Fatalf("%s: %v", c.name, err)
		}
		sides = append(sides, side{c.name, func() (cost, error) {
			return work(n, func() error { return c.check(ex) })
		}})
	}
	r := pair(b, fmt.Sprintf("check a page of 10, %.1f KB", float64(len(ex.ResponseBody))/1000), rounds(15, 9), sides...)
	r.claim(wall, ours, parsing, 0)
	r.show(wall, ours, limits, 1)
	r.show(wall, ours, goal, 0)
	r.claim(allocs, ours, limits, 1)
	r.claim(wall, ours, kin30, 1)
	r.claim(wall, ours, kin31, 0)
	if !testing.Short() {
		r.claim(wall, ours, pb33f, 10)
	}
}
