package okchattest

import (
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strconv"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/oapi-codegen/runtime/types"
	"github.com/okchat/okchat-go/gen/okchatapi"
)

// answer is a page already written as JSON. It stands in for the generated answer, which would write the times in
// another form than the API's ("Z" where that has "+00:00") and would cost most of a request's time.
type answer struct{ buf *[]byte }

var buffers = sync.Pool{New: func() any { return new([]byte) }}

// VisitListConversationsResponse sends the page, once.
func (a answer) VisitListConversationsResponse(w http.ResponseWriter) error {
	defer buffers.Put(a.buf)
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(*a.buf)))
	w.WriteHeader(http.StatusOK)
	_, err := w.Write(*a.buf)
	return err
}

// appendPage writes the page that holds so many items of l from position first on, for the asked chatbot.
func appendPage(b []byte, chatbot types.UUID, l *list, first, items int, m okchatapi.PageMetadata) ([]byte, error) {
	b = append(b, `{"data":[`...)
	for i := range items {
		if i > 0 {
			b = append(b, ',')
		}
		c := l.at(first + i)
		c.ChatbotID = chatbot
		var err error
		if b, err = appendConversation(b, &c); err != nil {
			return b, err
		}
	}
	b = append(b, `],"metadata":{"currentPage":`...)
	b = strconv.AppendInt(b, int64(m.CurrentPage), 10)
	b = append(b, `,"pageSize":`...)
	b = strconv.AppendInt(b, int64(m.PageSize), 10)
	b = append(b, `,"totalCount":`...)
	b = strconv.AppendInt(b, int64(m.TotalCount), 10)
	b = append(b, `,"totalPages":`...)
	b = strconv.AppendInt(b, int64(m.TotalPages), 10)
	return append(b, "}}\n"...), nil
}

// appendConversation repeats the member names of the generated type; a test holds the two together.
func appendConversation(b []byte, c *okchatapi.Conversation) ([]byte, error) {
	var err error
	b = strconv.AppendBool(append(b, `{"active":`...), c.Active)
	b = appendUUID(append(b, `,"chatbot_id":`...), c.ChatbotID)
	b = appendTime(append(b, `,"created_at":`...), c.CreatedAt)
	b = appendUUID(append(b, `,"id":`...), c.ID)
	b = strconv.AppendBool(append(b, `,"is_human_mode":`...), c.IsHumanMode)
	if b, err = appendMessage(append(b, `,"last_message":`...), c.LastMessage); err != nil {
		return b, err
	}
	if b, err = appendMetadata(append(b, `,"metadata":`...), c.Metadata); err != nil {
		return b, err
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

func appendMessage(b []byte, m okchatapi.LastMessage) ([]byte, error) {
	switch {
	case m.Message == nil:
		return appendNullable(b, m.Text), nil
	case m.Text == nil:
		b = appendString(append(b, `{"content":`...), m.Message.Content)
		b = appendUUID(append(b, `,"id":`...), m.Message.ID)
		b = appendString(append(b, `,"sender_type":`...), string(m.Message.SenderType))
		return append(b, '}'), nil
	default:
		return appendAny(b, m) // the type's own error
	}
}

func appendMetadata(b []byte, m okchatapi.ConversationMetadata) ([]byte, error) {
	switch {
	case len(m.AdditionalProperties) > 0 || (m.Anonymous == nil) == (m.Type == nil):
		return appendAny(b, m)
	case m.Type != nil:
		b = appendString(append(b, `{"type":`...), *m.Type)
	default:
		b = strconv.AppendBool(append(b, `{"anonymous":`...), *m.Anonymous)
	}
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
	plain := utf8.ValidString(s)
	for i := 0; plain && i < len(s); i++ {
		plain = s[i] >= ' ' && s[i] != '"' && s[i] != '\\'
	}
	if !plain {
		b, _ = appendAny(b, s) // no string fails
		return b
	}
	return append(append(append(b, '"'), s...), '"')
}

func appendUUID(b []byte, id types.UUID) []byte {
	b = append(b, '"')
	for i, part := range [...][]byte{id[:4], id[4:6], id[6:8], id[8:10], id[10:]} {
		if i > 0 {
			b = append(b, '-')
		}
		b = hex.AppendEncode(b, part)
	}
	return append(b, '"')
}

// appendTime writes the API's form of RFC 3339: always +00:00, trailing zeros of the fraction dropped.
func appendTime(b []byte, t time.Time) []byte {
	return t.UTC().AppendFormat(append(b, '"'), `2006-01-02T15:04:05.999999999+00:00"`)
}
