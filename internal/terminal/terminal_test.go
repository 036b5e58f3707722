package terminal

import (
	"bytes"
	"testing"
)

func TestTextFromOutsideStaysOnItsLine(t *testing.T) {
	for in, want := range map[string]string{
		"a\nb\r\n\tc":      "a b c",
		"\x1b[31mred\x1b[": "[31mred[",
		"bell\a\x00":       "bell",
		"안녕하세요 🙏":          "안녕하세요 🙏",
		"\u202eright":      "right",
		"👩\u200d💻":         "👩\u200d💻",
	} {
		if got := Line(in); got != want {
			t.Errorf("Line(%q) is %q, expected %q", in, got, want)
		}
	}
}

func TestWhatCouldSteerATerminalIsEscaped(t *testing.T) {
	const evil = "a\x1b]0;x\x07\u009b31m\u007f\u202e\u2066\u200f\u2028\u0085\ufeff\rb👩\u200d💻é"
	var b bytes.Buffer
	w := Guard(&b, true)
	for i := range len(evil) {
		if _, err := w.Write([]byte{evil[i]}); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := b.String(), `a\u001b]0;x\u0007\u009b31m\u007f\u202e\u2066\u200f\u2028\u0085\ufeff\u000db👩`+"\u200d"+`💻é`; got != want {
		t.Errorf("byte by byte it is %q, expected %q", got, want)
	}
	if w := Guard(&b, false); w != &b {
		t.Errorf("what is no terminal has %T before it", w)
	}
}
