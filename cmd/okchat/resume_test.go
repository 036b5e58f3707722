package main

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/okchat/okchat-go/okchattest"
)

func TestAnExportThatEndedEarlyIsContinuedByTheSameCommand(t *testing.T) {
	for _, format := range []string{"ndjson", "csv"} {
		t.Run(format, func(t *testing.T) {
			srv := exported(t, 250)
			dir := t.TempDir()
			path, whole := filepath.Join(dir, "a."+format), filepath.Join(t.TempDir(), "whole."+format)
			args := func(path string, more ...string) []string {
				return append([]string{"export", "--chatbot", srv.ChatbotID, "--limit", "10", "--read-ahead", "1", "--since", "9000d", "-o", path}, more...)
			}
			if code, _, errs := okchatRun(t, 0, args(whole)...); code != exitOK {
				t.Fatal(errs)
			}
			if err := os.WriteFile(path, []byte("old"), 0o600); err != nil {
				t.Fatal(err)
			}
			for i, page := range []int{1, 4, 15, 25} { // the first run does not even get a page
				srv.OnPage(page, okchattest.Status(403, "{}"))
				before := srv.Count()
				code, _, errs := okchatRun(t, 0, args(path, "--resume")...)
				if code != exitUnauthorized || readFile(t, path) != "old" {
					t.Fatalf("run %d: exit %d: %s", i, code, errs)
				}
				want := []string{"a." + format}
				if page > 1 {
					want = []string{"a." + format, "a." + format + ".part", "a." + format + ".part.token"}
					if !strings.Contains(errs, fmt.Sprintf("a.%s.part has %d conversations: the same command goes on from there", format, 10*(page-1))) {
						t.Errorf("run %d says %s", i, errs)
					}
				}
				if left := names(t, dir); !slices.Equal(left, want) {
					t.Errorf("run %d left %v", i, left)
				}
				if n := srv.Count() - before; n > page {
					t.Errorf("run %d sent %d requests to get to page %d", i, n, page)
				}
			}
			for name, other := range map[string][]string{
				"another state": {"--state", "x"}, "another time": {"--since", "8000d"}, "another page size": {"--limit", "20"}, "an end": {"--until", "2025-01-01"},
			} {
				if code, _, errs := okchatRun(t, 0, args(path, append(other, "--resume")...)...); code != exitUsage || !strings.Contains(errs, "was begun with") {
					t.Errorf("%s: exit %d: %s", name, code, errs)
				}
			}
			if format == "csv" { // a later version of this program has one more
				token := readFile(t, path+".part.token")
				if err := os.WriteFile(path+".part.token", []byte(strings.Replace(token, `,"unknown"`, "", 1)), 0o600); err != nil {
					t.Fatal(err)
				}
				if code, _, errs := okchatRun(t, 0, args(path, "--resume")...); code != exitUsage || !strings.Contains(errs, "other columns") {
					t.Errorf("other columns: exit %d: %s", code, errs)
				}
				if err := os.WriteFile(path+".part.token", []byte(token), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			code, _, errs := okchatRun(t, 0, args(path, "--resume")...)
			if code != exitOK || !strings.Contains(errs, "goes on behind 240 conversations") || !strings.Contains(errs, "250 conversations are in") {
				t.Errorf("the last run: exit %d: %s", code, errs)
			}
			if left := names(t, dir); readFile(t, path) != readFile(t, whole) || !slices.Equal(left, []string{"a." + format}) {
				t.Errorf("%v are there, or the file is not that of an uninterrupted run", left)
			}
		})
	}
}

func TestWithoutResumeAnInterruptedRunLeavesNothing(t *testing.T) {
	srv := exported(t, 50)
	srv.OnPage(3, okchattest.Status(403, "{}"))
	path := filepath.Join(t.TempDir(), "a.csv")
	if code, _, errs := okchatRun(t, 0, "export", "--chatbot", srv.ChatbotID, "--limit", "10", "-o", path); code != exitUnauthorized {
		t.Errorf("exit %d: %s", code, errs)
	}
	if left := names(t, filepath.Dir(path)); len(left) > 0 {
		t.Errorf("%v are left", left)
	}
}

func TestWhatWasToldIsToldByTheRunThatContinues(t *testing.T) {
	srv := exported(t, 50)
	srv.Every(okchattest.EditRow(-1, func(c map[string]any) { delete(c, "voice_path") }))
	path := filepath.Join(t.TempDir(), "a.csv")
	run := func() (int, string) {
		code, _, errs := okchatRun(t, 0, "export", "--chatbot", srv.ChatbotID, "--limit", "10", "--read-ahead", "1", "-o", path, "--resume", "--strict")
		return code, errs
	}
	srv.OnPage(4, okchattest.Status(403, "{}"))
	if code, errs := run(); code != exitContract && code != exitUnauthorized {
		t.Errorf("exit %d: %s", code, errs)
	}
	if code, errs := run(); code != exitContract || !strings.Contains(errs, "without voice_path, which the contract requires: 50 conversations") {
		t.Errorf("exit %d: %s", code, errs)
	}
}

func TestADamagedCheckpointIsRefused(t *testing.T) {
	srv := exported(t, 50)
	path := filepath.Join(t.TempDir(), "a.ndjson")
	for name, token := range map[string]string{"no JSON": "{", "more bytes than there are": fmt.Sprintf(
		`{"format":"ndjson","chatbot":%q,"tz":"UTC","limit":100,"after":"x","bytes":1000,"newer_than":"0001-01-01T00:00:00Z","older_than":"0001-01-01T00:00:00Z"}`, srv.ChatbotID)} {
		for suffix, content := range map[string]string{".part": "id,", ".part.token": token} {
			if err := os.WriteFile(path+suffix, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		code, _, errs := okchatRun(t, 0, "export", "--chatbot", srv.ChatbotID, "-o", path, "--resume")
		if code != exitUsage || !strings.HasSuffix(errs, "to start anew\n") || readFile(t, path+".part") != "id," {
			t.Errorf("%s: exit %d: %s", name, code, errs)
		}
	}
}

// Conversations start and leave between the runs and during them. Run with OKCHAT_KILLS=60 for more kills.
func TestAResumedExportKilledAtAnyMomentLosesNothing(t *testing.T) {
	t.Parallel()
	k := newKilling(t)
	dir := t.TempDir()
	for n, export := 0, 0; n < kills(); export++ {
		still := export%2 == 0 // nothing changes, so each byte is known
		format := []string{"ndjson", "csv"}[export/2%2]
		path := filepath.Join(dir, fmt.Sprintf("%d.%s", export, format))
		stayed := map[string]bool{}
		for i := range k.srv.Len() {
			c, _ := k.srv.At(i)
			stayed[c.ID.String()] = true
		}
		for range 6 {
			_, killed := k.run(1+k.random.IntN(12), "-o", path, "--resume")
			if !killed {
				break
			}
			n++
			if _, err := os.Stat(path); err == nil { // killed between its last step and its end: it is held to be whole below
				break
			}
			if !still {
				k.change()
			}
		}
		if _, err := os.Stat(path); err != nil {
			k.must("-o", path, "--resume")
		}
		if still {
			fresh := filepath.Join(dir, "fresh."+format)
			k.must("-o", fresh)
			if readFile(t, path) != readFile(t, fresh) {
				t.Fatalf("%s is not what an uninterrupted run writes", path)
			}
			continue
		}
		there := map[string]bool{}
		for i := range k.srv.Len() {
			c, _ := k.srv.At(i)
			there[c.ID.String()] = true
		}
		ids := map[string]int{}
		for _, id := range idsIn(t, path) {
			if ids[id]++; ids[id] > 1 {
				t.Errorf("%s came twice", id)
			}
		}
		for id := range stayed {
			if there[id] && ids[id] == 0 {
				t.Errorf("%s was lost", id)
			}
		}
	}
}

// idsIn returns the ids of the conversations in a file of NDJSON or CSV.
func idsIn(t *testing.T, path string) (ids []string) {
	t.Helper()
	if strings.HasSuffix(path, "csv") {
		rows, err := csv.NewReader(strings.NewReader(readFile(t, path))).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range rows[1:] {
			ids = append(ids, row[0])
		}
		return ids
	}
	for line := range strings.Lines(readFile(t, path)) {
		var conv struct{ ID string }
		if err := json.Unmarshal([]byte(line), &conv); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, conv.ID)
	}
	return ids
}
