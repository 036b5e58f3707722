package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	okchat "github.com/okchat/okchat-go"
	"github.com/okchat/okchat-go/okchattest"
)

// readers are the commands that read a chatbot's list, each writing what it writes to a pipe.
var readers = map[string][]string{"list": {"list", "--limit", "0"}, "export": {"export", "-o", "-"}, "stats": {"stats"}}

func TestAnErrorNamesTheFlagThatHelps(t *testing.T) {
	for name, tt := range map[string]struct {
		fault okchattest.Fault
		args  []string
		code  int
		says  []string
	}{
		"a page that is too large":     {nil, []string{"--max-page-size", "1000"}, exitContract, []string{"--limit", "--max-page-size"}},
		"a wait that is too long":      {scriptFaults["limited"], nil, exitRateLimited, []string{"--max-wait", "15m"}},
		"a try that takes too long":    {scriptFaults["hang"], []string{"--timeout", "20ms", "--tries", "1"}, exitFailed, []string{"--timeout", "--limit"}},
		"a server that limits":         {okchattest.Status(429, "{}"), []string{"--tries", "1"}, exitRateLimited, []string{"--rate"}},
		"a server that keeps rows":     {okchattest.RowCap(5), []string{"--tries", "1"}, exitContract, []string{"--allow-incomplete", "--limit"}},
		"a wait that is none":          {nil, []string{"--max-wait", "0s"}, exitUsage, []string{"--max-wait"}},
		"a timeout that is none":       {nil, []string{"--timeout", "-1s"}, exitUsage, []string{"--timeout"}},
		"no try":                       {nil, []string{"--tries", "0"}, exitUsage, []string{"--tries"}},
		"a rate that is none":          {nil, []string{"--rate", "NaN"}, exitUsage, []string{"--rate"}},
		"a rate below none":            {nil, []string{"--rate", "-1"}, exitUsage, []string{"--rate"}},
		"a page size that is none":     {nil, []string{"--max-page-size", "much"}, exitUsage, []string{"--max-page-size", "100MiB"}},
		"a page size beyond all bound": {nil, []string{"--max-page-size", "9999999999GiB"}, exitUsage, []string{"--max-page-size"}},
	} {
		t.Run(name, func(t *testing.T) {
			srv := exported(t, 12)
			srv.Every(tt.fault)
			for command, args := range readers {
				args = append(append([]string{}, args...), append(tt.args, "--chatbot", srv.ChatbotID)...)
				code, _, errs := okchatRun(t, 0, args...)
				if code != tt.code {
					t.Errorf("%s: exit %d, expected %d: %s", command, code, tt.code, errs)
				}
				for _, want := range tt.says {
					if !strings.Contains(lastLine(errs), want) {
						t.Errorf("%s: the last line does not name %s: %s", command, want, errs)
					}
				}
				for _, goName := range []string{"With", "RetryPolicy", "ListOptions", "MaxBody"} {
					if strings.Contains(errs, goName) {
						t.Errorf("%s: stderr names %s of Go: %s", command, goName, errs)
					}
				}
			}
		})
	}
}

func TestAPageSizeIsReadInBytesAndUnits(t *testing.T) {
	for text, want := range map[string]size{"1": 1, "1000000": 1e6, "100MiB": 100 << 20, "1 kb": 1000, "2g": 2 << 30} {
		var s size
		if err := s.Set(text); err != nil || s != want {
			t.Errorf("%s is %d, %v, expected %d", text, s, err, want)
		}
	}
	for _, text := range []string{"", "0", "-1", "MiB", "1.5MiB", "1TiB"} {
		if err := new(size).Set(text); err == nil {
			t.Errorf("%q was accepted", text)
		}
	}
}

func TestAPageSizeOfMessagesGivesWayToTheServersOwn(t *testing.T) {
	srv := exported(t, 25)
	srv.Every(refusing("100"))
	conv, _ := srv.At(0)
	pages := 2 + 3 + 1 // of the list, refused ones included, and of the messages that are refused
	for i := range srv.Len() {
		conv, _ := srv.At(i)
		n := (len(srv.Messages(conv.ID)) + 9) / 10
		if pages += max(n, 1); n > 1 {
			pages += n
		}
	}
	for _, tt := range []struct {
		args []string
		gave int
	}{
		{[]string{"show", conv.ID.String()}, 1},
		{[]string{"export", "--messages", "--parallel", "1", "--read-ahead", "1", "-o", filepath.Join(t.TempDir(), "a.ndjson")}, 2},
	} {
		args := append(tt.args, "--chatbot", srv.ChatbotID)
		before := srv.Count()
		code, _, errs := okchatRun(t, 0, args...)
		if n := srv.Count() - before; code != exitOK || strings.Count(errs, "own page size") != tt.gave || n > pages {
			t.Errorf("%v: exit %d after %d requests, expected at most %d: %s", args, code, n, pages, errs)
		}
		code, _, errs = okchatRun(t, 0, append(args, "--limit", "100")...)
		if code != exitFailed || !strings.Contains(errs, "limit must not be greater than 50") {
			t.Errorf("%v with a limit of the user's: exit %d: %s", args, code, errs)
		}
	}
}

// refusing answers 400 to a request for pages of n conversations.
func refusing(n string) okchattest.Fault {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Query().Get("limit") == n {
				w.Header().Set("Content-Type", "application/json")
				w.WriteHeader(http.StatusBadRequest)
				_, _ = w.Write([]byte(`{"message":"limit must not be greater than 50"}`))
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}

func TestAPageSizeThatTheProgramChoseGivesWayToTheServersOwn(t *testing.T) {
	srv := exported(t, 25)
	srv.Every(refusing("100"))
	path := filepath.Join(t.TempDir(), "a.sqlite")
	for _, args := range [][]string{{"export", "-o", "-"}, {"export", "--update", path}, {"export", "-o", "-", "--read-ahead", "1"}, {"stats"}} {
		args = append(args, "--chatbot", srv.ChatbotID)
		before := srv.Count()
		code, _, errs := okchatRun(t, 0, args...)
		if code != exitOK || strings.Count(errs, "own page size") != 1 || srv.Count()-before > 8 {
			t.Errorf("%v: exit %d after %d requests: %s", args, code, srv.Count()-before, errs)
		}
		code, _, errs = okchatRun(t, 0, append(args, "--limit", "100")...)
		if code != exitFailed || !strings.Contains(errs, "limit must not be greater than 50") {
			t.Errorf("%v with a limit of the user's: exit %d: %s", args, code, errs)
		}
	}
}

func TestAWaitThatTheServerAskedForIsTold(t *testing.T) {
	t.Parallel()
	p := newProgress(streams{err: new(strings.Builder), errWidth: 60}, false)
	p.out = new(strings.Builder)
	p.tried(t.Context(), okchat.TryInfo{Asked: true, Retry: true, Delay: 11_500_000_000})
	p.tried(t.Context(), okchat.TryInfo{Retry: true, Delay: 3_000_000_000})
	p.clear()
	if got := p.out.(*strings.Builder).String(); got != "\rwaiting 12 s, as the server asked\x1b[K\r\x1b[K" {
		t.Errorf("on a terminal it is %q", got)
	}
	p.width, p.out = 0, new(strings.Builder)
	p.shown = p.now()
	p.tried(t.Context(), okchat.TryInfo{Asked: true, Retry: true, Delay: 1_000_000_000}) // too soon after what was told last
	p.tried(t.Context(), okchat.TryInfo{Asked: true, Retry: true, Delay: 60_000_000_000})
	if got := p.out.(*strings.Builder).String(); got != "waiting 60 s, as the server asked\n" {
		t.Errorf("elsewhere it is %q", got)
	}
}

func TestWhatWasNotSentIsNullAndToldOnce(t *testing.T) {
	srv := exported(t, 30)
	srv.Every(okchattest.EditRow(-1, func(c map[string]any) {
		delete(c, "updated_at")
		c["active"], c["platform"] = nil, "carrier-pigeon"
	}))
	dir := t.TempDir()
	for _, args := range [][]string{{"list"}, {"export", "-o", filepath.Join(dir, "a.csv")}, {"export", "-o", filepath.Join(dir, "a.sqlite")}, {"stats", "--json"}} {
		args = append(args, "--chatbot", srv.ChatbotID)
		code, _, errs := okchatRun(t, 0, args...)
		for _, want := range []string{"without updated_at", "without active", `the platform "carrier-pigeon"`} {
			if code != exitOK || strings.Count(errs, want) != 1 {
				t.Errorf("%v: exit %d, %q is not told once: %s", args, code, want, errs)
			}
		}
		if code, _, errs := okchatRun(t, 0, append(args, "--strict")...); code != exitContract {
			t.Errorf("%v --strict: exit %d: %s", args, code, errs)
		}
	}
	if csv := readFile(t, filepath.Join(dir, "a.csv")); strings.Contains(csv, "0001-01-01") || strings.Contains(csv, "false,false,false") {
		t.Errorf("the CSV holds what was not sent: %s", csv[:500])
	}
	if got := countIn(t, filepath.Join(dir, "a.sqlite"), "SELECT count(*) || ' ' || count(updated_at) || ' ' || count(active) FROM conversations"); got != "30 0 0" {
		t.Errorf("rows and values: %s", got)
	}
}

func TestABaseURLWithAPathWorks(t *testing.T) {
	fake := okchattest.New(okchattest.Key(secretKey), okchattest.Synthetic(1, 5))
	srv := httptest.NewServer(http.StripPrefix("/gateway/okchat", fake))
	defer srv.Close()
	live(t, srv.URL+"/gateway/okchat")
	for _, args := range [][]string{
		{"list"}, {"export", "-o", "-"}, {"stats"}, {"check", "--live"}, {"record", "-o", filepath.Join(t.TempDir(), "a.har")},
	} {
		if code, out, errs := okchatRun(t, 0, append(args, "--chatbot", fake.ChatbotID)...); code != exitOK {
			t.Errorf("%v: exit %d: %s%s", args, code, out, errs)
		}
	}
}

// onPage lets a fault happen to each request for one page.
func onPage(page string, fault okchattest.Fault) okchattest.Fault {
	return func(next http.Handler) http.Handler {
		faulty := fault(next)
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Query().Get("page") == page {
				faulty.ServeHTTP(w, r)
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}

// oddities are single conversations that break the contract, as they stand on a page of at least five.
var oddities = map[string]okchattest.Fault{
	"no created_at":       okchattest.EditRow(3, func(row map[string]any) { delete(row, "created_at") }),
	"created_at is null":  okchattest.EditRow(3, func(row map[string]any) { row["created_at"] = nil }),
	"an id that is none":  okchattest.EditRow(3, func(row map[string]any) { row["id"] = "x" }),
	"a year beyond 9999":  okchattest.EditRow(3, func(row map[string]any) { row["created_at"] = "+12345-01-01T00:00:00Z" }),
	"a text for a truth":  okchattest.EditRow(3, func(row map[string]any) { row["active"] = "yes" }),
	"one older than next": okchattest.EditRow(3, func(row map[string]any) { row["created_at"] = "2020-01-01T00:00:00Z" }),
}

func TestOneOddConversationIsNamedAndTheRestIsKept(t *testing.T) {
	for name, odd := range oddities {
		t.Run(name, func(t *testing.T) {
			srv := exported(t, 45)
			dir := t.TempDir()
			archive := filepath.Join(dir, "a.sqlite")
			want := 44
			if name == "one older than next" {
				want = 45 // out of order, and there
			}
			for _, args := range [][]string{
				{"list", "--limit", "0"}, {"list", "--limit", "0", "--json"}, {"stats", "--json"}, {"export", "-o", filepath.Join(dir, "a.ndjson")}, {"export", "-o", filepath.Join(dir, "b.sqlite")},
				{"export", "-o", filepath.Join(dir, "c.ndjson"), "--resume"}, {"export", "--update", archive}, {"export", "--update", archive}, {"export", "--update", archive, "--new-only"},
			} {
				srv.Every(onPage("2", odd))
				args = append(args, "--chatbot", srv.ChatbotID)
				if args[0] == "export" {
					args = append(args, "--limit", "10", "--read-ahead", "1")
				} else {
					srv.Every(onPage("1", odd)) // there is no other
				}
				code, out, errs := okchatRun(t, 0, args...)
				if code != exitContract || !strings.Contains(lastLine(errs), "/data/") {
					t.Errorf("%v: exit %d: %s", args, code, errs)
				}
				var got int
				switch {
				case args[0] == "stats":
					if !strings.Contains(out, fmt.Sprintf(`"total": %d`, want)) {
						t.Errorf("%v: %s", args, out)
					}
					continue
				case args[1] == "--update", strings.HasSuffix(args[2], "sqlite"):
					if countIn(t, args[2], "SELECT count(*) || ' ' || count(gone_at) FROM conversations") != fmt.Sprint(want, " 0") {
						t.Errorf("%v stored something else than %d", args, want)
					}
					continue
				case args[0] == "export":
					got = strings.Count(readFile(t, args[2]), "\n")
				case slices.Contains(args, "--json"):
					got = strings.Count(out, `"chatbot_id"`)
				default:
					got = strings.Count(out, "\n") - 1
				}
				if got != want {
					t.Errorf("%v handed out %d conversations, expected %d", args, got, want)
				}
			}
			if left := names(t, dir); len(left) != 4 {
				t.Errorf("%v are there", left)
			}
		})
	}
}

func TestAListThatIsNotCompleteIsNotTakenForAWholeOne(t *testing.T) {
	for name, fault := range map[string]okchattest.Fault{"a page that is short": okchattest.RowCap(4), "a page that is empty": okchattest.RowCap(0)} {
		t.Run(name, func(t *testing.T) {
			srv := exported(t, 45)
			dir := t.TempDir()
			path, archive := filepath.Join(dir, "a.ndjson"), filepath.Join(dir, "a.sqlite")
			run := func(args ...string) (int, string, string) {
				t.Helper()
				return okchatRun(t, 0, append(args, "--chatbot", srv.ChatbotID, "--limit", "10", "--tries", "1")...)
			}
			if code, _, errs := run("export", "--update", archive); code != exitOK {
				t.Fatal(errs)
			}
			srv.Every(onPage("3", fault))
			for _, args := range [][]string{{"export", "-o", path}, {"export", "-o", filepath.Join(dir, "b.sqlite")}, {"stats"}} {
				code, out, errs := run(args...)
				if code != exitContract || out != "" || !strings.Contains(errs, "--allow-incomplete") || len(names(t, dir)) != 1 {
					t.Errorf("%v: exit %d, %v are there: %s%s", args, code, names(t, dir), out, errs)
				}
			}
			if code, _, errs := run("export", "--update", archive); code != exitContract || countIn(t, archive, "SELECT count(*) || ' ' || count(gone_at) FROM conversations") != "45 0" {
				t.Errorf("an update: exit %d: %s", code, errs)
			}
			if code, _, errs := run("export", "-o", path, "--allow-incomplete"); code != exitContract || strings.Count(readFile(t, path), "\n") < 34 {
				t.Errorf("with --allow-incomplete: exit %d: %s", code, errs)
			}
		})
	}
}

func TestARecordingOfAListThatBreaksTheContractIsKeptAndAnError(t *testing.T) {
	srv := exported(t, 45)
	path := filepath.Join(t.TempDir(), "a.har")
	for name, fault := range map[string]okchattest.Fault{"one odd conversation": onPage("2", oddities["no created_at"]), "short pages": onPage("2", okchattest.RowCap(4))} {
		srv.Every(fault)
		code, _, errs := okchatRun(t, 0, "record", "--chatbot", srv.ChatbotID, "-o", path)
		if code != exitContract || !strings.Contains(errs, "/data") || !strings.Contains(readFile(t, path), "conversations") {
			t.Errorf("%s: exit %d: %s", name, code, errs)
		}
	}
}
