package archive

import (
	"testing"

	okchat "github.com/okchat/okchat-go"
	"github.com/okchat/okchat-go/okchattest"
)

func TestAheadHandsOutWhatTheSourceDoes(t *testing.T) {
	srv, client := serve(t, okchattest.Synthetic(1, 95))
	srv.OnPage(8, okchattest.Status(500, "broken"))
	for _, tt := range []struct{ most, want int }{{1, 1}, {3, 3}, {100, 7}} {
		n := 0
		var last error
		for p, err := range Ahead(client, 4).Pages(t.Context(), srv.ChatbotID, okchat.ListOptions{Limit: 10}) {
			if last = err; err != nil {
				break
			}
			if n++; p.Metadata.CurrentPage != n {
				t.Errorf("page %d came, expected %d", p.Metadata.CurrentPage, n)
			}
			if n == tt.most {
				break
			}
		}
		if n != tt.want || (last != nil) != (tt.most == 100) {
			t.Errorf("%d pages and %v, expected %d", n, last, tt.want)
		}
	}
}
