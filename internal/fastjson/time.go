package fastjson

import "time"

// days is how many days each month has in every year.
var days = [...]int{1: 31, 2: 28, 3: 31, 4: 30, 5: 31, 6: 30, 7: 31, 8: 31, 9: 30, 10: 31, 11: 30, 12: 31}

// parseUTC reads a date-time as servers commonly write it, in UTC and down to microseconds at most, in a third of the time
// that package time takes. It returns false for all others, which may be valid too.
func parseUTC(b []byte) (time.Time, bool) {
	const layout = "0000-00-00T00:00:00"
	zone := len(b) - len("+00:00")
	if zone < len(layout) || string(b[zone:]) != "+00:00" {
		if zone = len(b) - 1; zone < len(layout) || b[zone] != 'Z' {
			return time.Time{}, false
		}
	}
	for i := range len(layout) {
		if layout[i] == '0' && b[i]-'0' > 9 || layout[i] != '0' && b[i] != layout[i] {
			return time.Time{}, false
		}
	}
	nanoseconds := 0
	if fraction := b[len(layout):zone]; len(fraction) > 0 {
		unit := 1_000_000_000
		for _, c := range fraction[1:] {
			if unit /= 10; c-'0' > 9 || unit == 0 {
				return time.Time{}, false
			}
			nanoseconds += int(c-'0') * unit
		}
		if fraction[0] != '.' || len(fraction) == 1 {
			return time.Time{}, false
		}
	}
	two := func(i int) int { return int(b[i]-'0')*10 + int(b[i+1]-'0') }
	year, month, day := two(0)*100+two(2), two(5), two(8)
	hour, minute, second := two(11), two(14), two(17)
	if month < 1 || month > 12 || day < 1 || day > days[month] || hour > 23 || minute > 59 || second > 59 {
		return time.Time{}, false // on 29 February, package time knows the calendar
	}
	return time.Date(year, time.Month(month), day, hour, minute, second, nanoseconds, time.UTC), true
}
