// Package a has comments that are taken, and others with the report that they get.
package a

// Plain reports whether the comment is taken.
func Plain() bool { return true }

// A Thing may have an article before its name.
type Thing struct{}

// Open, Closed and the like stand in one comment.
const Open, Closed = 1, 2

// Each of a group may do without a comment.
const (
	First = iota
	// It has one of its own. // want `expected the comment to begin with Second, got "It"`
	Second
)

// Odd says whether it is odd. // want `got "says whether": write reports whether`
func Odd() bool { return true }

// Wrapped is // want `got "is what"`
// what breaks over two lines.
func Wrapped() {}

// What it does stands before its name. // want `expected the comment to begin with Late, got "What"`
func Late() {}

// unexported may begin with anything, and holds one thing against another. // want `got "holds one thing against"`
func unexported() {}
