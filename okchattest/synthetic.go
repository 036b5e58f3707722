package okchattest

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/oapi-codegen/runtime/types"
	"github.com/okchat/okchat-go/gen/okchatapi"
)

// StateClosed is the state of every fourth synthetic conversation, so that a filter has something to leave out. It is
// made up: the API's states other than in_progress are unknown.
const StateClosed okchatapi.ConversationState = "synthetic_closed"

// sequence makes conversation i of n from the seed and i alone, newest first. With only set, it is those in that state.
type sequence struct {
	seed uint64
	n    int
	ties bool
	only okchatapi.ConversationState
}

const (
	step   = 97 * time.Second // between two synthetic conversations, on average
	spread = 90 * time.Second // what of a step is left to chance: less than all, so that the order is strict
	most   = 90_000_000       // so many steps fit into a time.Duration
	closed = 2                // index modulo 4 of those in StateClosed
)

// epoch is when the newest conversation may have started, but for those of [Fake.AddNew].
var epoch = time.Date(2025, 3, 7, 5, 0, 0, 0, time.UTC)

// platforms are those that synthetic conversations take in turn: all of the contract's, with web and voice about as often as
// in the vendor's sample. A platform that the contract gains takes a place of the web, or else of voice, so that no other
// conversation changes its form.
var platforms = func() []okchatapi.Platform {
	const web, voice = okchatapi.PlatformWeb, okchatapi.PlatformVoice
	turns := slices.Repeat([]okchatapi.Platform{web}, 10)
	turns[4], turns[8] = voice, voice
	places := []int{0, 1, 2, 3, 6, 7, 9, 8}
	for _, p := range okchatapi.PlatformValues() {
		switch {
		case p == web || p == voice:
		case len(places) > 0:
			turns[places[0]], places = p, places[1:]
		default:
			turns = append(turns, p)
		}
	}
	return turns
}()

var texts = [4]string{
	"Synthetic question: where is my order?",
	"Synthetic answer: **two ways to pay**\n\n1. By card\n2. In cash, on delivery\n\nIs one of them <b>\"right\"</b> & possible?",
	"지어낸 인사: 안녕하세요! 무엇을 도와드릴까요? 😀",
	"Synthetic answer of the long kind that bots give: it goes through the question point by point, repeats what was " +
		"asked, lists what has to be considered, and closes with an offer of more help. Nobody ever wrote it to " +
		"anybody. It is here so that a page weighs about what pages weigh in real life, and so that whoever shortens, " +
		"wraps or indexes messages has something to work on.",
}

// hash mixes seed, i and salt (SplitMix64's finaliser).
func (s sequence) hash(i int, salt uint64) uint64 {
	x := s.seed*0x9e3779b97f4a7c15 + uint64(i)*0xd1342543de82ef95 + salt*0x2545f4914f6cdd1d
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// id carries the index in its last digits, so that it can be found again without a table.
func (s sequence) id(i int, salt uint64) (id types.UUID) {
	binary.BigEndian.PutUint64(id[:8], s.hash(i, salt)&^0xf000|0x4000)
	binary.BigEndian.PutUint64(id[8:], 1<<63|uint64(i))
	return id
}

func (s sequence) index(id types.UUID) (int, bool) {
	i := binary.BigEndian.Uint64(id[8:]) &^ (1 << 63)
	return int(i), i < uint64(s.n) && s.id(int(i), 0) == id
}

func (s sequence) created(i int) time.Time {
	if s.ties && s.hash(i/4, 1)%2 == 0 {
		i -= i % 4
	}
	jitter := time.Duration(s.hash(i, 2)%uint64(spread/time.Microsecond)) * time.Microsecond
	if i%32 == 0 {
		jitter = jitter.Truncate(time.Second) // some times have no fraction
	}
	return epoch.Add(-time.Duration(i)*step - jitter)
}

func (s sequence) state(i int) okchatapi.ConversationState {
	if i%4 == closed {
		return StateClosed
	}
	return okchatapi.ConversationStateInProgress
}

// rank counts the conversations before index i that are in the sequence; pick is its inverse.
func (s sequence) rank(i int) int {
	switch before := (i + 3 - closed) / 4; s.only {
	case "":
		return i
	case StateClosed:
		return before
	case okchatapi.ConversationStateInProgress:
		return i - before
	default:
		return 0
	}
}

func (s sequence) pick(k int) int {
	switch s.only {
	case StateClosed:
		return 4*k + closed
	case okchatapi.ConversationStateInProgress:
		return k + (k+3-closed)/3
	default:
		return k
	}
}

var (
	anonymous = true
	voiceChat = "voice_chat"
)

// conversation fills in all but ChatbotID, which is the one that was asked for.
func (s sequence) conversation(i int) okchatapi.Conversation {
	h := s.hash(i, 3)
	c := okchatapi.Conversation{
		ID:           s.id(i, 0),
		Active:       h>>8%4 != 0,
		IsHumanMode:  h>>16%8 == 0,
		MigratedData: h>>24%16 == 0,
		Metadata:     okchatapi.ConversationMetadata{Anonymous: &anonymous},
		Platform:     platforms[(i+int(s.seed%uint64(len(platforms))))%len(platforms)],
		State:        s.state(i),
		CreatedAt:    s.created(i),
	}
	c.UpdatedAt = c.CreatedAt.Add(time.Duration(h%uint64(48*time.Hour/time.Microsecond)) * time.Microsecond)

	text := &texts[h>>32%4]
	var user string
	switch c.Platform {
	case okchatapi.PlatformVoice:
		file := "conversation-synthetic_room_" + strconv.Itoa(i) + ".ogg"
		c.VoicePath, c.Metadata = &file, okchatapi.ConversationMetadata{Type: &voiceChat}
		return c
	case okchatapi.PlatformWeb:
		c.LastMessage.Text, user = text, s.id(i, 4).String()
	case okchatapi.PlatformLine:
		user = fmt.Sprintf("U%032x", i)
	case okchatapi.PlatformNavertalktalk:
		user = "synthetic-" + strconv.Itoa(100_000_000_000+i)
	default:
		user = strconv.Itoa(9_000_000_000_000_000 + i) // of no phone, no account
	}
	c.SNSUserID = &user
	if c.LastMessage.Text == nil {
		c.LastMessage.Message = &okchatapi.MessageSummary{Content: *text, ID: s.id(i, 5), SenderType: okchatapi.SenderTypeBot}
		if h>>40%4 == 0 {
			c.LastMessage.Message.SenderType = okchatapi.SenderTypeUser
		}
	}
	return c
}
