package pages

import (
	"bytes"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/okchat/okchat-go/archive"
)

func TestThePageLoadsNothingAndEscapesWhatCame(t *testing.T) {
	evil := `<script>alert(1)</script>"'&`
	s := &archive.Stats{ChatbotID: evil, AsOf: time.Date(2025, 3, 5, 6, 4, 5, 0, time.UTC), TimeZone: "Asia/Seoul", Total: 3, PerDay: []archive.Count{{Name: "2025-03-01", Conversations: 1}, {Name: "2025-03-04", Conversations: 2}},
		PerPlatform: []archive.Count{{Name: evil, Conversations: 3}}, PerState: []archive.Count{{Name: "", Conversations: 3}}}
	var b bytes.Buffer
	if err := WriteStatistics(&b, s); err != nil {
		t.Fatal(err)
	}
	page := b.String()
	if regexp.MustCompile(`(?i)<script|https?:|src=|@import|url\(|ZgotmplZ|NaN|Inf`).MatchString(page) {
		t.Errorf("the page is\n%s", page)
	}
	for _, want := range []string{", 2025-03-01 to 2025-03-04</p>", "As of 2025-03-05 15:04 (Asia/Seoul)", "per day (Asia/Seoul)", "@media print"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	if !strings.Contains(page, "prefers-color-scheme: dark") || strings.Count(page, "<rect x=") != 2*4 {
		t.Errorf("the page has %d columns, expected 4 days in a wide and a narrow plot", strings.Count(page, "<rect x="))
	}
	b.Reset()
	if err := WriteStatistics(&b, &archive.Stats{}); err != nil || strings.Contains(b.String(), "<svg") {
		t.Errorf("of nothing: %v\n%s", err, b.String())
	}
}
