package okchattest

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/oapi-codegen/runtime/types"
	"github.com/okchat/okchat-go/gen/okchatapi"
)

// answer is a page already written as JSON. It stands in for the generated answer, which writes times in another form
// than the API does ("Z" for "+00:00") and takes ten times as long.
type answer struct{ buf *[]byte }

var buffers = sync.Pool{New: func() any { return new([]byte) }}

// VisitListConversationsResponse sends the page, once.
func (a answer) VisitListConversationsResponse(w http.ResponseWriter) error {
	defer buffers.Put(a.buf)
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(*a.buf)))
	_, err := w.Write(*a.buf)
	return err
}

// appendConversation repeats the member names of the generated type; a test holds the two together.
func appendConversation(b []byte, c *okchatapi.Conversation) ([]byte, error) {
	var err error
	b = strconv.AppendBool(append(b, `{"active":`...), c.Active)
	b = appendUUID(append(b, `,"chatbot_id":`...), c.ChatbotID)
	b = appendTime(append(b, `,"created_at":`...), c.CreatedAt)
	b = appendUUID(append(b, `,"id":`...), c.ID)
	b = strconv.AppendBool(append(b, `,"is_human_mode":`...), c.IsHumanMode)
	b = append(b, `,"last_message":`...)
	switch m := c.LastMessage; {
	case m.Message == nil:
		b = appendNullable(b, m.Text)
	case m.Text == nil:
		b = appendString(append(b, `{"content":`...), m.Message.Content)
		b = appendUUID(append(b, `,"id":`...), m.Message.ID)
		b = appendString(append(b, `,"sender_type":`...), string(m.Message.SenderType))
		b = append(b, '}')
	default:
		_, err = appendAny(b, m) // the type's own error
		return b, err
	}
	b = append(b, `,"metadata":`...)
	switch m := c.Metadata; {
	case len(m.AdditionalProperties) > 0 || (m.Anonymous == nil) == (m.Type == nil):
		if b, err = appendAny(b, m); err != nil {
			return b, err
		}
	case m.Type != nil:
		b = append(appendString(append(b, `{"type":`...), *m.Type), '}')
	default:
		b = append(strconv.AppendBool(append(b, `{"anonymous":`...), *m.Anonymous), '}')
	}
	b = strconv.AppendBool(append(b, `,"migrated_data":`...), c.MigratedData)
	b = appendString(append(b, `,"platform":`...), string(c.Platform))
	b = appendNullable(append(b, `,"session_token":`...), c.SessionToken)
	b = appendNullable(append(b, `,"sns_user_id":`...), c.SNSUserID)
	b = appendString(append(b, `,"state":`...), string(c.State))
	b = appendTime(append(b, `,"updated_at":`...), c.UpdatedAt)
	b = appendNullable(append(b, `,"user_id":`...), c.UserID)
	b = appendNullable(append(b, `,"voice_path":`...), c.VoicePath)
	return append(b, '}'), nil
}

func appendAny(b []byte, v any) ([]byte, error) {
	j, err := json.Marshal(v)
	return append(b, j...), err
}

func appendNullable(b []byte, s *string) []byte {
	if s == nil {
		return append(b, "null"...)
	}
	return appendString(b, *s)
}

func appendString(b []byte, s string) []byte {
	if !utf8.ValidString(s) {
		s = strings.ToValidUTF8(s, "\ufffd")
	}
	b = append(b, '"')
	done := 0
	for i := range len(s) {
		if c := s[i]; c < ' ' || c == '"' || c == '\\' {
			b = append(b, s[done:i]...)
			b = append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
			done = i + 1
		}
	}
	return append(append(b, s[done:]...), '"')
}

const hexDigits = "0123456789abcdef"

func appendUUID(b []byte, id types.UUID) []byte {
	b = append(b, '"')
	for i, c := range id {
		if i == 4 || i == 6 || i == 8 || i == 10 {
			b = append(b, '-')
		}
		b = append(b, hexDigits[c>>4], hexDigits[c&15])
	}
	return append(b, '"')
}

// appendTime writes the API's form of RFC 3339: always +00:00, trailing zeros of the fraction dropped.
func appendTime(b []byte, t time.Time) []byte {
	b = t.UTC().AppendFormat(append(b, '"'), time.RFC3339Nano)
	return append(b[:len(b)-len("Z")], `+00:00"`...)
}
