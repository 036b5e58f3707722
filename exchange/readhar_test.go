package exchange_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/okchat/okchat-go/exchange"
)

// wantLine expects an error on one line.
func wantLine(t *testing.T, err error, place, says string) {
	t.Helper()
	if err == nil {
		t.Fatalf("expected an error at %s, got none", place)
	}
	line := err.Error()
	if !strings.HasPrefix(line, place) || !strings.Contains(line, says) || strings.Contains(line, "\n") || len(line) > 500 {
		t.Errorf("expected one line that begins with %q and says %q, got %q", place, says, line)
	}
}

const entry = `{"request":{"method":"GET","url":"https://v2.okchat.ai/"},"response":{"status":200,"content":{"text":"{}"}}}`

func TestABrokenRecordingIsRefusedOnOneLine(t *testing.T) {
	t.Parallel()
	at := func(n int) string { // the place n bytes after the first entry and its comma
		return fmt.Sprintf("x.har: byte %d: ", len(`{"log":{"entries":[`+entry+`,`)+n)
	}
	for _, test := range []struct{ name, text, place, says string }{
		{"nothing", "", "x.har: byte 0: ", "cut off"},
		{"HTML", "<html></html>", "x.har: byte 0: ", "expected a JSON object"},
		{"JSON that is no object", `[]`, "x.har: byte 0: ", "log"},
		{"no log", `{"a":1}`, "x.har: ", "log and entries"},
		{"a log that is no object", `{"log":7}`, "x.har: byte 7: ", "entries"},
		{"no entries", `{"log":{"version":"1.2"}}`, "x.har: ", "log and entries"},
		{"entries that are no array", `{"log":{"entries":{}}}`, "x.har: byte 18: ", "array"},
		{"an empty list of entries", `{"log":{"entries":[]}}`, "x.har: ", "at least one entry"},
		{"a comma too many", `{"log":{"entries":[` + entry + `,{"a":1,}]}}`, at(6), "expected JSON"},
		{"a file cut off in an entry", `{"log":{"entries":[` + entry + `,{"a":1`, at(6), "cut off"},
		{"a file cut off between entries", `{"log":{"entries":[` + entry, at(-1), "cut off"},
		{"an entry without request", `{"log":{"entries":[` + entry + `,{"response":{"status":200}}]}}`, "x.har:1: entry 1: ", "request"},
		{"a status that is text", strings.Replace(`{"log":{"entries":[`+entry+`]}}`, "200", `"200"`, 1), "x.har:1: entry 0: ", "status is a JSON string"},
		{"base64 that is none", `{"log":{"entries":[{"request":{"method":"GET","url":"/"},"response":{"status":200,"content":{"text":"*","encoding":"base64"}}}]}}`, "x.har:1: entry 0: ", "base64"},
		{"a status that is a fraction", strings.Replace(`{"log":{"entries":[`+entry+`]}}`, "200", `200.5`, 1), "x.har:1: entry 0: ", "whole"},
		{"text after the end", `{"log":{"entries":[` + entry + `]}} x`, "x.har: byte ", "the end of the file"},
		{"another document after the first", `{"log":{"entries":[` + entry + `]}}{"log":{}}`, "x.har: byte ", "the end of the file"},
		{"a comma too many between entries", `{"log":{"entries":[` + entry + `,]}}`, at(0), "expected JSON"},
		{"a member that is no JSON", `{"log":{"pages":[nope],"entries":[` + entry + `]}}`, "x.har: byte 16: ", "expected JSON"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var last error
			for ex, err := range exchange.ReadHAR(strings.NewReader(test.text), "x.har") {
				if last != nil {
					t.Error("expected the sequence to end with its error")
				}
				if (ex == nil) == (err == nil) {
					t.Error("expected an exchange or an error")
				}
				last = err
			}
			wantLine(t, last, test.place, test.says)
		})
	}
}

func TestAnUnreadableRecordingSaysWhy(t *testing.T) {
	t.Parallel()
	cause := errors.New("the disk is gone")
	r := io.MultiReader(strings.NewReader(`{"log":{"entries":[`+entry+`,`), iotest.ErrReader(cause))
	n := 0
	for _, err := range exchange.ReadHAR(r, "x.har") {
		if n++; n == 2 {
			wantLine(t, err, "x.har: byte ", "the disk is gone")
			if !errors.Is(err, cause) {
				t.Error("expected the cause to be found with errors.Is")
			}
		}
	}
	if n != 2 {
		t.Errorf("expected the whole entry and then the error, got %d", n)
	}
}

func TestARecordingIsReadAsItStands(t *testing.T) {
	t.Parallel()
	const text = "\xef\xbb\xbf" + `{"log":{"version":"1.2","pages":[{"id":"a"}],"entries":[
		{"_synthetic":true,"comment":"c","request":{"method":"GET","url":"https://host/p?q=1",
			"headers":[{"name":":authority","value":"host"},{"name":"x-api-key","value":"fake-key-for-tests"},{"name":"a","value":"1"},{"name":"A","value":"2"}],
			"postData":{"text":"\"\""}},
		 "response":{"status":502,"headers":[{"name":"content-type","value":"text/html"}],"content":{"text":"/wAB","encoding":"base64"}}},
		` + entry + `],"browser":{}},"other":[1]}`
	var list []*exchange.Exchange
	for ex, err := range exchange.ReadHAR(iotest.OneByteReader(strings.NewReader(text)), "x.har") {
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, ex)
	}
	if len(list) != 2 {
		t.Fatalf("expected 2 exchanges, got %d", len(list))
	}
	ex := list[0]
	if ex.Source.String() != "x.har entry 0" || !ex.Synthetic || ex.Comment != "c" || ex.Method != "GET" || ex.URL != "https://host/p?q=1" ||
		string(ex.RequestBody) != `""` || ex.Status != 502 || !bytes.Equal(ex.ResponseBody, []byte{255, 0, 1}) {
		t.Errorf("expected the first entry as it stands, got %+v", ex)
	}
	if len(ex.RequestHeader) != 2 || ex.RequestHeader.Get("X-Api-Key") == "" || len(ex.RequestHeader.Values("A")) != 2 || ex.ResponseHeader.Get("Content-Type") != "text/html" {
		t.Errorf("expected the fields under canonical keys, got %v", ex.RequestHeader)
	}
	if second := list[1]; second.Source.String() != "x.har entry 1" || second.Synthetic || string(second.ResponseBody) != "{}" {
		t.Errorf("expected the second entry as it stands, got %+v", second)
	}
	for range exchange.ReadHAR(strings.NewReader(text), "x.har") {
		break // a consumer may stop at any time
	}
	if s := ex.String(); strings.Contains(s, "key") || strings.Contains(s, "host") {
		t.Errorf("expected a line without header and URL, got %s", s)
	}
}

// endless is a file of entries without end: whoever holds the file runs out of memory.
type endless struct{ started bool }

func (e *endless) Read(p []byte) (int, error) {
	if !e.started {
		e.started = true
		return copy(p, `{"log":{"entries":[`), nil
	}
	n := 0
	for n+len(entry)+1 <= len(p) {
		n += copy(p[n:], entry+",")
	}
	return n, nil
}

func TestEntriesComeBeforeTheFileEnds(t *testing.T) {
	t.Parallel()
	n := 0
	for _, err := range exchange.ReadHAR(&endless{}, "x.har") {
		if err != nil {
			t.Fatal(err)
		}
		if n++; n == 1000 {
			break
		}
	}
	if n != 1000 {
		t.Errorf("expected 1000 entries of a file without end, got %d", n)
	}
}
