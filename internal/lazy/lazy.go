// Package lazy prepares at first use what would slow down the start of every program that links it.
package lazy

import (
	"regexp"
	"sync"
)

// Regexp returns a function that returns the regular expression, which its first call compiles. It panics there if the
// expression does not parse.
func Regexp(expr string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expr) })
}
