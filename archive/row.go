package archive

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"time"

	okchat "github.com/okchat/okchat-go"
	"github.com/okchat/okchat-go/gen/okchatapi"
)

// row is a conversation as columns have it. What is nil is null.
type row struct {
	id, chatbotID, createdAt, updatedAt, platform, state string
	active, humanMode, migrated                          bool
	snsUserID, userID, sessionToken, voicePath           *string
	lastMessage, lastMessageID, lastMessageSender        *string
	metadata, unknown                                    *string // JSON
}

func rowOf(conv *okchat.Conversation) (row, error) {
	r := row{
		id: conv.ID.String(), chatbotID: conv.ChatbotID.String(),
		createdAt: formatTime(conv.CreatedAt), updatedAt: formatTime(conv.UpdatedAt),
		platform: string(conv.Platform), state: string(conv.State),
		active: conv.Active, humanMode: conv.IsHumanMode, migrated: conv.MigratedData,
		snsUserID: conv.SNSUserID, userID: conv.UserID, sessionToken: conv.SessionToken, voicePath: conv.VoicePath,
	}
	if text, ok := conv.LastMessage.Content(); ok {
		r.lastMessage = &text
	}
	if m := conv.LastMessage.Message; m != nil {
		id, sender := m.ID.String(), string(m.SenderType)
		r.lastMessageID, r.lastMessageSender = &id, &sender
	}
	if err := r.objects(conv); err != nil {
		return row{}, err
	}
	return r, nil
}

// objects fills in what stands as JSON, from the JSON that came: Go would round its numbers.
func (r *row) objects(conv *okchat.Conversation) error {
	raw, err := rawOf(conv)
	if err != nil {
		return err
	}
	var unknown map[string]json.RawMessage
	for name, value := range members(raw) {
		switch {
		case name == "metadata":
			text := string(appendCompact(nil, value))
			r.metadata = &text
		case !contractMembers()[name]:
			if unknown == nil {
				unknown = map[string]json.RawMessage{}
			}
			unknown[name] = value
		}
	}
	if unknown == nil {
		return nil
	}
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(unknown); err != nil {
		return fmt.Errorf("archive: conversation %s: %w", r.id, err)
	}
	text := strings.TrimSuffix(b.String(), "\n")
	r.unknown = &text
	return nil
}

var contractMembers = sync.OnceValue(func() map[string]bool {
	names := map[string]bool{}
	for t, i := reflect.TypeFor[okchatapi.Conversation](), 0; i < t.NumField(); i++ {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		names[name] = true
	}
	return names
})

// timeLayout is RFC 3339 with a fraction of fixed width, so that times in UTC sort as text.
const timeLayout = "2006-01-02T15:04:05.000000Z"

func formatTime(t time.Time) string { return t.UTC().Format(timeLayout) }
