//go:build !race

package okchat

const defaultWalks = 10_000
