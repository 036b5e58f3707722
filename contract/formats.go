package contract

import (
	"errors"
	"strings"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
)

// formats are the string formats that a contract may use, each checked to the letter. They are handed to each
// validation and never registered with kin-openapi as a whole, where they would change every other user of it.
var formats = map[string]openapi3.StringFormatValidator{
	"uuid":      openapi3.NewCallbackValidator(checkUUID),
	"date-time": openapi3.NewCallbackValidator(checkDateTime),
}

// schemaOptions are those of every schema validation.
var schemaOptions = []openapi3.SchemaValidationOption{
	openapi3.MultiErrors(),
	openapi3.WithStringFormatValidators(formats),
}

// errFormat is all that a format's check says: a finding names the format and never the value.
var errFormat = errors.New("not in the format")

// checkUUID takes the one textual form of RFC 9562: 32 hexadecimal digits of either case in five groups. Any version is
// one.
func checkUUID(s string) error {
	if len(s) != 36 {
		return errFormat
	}
	for i := range len(s) {
		switch c := s[i]; {
		case i == 8 || i == 13 || i == 18 || i == 23:
			if c != '-' {
				return errFormat
			}
		case c >= '0' && c <= '9', c >= 'a' && c <= 'f', c >= 'A' && c <= 'F':
		default:
			return errFormat
		}
	}
	return nil
}

// checkDateTime takes RFC 3339: a date that exists, T and Z in either case, any offset, and a leap second where one can
// be.
func checkDateTime(s string) error {
	s = strings.ToUpper(s)
	leap := len(s) > 19 && s[17:19] == "60"
	if leap {
		s = s[:17] + "59" + s[19:]
	}
	// UnmarshalText is strict where time.Parse is not: one-digit hours, a comma, offsets past a day.
	var t time.Time
	if err := t.UnmarshalText([]byte(s)); err != nil {
		return errFormat
	}
	if utc := t.UTC(); leap && (utc.Hour() != 23 || utc.Minute() != 59) {
		return errFormat
	}
	return nil
}
