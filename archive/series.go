package archive

import "time"

// unit is a span of time that days are added up to.
type unit struct {
	name, layout        string
	years, months, days int
}

// units lists the units from the shortest to the longest.
var units = []unit{{"day", time.DateOnly, 0, 0, 1}, {"month", "2006-01", 0, 1, 0}, {"year", "2006", 1, 0, 0}}

// Series adds up the counts of days, which are in order, to at most most counts without gaps: per day, month or year, whichever is
// the shortest that fits. It returns the name of that. If even years do not fit, those without a conversation are left out.
func Series(days []Count, most int) (name string, counts []Count) {
	for _, u := range units {
		if counts, ok := u.fill(u.group(days), most); ok {
			return u.name, counts
		}
	}
	years := units[len(units)-1]
	return years.name, years.group(days)
}

// group adds up days to counts of the unit.
func (u unit) group(days []Count) (counts []Count) {
	for _, day := range days {
		t, err := time.Parse(time.DateOnly, day.Name)
		if err != nil {
			continue // no archive of this program has it
		}
		name := t.Format(u.layout)
		if last := len(counts) - 1; last < 0 || counts[last].Name != name {
			counts = append(counts, Count{Name: name})
		}
		counts[len(counts)-1].Conversations += day.Conversations
	}
	return counts
}

// fill adds counts of 0 for the units in between, and gives up where that makes more than most counts.
func (u unit) fill(counts []Count, most int) (filled []Count, ok bool) {
	for _, c := range counts {
		for len(filled) > 0 {
			last, err := time.Parse(u.layout, filled[len(filled)-1].Name)
			next := last.AddDate(u.years, u.months, u.days).Format(u.layout)
			if err != nil || next >= c.Name {
				break
			}
			if filled = append(filled, Count{Name: next}); len(filled) > most {
				return nil, false
			}
		}
		filled = append(filled, c)
	}
	return filled, len(filled) <= most
}
