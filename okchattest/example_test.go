package okchattest_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/okchat/okchat-go/gen/okchatapi"
	"github.com/okchat/okchat-go/okchattest"
)

// A server of one's own: the fake is a handler.
func ExampleNew() {
	fake := okchattest.New(okchattest.Synthetic(1, 250))
	fake.Next(okchattest.Status(503, "", "Retry-After", "7"))
	server := httptest.NewServer(fake)
	defer server.Close()

	for range 2 {
		request, err := http.NewRequest(http.MethodGet, server.URL+"/api/external/chatbot/"+fake.ChatbotID+"/conversations?limit=100&page=3", nil)
		if err != nil {
			fmt.Println(err)
			return
		}
		request.Header.Set("x-api-key", fake.Key)
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			fmt.Println(err)
			return
		}
		var page okchatapi.ConversationPage
		_ = json.NewDecoder(response.Body).Decode(&page)
		_ = response.Body.Close()
		fmt.Println(response.StatusCode, len(page.Data), "of", page.Metadata.TotalCount)
	}
	fmt.Println(fake.Unused(), "scripted answers left")
	// Output:
	// 503 0 of 0
	// 200 50 of 250
	// 0 scripted answers left
}
