package okchattest

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"time"

	"github.com/oapi-codegen/runtime/types"
	"github.com/okchat/okchat-go/gen/okchatapi"
)

// StateClosed is the state of a quarter of the synthetic conversations, so that a filter has something to leave out. It
// is made up: the API's states other than in_progress are unknown.
const StateClosed okchatapi.ConversationState = "synthetic_closed"

// sequence makes conversation i of n from the seed and i alone, newest first. With only set, it is those in that state.
type sequence struct {
	seed uint64
	n    int
	ties bool
	only okchatapi.ConversationState
}

// Ten conversations in a row show every platform, in about the proportions of the vendor's sample.
var platforms = [10]okchatapi.Platform{
	okchatapi.PlatformWeb, okchatapi.PlatformNavertalktalk, okchatapi.PlatformVoice, okchatapi.PlatformWhatsapp,
	okchatapi.PlatformWeb, okchatapi.PlatformInstagram, okchatapi.PlatformFacebookMessenger, okchatapi.PlatformWeb,
	okchatapi.PlatformLine, okchatapi.PlatformVoice,
}

var texts = [8]string{
	"The shop opens at nine and closes at six.",
	"Where is my order?",
	"**Three ways to pay**\n\n1. By card\n2. By bank transfer\n3. In cash, on delivery\n\nWould you like to know what each of them costs?",
	"Sorry, I did not understand \"it\". Could you say that in other words?",
	"안녕하세요! 무엇을 도와드릴까요? 😀",
	"Prices <b>include</b> taxes & delivery.",
	"This text stands for one of the long answers that bots give. It goes through the question point by point, repeats " +
		"what was asked, lists what has to be considered, and closes with an offer of more help. Nobody ever wrote it to " +
		"anybody: it is here so that a page has about the weight that pages have in real life, and so that whoever " +
		"shortens, wraps or indexes messages has something to work on.",
	"When do you open?",
}

const (
	step   = 97 * time.Second // between two synthetic conversations, on average
	spread = 90 * time.Second // how much of a step is left to chance; less than step, so that the order is strict
	block  = 16               // so many conversations in a row hold exactly closedIn closed ones
	// closedIn of a block are closed, which makes counting and finding by state a matter of arithmetic.
	closedIn = 4
)

// epoch is the latest moment a synthetic conversation may have started, but for those that [Fake.AddNew] makes.
var epoch = time.Date(2025, 3, 7, 5, 0, 0, 0, time.UTC)

// hash mixes seed, i and salt (SplitMix64's finaliser).
func (s sequence) hash(i int, salt uint64) uint64 {
	x := s.seed*0x9e3779b97f4a7c15 + uint64(i)*0xd1342543de82ef95 + salt*0x2545f4914f6cdd1d
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

func (s sequence) created(i int) time.Time {
	if s.ties && s.hash(i/4, 7)%2 == 0 {
		i -= i % 4
	}
	jitter := time.Duration(s.hash(i, 1)%uint64(spread/time.Microsecond)) * time.Microsecond
	if jitter%64 == 0 {
		jitter = jitter.Truncate(time.Second) // some times have no fraction at all
	}
	return epoch.Add(-time.Duration(i)*step - jitter)
}

func (s sequence) state(i int) okchatapi.ConversationState {
	if (uint64(i)*5+s.hash(i/block, 2))%block < closedIn {
		return StateClosed
	}
	return okchatapi.ConversationStateInProgress
}

// perBlock is how many conversations of a whole block the sequence keeps.
func (s sequence) perBlock() int {
	switch s.only {
	case "":
		return block
	case StateClosed:
		return closedIn
	case okchatapi.ConversationStateInProgress:
		return block - closedIn
	default:
		return 0
	}
}

func (s sequence) len() int { return s.rank(s.n) }

// rank counts the conversations that the sequence keeps before index i.
func (s sequence) rank(i int) int {
	if s.only == "" {
		return i
	}
	rank := i / block * s.perBlock()
	for j := i - i%block; j < i; j++ {
		if s.state(j) == s.only {
			rank++
		}
	}
	return rank
}

// pick is the inverse of rank: the index of the k-th conversation that the sequence keeps, from 0.
func (s sequence) pick(k int) int {
	if s.only == "" {
		return k
	}
	i := k / s.perBlock() * block
	for k %= s.perBlock(); ; i++ {
		if s.state(i) == s.only {
			if k == 0 {
				return i
			}
			k--
		}
	}
}

// An id carries its index, scrambled by steps that can be undone, in the 62 bits that a random UUID leaves free in its
// second half, and a hash in the first: so the sequence knows its own ids without a table.
const (
	low62 = 1<<62 - 1
	odd   = 0x1d4eb2a3c5f70693
)

func (s sequence) id(i int) (id types.UUID) {
	x := (uint64(i)*odd + s.hash(0, 3)) & low62
	x ^= x >> 31
	binary.BigEndian.PutUint64(id[:8], s.hash(i, 4)&^0xf000|0x4000)
	binary.BigEndian.PutUint64(id[8:], x|1<<63)
	return id
}

func (s sequence) index(id types.UUID) (int, bool) {
	x := binary.BigEndian.Uint64(id[8:]) & low62
	x ^= x >> 31
	i := (x - s.hash(0, 3)) * inverse & low62
	return int(i), i < uint64(s.n) && s.id(int(i)) == id
}

// inverse undoes the multiplication by odd; each round of Newton's method doubles the bits that are right.
var inverse = func() uint64 {
	x := uint64(odd)
	for range 5 {
		x *= 2 - odd*x
	}
	return x
}()

// conversation fills in all but ChatbotID, which is the one that was asked for.
func (s sequence) conversation(i int) okchatapi.Conversation {
	h := s.hash(i, 5)
	c := okchatapi.Conversation{
		ID:           s.id(i),
		Active:       h>>8%4 != 0,
		IsHumanMode:  h>>16%8 == 0,
		MigratedData: h>>24%16 == 0,
		Platform:     platforms[(uint64(i)*7+s.hash(0, 6))%10],
		State:        s.state(i),
		CreatedAt:    s.created(i),
	}
	c.UpdatedAt = c.CreatedAt.Add(time.Duration(h%(48*uint64(time.Hour/time.Microsecond))) * time.Microsecond)
	anonymous := true
	c.Metadata.Anonymous = &anonymous
	text := "Synthetic message " + strconv.Itoa(i) + ". " + texts[h>>32%8]

	user := fmt.Sprintf("90000000%08d", i) // of no phone, no account
	switch c.Platform {
	case okchatapi.PlatformVoice:
		kind, file := "voice_chat", "conversation-synthetic_room_"+strconv.Itoa(i)+".ogg"
		c.Metadata = okchatapi.ConversationMetadata{Type: &kind}
		c.VoicePath = &file
		return c
	case okchatapi.PlatformWeb:
		user = s.id(^i).String()
		c.LastMessage.Text = &text
	default:
		sender := okchatapi.SenderTypeBot
		if h>>40%4 == 0 {
			sender = okchatapi.SenderTypeUser
		}
		c.LastMessage.Message = &okchatapi.Message{Content: text, ID: s.id(^i), SenderType: sender}
	}
	switch c.Platform {
	case okchatapi.PlatformLine:
		user = fmt.Sprintf("U%032x", i)
	case okchatapi.PlatformNavertalktalk:
		user = fmt.Sprintf("synthetic-%012d", i)
	}
	c.SNSUserID = &user
	return c
}
