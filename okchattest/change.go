package okchattest

import (
	"time"

	"github.com/oapi-codegen/runtime/types"
	"github.com/okchat/okchat-go/gen/okchatapi"
)

// Len returns how many conversations there are.
func (f *Fake) Len() int {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.list.len()
}

// At returns the conversation at position i of the list, the newest at 0, and false where there is none. What its
// pointers lead to belongs to the fake: read it, do not change it.
func (f *Fake) At(i int) (okchatapi.Conversation, bool) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	if i < 0 || i >= f.list.len() {
		return okchatapi.Conversation{}, false
	}
	c := f.list.at(i)
	c.ChatbotID = f.chatbot
	return c, true
}

// AddNew starts n conversations, each newer than all that ever were in the list, and returns them, the newest last. They are synthetic and
// in progress.
func (f *Fake) AddNew(n int) []okchatapi.Conversation {
	f.mu.Lock()
	defer f.mu.Unlock()
	var started []okchatapi.Conversation
	for range n {
		base := f.list.base
		c := base.conversation(base.n + f.added) // past the end: an id that the list does not have
		f.added++
		changed := c.UpdatedAt.Sub(c.CreatedAt)
		c.CreatedAt = f.newest.Add(time.Second + time.Duration(c.CreatedAt.Nanosecond())).Truncate(time.Microsecond)
		c.UpdatedAt = c.CreatedAt.Add(changed)
		c.State = okchatapi.ConversationStateInProgress
		c.ChatbotID = f.chatbot
		f.saw(c)
		f.list.insertAt(0, &c)
		started = append(started, c)
	}
	return started
}

// saw keeps the newest created_at: a conversation that starts is newer than those that have left, too.
func (f *Fake) saw(c okchatapi.Conversation) {
	if c.CreatedAt.After(f.newest) {
		f.newest = c.CreatedAt
	}
}

// Insert puts each conversation where its created_at belongs, before those of the same time.
func (f *Fake) Insert(list ...okchatapi.Conversation) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range list {
		f.saw(c)
		f.list.insert(&c)
	}
}

// InsertAt puts c at position i whatever its created_at says, to break the order. An i outside of the list means its
// nearer end.
func (f *Fake) InsertAt(i int, c okchatapi.Conversation) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.saw(c)
	f.list.insertAt(min(max(i, 0), f.list.len()), &c)
}

// Remove takes the conversation with this id out of the list and reports whether it was there.
func (f *Fake) Remove(id types.UUID) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.list.remove(id)
}

// RemoveAt takes the conversation at position i out of the list and returns it, or false where there is none.
func (f *Fake) RemoveAt(i int) (okchatapi.Conversation, bool) {
	c, ok := f.At(i)
	return c, ok && f.Remove(c.ID)
}

// SetState changes the state of the conversation with this id, in its place, and reports whether it is there.
func (f *Fake) SetState(id types.UUID, state okchatapi.ConversationState) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.list.setState(id, state)
}
