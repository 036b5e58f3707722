package sqlite

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	okchat "github.com/okchat/okchat-go"
	"github.com/okchat/okchat-go/archive"
	"github.com/okchat/okchat-go/okchattest"
)

// reader opens the archive for reading until the test ends.
func reader(t testing.TB, path string) *Archive {
	t.Helper()
	a, err := Read(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Close() })
	return a
}

func TestAConversationIsFoundByAnUnambiguousBeginningOfItsID(t *testing.T) {
	if testing.Short() {
		t.Skip("one goroutine asks again and again")
	}
	srv, client := serve(t, okchattest.Synthetic(1, 300))
	path := filepath.Join(t.TempDir(), "a.sqlite")
	update(t, path, srv.ChatbotID, client, okchat.ListOptions{Limit: 100}, false)
	a := reader(t, path)
	ids := query(t, path, "SELECT id FROM conversations")
	for _, id := range ids {
		for n := 1; n <= len(id); n++ {
			var want []string
			for _, other := range ids {
				if strings.HasPrefix(other, id[:n]) {
					want = append(want, other)
				}
			}
			c, err := a.Conversation(t.Context(), strings.ToUpper(id[:n]))
			switch {
			case len(want) == 1 && (err != nil || c.ID.String() != id):
				t.Fatalf("%s: %v", id[:n], err)
			case len(want) > 1 && !errors.Is(err, ErrNoConversation):
				t.Fatalf("%s, with which %d begin: %v", id[:n], len(want), err)
			}
		}
	}
	if _, err := a.Conversation(t.Context(), "00000000-0000-0000-0000-000000000000"); !errors.Is(err, ErrNoConversation) {
		t.Errorf("one that is not there: %v", err)
	}
	for _, id := range []string{"", "x", "%", "dcda7e8a-e344-41a2-8a7e-b7400add69711", "a' OR 1"} {
		if _, err := a.Conversation(t.Context(), id); !errors.Is(err, okchat.ErrArgument) {
			t.Errorf("%q: %v", id, err)
		}
	}
}

func TestTheNewestComeFirstWhateverTheSizeOfAPage(t *testing.T) {
	srv, client := serve(t, okchattest.Synthetic(1, 100))
	path := filepath.Join(t.TempDir(), "a.sqlite")
	update(t, path, srv.ChatbotID, client, okchat.ListOptions{}, false)
	change(t, path, "UPDATE conversations SET created_at = (SELECT min(created_at) FROM conversations) WHERE rowid % 3 = 0")
	a := reader(t, path)
	for _, f := range []archive.Filter{{}, {Platform: "web"}} {
		var want []string
		for size := 100; size > 0; size -= 11 {
			var got []string
			var after Position
			for {
				page, err := a.Newest(t.Context(), okchat.ListOptions{}, f, after, size)
				if err != nil {
					t.Fatal(err)
				}
				for _, c := range page {
					got = append(got, c.ID.String())
				}
				if len(page) < size {
					break
				}
				if after, err = ParsePosition(page[size-1].Position.String()); err != nil {
					t.Fatal(err)
				}
			}
			if want == nil {
				want = got
			}
			if !slices.Equal(got, want) || len(got) == 0 || f.Platform == "" && len(got) != 100 {
				t.Fatalf("%v in pages of %d: %d came, in one page %d, or in another order", f, size, len(got), len(want))
			}
		}
	}
	for _, text := range []string{"x", "2025-03-07", "2025-03-07T04:56:09.200005Z", "2025-03-07T04:56:09.200005Z,", "yesterday,1"} {
		if _, err := ParsePosition(text); err == nil {
			t.Errorf("%q was taken for a position", text)
		}
	}
}

func TestTextIsFoundAsItWasTyped(t *testing.T) {
	srv, client := serve(t, okchattest.Synthetic(1, 12))
	path := filepath.Join(t.TempDir(), "a.sqlite")
	update(t, path, srv.ChatbotID, client, okchat.ListOptions{}, false)
	texts := []string{"100% sure", "snake_case", `C:\temp`, `say "hello" twice`, "환불 부탁드립니다", "Refund, please", "REFUND", "a\nb", "é", strings.Repeat("x", 5000) + "needle" + strings.Repeat("y", 5000)}
	for i, text := range texts {
		change(t, path, fmt.Sprintf("UPDATE conversations SET last_message = '%s', updated_at = '2025-03-07T00:00:%02d.000000Z' WHERE rowid = %d", text, i, i+1))
	}
	change(t, path, "UPDATE conversations SET last_message = NULL WHERE rowid > 10")
	a := reader(t, path)
	for text, want := range map[string][]int{
		"%": {0}, "0% s": {0}, "_": {1}, "e_c": {1}, `\`: {2}, `:\t`: {2}, `"`: {3}, `"hello"`: {3}, "환불": {4}, "환": {4}, "드립니": {4},
		"refund": {6, 5}, "Refund": {6, 5}, "nd": {6, 5}, "a\nb": {7}, "é": {8}, "needle": {9}, "refund,please": nil,
	} {
		hits, err := a.Search(t.Context(), text, okchat.ListOptions{}, archive.Filter{}, Position{}, 100)
		var got []int
		for _, h := range hits {
			at := h.At.Second()
			got = append(got, at)
			if !strings.EqualFold(h.Match, text) || !strings.Contains(strings.ReplaceAll(texts[at], "\n", " "), strings.Trim(h.Before, "…")) || len(h.Before)+len(h.After) > 200 {
				t.Errorf("%q was found as %q between %q and %q", text, h.Match, h.Before, h.After)
			}
		}
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%q: found in %v, expected %v: %v", text, got, want, err)
		}
	}
	for _, text := range []string{"", " \n", strings.Repeat("x", MaxSearch+1), "\xff", "a\x00b"} {
		if _, err := a.Search(t.Context(), text, okchat.ListOptions{}, archive.Filter{}, Position{}, 100); !errors.Is(err, okchat.ErrArgument) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// Only what a call reads is checked, so each page of a file is damaged in turn: what is read is right, or there is an error.
func TestADamagedPageIsAnErrorWhereItIsRead(t *testing.T) {
	if testing.Short() {
		t.Skip("one goroutine asks again and again")
	}
	srv, client := serve(t, okchattest.Synthetic(1, 60))
	dir := t.TempDir()
	whole, path := filepath.Join(dir, "whole.sqlite"), filepath.Join(dir, "a.sqlite")
	update(t, whole, srv.ChatbotID, client, okchat.ListOptions{}, false)
	content := readFile(t, whole)
	all := func(path string) (string, error) {
		a, err := Read(t.Context(), path)
		if err != nil {
			return "", err
		}
		defer a.Close()
		page, err := a.Newest(t.Context(), okchat.ListOptions{}, archive.Filter{}, Position{}, 1000)
		if err != nil {
			return "", err
		}
		var b strings.Builder
		for _, listed := range page {
			c, err := a.Conversation(t.Context(), listed.ID.String())
			if err != nil {
				return "", err
			}
			fmt.Fprintf(&b, "%s %s\n", listed.ID, c.Raw())
		}
		hits, err := a.Search(t.Context(), "a", okchat.ListOptions{}, archive.Filter{}, Position{}, 1000)
		fmt.Fprintln(&b, hits)
		return b.String(), err
	}
	want, err := all(whole)
	if err != nil {
		t.Fatal(err)
	}
	const page = 4096
	noticed := 0
	for at := 0; at < len(content); at += page {
		for name, damage := range map[string]string{"zeros": strings.Repeat("\x00", page), "ones": strings.Repeat("\xff", page), "another page": content[page : 2*page]} {
			if content[at:at+page] == damage {
				continue
			}
			if err := os.WriteFile(path, []byte(content[:at]+damage+content[at+page:]), 0o600); err != nil {
				t.Fatal(err)
			}
			got, err := all(path)
			if err != nil {
				noticed++
			} else if got != want {
				t.Errorf("page %d damaged by %s: something else was read without an error", at/page+1, name)
			}
		}
	}
	if noticed < len(content)/page {
		t.Errorf("of %d pages, damaged in three ways each, only %d were errors", len(content)/page, noticed)
	}
}

func TestReadingLeavesNothingBesideTheFile(t *testing.T) {
	srv, client := serve(t, okchattest.Synthetic(1, 5))
	path := filepath.Join(t.TempDir(), "a.sqlite")
	update(t, path, srv.ChatbotID, client, okchat.ListOptions{}, false)
	before := readFile(t, path)
	a, err := Read(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Newest(t.Context(), okchat.ListOptions{}, archive.Filter{}, Position{}, 1); err != nil {
		t.Fatal(err)
	}
	if err := a.exec("DELETE FROM conversations"); err == nil {
		t.Error("it could be changed")
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	if left, err := filepath.Glob(filepath.Join(filepath.Dir(path), "*")); len(left) != 1 || readFile(t, path) != before {
		t.Errorf("%v are there, or the file was changed: %v", left, err)
	}
}
