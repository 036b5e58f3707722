package contract_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/okchat/okchat-go/contract"
	"github.com/okchat/okchat-go/exchange"
	"github.com/okchat/okchat-go/gen/okchatapi"
)

// player serves the recordings through the generated strict server interface.
type player struct {
	okchatapi.StrictServerInterface // nil: the other operations are not called

	pages []okchatapi.ConversationPage
}

func (p player) ListConversations(_ context.Context, req okchatapi.ListConversationsRequestObject) (okchatapi.ListConversationsResponseObject, error) {
	n := 1
	if req.Params.Page != nil {
		n = *req.Params.Page
	}
	if n > len(p.pages) {
		after := "30"
		return okchatapi.ListConversations4XXAsteriskResponse{
			StatusCode:  http.StatusTooManyRequests,
			Headers:     okchatapi.FailureResponseHeaders{RetryAfter: &after},
			ContentType: "text/html",
			Body:        strings.NewReader("<html>slow down</html>"),
		}, nil
	}
	return okchatapi.ListConversations200JSONResponse(p.pages[n-1]), nil
}

// TestAServerMadeFromTheGeneratedInterfaceKeepsTheContract calls it through the generated client, over HTTP, under watch.
func TestAServerMadeFromTheGeneratedInterfaceKeepsTheContract(t *testing.T) {
	t.Parallel()
	var p player
	for _, name := range []string{"page-1.har", "page-2.har"} {
		var page okchatapi.ConversationPage
		unmarshal(t, recorded(t, name)[0].ResponseBody, &page)
		p.pages = append(p.pages, page)
	}
	server := httptest.NewServer(okchatapi.Handler(okchatapi.NewStrictHandler(p, nil)))
	t.Cleanup(server.Close)

	var mu sync.Mutex
	var watched []*exchange.Exchange
	transport := theContract(t).Watch(server.Client().Transport, func(r *contract.Result) {
		ex, findings := r.Exchange, r.Findings
		mu.Lock()
		defer mu.Unlock()
		watched = append(watched, ex)
		for _, f := range findings {
			t.Error(f)
		}
	})
	client, err := okchatapi.NewClientWithResponses(server.URL, okchatapi.WithHTTPClient(&http.Client{Transport: transport}),
		okchatapi.WithRequestEditorFn(func(_ context.Context, req *http.Request) error {
			req.Header.Set("x-api-key", "fake-key-for-tests")
			return nil
		}))
	if err != nil {
		t.Fatal(err)
	}
	for n, want := range map[int]int{1: 200, 2: 200, 3: 429} {
		resp, err := client.ListConversationsWithResponse(t.Context(), p.pages[0].Data[0].ChatbotID, &okchatapi.ListConversationsParams{Page: &n})
		if err != nil {
			t.Fatal(err)
		}
		if resp.StatusCode() != want {
			t.Errorf("page %d: expected status %d, got %d", n, want, resp.StatusCode())
		}
		if want == 200 {
			if diff := difference("", decode(t, encode(t, p.pages[n-1])), decode(t, encode(t, resp.JSON200))); diff != "" {
				t.Errorf("page %d: %s", n, diff)
			}
		}
	}
	if len(watched) != 3 {
		t.Errorf("expected 3 exchanges under watch, got %d", len(watched))
	}
	for _, ex := range watched {
		if got := ex.RequestHeader.Get("x-api-key"); got != "REDACTED" {
			t.Error("expected an exchange without the key")
		}
	}
}

// TestTheGeneratedServerTakesTheDocumentedCurl sends the request as recorded, with its odd body, over HTTP.
func TestTheGeneratedServerTakesTheDocumentedCurl(t *testing.T) {
	t.Parallel()
	ex := recorded(t, "page-1.har")[0]
	var page okchatapi.ConversationPage
	unmarshal(t, ex.ResponseBody, &page)
	server := httptest.NewServer(okchatapi.Handler(okchatapi.NewStrictHandler(player{pages: []okchatapi.ConversationPage{page}}, nil)))
	t.Cleanup(server.Close)

	_, path, _ := strings.Cut(ex.URL, "://")
	_, path, _ = strings.Cut(path, "/")
	req, err := http.NewRequestWithContext(t.Context(), ex.Method, server.URL+"/"+path, strings.NewReader(string(ex.RequestBody)))
	if err != nil {
		t.Fatal(err)
	}
	req.Header = ex.RequestHeader
	resp, err := server.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != 200 {
		t.Fatalf("expected status 200, got %d and the error %v", resp.StatusCode, err)
	}
	if diff := difference("", decode(t, ex.ResponseBody), decode(t, body)); diff != "" {
		t.Error(diff)
	}
}
