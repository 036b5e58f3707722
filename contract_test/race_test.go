//go:build race

package contract_test

// The race detector makes a mutant ten times as dear, and looks for other faults.
const eachMutant = 10
