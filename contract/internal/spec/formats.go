package spec

import (
	"strings"
	"time"

	"github.com/google/uuid"
)

// formats are the string formats that a contract may use, each checked to the letter.
var formats = map[string]func(string) bool{
	"uuid": IsUUID,
	"date-time": func(s string) bool {
		_, ok := DateTime(s)
		return ok
	},
}

// IsUUID reports whether s is in the one textual form of RFC 9562: 32 hexadecimal digits of either case in five groups. Any
// version is one.
func IsUUID(s string) bool { return len(s) == 36 && uuid.Validate(s) == nil }

// DateTime returns the time that a date-time of RFC 3339 stands for, and whether s is one: a date that exists, T and Z in either
// case, any offset, and a leap second where one can be, which is the second after 23:59:59.
func DateTime(s string) (t time.Time, ok bool) {
	s = strings.ToUpper(s)
	var leap time.Duration
	if len(s) > 19 && s[17:19] == "60" { // package time knows no leap seconds
		s, leap = s[:17]+"59"+s[19:], time.Second
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	// It takes a comma before a fraction, an hour of one digit, and offsets of 24 hours or of 60 minutes.
	if err != nil || strings.Contains(s, ",") || s[13] != ':' || s[len(s)-1] != 'Z' && (s[len(s)-5:] > "23:59" || s[len(s)-2:] > "59") {
		return t, false
	}
	if utc := t.UTC(); leap > 0 && (utc.Hour() != 23 || utc.Minute() != 59) {
		return t, false // leap seconds come at the end of a day in UTC
	}
	return t.Add(leap), true
}
