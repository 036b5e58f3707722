package contract_test

import (
	"github.com/okchat/okchat-go/contract/coverage"
	"github.com/okchat/okchat-go/exchange"
	"net/http"
	"slices"
	"testing"
)

// The vendor's one page proves some of the contract. This is the list of what it never showed.
func TestCoverageOfTheVendorsPageListsWhatItNeverShowed(t *testing.T) {
	t.Parallel()
	cov := coverage.New(theContract(t))
	for _, ex := range recorded(t, "page-1.har") {
		cov.Add(theContract(t).Check(ex))
	}
	want := []string{
		"page: given", "limit: given", "state: given", "state: in_progress",
		"200  application/json /data: empty",
		"200  application/json /data/*/active: false",
		"200  application/json /data/*/is_human_mode: true",
		"200  application/json /data/*/migrated_data: true",
		"200  application/json /data/*/last_message as Message /sender_type: user",
		"200  application/json /data/*/metadata/anonymous: false",
		"200  application/json /data/*/session_token: not null",
		"200  application/json /data/*/user_id: not null",
		"4XX: seen", "4XX  Retry-After: present", "4XX  Retry-After: absent",
		"5XX: seen", "5XX  Retry-After: present", "5XX  Retry-After: absent",
	}
	got := cov.Unseen()
	for _, line := range got {
		if !slices.Contains(want, line) {
			t.Errorf("not expected: %s", line)
		}
	}
	for _, line := range want {
		if !slices.Contains(got, line) {
			t.Errorf("expected: %s", line)
		}
	}
	seen, all := cov.Count()
	if all-seen != len(got) || seen < 40 {
		t.Errorf("expected the counts to agree with the list of %d, got %d of %d", len(got), seen, all)
	}
	t.Logf("%d of %d", seen, all)
}

// What a server gets wrong proves nothing of what the contract promises.
func TestCoverageCountsOnlyWhatKeepsTheContract(t *testing.T) {
	t.Parallel()
	cov := coverage.New(theContract(t))
	broken := *recorded(t, "page-1.har")[0]
	broken.ResponseBody = []byte(`{"data":[],"metadata":{"currentPage":1,"pageSize":10,"totalCount":20,"totalPages":2}}`)
	late := broken
	late.Status, late.ResponseHeader = 503, http.Header{"Retry-After": {""}}
	for _, ex := range []*exchange.Exchange{&broken, &late} {
		r := theContract(t).Check(ex)
		if len(r.Findings) == 0 {
			t.Fatal("expected it to break the contract")
		}
		cov.Add(r)
	}
	if seen, _ := cov.Count(); seen != 0 {
		t.Errorf("expected nothing to be seen, got %d", seen)
	}
}
