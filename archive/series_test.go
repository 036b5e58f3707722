package archive

import (
	"fmt"
	"strings"
	"testing"
)

func TestDaysArePutTogether(t *testing.T) {
	for _, tt := range []struct {
		days, want string
		most       int
	}{
		{"", "day", 31},
		{"2025-03-01:1", "day 2025-03-01:1", 31},
		{"2025-02-27:1 2025-03-02:2", "day 2025-02-27:1 2025-02-28:0 2025-03-01:0 2025-03-02:2", 31},
		{"2025-02-27:1 2025-02-28:3 2025-04-02:2", "month 2025-02:4 2025-03:0 2025-04:2", 31},
		{"1999-02-27:1 2025-04-02:2", "year 1999:1 2025:2", 3},
		{"0001-01-01:1 9999-12-31:2", "year 0001:1 9999:2", 2},
	} {
		var days []Count
		for day := range strings.FieldsSeq(tt.days) {
			name, n, _ := strings.Cut(day, ":")
			c := Count{Name: name}
			fmt.Sscan(n, &c.Conversations)
			days = append(days, c)
		}
		unit, counts := Series(days, tt.most)
		got := unit
		for _, c := range counts {
			got += fmt.Sprintf(" %s:%d", c.Name, c.Conversations)
		}
		if got != tt.want {
			t.Errorf("%s is %q, expected %q", tt.days, got, tt.want)
		}
	}
}
