package bench

import (
	"encoding/json"
	"testing"

	"github.com/go-faster/jx"

	"github.com/okchat/okchat-go/bench/ogen"
	"github.com/okchat/okchat-go/gen/okchatapi"
)

const (
	bareStock = "encoding/json alone"
	bareOgen  = "ogen's decoder alone"
)

// BenchmarkDecode decodes a page of 100 conversations: through the clients' calls, with a transport that has the answer
// at once, and against the others' decoders without their clients.
func BenchmarkDecode(b *testing.B) {
	const n, limit, url = 100, 100, "http://127.0.0.1"
	text := page("limit=100")
	r := pair(b, "decode a page of 100", rounds(31, 15),
		calls(ours, n, limit, callOurs(url, canned(text))),
		calls(stock, n, limit, callStock(url, canned(text))),
		calls(other, n, limit, callOgen(url, canned(text))),
		side{bareStock, func() (cost, error) {
			body := []byte(text)
			return work(n, func() error {
				var p okchatapi.ConversationPage
				return json.Unmarshal(body, &p)
			})
		}},
		side{bareOgen, func() (cost, error) {
			body := []byte(text)
			return work(n, func() error {
				var p ogen.ConversationPage
				return p.Decode(jx.DecodeBytes(body))
			})
		}},
	)
	r.claim(wall, ours, stock, 5)
	r.claim(wall, ours, other, 1)
	r.claim(bytes_, ours, stock, 0)
	r.claim(bytes_, ours, other, 1)
	r.claim(allocs, ours, other, 1)
	// Ours reads the answer here, too, and keeps it.
	r.show(wall, ours, bareStock, 5)
	r.show(wall, ours, bareOgen, 1)
}
