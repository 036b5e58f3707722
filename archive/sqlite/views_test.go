package sqlite

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	okchat "github.com/okchat/okchat-go"
	"github.com/okchat/okchat-go/gen/okchatapi"
	"github.com/okchat/okchat-go/okchattest"
)

func TestTheViewsAnswer(t *testing.T) {
	srv, client := serve(t, okchattest.Synthetic(1, 2000))
	path := filepath.Join(t.TempDir(), "a.sqlite")
	if _, err := Export(t.Context(), path, srv.ChatbotID, client, okchat.ListOptions{Limit: 500}, ExportOptions{}); err != nil {
		t.Fatal(err)
	}
	for question, want := range map[string]string{
		"SELECT sum(conversations), sum(listed) FROM per_day":                                                                        "2000|2000",
		"SELECT sum(conversations), count(*) FROM per_platform":                                                                      fmt.Sprint("2000|", len(okchatapi.PlatformValues())),
		"SELECT state, conversations FROM per_state LIMIT 1":                                                                         "in_progress|1500",
		"SELECT (SELECT count(*) FROM open_conversations) = sum(active) FROM conversations":                                          "1",
		"SELECT (SELECT count(*) FROM last_messages) = count(last_message) FROM conversations":                                       "1",
		"SELECT count(*) FROM conversations WHERE platform = 'voice' AND last_message IS NOT NULL":                                   "0",
		"SELECT count(*) FROM conversations WHERE json_extract(raw, '$.id') <> id":                                                   "0",
		"SELECT count(*) FROM conversations WHERE julianday(created_at) IS NULL":                                                     "0",
		"SELECT DISTINCT typeof(active) || typeof(sns_user_id) FROM conversations WHERE platform = 'whatsapp'":                       "integertext",
		"SELECT count(*) FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND name NOT LIKE 'sqlite%' AND NOT strict": "0",
	} {
		if got := one(t, path, question); got != want {
			t.Errorf("%s is %s, expected %s", question, got, want)
		}
	}
	for _, tt := range []struct{ question, index string }{
		{"SELECT id FROM conversations WHERE created_at >= '2025-03-01' ORDER BY created_at", "conversations_by_created_at"},
		{"SELECT id FROM conversations WHERE platform = 'web' ORDER BY created_at DESC LIMIT 5", "conversations_by_platform"},
		{"SELECT id FROM conversations WHERE sns_user_id = '9000000000000001'", "conversations_by_user"},
		{"SELECT id FROM conversations WHERE gone_at IS NULL AND (sns_user_id = '9' OR user_id = '9') ORDER BY created_at DESC, n DESC LIMIT 5", "conversations_by_user_id"},
		{"SELECT n FROM conversations ORDER BY " + lastSign + " DESC LIMIT 5", "conversations_by_last_sign"},
		{"SELECT n FROM messages ORDER BY created_at DESC LIMIT 5", "messages_by_created_at"},
	} {
		if plan := one(t, path, "EXPLAIN QUERY PLAN "+tt.question); !strings.Contains(plan, tt.index) {
			t.Errorf("%s does without the index: %s", tt.question, plan)
		}
	}
}
