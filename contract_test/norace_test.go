//go:build !race

package contract_test

const eachMutant = 1
