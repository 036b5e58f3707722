//go:build race

package okchat

// The race detector makes a walk ten times as slow, and looks for other faults.
const defaultWalks = 1_500
