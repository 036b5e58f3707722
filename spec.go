package okchat

import _ "embed"

//go:embed openapi.yaml
var openAPI string

// OpenAPI returns the contract that this package was made from: the text of openapi.yaml, OpenAPI 3.1.
func OpenAPI() string { return openAPI }
