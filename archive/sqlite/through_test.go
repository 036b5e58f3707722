package sqlite

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	okchat "github.com/okchat/okchat-go"
	"github.com/okchat/okchat-go/archive"
	"github.com/okchat/okchat-go/gen/okchatapi"
	"github.com/okchat/okchat-go/okchattest"
)

// fill gives each field of a generated type, and of the types within, a value of its own.
func fill(v reflect.Value, n *int) {
	*n++
	switch v.Interface().(type) {
	case uuid.UUID:
		v.Set(reflect.ValueOf(uuid.UUID{15: byte(*n)}))
		return
	case time.Time:
		v.Set(reflect.ValueOf(time.Date(2025, 3, 7, 10, 0, *n, 123456000, time.UTC)))
		return
	case map[string]any:
		v.Set(reflect.ValueOf(map[string]any{"later": "known"}))
		return
	}
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(true)
	case reflect.String:
		v.SetString(fmt.Sprintf("text %d", *n))
	case reflect.Int, reflect.Int64, reflect.Int32:
		v.SetInt(int64(*n))
	case reflect.Float32, reflect.Float64:
		v.SetFloat(float64(*n) + 0.5)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), n)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0), n)
	case reflect.Struct:
		for _, field := range v.Fields() {
			fill(field, n)
		}
	}
}

// Each member of each type that the contract has comes through fake, client and file, in every format. What a column holds is
// compared with the JSON that was sent, and not with what the code for columns makes of it.
func TestEveryMemberOfTheContractComesThrough(t *testing.T) {
	var message, text okchatapi.Conversation
	n := 0
	for _, conv := range []*okchatapi.Conversation{&message, &text} {
		fill(reflect.ValueOf(conv).Elem(), &n)
		conv.ChatbotID = message.ChatbotID
	}
	message.LastMessage.Text, text.LastMessage.Message = nil, nil // one form at a time
	text.CreatedAt = message.CreatedAt.Add(-time.Hour)
	sent := []okchatapi.Conversation{message, text}
	srv, client := serve(t, okchattest.Conversations(sent...), okchattest.Chatbot(message.ChatbotID))

	var lines, cells bytes.Buffer
	for page, err := range client.Pages(t.Context(), srv.ChatbotID, okchat.ListOptions{}) {
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range []archive.Writer{archive.NewNDJSON(&lines), archive.NewCSV(&cells, archive.CSVOptions{})} {
			if err := w.WritePage(page.Items); err != nil {
				t.Fatal(err)
			}
			if err := w.Flush(); err != nil {
				t.Fatal(err)
			}
		}
		for i := range page.Items {
			if len(page.Items[i].Missing()) > 0 || page.Items[i].Unknown() != nil {
				t.Errorf("%d lacks %v and has %v", i, page.Items[i].Missing(), page.Items[i].Unknown())
			}
		}
	}
	path := filepath.Join(t.TempDir(), "a.sqlite")
	if _, err := Export(t.Context(), path, srv.ChatbotID, client, okchat.ListOptions{}, ExportOptions{}); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(&cells).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	came := strings.Split(strings.TrimSpace(lines.String()), "\n")
	for i, conv := range sent {
		var back okchatapi.Conversation
		if err := json.Unmarshal([]byte(came[i]), &back); err != nil || inUTC(t, back) != inUTC(t, conv) {
			t.Errorf("NDJSON holds\n%s, %v, expected\n%s", came[i], err, inUTC(t, conv))
		}
		var members map[string]json.RawMessage
		if err := json.Unmarshal([]byte(came[i]), &members); err != nil {
			t.Fatal(err)
		}
		for name, value := range members {
			for column, want := range columnsFor(name, value) {
				at := -1
				for j, header := range rows[0] {
					if header == column {
						at = j
					}
				}
				if at < 0 || rows[i+1][at] != want.csv {
					t.Errorf("column %d of the CSV, %s, is %q, expected %q", at, column, rows[i+1][max(at, 0)], want.csv)
				}
				if got := one(t, path, fmt.Sprintf("SELECT %s FROM conversations WHERE id = '%s'", quote(column), conv.ID)); got != want.sql {
					t.Errorf("the column %s of the table is %s, expected %s", column, got, want.sql)
				}
			}
		}
	}
}

// inUTC returns the JSON of a conversation with each time in one form.
func inUTC(t *testing.T, conv okchatapi.Conversation) string {
	t.Helper()
	text, err := json.Marshal(conv)
	if err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(string(text), "+00:00", "Z")
}

type cell struct{ csv, sql string }

// columnsFor returns what the columns of a member have to hold.
func columnsFor(name string, raw json.RawMessage) map[string]cell {
	var value any
	_ = json.Unmarshal(raw, &value)
	same := func(text string) cell { return cell{text, text} }
	switch v := value.(type) {
	case bool:
		return map[string]cell{name: {fmt.Sprint(v), map[bool]string{true: "1", false: "0"}[v]}}
	case float64:
		return map[string]cell{name: same(fmt.Sprint(v))}
	case string:
		if at, err := time.Parse(time.RFC3339Nano, v); err == nil {
			v = at.UTC().Format("2006-01-02T15:04:05.000000Z")
		}
		return map[string]cell{name: same(v)}
	case map[string]any:
		if id, ok := v["id"].(string); ok && name == "last_message" {
			return map[string]cell{name: same(v["content"].(string)), name + "_id": same(id), name + "_sender": same(v["sender_type"].(string))}
		}
	}
	return map[string]cell{name: same(string(raw))}
}
