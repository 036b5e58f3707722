// Package opentelemetry shows the client under OpenTelemetry. It is a module of its own, so that the client does not
// depend on what it shows.
package opentelemetry

import (
	"context"
	"fmt"
	"log"
	"net/http"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	okchat "github.com/okchat/okchat-go"
	"github.com/okchat/okchat-go/okchattest"
)

// Each try is a span: otelhttp goes in as the transport. It records the method, the URL and the status; the key, which is
// a header, is in none of its attributes.
func Example() {
	fake := httpFake()
	defer fake.close()
	spans := tracetest.NewInMemoryExporter()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSyncer(spans))

	transport := otelhttp.NewTransport(http.DefaultTransport, otelhttp.WithTracerProvider(provider))
	client, err := okchat.New(fake.srv.Key, okchat.WithBaseURL(fake.srv.URL), okchat.WithTransport(transport))
	if err != nil {
		log.Fatal(err)
	}
	if _, err := client.Page(context.Background(), fake.srv.ChatbotID, okchat.PageOptions{}); err != nil {
		log.Fatal(err)
	}

	for _, span := range spans.GetSpans() {
		fmt.Println(span.Name, attributeOf(span, "http.response.status_code"))
	}
	// Output: HTTP GET 200
}

func attributeOf(span tracetest.SpanStub, key attribute.Key) string {
	for _, a := range span.Attributes {
		if a.Key == key {
			return a.Value.Emit()
		}
	}
	return "none"
}

type runningFake struct {
	srv      *okchattest.Server
	cleanups []func()
}

func httpFake() *runningFake {
	f := &runningFake{}
	f.srv = okchattest.NewServer(f, okchattest.Synthetic(1, 10))
	return f
}

func (f *runningFake) Helper()                           {}
func (f *runningFake) Errorf(format string, args ...any) { log.Fatalf(format, args...) }
func (f *runningFake) Cleanup(fn func())                 { f.cleanups = append(f.cleanups, fn) }

func (f *runningFake) close() {
	for _, fn := range f.cleanups {
		fn()
	}
}
