package okchatapi

import (
	"encoding/json"
	"errors"
)

// LastMessage is the message that was said last in a conversation. At most one field is set; the zero value is JSON's
// null (observed on voice conversations).
//
// It is the one hand-written type of this package: for the contract's union the generator offers undecoded bytes behind
// accessors, and a type's methods cannot live in another package.
type LastMessage struct {
	// Message is set where the server says who sent it (observed on the messenger channels).
	Message *MessageSummary
	// Text is set where the server gives the bare text alone (observed on the web channel).
	Text *MessageText
}

// Content returns the text of the message in either form, and false where there is no message.
func (m LastMessage) Content() (string, bool) {
	switch {
	case m.Message != nil:
		return m.Message.Content, true
	case m.Text != nil:
		return *m.Text, true
	default:
		return "", false
	}
}

// MarshalJSON writes the form that is set, or null. It fails where both are.
func (m LastMessage) MarshalJSON() ([]byte, error) {
	switch {
	case m.Message != nil && m.Text != nil:
		return nil, errors.New("okchatapi: a LastMessage has a Message and a Text, expected at most one: clear the other")
	case m.Message != nil:
		return json.Marshal(m.Message)
	default:
		return json.Marshal(m.Text)
	}
}

// UnmarshalJSON reads an object, a string or null, and fails on anything else.
func (m *LastMessage) UnmarshalJSON(b []byte) error {
	*m = LastMessage{}
	if len(b) > 0 && b[0] == '{' {
		return json.Unmarshal(b, &m.Message)
	}
	return json.Unmarshal(b, &m.Text)
}
