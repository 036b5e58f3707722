package sqlite

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	okchat "github.com/okchat/okchat-go"
	"github.com/okchat/okchat-go/okchattest"
)

// Each page is noted as ranges of rows. Whatever runs see, in whatever order, the view tells the greatest run of each row, and no two
// rows of the table that stand side by side say the same.
func TestSightingsTellTheLastRunOfEachConversation(t *testing.T) {
	const n = 40
	srv, client := serve(t, okchattest.Synthetic(1, n))
	path := filepath.Join(t.TempDir(), "a.sqlite")
	update(t, path, srv.ChatbotID, client, okchat.ListOptions{}, false)
	a, err := Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	var want [n + 1]int64
	for i := range want {
		want[i] = 1
	}
	random := rand.New(rand.NewPCG(5, 6))
	for range 300 {
		r := &run{archive: a, id: 1 + random.Int64N(9)}
		for at := 1 + random.IntN(n); at <= n; at += 1 + random.IntN(4) {
			for range random.IntN(6) {
				r.seen = append(r.seen, int64(at))
				want[at] = max(want[at], r.id)
				at = min(at+1, n)
			}
			if random.IntN(3) == 0 {
				break
			}
		}
		random.Shuffle(len(r.seen), func(i, j int) { r.seen[i], r.seen[j] = r.seen[j], r.seen[i] })
		if err := r.note(); err != nil {
			t.Fatal(err)
		}
		var expected []string
		for _, run := range want[1:] {
			expected = append(expected, fmt.Sprint(run))
		}
		if got := one(t, path, "SELECT run FROM seen ORDER BY n"); got != strings.Join(expected, "\n") {
			t.Fatalf("run %d saw %v, after which the runs are\n%s, expected\n%s", r.id, r.seen, got, strings.Join(expected, "\n"))
		}
		if got := one(t, path, "SELECT count(*) FROM (SELECT run, lag(run) OVER (ORDER BY first) AS before FROM sightings) WHERE run = before"); got != "0" {
			t.Fatalf("%s rows say what the row before them says", got)
		}
		if random.IntN(20) == 0 { // or all would be the greatest run soon
			if err := a.exec("DELETE FROM sightings; INSERT INTO sightings VALUES (1, 1)"); err != nil {
				t.Fatal(err)
			}
			for i := range want {
				want[i] = 1
			}
		}
	}
}
