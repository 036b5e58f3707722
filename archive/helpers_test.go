package archive

import (
	"testing"

	okchat "github.com/okchat/okchat-go"
	"github.com/okchat/okchat-go/okchattest"
)

// serve starts a fake and a client that leads to it.
func serve(t testing.TB, opts ...okchattest.Option) (*okchattest.Server, *okchat.Client) {
	t.Helper()
	srv := okchattest.NewServer(t, opts...)
	client, err := okchat.New(srv.Key, okchat.WithBaseURL(srv.URL), okchat.WithRetry(okchat.RetryPolicy{MaxTries: 1}))
	if err != nil {
		t.Fatal(err)
	}
	return srv, client
}
