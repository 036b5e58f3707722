// Package contract_test compares the contract, the code generated from it and the recorded responses with each other.
//
// The recordings stand in package recordings beside it. To see what the mutations did, run
//
//	go test -v -run Mutations ./contract_test
package contract_test

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"sync"
	"testing"

	"github.com/okchat/okchat-go/contract"
	"github.com/okchat/okchat-go/contract_test/recordings"
	"github.com/okchat/okchat-go/exchange"
)

var newContract = sync.OnceValues(contract.New)

func theContract(t *testing.T) *contract.Contract {
	t.Helper()
	c, err := newContract()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// recorded returns all exchanges of a recording.
func recorded(t *testing.T, name string) []*exchange.Exchange {
	t.Helper()
	file, err := recordings.FS().Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var list []*exchange.Exchange
	for ex, err := range exchange.ReadHAR(file, name) {
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, ex)
	}
	return list
}

// all returns the exchanges of all recordings.
func all(t *testing.T) []*exchange.Exchange {
	t.Helper()
	names, err := fs.Glob(recordings.FS(), "*.har")
	if err != nil || len(names) == 0 {
		t.Fatalf("expected recordings, got %d and the error %v", len(names), err)
	}
	var list []*exchange.Exchange
	for _, name := range names {
		list = append(list, recorded(t, name)...)
	}
	return list
}

// decode reads JSON with its numbers exact.
func decode(t *testing.T, body []byte) any {
	t.Helper()
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		t.Fatal(err)
	}
	return v
}

func encode(t *testing.T, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// inOneGoroutine skips a test with -short, as the race detector has it: it would be ten times as slow and find nothing.
func inOneGoroutine(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("one goroutine repeats what other tests do once")
	}
}
