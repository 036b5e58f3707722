package archive

import okchat "github.com/okchat/okchat-go"

// Filter selects conversations by what the API cannot, beside the [okchat.ListOptions] of a walk. The zero value selects all
// that are in the list.
type Filter struct {
	// Platform is the channel on which the conversation takes place, empty for any.
	Platform okchat.Platform
	// User is the end user's sns_user_id or user_id, empty for any.
	User string
	// Gone selects conversations that have left the list, too. Only an SQLite archive has those.
	Gone bool
}

// Match reports whether the platform and the user of conv are those that the filter selects.
func (f Filter) Match(conv *okchat.Conversation) bool {
	is := func(id *string) bool { return id != nil && *id == f.User }
	return (f.Platform == "" || f.Platform == conv.Platform) && (f.User == "" || is(conv.SNSUserID) || is(conv.UserID))
}
