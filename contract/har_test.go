package contract_test

import (
	"bytes"
	"io/fs"
	"testing"

	"github.com/okchat/okchat-go/contract"
	"github.com/okchat/okchat-go/contract_test/recordings"
	"github.com/okchat/okchat-go/exchange"
)

const entry = `{"request":{"method":"GET","url":"https://v2.okchat.ai/"},"response":{"status":200,"content":{"text":"{}"}}}`

// FuzzReadHAR looks for input on which the reader or the check panics, or a line is none.
func FuzzReadHAR(f *testing.F) {
	names, _ := fs.Glob(recordings.FS(), "*.har")
	for _, name := range names {
		text, err := fs.ReadFile(recordings.FS(), name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Add([]byte(`{"log":{"entries":[` + entry + `]}}`))
	f.Add([]byte(`{"log":{"entries":[{"request":{"method":"GET","url":"/"},"response":{"status":200,"content":{"text":"\ud83d\ude00\n"}}}]}}`))
	c, err := contract.New()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		for ex, err := range exchange.ReadHAR(bytes.NewReader(text), "x.har") {
			if err != nil {
				wantLine(t, err, "x.har:", "")
				continue
			}
			for _, finding := range c.Check(ex).Findings {
				wantFinding(t, finding)
				if finding.Source.Line < 1 || finding.Source.Column < 1 {
					t.Errorf("expected a place, got %+v", finding)
				}
			}
		}
	})
}
