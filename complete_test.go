package okchat_test

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"

	okchat "github.com/okchat/okchat-go"
	"github.com/okchat/okchat-go/gen/okchatapi"
	"github.com/okchat/okchat-go/okchattest"
)

func TestAPageThatHoldsTooLittleIsAskedForAgain(t *testing.T) {
	for _, readAhead := range []int{1, 4} {
		inMemory(t, synthetic(50), nil, func(t *testing.T, srv *okchattest.Server, client *okchat.Client) {
			srv.OnPage(3, okchattest.RowCap(0), okchattest.RowCap(7))
			list, err := ids(t, client, srv.ChatbotID, okchat.ListOptions{ReadAhead: readAhead})
			if err != nil || len(list) != 50 {
				t.Errorf("read-ahead %d: %d conversations, %v, expected all 50", readAhead, len(list), err)
			}
			srv.OnPage(3, okchattest.RowCap(0), okchattest.RowCap(0), okchattest.RowCap(0), okchattest.RowCap(0))
			_, err = client.Page(t.Context(), srv.ChatbotID, okchat.PageOptions{Page: 3})
			var broken *okchat.ContractError
			if !errors.Is(err, okchat.ErrIncomplete) || !errors.As(err, &broken) || broken.Tries != 4 || broken.Page != 3 {
				t.Errorf("one page: error %v", err)
			}
		})
	}
}

// from makes a fault of the pages from n on.
func from(n int, fault okchattest.Fault) okchattest.Fault {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			h := next
			if page, _ := strconv.Atoi(r.URL.Query().Get("page")); page >= n {
				h = fault(next)
			}
			h.ServeHTTP(w, r)
		})
	}
}

func TestAWalkThatMissesSomethingIsNoSuccess(t *testing.T) {
	behind := func(n int) func(int) int {
		return func(page int) int {
			if page >= n {
				return page + 1
			}
			return page
		}
	}
	for _, tt := range []struct {
		name  string
		fault okchattest.Fault
		page  int // that the error names
		count int // conversations that come all the same
		most  int // requests
		where string
	}{
		{"no rows from page 4 on", from(4, okchattest.RowCap(0)), 4, 30, 8 + 20, "expected 10 items, as totalCount is 75, got 0 (the walk met 30 items of 75) after 4 tries"},
		{"7 rows a page", okchattest.RowCap(7), 1, 7*7 + 5, 8 + 4, "expected 10 items, as totalCount is 75, got 7: the server sends fewer rows than the page size, so smaller pages may help"},
		{"page 1 again and again", okchattest.RowsOf(func(int) int { return 1 }), 2, 10, 1 + 2*5, "expected items that the page before did not hold"},
		{"page 1 again and again from page 4 on", okchattest.RowsOf(func(n int) int { return map[bool]int{true: n, false: 1}[n < 4] }), 5, 30, 4 + 2*5, "the walk met 30 items of 75"},
		{"the rows of page 5 under page 4", okchattest.RowsOf(func(n int) int { return map[bool]int{true: 5, false: n}[n == 4] }), 5, 65, 8 + 4, "the walk met 65 items of 75"},
		{"no page 4", okchattest.RowsOf(behind(4)), 7, 65, 8 + 8, "the walk met 65 items of 75"},
	} {
		for _, readAhead := range []int{1, 3} {
			t.Run(fmt.Sprint(tt.name, ", read-ahead ", readAhead), func(t *testing.T) {
				inMemory(t, synthetic(75), nil, func(t *testing.T, srv *okchattest.Server, client *okchat.Client) {
					srv.Every(tt.fault)
					list, err := ids(t, client, srv.ChatbotID, okchat.ListOptions{ReadAhead: readAhead})
					var broken *okchat.ContractError
					if !errors.Is(err, okchat.ErrIncomplete) || !errors.As(err, &broken) || broken.Page != tt.page || len(list) != tt.count ||
						!strings.Contains(err.Error(), tt.where) || readAhead == 1 && srv.Count() > tt.most {
						t.Errorf("%d conversations in %d requests, then %v", len(list), srv.Count(), err)
					}
				})
			})
		}
	}
}

func TestAListThatMovesIsNotIncomplete(t *testing.T) {
	for name, change := range map[string]func(srv *okchattest.Fake, n int){
		"as many leave as start, behind the walk": func(srv *okchattest.Fake, _ int) {
			srv.AddNew(3)
			for range 3 {
				srv.RemoveAt(srv.Len() - 1)
			}
		},
		"a page of them at once": func(srv *okchattest.Fake, n int) {
			if n == 3 {
				srv.AddNew(10)
				for range 10 {
					srv.RemoveAt(srv.Len() - 1)
				}
			}
		},
		"the first one leaves, and others start": func(srv *okchattest.Fake, n int) {
			if n == 3 {
				srv.RemoveAt(0)
				srv.AddNew(25)
				for range 24 {
					srv.RemoveAt(srv.Len() - 1)
				}
			}
		},
	} {
		for _, readAhead := range []int{1, 3} {
			var srv *okchattest.Server
			between := okchattest.Between(func(n int) { change(srv.Fake, n) })
			inMemory(t, append(synthetic(75), between), nil, func(t *testing.T, s *okchattest.Server, client *okchat.Client) {
				srv = s
				if list, err := ids(t, client, s.ChatbotID, okchat.ListOptions{ReadAhead: readAhead}); err != nil {
					t.Errorf("%s, read-ahead %d: %d conversations, then %v", name, readAhead, len(list), err)
				}
			})
		}
	}
}

func TestAPageThatDoesNotAdvanceIsAnError(t *testing.T) {
	inMemory(t, synthetic(50), nil, func(t *testing.T, srv *okchattest.Server, client *okchat.Client) {
		srv.Every(okchattest.EditPage(func(p *okchatapi.ConversationPage) { p.Metadata.CurrentPage = 1 }))
		list, err := ids(t, client, srv.ChatbotID, okchat.ListOptions{})
		var broken *okchat.ContractError
		if !errors.As(err, &broken) || broken.Where != "/metadata/currentPage" || broken.Page != 2 || len(list) != 10 || srv.Count() != 2 {
			t.Errorf("%d conversations in %d requests, then %v", len(list), srv.Count(), err)
		}
	})
}

func TestAPageSizeThatChangesIsAnError(t *testing.T) {
	inMemory(t, synthetic(50), nil, func(t *testing.T, srv *okchattest.Server, client *okchat.Client) {
		srv.Every(from(2, okchattest.EditPage(func(p *okchatapi.ConversationPage) { p.Metadata.PageSize, p.Metadata.TotalPages = 25, 2 })))
		_, err := ids(t, client, srv.ChatbotID, okchat.ListOptions{})
		var broken *okchat.ContractError
		if !errors.As(err, &broken) || broken.Where != "/metadata/pageSize" {
			t.Errorf("error %v", err)
		}
	})
}

func TestAnOddConversationDoesNotStopTheRest(t *testing.T) {
	anyPage := 0
	for _, tt := range []struct {
		name, where string
		page, count int
		fault       okchattest.Fault
	}{
		{"two out of order", "/data/4/created_at", 2, 50, okchattest.EditPage(func(p *okchatapi.ConversationPage) { p.Data[3], p.Data[4] = p.Data[4], p.Data[3] })},
		{"one without a date", "/data/3/created_at", 2, 49, okchattest.EditRow(3, func(c map[string]any) { delete(c, "created_at") })},
		{"one far too old", "/data/4/created_at", 2, 50, okchattest.EditRow(3, func(c map[string]any) { c["created_at"] = "1970-01-01T00:00:00+00:00" })},
		{"one far too new", "/data/3/created_at", 2, 50, okchattest.EditRow(3, func(c map[string]any) { c["created_at"] = "2999-01-01T00:00:00+00:00" })},
		{"the last one of a page far too old", "", anyPage, 50, okchattest.EditRow(9, func(c map[string]any) { c["created_at"] = "1970-01-01T00:00:00+00:00" })},
	} {
		for _, readAhead := range []int{1, 4} {
			inMemory(t, synthetic(50), nil, func(t *testing.T, srv *okchattest.Server, client *okchat.Client) {
				srv.OnPage(2, tt.fault)
				list, err := ids(t, client, srv.ChatbotID, okchat.ListOptions{ReadAhead: readAhead})
				if len(list) != tt.count || errors.Is(err, okchat.ErrIncomplete) {
					t.Errorf("%s, read-ahead %d: %d conversations, then %v", tt.name, readAhead, len(list), err)
				}
				var broken *okchat.ContractError
				if tt.where != "" && (!errors.Is(err, okchat.ErrItems) || !errors.As(err, &broken) || broken.Where != tt.where || broken.Page != tt.page) {
					t.Errorf("%s, read-ahead %d: error %v", tt.name, readAhead, err)
				}
			})
		}
	}
}

// A date far in the future must not make the walk take its conversation for one that came and was forgotten.
func TestADateFarInTheFutureHidesNothing(t *testing.T) {
	for _, at := range []int{0, 3} {
		inMemory(t, synthetic(12_000), nil, func(t *testing.T, srv *okchattest.Server, client *okchat.Client) {
			srv.OnPage(60, okchattest.EditRow(at, func(c map[string]any) { c["created_at"] = "2999-01-01T00:00:00+00:00" }))
			if list, err := ids(t, client, srv.ChatbotID, okchat.ListOptions{Limit: 100}); len(list) != 12_000 || err == nil {
				t.Errorf("row %d: %d conversations, then %v, expected 12,000 and an error", at, len(list), err)
			}
		})
	}
}

// A date far in the past must not make the walk take what follows for seen, or for too old.
func TestADateFarInThePastHidesNothing(t *testing.T) {
	for _, at := range []int{3, 99} {
		inMemory(t, synthetic(12_000), nil, func(t *testing.T, srv *okchattest.Server, client *okchat.Client) {
			srv.OnPage(2, okchattest.EditRow(at, func(c map[string]any) { c["created_at"] = "1970-01-01T00:00:00+00:00" }))
			if list, err := ids(t, client, srv.ChatbotID, okchat.ListOptions{Limit: 100}); len(list) != 12_000 {
				t.Errorf("row %d: %d conversations, then %v, expected 12,000", at, len(list), err)
			}
			oldest, _ := srv.At(1000)
			srv.OnPage(2, okchattest.EditRow(at, func(c map[string]any) { c["created_at"] = "1970-01-01T00:00:00+00:00" }))
			if list, err := ids(t, client, srv.ChatbotID, okchat.ListOptions{Limit: 100, CreatedAfter: oldest.CreatedAt}); len(list) != 999 {
				t.Errorf("row %d: %d conversations after a time, then %v, expected 999", at, len(list), err)
			}
		})
	}
}

func TestMetadataThatContradictsItselfNeverEndsAWalk(t *testing.T) {
	for name, edit := range map[string]func(map[string]any){
		"no metadata":     func(p map[string]any) { delete(p, "metadata") },
		"no total":        func(p map[string]any) { delete(p["metadata"].(map[string]any), "totalCount") },
		"no pages":        func(p map[string]any) { p["metadata"].(map[string]any)["totalPages"] = 0 },
		"null total":      func(p map[string]any) { p["metadata"].(map[string]any)["totalCount"] = nil },
		"a page less":     func(p map[string]any) { p["metadata"].(map[string]any)["totalPages"] = 2 },
		"no data":         func(p map[string]any) { delete(p, "data") },
		"a smaller total": func(p map[string]any) { p["metadata"].(map[string]any)["totalCount"] = 3 },
	} {
		for _, readAhead := range []int{1, 4} {
			inMemory(t, synthetic(50), nil, func(t *testing.T, srv *okchattest.Server, client *okchat.Client) {
				srv.OnPage(2, okchattest.EditJSON(edit))
				_, err := ids(t, client, srv.ChatbotID, okchat.ListOptions{ReadAhead: readAhead})
				var broken *okchat.ContractError
				if !errors.As(err, &broken) || broken.Page != 2 {
					t.Errorf("%s, read-ahead %d: error %v", name, readAhead, err)
				}
			})
		}
	}
}
