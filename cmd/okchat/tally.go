package main

import (
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"

	"github.com/mattn/go-runewidth"

	okchat "github.com/okchat/okchat-go"
	"github.com/okchat/okchat-go/gen/okchatapi"
	"github.com/okchat/okchat-go/internal/terminal"
)

// tally counts what conversations lack of the contract, and what they hold that it does not know, for one line a kind at the
// end of a run. It is JSON in the state of a run that can be continued.
type tally struct {
	Count   int            `json:"count"`             // of conversations
	Missing map[string]int `json:"missing,omitempty"` // by member
	Unknown map[string]int `json:"unknown,omitempty"` // by member
	Values  map[string]int `json:"values,omitempty"`  // by open set and value

	told []map[string]string // of each open set, the kind of each value, empty if the contract lists it
}

// maxKinds bounds the kinds of each sort that are told one by one: the server chooses how many there are.
const maxKinds = 20

func (t *tally) add(conv *okchat.Conversation) {
	t.Count++
	for _, member := range conv.Missing() {
		count(&t.Missing, member)
	}
	for member := range conv.Unknown() {
		count(&t.Unknown, fmt.Sprintf("a member %s", shown(member)))
	}
	is := reflect.ValueOf(&conv.Conversation).Elem()
	for i, set := range openSets() {
		field, err := is.FieldByIndexErr(set.index)
		if err != nil || field.Kind() == reflect.Pointer && field.IsNil() { // it did not come
			continue
		}
		if field = reflect.Indirect(field); field.Len() > 0 {
			if kind := t.kind(i, set, field); kind != "" {
				count(&t.Values, kind)
			}
		}
	}
}

// kind returns how a value of the i-th open set is told, empty if the contract lists it.
func (t *tally) kind(i int, set openSet, value reflect.Value) string {
	if t.told == nil {
		t.told = make([]map[string]string, len(openSets()))
	}
	kind, ok := t.told[i][value.String()]
	if !ok {
		if !value.Interface().(interface{ Valid() bool }).Valid() {
			kind = fmt.Sprintf("the %s %s", set.name, shown(value.String()))
		}
		if t.told[i] == nil || len(t.told[i]) >= 100 {
			t.told[i] = map[string]string{}
		}
		t.told[i][value.String()] = kind
	}
	return kind
}

func shown(text string) string {
	return fmt.Sprintf("%q", runewidth.Truncate(terminal.Line(text), 60, "…"))
}

func count(kinds *map[string]int, kind string) {
	if *kinds == nil {
		*kinds = map[string]int{}
	}
	if _, ok := (*kinds)[kind]; !ok && len(*kinds) >= maxKinds {
		kind = "others"
	}
	(*kinds)[kind]++
}

// report writes a line for each kind, and reports whether there was none. If quiet is set, what the vendor has added goes
// without a word.
func (t *tally) report(out io.Writer, quiet bool) (none bool) {
	for _, sort := range []struct {
		kinds map[string]int
		quiet bool
		text  string
	}{
		{t.Missing, false, "okchat: without %s, which the contract requires: %s\n"},
		{t.Values, quiet, "okchat: with %s, which the contract does not know: %s\n"},
		{t.Unknown, quiet, "okchat: with %s that the contract does not know: %s\n"},
	} {
		if sort.quiet {
			continue
		}
		for _, kind := range slices.Sorted(maps.Keys(sort.kinds)) {
			fmt.Fprintf(out, sort.text, kind, number(sort.kinds[kind], "conversation"))
		}
	}
	return len(t.Missing)+len(t.Values)+len(t.Unknown) == 0
}

// number returns n of something in words.
func number(n int, of string) string {
	if n == 1 {
		return "1 " + of
	}
	return fmt.Sprintf("%d %ss", n, of)
}

// openSet is a member whose values the contract lists so far, and which may be of others.
type openSet struct {
	name  string
	index []int
}

// openSets returns the open sets of a conversation and of the objects within, as the generated types have them.
var openSets = sync.OnceValue(func() []openSet { return openSetsOf(reflect.TypeFor[okchatapi.Conversation](), "", nil) })

func openSetsOf(t reflect.Type, path string, index []int) (sets []openSet) {
	for i := range t.NumField() {
		field, at := t.Field(i), append(slices.Clone(index), i)
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if name = strings.TrimPrefix(path+"/"+name, "/"); !strings.Contains(string(field.Tag), "json") {
			name = path // one form of a value
		}
		is := field.Type
		if is.Kind() == reflect.Pointer {
			is = is.Elem()
		}
		switch {
		case is.Kind() == reflect.String && is.Implements(reflect.TypeFor[interface{ Valid() bool }]()):
			sets = append(sets, openSet{name, at})
		case is.Kind() == reflect.Struct && is.PkgPath() == t.PkgPath():
			sets = append(sets, openSetsOf(is, name, at)...)
		}
	}
	return sets
}
