package spec

import (
	"strings"
	"time"
)

// formats are the string formats that a contract may use, each checked to the letter.
var formats = map[string]func(string) bool{
	"uuid":      IsUUID,
	"date-time": isDateTime,
}

// IsUUID reports whether s is in the one textual form of RFC 9562: 32 hexadecimal digits of either case in five groups. Any version is
// one.
func IsUUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := range len(s) {
		switch c := s[i]; {
		case i == 8 || i == 13 || i == 18 || i == 23:
			if c != '-' {
				return false
			}
		case c >= '0' && c <= '9', c >= 'a' && c <= 'f', c >= 'A' && c <= 'F':
		default:
			return false
		}
	}
	return true
}

// dateTime is the fixed part of an RFC 3339 date-time: 0 stands for a digit, every other byte for itself.
const dateTime = "0000-00-00T00:00:00"

// isDateTime reports whether s is a date-time of RFC 3339: a date that exists, T and Z in either case, any offset, and a leap second where one can
// be. The time package is no help: it takes a comma, and offsets of 24 hours.
func isDateTime(s string) bool {
	s = strings.ToUpper(s)
	if len(s) <= len(dateTime) || !shaped(s[:len(dateTime)], dateTime) {
		return false
	}
	year, month, day := digits(s[0:4]), digits(s[5:7]), digits(s[8:10])
	hour, minute, second := digits(s[11:13]), digits(s[14:16]), digits(s[17:19])
	zone := s[len(dateTime):]
	if fraction, ok := strings.CutPrefix(zone, "."); ok {
		zone = strings.TrimLeft(fraction, "0123456789")
		if len(zone) == len(fraction) {
			return false
		}
	}
	offset := 0 // minutes east of UTC
	if zone != "Z" {
		if !shaped(zone, "+00:00") && !shaped(zone, "-00:00") {
			return false
		}
		if digits(zone[1:3]) > 23 || digits(zone[4:6]) > 59 {
			return false
		}
		offset = 60*digits(zone[1:3]) + digits(zone[4:6])
		if zone[0] == '-' {
			offset = -offset
		}
	}
	// time.Date moves what overflows on to the next month, so a date that comes back changed does not exist.
	date := time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC)
	if month < 1 || month > 12 || date.Day() != day || hour > 23 || minute > 59 || second > 60 {
		return false
	}
	const lastMinute = 23*60 + 59
	if utc := 60*hour + minute - offset; second == 60 && (utc+24*60)%(24*60) != lastMinute {
		return false // leap seconds come at the end of a day in UTC
	}
	return true
}

// shaped reports whether s has the form: a digit for each 0, and every other byte as it is.
func shaped(s, form string) bool {
	if len(s) != len(form) {
		return false
	}
	for i := range len(s) {
		if form[i] == '0' {
			if s[i] < '0' || s[i] > '9' {
				return false
			}
		} else if s[i] != form[i] {
			return false
		}
	}
	return true
}

// digits reads digits that shaped has seen.
func digits(s string) int {
	n := 0
	for i := range len(s) {
		n = 10*n + int(s[i]-'0')
	}
	return n
}
