package contract_test

import (
	"net/http"
	"strings"
	"testing"

	okchat "github.com/okchat/okchat-go"
	"github.com/okchat/okchat-go/contract"
	"github.com/okchat/okchat-go/contract/finding"
	"github.com/okchat/okchat-go/okchattest"
)

// The fake validates nothing itself, to stay light, so it is held to the contract here.
func TestTheFakeServerKeepsTheContract(t *testing.T) {
	rules := theContract(t)
	statuses := map[int]int{}
	report := func(r *contract.Result) {
		ex, findings := r.Exchange, r.Findings
		statuses[ex.Status]++
		for _, f := range findings {
			// The fake has a state of its own, as the API must have others than the one that was seen.
			if f.Code != finding.CodeValue || !strings.HasSuffix(f.Pointer, "state") {
				t.Error(f)
			}
		}
	}
	srv := okchattest.NewServer(t, okchattest.Synthetic(7, 300), okchattest.Ties(), okchattest.MaxLimit(50))
	srv.AddNew(3)
	first, _ := srv.At(0)
	srv.SetState(first.ID, "resolved")
	srv.RemoveAt(5)

	watched := rules.Watch(srv.Transport, report)
	client, err := okchat.New(srv.Key, okchat.WithBaseURL(srv.URL), okchat.WithTransport(watched))
	if err != nil {
		t.Fatal(err)
	}
	for _, opts := range []okchat.ListOptions{{}, {Limit: 37}, {Limit: 1000}, {State: okchattest.StateClosed}, {State: "unheard_of"}, {Page: 99}} {
		for _, err := range client.Pages(t.Context(), srv.ChatbotID, opts) {
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	stranger, err := okchat.New("fake-wrong-key", okchat.WithBaseURL(srv.URL), okchat.WithTransport(watched))
	if err != nil {
		t.Fatal(err)
	}
	_, _ = stranger.Page(t.Context(), srv.ChatbotID, okchat.PageOptions{})
	_, _ = client.Page(t.Context(), "00000000-0000-4000-8000-000000000000", okchat.PageOptions{})
	if statuses[http.StatusOK] < 40 || statuses[http.StatusUnauthorized] != 1 || statuses[http.StatusNotFound] != 1 {
		t.Errorf("the answers seen are %v", statuses)
	}
}
