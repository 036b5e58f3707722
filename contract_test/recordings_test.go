package contract_test

import (
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/okchat/okchat-go/contract_test/recordings"
	"github.com/okchat/okchat-go/gen/okchatapi"
)

// TestEachRecordingKeepsTheContract allows drift no more than violations: the contract was made from page 1.
func TestEachRecordingKeepsTheContract(t *testing.T) {
	t.Parallel()
	c := theContract(t)
	for _, ex := range all(t) {
		for _, finding := range c.Check(ex).Findings {
			t.Error(finding)
		}
	}
}

// TestTheDocumentedCurlKeepsTheContract holds that page 1 was asked for as the vendor's page shows it.
func TestTheDocumentedCurlKeepsTheContract(t *testing.T) {
	t.Parallel()
	ex := *recorded(t, "page-1.har")[0]
	if ex.Method != http.MethodGet || string(ex.RequestBody) != `""` || ex.RequestHeader.Get("Content-Type") != "application/json" {
		t.Fatalf("expected the documented GET with its body of two characters, got %s with %d bytes", ex.Method, len(ex.RequestBody))
	}
	for _, body := range []string{`""`, "", "{}", "not JSON"} {
		ex.RequestBody = []byte(body)
		for _, finding := range theContract(t).Check(&ex).Findings {
			t.Errorf("with the request body %q: %v", body, finding)
		}
	}
}

// TestOnlyTheVendorsSampleIsNotSynthetic also compares the checksum of that sample, which nobody may alter.
func TestOnlyTheVendorsSampleIsNotSynthetic(t *testing.T) {
	t.Parallel()
	const sample = "5b0afb6a6bba636b293e51f003f26c7bbfea92d9e9d94672de25448828e3e090"
	for _, ex := range all(t) {
		sum := sha256.Sum256(ex.ResponseBody)
		switch vendors := hex.EncodeToString(sum[:]) == sample; {
		case strings.HasPrefix(ex.Source.File, "page-1.har"):
			if !vendors || ex.Synthetic || !strings.HasPrefix(ex.Comment, "published: ") {
				t.Errorf("%s: expected the vendor's sample, unaltered and said to be published", ex.Source)
			}
		case vendors || !ex.Synthetic || !strings.HasPrefix(ex.Comment, "synthetic: "):
			t.Errorf("%s: expected an entry with _synthetic and a comment that begins with synthetic:", ex.Source)
		}
	}
}

func TestNoRecordingHoldsAKeyOrACookie(t *testing.T) {
	t.Parallel()
	for _, ex := range all(t) {
		if got := ex.RequestHeader.Get("x-api-key"); got != "REDACTED" {
			t.Errorf("%s: expected the key REDACTED, got %d other characters", ex.Source, len(got))
		}
		for _, name := range []string{"Cookie", "Authorization"} {
			if ex.RequestHeader.Get(name) != "" {
				t.Errorf("%s: expected no %s", ex.Source, name)
			}
		}
	}
	long := regexp.MustCompile(`\b[0-9a-fA-F]{40,}\b`)
	names, _ := fs.Glob(recordings.FS(), "*.har")
	for _, name := range names {
		text, err := fs.ReadFile(recordings.FS(), name)
		if err != nil || long.Match(text) {
			t.Errorf("%s: expected a readable file without anything like a key, got error %v", name, err)
		}
	}
}

// TestThePagesAreOneList expects the synthetic page to follow the vendor's, as demos use both.
func TestThePagesAreOneList(t *testing.T) {
	t.Parallel()
	var pages []okchatapi.ConversationPage
	for _, name := range []string{"page-1.har", "page-2.har"} {
		var page okchatapi.ConversationPage
		unmarshal(t, recorded(t, name)[0].ResponseBody, &page)
		pages = append(pages, page)
	}
	var list []okchatapi.Conversation
	for i, page := range pages {
		if m := page.Metadata; m.CurrentPage != i+1 || m.TotalPages != len(pages) || m.TotalCount != 20 || m.PageSize != len(page.Data) {
			t.Errorf("page %d: its metadata does not fit the list: %+v", i+1, m)
		}
		list = append(list, page.Data...)
	}
	platforms := make(map[okchatapi.Platform]bool)
	seen := make(map[string]bool)
	for i, c := range list {
		if seen[c.ID.String()] {
			t.Errorf("conversation %d: its id comes twice", i)
		}
		seen[c.ID.String()] = true
		if i >= 10 {
			platforms[c.Platform] = true
		}
		if c.ChatbotID != list[0].ChatbotID {
			t.Errorf("conversation %d: it is of another chatbot", i)
		}
		if i > 0 && !c.CreatedAt.Before(list[i-1].CreatedAt) {
			t.Errorf("conversation %d: it is not older than the one before", i)
		}
		if c.UpdatedAt.Before(c.CreatedAt) {
			t.Errorf("conversation %d: it was updated before it was created", i)
		}
	}
	if got := slices.Collect(maps.Keys(platforms)); len(got) < 7 { // as many as the contract had when the page was made up
		t.Errorf("expected at least 7 platforms on page 2, got %v", got)
	}
}
