package exchange_test

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/okchat/okchat-go/contract_test/shapes"
	"github.com/okchat/okchat-go/exchange"
)

type object = shapes.Object

const page = `{"data":[],"metadata":{"currentPage":1}}`

func shape() (entry, request, response, content object) {
	return shapes.Entry("https://host.example/p", page)
}

func harOf(t testing.TB, entries ...object) []byte {
	t.Helper()
	return shapes.HAR(entries...)
}

func read(t testing.TB, har []byte) []*exchange.Exchange {
	t.Helper()
	var list []*exchange.Exchange
	for ex, err := range exchange.ReadHAR(bytes.NewReader(har), "x.har") {
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, ex)
	}
	return list
}

func compressed(_ testing.TB, name string, body string) []byte {
	return shapes.Compressed(name, body)
}

// TestTheDialectsOfRecorders reads one page as each of many recorders writes it. Where nothing else is said, the page is read.
func TestTheDialectsOfRecorders(t *testing.T) {
	t.Parallel()
	for _, test := range shapes.All("https://host.example/p", page) {
		t.Run(test.Name, func(t *testing.T) {
			t.Parallel()
			entry, request, response, content := shape()
			test.Change(entry, request, response, content)
			ex := read(t, harOf(t, entry))[0]
			if ex.Method != "GET" || ex.URL != "https://host.example/p?page=1" || ex.RequestHeader.Get("X-Api-Key") != "REDACTED" {
				t.Errorf("expected the request as it was sent, got %s %s with %v", ex.Method, ex.URL, ex.RequestHeader)
			}
			if ex.Unread != test.Unread {
				t.Errorf("expected the reason %q, got %q", test.Unread, ex.Unread)
			}
			body, err := ex.Body()
			if test.Unread == "" && (err != nil || string(body) != page || ex.Status != 200) {
				t.Errorf("expected the page, got status %d, %d bytes and the error %v", ex.Status, len(body), err)
			}
			if test.Unread != "" && err != test.Unread { //nolint:errorlint // it is the reason itself
				t.Errorf("expected no body for its reason, got %d bytes and the error %v", len(body), err)
			}
			if test.Unread == "" && ex.ResponseHeader.Get("Content-Type") != "application/json" {
				t.Errorf("expected the content type, got %v", ex.ResponseHeader)
			}
		})
	}
}

// TestAnEmptyBodyIsABodyWhereNoneWasSent distinguishes it from one that was not recorded.
func TestAnEmptyBodyIsABodyWhereNoneWasSent(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(request, response, content object){
		"no content":                  func(_, r, c object) { r["status"], c["size"] = 204, 0 },
		"HEAD":                        func(q, _, _ object) { q["method"] = "HEAD" },
		"a failure with an empty one": func(_, r, c object) { r["status"], c["size"] = 500, 0 },
	} {
		entry, request, response, content := shape()
		delete(content, "text")
		change(request, response, content)
		ex := read(t, harOf(t, entry))[0]
		if body, err := ex.Body(); len(body) > 0 || err != nil {
			t.Errorf("%s: expected an empty body, got %d bytes and the error %v", name, len(body), err)
		}
	}
}

func TestTimesAreReadAsRecordersWriteThem(t *testing.T) {
	t.Parallel()
	want := time.Date(2025, 3, 29, 5, 30, 1, 0, time.UTC)
	for text, want := range map[string]time.Time{
		"2025-03-29T05:30:01Z":                want,
		"2025-03-29T05:30:01.000Z":            want,
		"2025-03-29T14:30:01.000+09:00":       want,
		"2025-03-29T14:30:01.0000000+09:00":   want,
		"2025-03-29T14:30:01.000+0900":        want,
		"2025-03-29T14:30:01+09":              want,
		"2025-03-29T05:30:01.000000+00:00":    want, // mitmproxy
		"2025-03-29 14:30:01 +0900":           want,
		"2025-03-29 14:30:01.5+09:00":         want.Add(500 * time.Millisecond),
		"2025-03-28T17:30:01":                 want, // without a zone the last moment that it can be
		"yesterday":                           {},
		"":                                    {},
		"2025-03-29T05:30:01.000Z and more":   {},
		"2025-03-29T05:30:01.000000000+00:00": want,
	} {
		entry, _, _, _ := shape()
		entry["startedDateTime"] = text
		if got := read(t, harOf(t, entry))[0].Time; !got.Equal(want) {
			t.Errorf("%q: expected %v, got %v", text, want, got)
		}
	}
}

func TestEntriesComeInTheOrderOfTheirTimes(t *testing.T) {
	t.Parallel()
	var entries []object
	for _, second := range []int{3, 1, -1, 2, 2, 0} {
		entry, _, _, _ := shape()
		entry["comment"] = fmt.Sprint(second)
		entry["startedDateTime"] = fmt.Sprintf("2025-03-29T05:30:0%d.000Z", second)
		if second < 0 { // it stays behind the one before it
			delete(entry, "startedDateTime")
		}
		entries = append(entries, entry)
	}
	var got []string
	for _, ex := range read(t, harOf(t, entries...)) {
		got = append(got, ex.Comment+ex.Source.EntryName())
	}
	if want := []string{"0entry 5", "1entry 1", "-1entry 2", "2entry 3", "2entry 4", "3entry 0"}; !slices.Equal(got, want) {
		t.Errorf("expected %q, got %q", want, got)
	}
}

func TestARecordingInReverseComesInOrder(t *testing.T) {
	t.Parallel()
	var entries []object
	begin := time.Date(2025, 3, 29, 5, 30, 0, 0, time.UTC)
	for second := range 250 {
		entry, _, _, _ := shape()
		entry["startedDateTime"] = begin.Add(-time.Duration(second) * time.Second).Format(time.RFC3339)
		entries = append(entries, entry)
	}
	got := read(t, harOf(t, entries...))
	if len(got) != 250 || !slices.IsSortedFunc(got, func(a, b *exchange.Exchange) int { return a.Time.Compare(b.Time) }) {
		t.Errorf("expected 250 exchanges in the order of their times, got %d, the first of entry %d", len(got), got[0].Source.Entry)
	}
}

func inUTF16(text []byte, order func([]byte, uint16) []byte, mark bool) []byte {
	var out []byte
	if mark {
		out = order(out, 0xfeff)
	}
	for _, unit := range utf16.Encode([]rune(string(text))) {
		out = order(out, unit)
	}
	return out
}

func TestAFileIsReadInEachOfItsForms(t *testing.T) {
	t.Parallel()
	entry, _, _, _ := shape()
	entry["comment"] = "대화 😀"
	har := harOf(t, entry)
	little := func(b []byte, u uint16) []byte { return append(b, byte(u), byte(u>>8)) }
	big := func(b []byte, u uint16) []byte { return append(b, byte(u>>8), byte(u)) }
	for name, text := range map[string][]byte{
		"as it is":                            har,
		"with a byte order mark":              append([]byte("\xef\xbb\xbf"), har...),
		"with white space around":             append(append([]byte("\n\n "), har...), "\r\n\t"...),
		"in gzip":                             compressed(t, "gzip", string(har)),
		"in UTF-16":                           inUTF16(har, little, true),
		"in UTF-16, the other way":            inUTF16(har, big, true),
		"in UTF-16 without a mark":            inUTF16(har, little, false),
		"in UTF-16 the other way without one": inUTF16(har, big, false),
		"in UTF-16 and gzip":                  compressed(t, "gzip", string(inUTF16(har, little, true))),
	} {
		ex := read(t, text)[0]
		if body, err := ex.Body(); string(body) != page || err != nil || ex.Comment != "대화 😀" {
			t.Errorf("%s: expected the page, got %d bytes, the comment %q and the error %v", name, len(body), ex.Comment, err)
		}
	}
	for name, text := range map[string][]byte{
		"gzip cut off": compressed(t, "gzip", string(har))[:100],
		"gzip in gzip": compressed(t, "gzip", string(compressed(t, "gzip", string(har)))),
	} {
		n := 0
		for _, err := range exchange.ReadHAR(bytes.NewReader(text), "x.har") {
			if n++; err == nil {
				t.Errorf("%s: expected an error", name)
			} else {
				wantLine(t, err, "x.har: ", "")
			}
		}
		if n != 1 {
			t.Errorf("%s: expected one error, got %d", name, n)
		}
	}
}

func parts(t testing.TB, paths ...string) (list []*exchange.Part) {
	t.Helper()
	recordings, err := exchange.FindRecordings(paths...)
	if err != nil {
		t.Fatal(err)
	}
	for _, recording := range recordings {
		for part, err := range recording.Parts() {
			if err != nil {
				t.Fatal(err)
			}
			if part.IsEntry() {
				list = append(list, part)
			}
		}
	}
	return list
}

func TestABodyInAFileOfItsOwnIsRead(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	named := func(file string) []byte {
		entry, _, _, content := shape()
		delete(content, "text")
		content["_file"] = file
		return harOf(t, entry)
	}
	save := func(name string, text []byte) {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	archive := func(har []byte) []byte {
		var out bytes.Buffer
		w := zip.NewWriter(&out)
		for name, text := range map[string][]byte{"har/log.har": har, "har/body.json": []byte(page), "secret": []byte("no")} {
			f, err := w.Create(name)
			if err != nil {
				t.Fatal(err)
			}
			_, _ = f.Write(text)
		}
		_ = w.Close()
		return out.Bytes()
	}
	save("body.json", []byte(page))
	if err := os.Mkdir(filepath.Join(dir, "outside"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		text []byte
		want exchange.Reason
	}{
		"beside.har":          {named("body.json"), ""},
		"gone.har":            {named("gone.json"), exchange.NotRecorded},
		"outside.har":         {named("../body.json"), exchange.NotRecorded},
		"outside/up.har":      {named("../body.json"), exchange.NotRecorded},
		"rooted.har":          {named(filepath.Join(dir, "body.json")), exchange.NotRecorded},
		"zipped.har.zip":      {archive(named("body.json")), ""},
		"zipped-up.har.zip":   {archive(named("../secret")), exchange.NotRecorded},
		"plain.zhar":          {archive(named("body.json")), ""},
		"compressed.har.gz":   {compressed(t, "gzip", string(named("body.json"))), ""},
		"compressed-2.zhar":   {compressed(t, "gzip", string(named("body.json"))), ""},
		"misnamed-as-zip.har": {archive(named("body.json")), ""},
	} {
		save(name, test.text)
		list := parts(t, filepath.Join(dir, name))
		if len(list) != 1 {
			t.Fatalf("%s: expected an entry, got %d", name, len(list))
		}
		ex, err := list[0].Exchange()
		if err != nil || ex.Unread != test.want || test.want == "" && string(ex.ResponseBody) != page {
			t.Errorf("%s: expected the page or the reason %q, got %d bytes, %q and the error %v", name, test.want, len(ex.ResponseBody), ex.Unread, err)
		}
	}
	if list := parts(t, dir); len(list) != 11 {
		t.Errorf("expected the recordings of the folder by their endings, got %d", len(list))
	}
	posted := harOf(t, func() object {
		entry, request, _, _ := shape()
		request["postData"] = object{"mimeType": "application/json", "_file": "body.json"}
		return entry
	}())
	save("posted.har", posted)
	if ex, err := parts(t, filepath.Join(dir, "posted.har"))[0].Exchange(); err != nil || string(ex.RequestBody) != page {
		t.Errorf("expected the request's body to be read, got %d bytes and the error %v", len(ex.RequestBody), err)
	}
	for _, name := range []string{"beside.har", "zipped.har.zip"} {
		large, err := exchange.FindRecordings(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		large[0].MaxBody = 20
		for part, err := range large[0].Parts() {
			if err != nil {
				t.Fatal(err)
			}
			if !part.IsEntry() {
				continue
			}
			if ex, err := part.Exchange(); err != nil || ex.Unread != exchange.TooLarge || len(ex.ResponseBody) > 0 {
				t.Errorf("%s: expected a body that is too large to be left out, got %d bytes, %q and the error %v", name, len(ex.ResponseBody), ex.Unread, err)
			}
		}
	}
	save("empty.har.zip", []byte("PK\x03\x04"))
	recordings, _ := exchange.FindRecordings(filepath.Join(dir, "empty.har.zip"))
	for _, err := range recordings[0].Parts() {
		if err == nil {
			t.Error("expected a broken archive to be refused")
		}
	}
}

// TestABodyIsDecodedAsItWasSent undoes encodings of live answers.
func TestABodyIsDecodedAsItWasSent(t *testing.T) {
	t.Parallel()
	bomb := string(compressed(t, "gzip", strings.Repeat(" ", exchange.DefaultMaxBody+1)))
	for _, test := range []struct {
		name, encoding, body string
		want                 string // the body
		err                  string
	}{
		{"no encoding", "", page, page, ""},
		{"identity", "identity", page, page, ""},
		{"gzip", "gzip", string(compressed(t, "gzip", page)), page, ""},
		{"gzip by its old name", "x-gzip", string(compressed(t, "gzip", page)), page, ""},
		{"gzip in capitals", " GZIP ", string(compressed(t, "gzip", page)), page, ""},
		{"deflate", "deflate", string(compressed(t, "deflate", page)), page, ""},
		{"deflate as some servers send it", "deflate", string(compressed(t, "raw deflate", page)), page, ""},
		{"br", "br", string(compressed(t, "br", page)), page, ""},
		{"zstd", "zstd", string(compressed(t, "zstd", page)), page, ""},
		{"two", "deflate, gzip", string(compressed(t, "gzip", string(compressed(t, "deflate", page)))), page, ""},
		{"an empty body", "gzip", "", "", ""},
		{"gzip that is none", "gzip", page, "", "gzip, and a body that is not"},
		{"gzip that is not said", "", string(compressed(t, "gzip", page)), "", "none, and a body in gzip"},
		{"gzip cut off", "gzip", string(compressed(t, "gzip", page))[:30], "", "gzip that breaks off"},
		{"br that is none", "br", page, "", "br, and a body that is not"},
		{"br cut off", "br", string(compressed(t, "br", page))[:20], "", "br that breaks off"},
		{"zstd that is none", "zstd", page, "", "zstd, and a body that is not"},
		{"zstd cut off", "zstd", string(compressed(t, "zstd", page))[:20], "", "zstd that breaks off"},
		{"deflate that is none", "deflate", page, "", "deflate"},
		{"deflate and more", "deflate", string(compressed(t, "deflate", page)) + "x", "", "deflate, and more after its end"},
		{"an encoding that nobody knows", "compress", page, "", string(exchange.UnknownEncoding)},
		{"more encodings than anyone uses", strings.Repeat("gzip,", 100), bomb, "", string(exchange.UnknownEncoding)},
		{"a bomb", "gzip", bomb, "", string(exchange.TooLarge)},
	} {
		ex := &exchange.Exchange{Method: "GET", Status: 200, ResponseBody: []byte(test.body), ResponseHeader: map[string][]string{"Content-Encoding": {test.encoding}}}
		body, err := ex.Body()
		if string(body) != test.want || (err != nil) != (test.err != "") || err != nil && !strings.Contains(err.Error(), test.err) {
			t.Errorf("%s: expected %d bytes and the error %q, got %d and %v", test.name, len(test.want), test.err, len(body), err)
		}
	}
}

// TestWhatIsTooLargeIsNotKept reads entries that hold more than the limit of a body.
func TestWhatIsTooLargeIsNotKept(t *testing.T) {
	t.Parallel()
	const limit = 1 << 16
	huge := strings.Repeat(`\u0041\\`, limit)
	open := func(text string) exchange.Recording {
		return exchange.Recording{Name: "x.har", MaxBody: limit, Open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(text)), nil }}
	}
	one := func(request, content, more string) string {
		return `{"startedDateTime":"2025-03-29T05:30:01Z","request":{"method":"GET","url":"https://host.example/p"` + request +
			`},"response":{"status":200,"content":{"text":` + content + `}}` + more + `}`
	}
	huge20 := `"` + strings.Repeat(huge, 20) + `"`
	blank := strings.Repeat(" \n", 2*limit)
	for name, test := range map[string]struct {
		entry string
		want  exchange.Reason
		err   string
	}{
		"a body":                         {one("", huge20, ""), exchange.TooLarge, ""},
		"a body between limit and twice": {one("", `"`+strings.Repeat("x", limit+1)+`"`, ""), exchange.TooLarge, ""},
		"another string":                 {one(`,"x":`+huge20, `"{}"`, `,"y":`+huge20), "", ""},
		"white space":                    {one("", blank+`"{}"`+blank, strings.Repeat(blank, 10)), "", ""},
		"brackets":                       {one("", `"{}"`, `,"x":[`+strings.Repeat("[],", 20*limit)+"0]"), "", "expected at most"},
	} {
		n := 0
		for part, err := range open(`{"log":{"entries":[` + test.entry + "," + one("", `"{}"`, "") + `]}}`).Parts() {
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if len(part.Text) > 3*limit+1<<20 {
				t.Errorf("%s: expected a bounded text, got %d bytes", name, len(part.Text))
			}
			ex, err := part.Exchange()
			if n++; n == 2 { // what comes after is not hurt
				if err != nil || ex.Unread != "" || part.Source.Entry != 2 {
					t.Errorf("%s: expected the next entry to be read, got %v and the error %v", name, ex.Unread, err)
				}
				continue
			}
			if test.err != "" {
				wantLine(t, err, "x.har:1: entry 0: ", test.err)
			} else if err != nil || ex.Unread != test.want || ex.URL != "https://host.example/p" {
				t.Errorf("%s: expected the reason %q, got %q and the error %v", name, test.want, ex.Unread, err)
			}
		}
		if n != 2 {
			t.Errorf("%s: expected 2 entries, got %d", name, n)
		}
	}
}

// TestARecordingWhoseRecorderDiedIsReadAsFarAsItGoes cuts a stream at each byte: the entries that are whole are read, and then
// the cut is told.
func TestARecordingWhoseRecorderDiedIsReadAsFarAsItGoes(t *testing.T) {
	t.Parallel()
	var file bytes.Buffer
	w := exchange.NewHARWriter(&file)
	var ends []int
	for range 3 {
		if err := w.Write(&exchange.Exchange{Method: "GET", URL: "/p", Status: 200, ResponseBody: []byte(page)}); err != nil {
			t.Fatal(err)
		}
		ends = append(ends, file.Len())
	}
	_ = w.Close()
	for cut := ends[0]; cut < file.Len()-1; cut++ {
		whole, broken := 0, 0
		for _, err := range exchange.ReadHAR(bytes.NewReader(file.Bytes()[:cut]), "x.har") {
			if err != nil {
				broken++
			} else {
				whole++
			}
		}
		n, _ := slices.BinarySearch(ends, cut+1)
		if whole != n || broken != 1 {
			t.Fatalf("byte %d of %d: expected %d entries and an error, got %d and %d errors", cut, file.Len(), n, whole, broken)
		}
	}
}

// TestPlacesAreThoseOfAnEditor compares places with a count of UTF-16 code units.
func TestPlacesAreThoseOfAnEditor(t *testing.T) {
	t.Parallel()
	const head = "{\"log\":{\"한\":\"😀\",\n\"entries\":[ {\"comment\":\"가\",\"request\":{\"method\":\"GET\",\"url\":\"/\"},\n\"response\":{\"status\":200,\"_\":\"나😀\",\"content\":{\"text\":"
	const literal = `"{\"a\":\"가\ud83d\ude00\n\u0041é\",\"b\":1}"`
	ex := read(t, []byte(head+literal+`}}}]}}`))[0]
	last := head[strings.LastIndexByte(head, '\n')+1:]
	if at := ex.At(-1); at.Line != 3 || at.Column != 1+len(utf16.Encode([]rune(last))) || at.Offset != int64(len(head)) {
		t.Errorf("expected the body at line 3, column %d, byte %d, got %+v", 1+len(utf16.Encode([]rune(last))), len(head), at)
	}
	at := ex.At(strings.Index(string(ex.ResponseBody), "b"))
	before := head + literal[:strings.Index(literal, `b\"`)]
	if at.Offset != int64(len(before)) || at.Column != 1+len(utf16.Encode([]rune(before[strings.LastIndexByte(before, '\n')+1:]))) {
		t.Errorf("expected the member at byte %d, got %+v", len(before), at)
	}
	if at := ex.Part.At(0); at.Line != 2 || at.Column != 13 {
		t.Errorf("expected the entry at line 2, column 13, got %+v", at)
	}
	if at := ex.Part.At(strings.Index(string(ex.Part.Text), `"status"`)); at.Line != 3 {
		t.Errorf("expected the status on line 3, got %+v", at)
	}
}
