package jsontree

import (
	"math/rand/v2"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
)

const document = `{"data": [{"id":"3d0c4b1e","text":"a\n\u00e9\ud83d\ude00\"","n":[-0.5e+3,1E2,0,true,false,null,{},[]],"":""}, "안녕"], "a":{"b":[[1]]}}` + "\n"

// TestParseTakesWhatIsJSON breaks a document in random places, and asks another reader whether it still is one.
func TestParseTakesWhatIsJSON(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	const bytes = `{}[]",:\u0123456789abcdefE+-.tfn` + " \t\n\r\x00\x1f\x7f\xff\xed\xa0"
	taken := 0
	const tries = 100_000
	for range tries {
		body := []byte(document)
		for range 1 + r.IntN(3) {
			if len(body) == 0 {
				break
			}
			at := r.IntN(len(body))
			switch r.IntN(4) {
			case 0:
				body = append(body[:at:at], body[at+1:]...)
			case 1:
				body[at] = bytes[r.IntN(len(bytes))]
			case 2:
				body = append(body[:at:at], append([]byte{bytes[r.IntN(len(bytes))]}, body[at:]...)...)
			default:
				body = body[:at+1]
			}
		}
		valid := jsontext.Value(body).IsValid(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
		tree, err := Parse(body)
		if valid != (err == nil) {
			t.Fatalf("%q: valid is %t, got %v", body, valid, err)
		}
		if err != nil {
			continue
		}
		taken++
		for i := range tree.Nodes {
			n := &tree.Nodes[i]
			if !jsontext.Value(n.Literal()).IsValid(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)) || i > 0 && n.Parent().Member(n.Name) == nil && n.Parent().Kind == Object {
				t.Fatalf("%q: the value %q of %q stands elsewhere", body, n.Literal(), n.Name)
			}
			if want, err := jsontext.AppendUnquote(nil, n.Literal()); n.Kind == String && err == nil && n.Text != string(want) {
				t.Fatalf("%q: expected the text %q, got %q", body, want, n.Text)
			}
			if want, err := jsontext.AppendUnquote(nil, n.Quoted()); n.Key > 0 && err == nil && n.Name != string(want) {
				t.Fatalf("%q: expected the name %q, got %q", body, want, n.Name)
			}
		}
	}
	if taken < tries/10 || taken > tries*9/10 {
		t.Errorf("%d of %d documents were taken, expected a fair part", taken, tries)
	}
}
