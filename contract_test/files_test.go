package contract_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/okchat/okchat-go/contract"
	check "github.com/okchat/okchat-go/contract/recordings"
	"github.com/okchat/okchat-go/exchange"
)

// write keeps exchanges as recordings, one a file.
func write(t *testing.T, dir, name string, list ...*exchange.Exchange) {
	t.Helper()
	var b bytes.Buffer
	w := exchange.NewHARWriter(&b)
	for _, ex := range list {
		if err := w.Write(ex); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name), b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
}

// thinPage is a page of one conversation of a list of 12.
func thinPage(t *testing.T, page int, id string) *exchange.Exchange {
	t.Helper()
	ex := *recorded(t, "page-1.har")[0]
	ex.Synthetic = true
	ex.URL = path + "?page=" + strconv.Itoa(page)
	body := decode(t, ex.ResponseBody).(map[string]any)
	one := item(body, 9)
	one["id"] = id
	body["data"] = []any{one}
	body["metadata"] = map[string]any{"currentPage": page, "pageSize": 1, "totalCount": 12, "totalPages": 12}
	ex.ResponseBody = encode(t, body)
	return &ex
}

func idOf(n int) string { return another[:34] + strconv.Itoa(10+n) }

func TestAWalkIsRecognisedAcrossFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for page := 1; page <= 12; page++ {
		id := idOf(page)
		if page == 11 {
			id = idOf(2) // comes on page 2 as well
		}
		write(t, dir, "page-"+strconv.Itoa(page)+".HAR", thinPage(t, page, id))
	}
	list, err := exchange.FindRecordings(dir)
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	n := 0
	for r, err := range check.Check(t.Context(), theContract(t), list) {
		if err != nil {
			t.Fatal(err)
		}
		n++
		for _, f := range r.Findings {
			found = append(found, filepath.Base(f.Source.String())+" "+string(f.Code)+" "+f.Pointer)
		}
	}
	if want := []string{"page-11.HAR entry 0 unique-in-walk /data/0/id"}; n != 12 || !slices.Equal(found, want) {
		t.Errorf("expected %q, got %q of %d exchanges", want, found, n)
	}
}

func TestOneBrokenRecordingDoesNotHideTheOthers(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	good := recorded(t, "page-1.har")[0]
	elsewhere := *good
	elsewhere.URL = "https://v2.okchat.ai/static/logo.png"
	write(t, dir, "1.har", good, &elsewhere)
	write(t, dir, "2.har", &elsewhere)
	if err := os.WriteFile(filepath.Join(dir, "3.har"), []byte(`{"log":{"entries":[{`), 0o600); err != nil {
		t.Fatal(err)
	}
	write(t, dir, "4.har", good)
	list, err := exchange.FindRecordings(dir)
	if err != nil {
		t.Fatal(err)
	}
	list = append(list, exchange.Recording{Name: "gone", Open: func() (io.ReadCloser, error) { return nil, errors.New("gone: no such file") }})
	var story []string
	for r, err := range check.Check(t.Context(), theContract(t), list) {
		switch {
		case err != nil:
			story = append(story, strings.TrimPrefix(err.Error(), dir+string(filepath.Separator)))
		case r.Outcome == contract.Elsewhere:
			story = append(story, "elsewhere")
		default:
			story = append(story, "checked")
		}
	}
	want := []string{"checked", "elsewhere", "elsewhere", "2.har: expected an exchange with GET ", "3.har: byte 20: expected more JSON", "checked", "gone: no such file"}
	if !slices.EqualFunc(story, want, strings.HasPrefix) {
		t.Errorf("expected %q, got %q", want, story)
	}
}

func TestAnEntryThatCannotBeReadIsNotTakenForAnotherEndpoints(t *testing.T) {
	t.Parallel()
	const ours = `"request":{"method":"GET","url":"` + path + `"},"response":{"status":200}`
	for name, entry := range map[string]string{
		"larger than the limit": `{"x":[` + strings.Repeat("[],", 1<<20) + `0],` + ours + `}`,
		"no JSON":               `{nope,` + ours + `}`,
		"without a request":     `{"response":{"status":200}}`,
	} {
		text := `{"log":{"entries":[{` + ours + `},` + entry + `,{` + ours + `}]}}`
		recording := exchange.Recording{Name: "x.har", MaxBody: 1, Open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(text)), nil }}
		results, errs := 0, 0
		for _, err := range check.Check(t.Context(), theContract(t), []exchange.Recording{recording}) {
			if err != nil {
				errs++
			} else {
				results++
			}
		}
		if results != 2 || errs != 1 {
			t.Errorf("an entry that is %s: expected two results and an error, got %d and %d", name, results, errs)
		}
	}
}

func TestACheckEndsWithItsContextAndWithItsConsumer(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for i := range 50 {
		write(t, dir, strconv.Itoa(i)+".har", recorded(t, "page-1.har")[0])
	}
	list, err := exchange.FindRecordings(dir, dir)
	if err != nil || len(list) != 100 {
		t.Fatalf("expected 100 recordings, got %d and %v", len(list), err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	n := 0
	var last error
	for _, err := range check.Check(ctx, theContract(t), list) {
		if n++; n == 3 {
			cancel()
		}
		last = err
	}
	if n >= 100 || !errors.Is(last, context.Canceled) {
		t.Errorf("expected the context's error after a few, got %v after %d", last, n)
	}
	n = 0
	for range check.Check(t.Context(), theContract(t), list) {
		if n++; n == 3 {
			break // leaves no goroutine: it waits for them
		}
	}
}

func TestFindRecordingsSaysWhatIsMissing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, p := range []string{filepath.Join(dir, "no-such.har"), dir} {
		if _, err := exchange.FindRecordings(p); err == nil || !strings.Contains(err.Error(), p) {
			t.Errorf("expected an error that names %s, got %v", p, err)
		}
	}
}
