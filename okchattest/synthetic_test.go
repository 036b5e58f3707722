package okchattest

import (
	"encoding/json"
	"reflect"
	"regexp"
	"testing"
	"time"

	"github.com/okchat/okchat-go/gen/okchatapi"
)

func TestEveryPlatformAndEveryFormOfMessageComesUpInARow(t *testing.T) {
	s := sequence{seed: 9, n: 1000}
	platforms, forms := map[okchatapi.Platform]bool{}, map[string]bool{}
	known := len(okchatapi.PlatformValues())
	for i := 500; i < 500+max(10, known); i++ {
		c := s.conversation(i)
		if !c.Platform.Valid() {
			t.Errorf("platform %q is none of the contract's", c.Platform)
		}
		platforms[c.Platform] = true
		voice := c.Platform == okchatapi.PlatformVoice
		web := c.Platform == okchatapi.PlatformWeb
		forms[map[bool]string{voice: "null", web: "text"}[true]] = true
		if (c.VoicePath != nil) != voice || (c.SNSUserID == nil) != voice || (c.Metadata.Type != nil) != voice || (c.Metadata.Anonymous == nil) != voice {
			t.Errorf("%s: voice and other members are mixed: %+v", c.Platform, c)
		}
		if (c.LastMessage.Text != nil) != web || (c.LastMessage.Message != nil) == (voice || web) {
			t.Errorf("%s: last_message has another platform's form", c.Platform)
		}
	}
	if len(platforms) != known || len(forms) != 3 {
		t.Errorf("%d platforms and %d forms of last_message, want %d and 3", len(platforms), len(forms), known)
	}
}

func TestASequenceIsAFunctionOfSeedAndIndex(t *testing.T) {
	a, b, other := sequence{seed: 1, n: 5}, sequence{seed: 1, n: 1e6, ties: true}, sequence{seed: 2, n: 5}
	if !reflect.DeepEqual(a.id(3, 0), b.id(3, 0)) || a.id(3, 0) == other.id(3, 0) {
		t.Error("ids depend on more or less than the seed and the index")
	}
	ids, ties := map[string]bool{}, 0
	for i := range 20_000 {
		c := b.conversation(i)
		ids[c.ID.String()] = true
		if v, r := c.ID.Version(), c.ID.Variant().String(); v != 4 || r != "RFC4122" {
			t.Fatalf("%v is version %d, variant %s", c.ID, v, r)
		}
		if j, ok := b.index(c.ID); !ok || j != i {
			t.Fatalf("%v was found at %d, want %d", c.ID, j, i)
		}
		if c.UpdatedAt.Before(c.CreatedAt) || c.CreatedAt.Nanosecond()%1000 != 0 {
			t.Fatalf("times %v and %v", c.CreatedAt, c.UpdatedAt)
		}
		switch next := b.created(i + 1); {
		case next.After(c.CreatedAt):
			t.Fatalf("%d is newer than %d", i+1, i)
		case next.Equal(c.CreatedAt):
			ties++
		}
		if !other.created(i + 1).Before(other.created(i)) {
			t.Fatalf("a tie between %d and %d that nobody asked for", i, i+1)
		}
	}
	if len(ids) != 20_000 || ties < 5000 || ties > 10_000 {
		t.Errorf("%d ids of 20,000, %d ties, want about 7,500", len(ids), ties)
	}
	if _, ok := a.index(b.id(7, 0)); ok {
		t.Error("an index past the end was found")
	}
	if _, ok := a.index(a.id(3, 4)); ok {
		t.Error("an id that is no conversation's was found")
	}
}

var apiTime = regexp.MustCompile(`"created_at":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{0,5}[1-9])?\+00:00"`)

// Whatever the generated type can hold must be written as encoding/json writes it, but for the form of the times.
func TestARenderedConversationIsTheGeneratedType(t *testing.T) {
	text, odd := "a\"b\\c\n\x01é\u2028", "bad \xff byte"
	no := false
	kind := "other"
	full := okchatapi.Conversation{
		SessionToken: &text, UserID: &odd, State: "new \"state\"",
		LastMessage: okchatapi.LastMessage{Message: &okchatapi.MessageSummary{Content: text, SenderType: "human"}},
		CreatedAt:   time.Date(2025, 1, 2, 3, 4, 5, 120_000, time.FixedZone("", 9*3600)),
		Metadata:    okchatapi.ConversationMetadata{Anonymous: &no, Type: &kind, AdditionalProperties: map[string]any{"x": 1.5}},
	}
	cases := []okchatapi.Conversation{{}, full, {LastMessage: okchatapi.LastMessage{Text: &text}}, {Metadata: okchatapi.ConversationMetadata{Anonymous: &no}}}
	for i := range 200 {
		c := sequence{seed: 4, n: 200}.conversation(i)
		cases = append(cases, c)
	}
	for i, c := range cases {
		got, err := rendered(c)
		if err != nil {
			t.Fatal(err)
		}
		if !apiTime.Match(got) {
			t.Errorf("case %d: the time is not in the API's form: %s", i, got)
		}
		want, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		if g, w := tree(t, got), tree(t, want); !reflect.DeepEqual(g, w) {
			t.Errorf("case %d: got\n%s, want\n%s", i, got, want)
		}
	}
	broken := okchatapi.Conversation{LastMessage: okchatapi.LastMessage{Text: &text, Message: &okchatapi.MessageSummary{}}}
	if _, err := rendered(broken); err == nil {
		t.Error("two forms of last_message at once were written")
	}
	broken = okchatapi.Conversation{Metadata: okchatapi.ConversationMetadata{AdditionalProperties: map[string]any{"x": func() {}}}}
	if _, err := rendered(broken); err == nil {
		t.Error("a member that is no JSON was written")
	}
}

func rendered(c okchatapi.Conversation) ([]byte, error) {
	a := answers.New().(*answer)
	a.conversation = c
	return a.writeConversation(nil), a.err
}

// tree decodes j with its times in one form.
func tree(t *testing.T, j []byte) map[string]any {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal(j, &m); err != nil {
		t.Fatalf("%v: %s", err, j)
	}
	for _, name := range []string{"created_at", "updated_at"} {
		at, err := time.Parse(time.RFC3339Nano, m[name].(string))
		if err != nil {
			t.Fatal(err)
		}
		m[name] = at.UTC()
	}
	return m
}
