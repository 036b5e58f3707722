package pages

import (
	"database/sql"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	okchat "github.com/okchat/okchat-go"
	"github.com/okchat/okchat-go/archive"
	"github.com/okchat/okchat-go/archive/sqlite"
	"github.com/okchat/okchat-go/gen/okchatapi"
	"github.com/okchat/okchat-go/okchattest"
)

const host, token = "127.0.0.1:8080", "TOKEN"

// made writes an archive with messages of n conversations.
func made(t testing.TB, n int, prepare func(*okchattest.Server)) string {
	t.Helper()
	srv := okchattest.NewServer(t, okchattest.Synthetic(1, n))
	if prepare != nil {
		prepare(srv)
	}
	client, err := okchat.New(srv.Key, okchat.WithBaseURL(srv.URL))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "a.sqlite")
	opts := sqlite.ExportOptions{Messages: &sqlite.MessageOptions{From: client, Parallel: 2}}
	if _, err := sqlite.Export(t.Context(), path, srv.ChatbotID, client, okchat.ListOptions{Limit: 100}, opts); err != nil {
		t.Fatal(err)
	}
	return path
}

// change runs statements on the archive.
func change(t testing.TB, path, statements string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(statements); err != nil {
		t.Fatal(err)
	}
}

func seoul(t testing.TB) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation("Asia/Seoul")
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

// get asks the viewer for a page below its token.
func get(t testing.TB, v http.Handler, page string) (status int, body string, header http.Header) {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, "/"+token+"/"+page, nil)
	r.Host = host
	w := httptest.NewRecorder()
	v.ServeHTTP(w, r)
	return w.Code, w.Body.String(), w.Header()
}

func TestNobodyReadsTheArchiveWithoutItsAddress(t *testing.T) {
	v := NewViewer(made(t, 3, nil), host, token, time.UTC)
	for name, tt := range map[string]struct {
		method, host, target string
		want                 int
	}{
		"the address":          {http.MethodGet, host, "/TOKEN/", http.StatusOK},
		"its head":             {http.MethodHead, host, "/TOKEN/", http.StatusOK},
		"no slash":             {http.MethodGet, host, "/TOKEN", http.StatusMovedPermanently},
		"no token":             {http.MethodGet, host, "/", http.StatusNotFound},
		"another token":        {http.MethodGet, host, "/TOKEM/", http.StatusNotFound},
		"part of it":           {http.MethodGet, host, "/TOKE/", http.StatusNotFound},
		"a token behind":       {http.MethodGet, host, "//TOKEN/", http.StatusNotFound},
		"another name":         {http.MethodGet, "evil.example:8080", "/TOKEN/", http.StatusMisdirectedRequest},
		"another port":         {http.MethodGet, "127.0.0.1:80", "/TOKEN/", http.StatusMisdirectedRequest},
		"a change":             {http.MethodPost, host, "/TOKEN/", http.StatusMethodNotAllowed},
		"a removal":            {http.MethodDelete, host, "/TOKEN/conversations/1", http.StatusMethodNotAllowed},
		"another page":         {http.MethodGet, host, "/TOKEN/a.sqlite", http.StatusNotFound},
		"no conversation":      {http.MethodGet, host, "/TOKEN/conversations/ffffffff-0000-4000-8000-000000000000", http.StatusNotFound},
		"no id":                {http.MethodGet, host, "/TOKEN/conversations/..%2f", http.StatusBadRequest},
		"a day that is none":   {http.MethodGet, host, "/TOKEN/?from=yesterday", http.StatusBadRequest},
		"a place that is none": {http.MethodGet, host, "/TOKEN/?after=x", http.StatusBadRequest},
		"a long text":          {http.MethodGet, host, "/TOKEN/?q=" + strings.Repeat("x", sqlite.MaxSearch+1), http.StatusBadRequest},
	} {
		r := httptest.NewRequest(tt.method, tt.target, nil)
		r.Host = tt.host
		w := httptest.NewRecorder()
		v.ServeHTTP(w, r)
		if w.Code != tt.want || strings.Contains(w.Body.String(), "conversations/") != (name == "the address" || name == "its head") {
			t.Errorf("%s: %d, expected %d, or it shows more or less than it should: %s", name, w.Code, tt.want, w.Body)
		}
		for _, header := range []string{"Content-Security-Policy", "Cache-Control", "Referrer-Policy", "X-Content-Type-Options"} {
			if w.Header().Get(header) == "" {
				t.Errorf("%s: there is no %s", name, header)
			}
		}
	}
}

func TestEachConversationIsOnOnePageOfTheList(t *testing.T) {
	path := made(t, 3*pageSize-20, nil)
	v := NewViewer(path, host, token, time.UTC)
	seen := map[string]int{}
	pages := 0
	for next := ""; pages == 0 || next != ""; pages++ {
		status, body, _ := get(t, v, next)
		if status != http.StatusOK {
			t.Fatalf("%s: %d", next, status)
		}
		for _, id := range regexp.MustCompile(`href="conversations/([^"]+)"`).FindAllStringSubmatch(body, -1) {
			seen[id[1]]++
			if status, body, _ := get(t, v, "conversations/"+id[1]); status != http.StatusOK || !strings.Contains(body, `<a href=".././">Conversations</a> <a href="../statistics">`) {
				t.Errorf("%s: %d, or it does not lead back", id[1], status)
			}
		}
		if (pages > 0) != strings.Contains(body, ">Newest<") {
			t.Errorf("page %d leads to the newest, or not", pages)
		}
		next = ""
		if link := regexp.MustCompile(`<a href="([^"]*)" rel="next">`).FindStringSubmatch(body); link != nil {
			next = strings.ReplaceAll(link[1], "&amp;", "&")
		}
	}
	if len(seen) != 3*pageSize-20 || pages != 3 {
		t.Errorf("%d conversations on %d pages", len(seen), pages)
	}
	for id, n := range seen {
		if n != 1 {
			t.Errorf("%s is there %d times", id, n)
		}
	}
}

// What came from outside stands on the pages as text, and no page loads anything or runs a script.
func TestPagesShowWhatCameAndNothingOfItActs(t *testing.T) {
	evil := `"><script>alert(1)</script><img src=https://evil.example/x><a href="javascript:alert(1)">`
	var conv okchatapi.Conversation
	path := made(t, 3, func(srv *okchattest.Server) {
		conv, _ = srv.At(0)
		srv.Remove(conv.ID)
		conv.SNSUserID, conv.Platform, conv.LastMessage = &evil, okchat.Platform(evil), okchatapi.LastMessage{Text: &evil}
		srv.Insert(conv)
		srv.SetMessages(conv.ID, okchatapi.Message{ID: uuid.New(), SessionID: conv.ID, CreatedAt: conv.CreatedAt, SenderType: okchat.SenderType(evil), Content: evil,
			Attachments: []okchatapi.Attachment{{Name: evil, URL: "javascript:alert('" + evil + "')"}, {Name: "a.png", URL: "https://evil.example/a.png"}}})
	})
	v := NewViewer(path, host, token, seoul(t))
	value := regexp.MustCompile(` value="[^"]*"`)
	whole, shown := regexp.MustCompile(`(?i)<(script|img|iframe|object|embed|link rel="stylesheet")|<[^>]*\s((src|href|action)="?(https?:|//|javascript:)|style=|on[a-z]+=)|ZgotmplZ|@import|url\(`), 0
	for _, page := range []string{"", "statistics", "conversations/" + conv.ID.String(), "?q=" + url.QueryEscape(evil), "?platform=" + url.QueryEscape(evil), "?user=" + url.QueryEscape(evil),
		"?from=" + url.QueryEscape(evil), "conversations/" + url.PathEscape(evil)} {
		_, body, header := get(t, v, page)
		if found := whole.FindString(value.ReplaceAllString(body, "")); found != "" {
			t.Errorf("%s: the page has %q", page, found)
		}
		policy := header.Get("Content-Security-Policy")
		if strings.Contains(policy, "unsafe") || !strings.HasPrefix(policy, "default-src 'none'; ") || !strings.Contains(policy, "frame-ancestors 'none'") {
			t.Errorf("%s: the policy is %s", page, policy)
		}
		if strings.Contains(body, "&gt;&lt;script&gt;alert(1)") {
			shown++
		}
	}
	if shown < 7 {
		t.Errorf("only %d pages show the text", shown)
	}
	_, body, _ := get(t, v, "conversations/"+conv.ID.String())
	if !strings.Contains(body, `<code dir="ltr">https://evil.example/a.png</code>`) {
		t.Errorf("the address of the file is not shown:\n%s", body)
	}
}

func TestFiltersSearchAndMarks(t *testing.T) {
	var conv okchatapi.Conversation
	path := made(t, 30, func(srv *okchattest.Server) {
		conv, _ = srv.At(4)
		var messages []okchatapi.Message
		for i, text := range []string{"first needle", "second", "last NEEDLE here"} {
			messages = append(messages, okchatapi.Message{ID: uuid.NewSHA1(conv.ID, []byte{byte(i)}), SessionID: conv.ID, Content: text,
				CreatedAt: time.Date(2025, 3, 6, 14, 30+30*i, 0, 0, time.UTC), SenderType: okchat.SenderType([]string{"user", "bot", "user"}[i])})
		}
		srv.SetMessages(conv.ID, messages...)
	})
	change(t, path, `UPDATE messages SET gone_at = '2025-03-08T00:00:00.000000Z' WHERE content = 'second'; UPDATE conversations SET gone_at = '2025-03-08T00:00:00.000000Z' WHERE n = 1;
		UPDATE conversations SET messages_read_at = NULL WHERE n = 2; DELETE FROM messages WHERE session_id = (SELECT id FROM conversations WHERE n = 2)`)
	v := NewViewer(path, host, token, seoul(t))
	count := func(page string) int {
		t.Helper()
		status, body, _ := get(t, v, page)
		if status != http.StatusOK {
			t.Fatalf("%s: %d", page, status)
		}
		return strings.Count(body, "<li><a ")
	}
	for page, want := range map[string]int{
		"": 29, "?gone=1": 30, "?platform=fax": 0, "?q=needle": 2, "?q=needle&from=2025-03-07": 1, "?q=needle&to=2025-03-06": 1, "?q=needle&to=2025-03-05": 0,
		"?q=second": 0, "?q=second&gone=1": 1, "?q=needle&user=" + url.QueryEscape(*conv.SNSUserID): 2, "?q=needle&user=x": 0, "?q=+": 29,
	} {
		if got := count(page); got != want {
			t.Errorf("%s: %d lines, expected %d", page, got, want)
		}
	}
	if all, web := count("?gone=1"), count("?gone=1&platform=web"); web == 0 || web >= all {
		t.Errorf("%d of %d are on the web", web, all)
	}
	_, body, _ := get(t, v, "?q=needle")
	if !strings.Contains(body, "last <mark>NEEDLE</mark> here") || !strings.Contains(body, `href="conversations/`+conv.ID.String()+"#m-"+uuid.NewSHA1(conv.ID, []byte{2}).String()) {
		t.Errorf("the hit is\n%s", body)
	}

	_, body, _ = get(t, v, "conversations/"+conv.ID.String())
	days := regexp.MustCompile(`<h2 class="day">([^<]+)`).FindAllStringSubmatch(body, -1)
	if len(days) != 2 || days[0][1] != "Thursday, 6 March 2025" || days[1][1] != "Friday, 7 March 2025" {
		t.Errorf("its days are %v", days)
	}
	for _, want := range []string{"first needle", ">23:30:00<", ">00:00:00<", "taken back", `class="message ours"`} {
		if strings.Count(body, want) != 1 {
			t.Errorf("%q is there %d times, expected once:\n%s", want, strings.Count(body, want), body)
		}
	}
	a, err := sqlite.Read(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	list, err := a.Newest(t.Context(), okchat.ListOptions{}, archive.Filter{Gone: true}, sqlite.Position{}, 100)
	if err != nil {
		t.Fatal(err)
	}
	unread := slices.IndexFunc(list, func(c sqlite.Conversation) bool { return c.Unread })
	if _, body, _ := get(t, v, "conversations/"+list[unread].ID.String()); !strings.Contains(body, "Its messages are not here") {
		t.Errorf("one without messages is\n%s", body)
	}
	gone := slices.IndexFunc(list, func(c sqlite.Conversation) bool { return !c.GoneAt.IsZero() })
	if _, body, _ := get(t, v, "conversations/"+list[gone].ID.String()); !strings.Contains(body, "left the list") {
		t.Errorf("one that is gone is\n%s", body)
	}
}

func TestTheViewerShowsAChangedFileAndWhatIsWrongWithOne(t *testing.T) {
	path := made(t, 5, nil)
	v := NewViewer(path, host, token, time.UTC)
	total := func() string {
		_, body, _ := get(t, v, "statistics")
		return fmt.Sprint(regexp.MustCompile(`<dt>in the list</dt><dd>(\d+)`).FindStringSubmatch(body))
	}
	if got := total(); !strings.HasSuffix(got, " 5]") {
		t.Errorf("it counts %s", got)
	}
	change(t, path, "UPDATE conversations SET gone_at = '2025-03-08T00:00:00.000000Z' WHERE n = 1")
	if got := total(); !strings.HasSuffix(got, " 4]") {
		t.Errorf("after a change it counts %s", got)
	}
	change(t, path, "PRAGMA application_id = 1")
	if status, body, _ := get(t, v, ""); status != http.StatusInternalServerError || !strings.Contains(body, "not an archive") {
		t.Errorf("%d: %s", status, body)
	}
}
