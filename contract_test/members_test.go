package contract_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/google/uuid"
	okchat "github.com/okchat/okchat-go"
	"github.com/okchat/okchat-go/gen/okchatapi"
	"github.com/okchat/okchat-go/okchattest"
)

// filler gives each field of a generated type a value of its own, so that a field which gets lost, or lands in another
// one, is noticed.
type filler struct{ n int }

func (f *filler) fill(t *testing.T, v reflect.Value) {
	t.Helper()
	f.n++
	switch v.Interface().(type) {
	case uuid.UUID:
		v.Set(reflect.ValueOf(uuid.MustParse(fmt.Sprintf("00000000-0000-4000-8000-%012d", f.n))))
		return
	case time.Time:
		v.Set(reflect.ValueOf(time.Date(2025, 3, 7, 4, 0, f.n%60, 1000*f.n, time.UTC)))
		return
	}
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(int64(f.n))
	case reflect.Float64:
		v.SetFloat(float64(f.n) + 0.5)
	case reflect.String:
		v.SetString(fmt.Sprintf("made up %d \"quoted\" 가 \n", f.n))
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		f.fill(t, v.Elem())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		f.fill(t, v.Index(0))
		f.fill(t, v.Index(1))
	case reflect.Map: // what an open object holds besides its members
		v.Set(reflect.ValueOf(map[string]any{fmt.Sprint("unknown", f.n): "made up"}))
	case reflect.Struct:
		for _, field := range v.Fields() {
			f.fill(t, field)
		}
	default:
		t.Fatalf("a generated type has a %v: teach this test to fill it", v.Type())
	}
}

// filled returns conversations that have a value in every field of every generated type, in each form of last_message.
func filled(t *testing.T) []okchatapi.Conversation {
	t.Helper()
	var f filler
	var list []okchatapi.Conversation
	forms := reflect.TypeFor[okchatapi.LastMessage]().NumField()
	for form := range forms {
		var c okchatapi.Conversation
		f.fill(t, reflect.ValueOf(&c).Elem())
		for i := range forms { // at most one may be set
			if i != form {
				reflect.ValueOf(&c.LastMessage).Elem().Field(i).SetZero()
			}
		}
		list = append(list, c)
	}
	return list
}

// A member that the contract gains must reach every part of the project without a list of members that can forget it.
func TestEveryMemberArrives(t *testing.T) {
	list := filled(t)
	srv := okchattest.NewServer(t, okchattest.Conversations(list...), okchattest.Chatbot(list[0].ChatbotID))
	client, err := okchat.New(srv.Key, okchat.WithBaseURL(srv.URL))
	if err != nil {
		t.Fatal(err)
	}
	var came []okchat.Conversation
	for conv, err := range client.Conversations(t.Context(), srv.ChatbotID, okchat.ListOptions{}) {
		if err != nil {
			t.Fatal(err)
		}
		came = append(came, conv)
	}
	if len(came) != len(list) {
		t.Fatalf("%d conversations arrived of %d", len(came), len(list))
	}
	for i := range came {
		served, _ := srv.At(i)
		sent, err := json.Marshal(served)
		if err != nil {
			t.Fatal(err)
		}
		decoded, err := json.Marshal(came[i].Conversation)
		if err != nil {
			t.Fatal(err)
		}
		if string(decoded) != string(sent) {
			t.Errorf("the client decoded\n%s, but the fake has\n%s", decoded, sent)
		}
		got := members(t, "", came[i].Raw())
		for name := range members(t, "", sent) {
			if !got[name] {
				t.Errorf("the fake does not serve %s", name)
			}
		}
	}
}

// members returns the JSON pointers of all members in an object, those of the objects in it included.
func members(t *testing.T, at string, object json.RawMessage) map[string]bool {
	t.Helper()
	all := map[string]bool{}
	var values map[string]json.RawMessage
	if json.Unmarshal(object, &values) != nil {
		return all
	}
	for name, value := range values {
		pointer := at + "/" + name
		all[pointer] = true
		for inner := range members(t, pointer, value) {
			all[inner] = true
		}
	}
	return all
}
