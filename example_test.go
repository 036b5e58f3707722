package okchat_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"os"
	"time"

	okchat "github.com/okchat/okchat-go"
	"github.com/okchat/okchat-go/okchattest"
)

// The examples talk to a fake server on loopback, as a test would.
func fakeServer(opts ...okchattest.Option) (srv *okchattest.Server, done func()) {
	tb := &exampleTB{}
	return okchattest.NewServer(tb, opts...), tb.close
}

type exampleTB struct{ cleanups []func() }

func (tb *exampleTB) Helper()                        {}
func (tb *exampleTB) Errorf(format string, a ...any) { log.Fatalf(format, a...) }
func (tb *exampleTB) Cleanup(f func())               { tb.cleanups = append(tb.cleanups, f) }

func (tb *exampleTB) close() {
	for _, f := range tb.cleanups {
		f()
	}
}

func Example() {
	srv, done := fakeServer(okchattest.Synthetic(1, 250))
	defer done()

	client, err := okchat.New(srv.Key, okchat.WithBaseURL(srv.URL))
	if err != nil {
		log.Fatal(err)
	}
	n := 0
	for conv, err := range client.Conversations(context.Background(), srv.ChatbotID, okchat.ListOptions{Limit: 100}) {
		if err != nil {
			log.Fatal(err)
		}
		if conv.Platform == "voice" {
			n++
		}
	}
	fmt.Println(n > 0, srv.Count(), "requests")
	// Output: true 3 requests
}

func ExampleNew() {
	client, err := okchat.New("fake-key", okchat.WithTryTimeout(10*time.Second), okchat.WithUserAgent("archiver/2.1"))
	fmt.Println(client, err)

	_, err = okchat.New("fake-key\n")
	fmt.Println(err)
	// Output:
	// okchat.Client(https://v2.okchat.ai/) <nil>
	// okchat: the API key has white space around it or bytes that no header can carry: check how it was copied
}

func ExampleNewFromEnv() {
	os.Setenv(okchat.EnvKey, "fake-key")
	os.Setenv(okchat.EnvBaseURL, "https://proxy.example/okchat")
	defer os.Unsetenv(okchat.EnvKey)
	defer os.Unsetenv(okchat.EnvBaseURL)

	client, err := okchat.NewFromEnv()
	fmt.Println(client, err)
	// Output: okchat.Client(https://proxy.example/okchat/) <nil>
}

func ExampleClient_Page() {
	srv, done := fakeServer(okchattest.Synthetic(1, 42))
	defer done()
	client, err := okchat.New(srv.Key, okchat.WithBaseURL(srv.URL))
	if err != nil {
		log.Fatal(err)
	}

	page, err := client.Page(context.Background(), srv.ChatbotID, okchat.PageOptions{Page: 5})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(page.Items), "of", page.Metadata.TotalCount)
	// Output: 2 of 42
}

func ExampleClient_Pages() {
	srv, done := fakeServer(okchattest.Synthetic(1, 42))
	defer done()
	client, err := okchat.New(srv.Key, okchat.WithBaseURL(srv.URL))
	if err != nil {
		log.Fatal(err)
	}

	for page, err := range client.Pages(context.Background(), srv.ChatbotID, okchat.ListOptions{Limit: 20, ReadAhead: 2}) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(page.Metadata.CurrentPage, len(page.Items))
	}
	// Output:
	// 1 20
	// 2 20
	// 3 2
}

// A walk that another process goes on with: keep the token of the last page that was dealt with.
func ExamplePage_Next() {
	srv, done := fakeServer(okchattest.Synthetic(1, 42))
	defer done()
	client, err := okchat.New(srv.Key, okchat.WithBaseURL(srv.URL))
	if err != nil {
		log.Fatal(err)
	}

	var token okchat.Token
	for page, err := range client.Pages(context.Background(), srv.ChatbotID, okchat.ListOptions{}) {
		if err != nil {
			log.Fatal(err)
		}
		if token = page.Next(); page.Metadata.CurrentPage == 3 {
			break // or die
		}
	}
	srv.AddNew(7)

	n := 0
	for _, err := range client.Conversations(context.Background(), srv.ChatbotID, okchat.ListOptions{After: token}) {
		if err != nil {
			log.Fatal(err)
		}
		n++
	}
	fmt.Println(n, "more")
	// Output: 12 more
}

// Newest first, so the walk ends at the first conversation that is old enough, and older pages are never asked for.
func ExampleClient_Conversations_createdAfter() {
	srv, done := fakeServer(okchattest.Synthetic(1, 1_000_000))
	defer done()
	client, err := okchat.New(srv.Key, okchat.WithBaseURL(srv.URL))
	if err != nil {
		log.Fatal(err)
	}

	last, _ := srv.At(25) // what an archive has already
	n := 0
	for _, err := range client.Conversations(context.Background(), srv.ChatbotID, okchat.ListOptions{CreatedAfter: last.CreatedAt}) {
		if err != nil {
			log.Fatal(err)
		}
		n++
	}
	fmt.Println(n, "new in", srv.Count(), "requests")
	// Output: 25 new in 3 requests
}

// A failure is one of three kinds.
func ExampleAPIError() {
	srv, done := fakeServer(okchattest.Synthetic(1, 42))
	defer done()
	client, err := okchat.New(srv.Key, okchat.WithBaseURL(srv.URL))
	if err != nil {
		log.Fatal(err)
	}
	srv.OnPage(3, okchattest.Status(429, `{"message":"slow down"}`, "Retry-After", "3600"))

	for _, err := range client.Conversations(context.Background(), srv.ChatbotID, okchat.ListOptions{}) {
		var api *okchat.APIError
		var contract *okchat.ContractError
		var transport *okchat.TransportError
		switch {
		case errors.Is(err, okchat.ErrRateLimited) && errors.As(err, &api):
			fmt.Println("rate limited at page", api.Page, "for", api.RetryAfter)
		case errors.As(err, &api):
			fmt.Println("refused:", api.StatusCode)
		case errors.As(err, &contract):
			fmt.Println("not the contract:", contract.Where)
		case errors.As(err, &transport):
			fmt.Println("no answer:", err)
		}
	}
	// Output: rate limited at page 3 for 1h0m0s
}

func ExampleWithHooks() {
	srv, done := fakeServer(okchattest.Synthetic(1, 42))
	defer done()
	client, err := okchat.New(srv.Key, okchat.WithBaseURL(srv.URL), okchat.WithHooks(okchat.Hooks{
		Try: func(_ context.Context, t okchat.TryInfo) {
			fmt.Println("page", t.Page, "try", t.Try, "status", t.StatusCode, t.Reason)
		},
	}), okchat.WithRetry(okchat.RetryPolicy{BaseDelay: time.Microsecond}))
	if err != nil {
		log.Fatal(err)
	}
	srv.Next(okchattest.HTML(http.StatusBadGateway))

	if _, err := client.Page(context.Background(), srv.ChatbotID, okchat.PageOptions{}); err != nil {
		log.Fatal(err)
	}
	// Output:
	// page 1 try 1 status 502 status 502
	// page 1 try 2 status 200
}

func ExampleConversation_Unknown() {
	srv, done := fakeServer(okchattest.Synthetic(1, 1))
	defer done()
	client, err := okchat.New(srv.Key, okchat.WithBaseURL(srv.URL))
	if err != nil {
		log.Fatal(err)
	}
	srv.Next(okchattest.EditJSON(func(page map[string]any) {
		conv := page["data"].([]any)[0].(map[string]any)
		conv["mood"], conv["platform"] = "cheerful", "carrier-pigeon"
	}))

	page, err := client.Page(context.Background(), srv.ChatbotID, okchat.PageOptions{})
	if err != nil {
		log.Fatal(err)
	}
	conv := page.Items[0]
	fmt.Printf("%s %s %v\n", conv.Unknown()["mood"], conv.Platform, conv.Platform.Valid())
	// Output: "cheerful" carrier-pigeon false
}

func ExampleClient_Messages() {
	srv, done := fakeServer(okchattest.Synthetic(1, 20))
	defer done()

	client, err := okchat.New(srv.Key, okchat.WithBaseURL(srv.URL))
	if err != nil {
		log.Fatal(err)
	}
	conv, _ := srv.At(4)
	for m, err := range client.Messages(context.Background(), srv.ChatbotID, conv.ID.String(), okchat.MessageOptions{Limit: 100}) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(m.SenderType, len(m.Attachments), len(m.Content) > 0)
	}
	// Output:
	// user 0 true
	// bot 0 true
	// user 0 true
	// bot 0 true
	// user 0 true
	// bot 0 true
	// user 0 true
	// bot 0 true
}

func ExampleClient_Conversation() {
	srv, done := fakeServer(okchattest.Synthetic(1, 20))
	defer done()

	client, err := okchat.New(srv.Key, okchat.WithBaseURL(srv.URL))
	if err != nil {
		log.Fatal(err)
	}
	conv, _ := srv.At(0)
	got, err := client.Conversation(context.Background(), srv.ChatbotID, conv.ID.String(), okchat.CallOptions{})
	fmt.Println(got.ID == conv.ID, err)

	_, err = client.Conversation(context.Background(), srv.ChatbotID, "00000000-0000-4000-8000-000000000000", okchat.CallOptions{})
	fmt.Println(errors.Is(err, okchat.ErrNotFound))
	// Output:
	// true <nil>
	// true
}

func ExampleClient_Chatbots() {
	srv, done := fakeServer()
	defer done()

	client, err := okchat.New(srv.Key, okchat.WithBaseURL(srv.URL))
	if err != nil {
		log.Fatal(err)
	}
	bots, err := client.Chatbots(context.Background(), okchat.CallOptions{})
	if err != nil {
		log.Fatal(err)
	}
	for _, bot := range bots {
		fmt.Println(bot.ID, bot.Name, bot.Active)
	}
	// Output: face0000-0000-4000-8000-000000000000 Synthetic desk true
}
