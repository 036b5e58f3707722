// Package bench measures okchat-go beside others, in one run and on the same work: see README.md.
package bench

// What the peers are made from and with. The generator is a tool of go.mod, so its version is pinned there.

//go:generate go tool ogen --target ogen --package ogen --clean --config ogen.yaml ../api/openapi-3.0.yaml
