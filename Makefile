.PHONY: check test generate

check:
	bash .ci/run

test:
	go test ./...

generate:
	go generate ./...
	go -C bench generate ./...
