package main

import (
	"time"

	"github.com/okchat/okchat-go/archive"
)

// units are what days are put together to, the shortest first.
var units = []struct {
	name, layout        string
	years, months, days int
}{
	{"day", time.DateOnly, 0, 0, 1},
	{"month", "2006-01", 0, 1, 0},
	{"year", "2006", 1, 0, 0},
}

// series counts per day, month or year, the shortest unit of which at most most fill the time from the first day to the
// last, those without a conversation included. A longer time is years, without those in which nothing was.
func series(days []archive.Count, most int) (unit string, counts []archive.Count) {
	for _, u := range units {
		counts, ok := fill(days, u.layout, u.years, u.months, u.days, most)
		if ok || u.name == "year" {
			return u.name, counts
		}
	}
	return "", nil
}

// fill says whether most was enough to leave no hole.
func fill(days []archive.Count, layout string, y, m, d, most int) (counts []archive.Count, ok bool) {
	var next time.Time
	ok = true
	for _, day := range days {
		t, err := time.Parse(time.DateOnly, day.Name)
		if err != nil {
			continue // no archive of this program has it
		}
		name := t.Format(layout)
		if t, err = time.Parse(layout, name); err != nil {
			continue
		}
		for ; len(counts) > 0 && next.Before(t); next = next.AddDate(y, m, d) {
			if len(counts) >= most {
				ok = false
				break
			}
			counts = append(counts, archive.Count{Name: next.Format(layout)})
		}
		if last := len(counts) - 1; last >= 0 && counts[last].Name == name {
			counts[last].Conversations += day.Conversations
			continue
		}
		counts = append(counts, archive.Count{Name: name, Conversations: day.Conversations})
		next = t.AddDate(y, m, d)
	}
	return counts, ok && len(counts) <= most
}
