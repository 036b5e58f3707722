package contract_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/okchat/okchat-go/contract/coverage"
	"github.com/okchat/okchat-go/exchange"
	"github.com/okchat/okchat-go/gen/okchatapi"
)

// The vendor's one page proves some of the contract. This is the list of what it never showed; optional members and values
// of open sets that the page does not hold belong to it as soon as the contract has them.
func TestCoverageOfTheVendorsPageListsWhatItNeverShowed(t *testing.T) {
	t.Parallel()
	cov := coverage.New(theContract(t))
	for _, ex := range recorded(t, "page-1.har") {
		cov.Add(theContract(t).Check(ex))
	}
	want := []string{
		"page: given", "limit: given", "state: given",
		"200 application/json /data: empty",
		"200 application/json /data/*/active: false",
		"200 application/json /data/*/is_human_mode: true",
		"200 application/json /data/*/migrated_data: true",
		"200 application/json /data/*/metadata/anonymous: false",
		"200 application/json /data/*/session_token: not null",
		"200 application/json /data/*/user_id: not null",
		"4XX: seen", "4XX Retry-After: present", "4XX Retry-After: absent",
		"5XX: seen", "5XX Retry-After: present", "5XX Retry-After: absent",
	}
	var page okchatapi.ConversationPage
	if err := json.Unmarshal(recorded(t, "page-1.har")[0].ResponseBody, &page); err != nil {
		t.Fatal(err)
	}
	const item = "200 application/json /data/*/"
	platforms, states, senders := map[okchatapi.Platform]bool{}, map[okchatapi.ConversationState]bool{}, map[okchatapi.SenderType]bool{}
	for _, c := range page.Data {
		platforms[c.Platform], states[c.State] = true, true
		if c.LastMessage.Message != nil {
			senders[c.LastMessage.Message.SenderType] = true
		}
	}
	want = append(want, unseen("state: ", okchatapi.ConversationStateValues(), nil)...) // asked for without a filter
	want = append(want, unseen(item+"state: ", okchatapi.ConversationStateValues(), states)...)
	want = append(want, unseen(item+"platform: ", okchatapi.PlatformValues(), platforms)...)
	want = append(want, unseen(item+"last_message as MessageSummary /sender_type: ", okchatapi.SenderTypeValues(), senders)...)
	var got []string
	var others int // of operations that nobody called
	operation := theContract(t).Operations()[0] + " "
	for _, line := range cov.Unseen() {
		if line, ok := strings.CutPrefix(line, operation); ok {
			got = append(got, line)
		} else {
			others++
		}
	}
	for _, name := range optional(reflect.TypeFor[okchatapi.Conversation]()) {
		if bytes.Contains(recorded(t, "page-1.har")[0].ResponseBody, []byte(`"`+name+`"`)) {
			continue
		}
		// Of a member that never came nothing was seen but its absence, whatever the contract says about its values.
		want = append(want, item+name+": present")
		for _, line := range got {
			if rest, ok := strings.CutPrefix(line, item+name); ok && strings.ContainsAny(rest[:1], ":/ ") && rest != ": absent" {
				want = append(want, line)
			}
		}
	}
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
	if all-seen != len(got)+others || seen < 40 {
		t.Errorf("expected the counts to agree with the list of %d, got %d of %d", len(got), seen, all)
	}
	t.Logf("%d of %d", seen, all)
}

// unseen returns the facets of those known values that were not seen.
func unseen[V ~string](place string, known []V, seen map[V]bool) (list []string) {
	for _, v := range known {
		if !seen[v] {
			list = append(list, place+string(v))
		}
	}
	return list
}

// optional returns the names of the members of a generated type that need not come.
func optional(typ reflect.Type) (names []string) {
	for f := range typ.Fields() {
		if name, omitted, _ := strings.Cut(f.Tag.Get("json"), ","); strings.Contains(omitted, "omitempty") {
			names = append(names, name)
		}
	}
	return names
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
