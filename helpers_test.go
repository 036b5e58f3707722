package okchat

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

const (
	testKey = "fake-key-for-tests"
	testBot = "5afe16ed-5fd2-4552-a993-903bc9c32bb6"
)

// roundTrip is a transport in one function.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// answer makes a response by hand, for what no server would send twice the same way.
func answer(status int, contentType, body string, header ...string) *http.Response {
	h := http.Header{"Content-Type": {contentType}}
	for i := 0; i < len(header); i += 2 {
		h.Set(header[i], header[i+1])
	}
	return &http.Response{StatusCode: status, Header: h, Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body))}
}

// conversationJSON is the n-th conversation of a list, newest first.
func conversationJSON(n int) string {
	return fmt.Sprintf(`{"id":"00000000-0000-4000-8000-%012x","chatbot_id":%q,"active":true,"is_human_mode":false,"migrated_data":false,`+
		`"platform":"web","state":"in_progress","created_at":"2025-03-07T04:00:%02d.5+00:00","updated_at":"2025-03-07T05:00:00+00:00",`+
		`"last_message":"hello","metadata":{"anonymous":true},"sns_user_id":null,"session_token":null,"user_id":null,"voice_path":null}`,
		n+1, testBot, 59-n)
}

// pageJSON is a page of one conversation.
func pageJSON(page, total int) string {
	return fmt.Sprintf(`{"data":[%s],"metadata":{"currentPage":%d,"pageSize":1,"totalCount":%d,"totalPages":%d}}`,
		conversationJSON(page-1), page, total, total)
}

func newTestClient(t testing.TB, rt http.RoundTripper, opts ...Option) *Client {
	t.Helper()
	c, err := New(testKey, append([]Option{WithTransport(rt)}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// conversationsOp is the operation that lists the conversations of testBot.
func conversationsOp(tb testing.TB) *operation[Conversation] {
	tb.Helper()
	return newTestClient(tb, roundTrip(succeeds)).listConversations(testBot, "")
}
