package okchat

// The pipeline from the contract to Go. The generator is a tool of go.mod, so its version is pinned there.

//go:generate go tool oapi-codegen -config api/types.yaml openapi.yaml
//go:generate go tool oapi-codegen -config api/client.yaml openapi.yaml
//go:generate go tool oapi-codegen -config api/server.yaml openapi.yaml

// The edition for tools that know only OpenAPI 3.0.

//go:generate go run ./api/edition30
