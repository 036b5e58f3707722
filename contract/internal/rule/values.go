package rule

import (
	"errors"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"

	"github.com/okchat/okchat-go/contract/internal/jsontree"
	"github.com/okchat/okchat-go/contract/internal/spec"
)

// Rules see the values of a document as they stand in its tree, without a copy: an object is a map, an array a list. A
// date-time is a timestamp, and a UUID is in lower case, so that both compare by their meaning.

// document gives the values of a tree to rules.
type document struct {
	*spec.Validation
	made    []ref.Val // by the nodes' positions, nil until it is asked for
	objects []object  // room for the next ones
	steps   *int      // counts what rules look at
}

func newDocument(valid *spec.Validation, steps *int) *document {
	return &document{Validation: valid, made: make([]ref.Val, len(valid.Nodes)), steps: steps}
}

// of returns a value as rules see it.
func (d *document) of(n *jsontree.Node) ref.Val {
	v := &d.made[n.Index]
	if *v == nil {
		switch n.Kind {
		case jsontree.Object:
			if len(d.objects) == 0 {
				d.objects = make([]object, 16)
			}
			d.objects[0].doc, d.objects[0].node = d, n
			*v, d.objects = &d.objects[0], d.objects[1:]
		case jsontree.Array:
			l := &values{doc: d, list: make([]ref.Val, 0, n.Size)}
			for _, item := range n.All() {
				l.list = append(l.list, d.of(item))
			}
			*v = l
		default:
			*v = scalar(n, d.Schemas[n.Index])
		}
	}
	return *v
}

// scalar converts a value that is no object and no array.
func scalar(n *jsontree.Node, s *spec.Schema) ref.Val {
	switch n.Kind {
	case jsontree.Null:
		return types.NullValue
	case jsontree.Boolean:
		return types.Bool(n.Literal() == "true")
	case jsontree.String:
		return text(n.Text, s)
	}
	if i, err := strconv.ParseInt(n.Text, 10, 64); err == nil {
		return types.Int(i)
	}
	f, _ := strconv.ParseFloat(n.Text, 64)
	if n.Kind&jsontree.Integer != 0 && math.Abs(f) < 1<<53 { // 20.0 and 2e1 are whole, too
		return types.Int(f)
	}
	return types.Double(f)
}

func text(content string, s *spec.Schema) ref.Val {
	switch {
	case s == nil:
	case s.Format == "uuid":
		return types.String(strings.ToLower(content))
	case s.Format == "date-time":
		if t, ok := spec.DateTime(content); ok {
			return types.Timestamp{Time: t}
		}
	}
	return types.String(content)
}

var errConversion = errors.New("no conversion")

// opaque is embedded by values that nothing converts.
type opaque struct{}

func (opaque) ConvertToNative(reflect.Type) (any, error) { return nil, errConversion }
func (opaque) ConvertToType(ref.Type) ref.Val            { return types.WrapErr(errConversion) }

// object is an object as rules see it.
type object struct {
	opaque
	doc  *document
	node *jsontree.Node
}

var _ traits.Mapper = (*object)(nil)

// Find returns the member of that name.
func (o *object) Find(key ref.Val) (ref.Val, bool) {
	name, ok := key.(types.String)
	if !ok {
		return nil, false
	}
	m := o.node.Member(string(name))
	if m == nil {
		return nil, false
	}
	return o.doc.of(m), true
}

func (o *object) Get(key ref.Val) ref.Val {
	v, ok := o.Find(key)
	if !ok {
		return types.NewErr("no such member")
	}
	return v
}

func (o *object) Contains(key ref.Val) ref.Val {
	_, ok := o.Find(key)
	return types.Bool(ok)
}

// names returns the names of the members.
func (o *object) names() *values {
	l := &values{doc: o.doc}
	for _, member := range o.node.All() {
		l.list = append(l.list, types.String(member.Name))
	}
	return l
}

// Fold calls f for each member.
func (o *object) Fold(f traits.Folder) {
	for _, member := range o.node.All() {
		if *o.doc.steps++; *o.doc.steps > 0 || !f.FoldEntry(types.String(member.Name), o.doc.of(member)) {
			return
		}
	}
}

func (o *object) Iterator() traits.Iterator { return o.names().Iterator() }

func (o *object) Size() ref.Val           { return types.Int(o.node.Size) }
func (o *object) Equal(v ref.Val) ref.Val { return types.Bool(v == ref.Val(o)) }
func (o *object) Type() ref.Type          { return types.MapType }
func (o *object) Value() any              { return o.node }

// values is a list that rules see, with an index of what it holds.
type values struct {
	opaque
	doc  *document // counts what rules look at
	list []ref.Val
	set  map[any]struct{} // of the scalars in list, once they are many
}

var _ traits.Lister = (*values)(nil)

// few is how many values are looked through one by one.
const few = 32

// indexed returns what a scalar is found by, nil for other values.
func indexed(v ref.Val) any {
	switch v := v.(type) {
	case types.String, types.Int, types.Bool:
		return v
	case types.Timestamp:
		return v.UTC()
	}
	return nil
}

func (l *values) add(v ref.Val) {
	l.list = append(l.list, v)
	if l.set == nil {
		return
	}
	if key := indexed(v); key != nil {
		l.set[key] = struct{}{}
	}
}

// keep forgets all but the last n values.
func (l *values) keep(n int) {
	if len(l.list) > n {
		l.list = slices.Clone(l.list[len(l.list)-n:])
		l.set = nil
	}
}

func (l *values) Contains(v ref.Val) ref.Val {
	key := indexed(v)
	if key == nil || len(l.list) <= few {
		for _, have := range l.list {
			*l.doc.steps++
			if types.Equal(have, v) == types.True {
				return types.True
			}
		}
		return types.False
	}
	if l.set == nil {
		l.set = make(map[any]struct{}, 2*len(l.list))
		for _, have := range l.list {
			if key := indexed(have); key != nil {
				l.set[key] = struct{}{}
			}
		}
	}
	_, ok := l.set[key]
	return types.Bool(ok)
}

func (l *values) Get(index ref.Val) ref.Val {
	if i, ok := index.(types.Int); ok && i >= 0 && int(i) < len(l.list) {
		return l.list[i]
	}
	return types.NewErr("no such item")
}

func (l *values) Iterator() traits.Iterator { return &iterator{values: l} }
func (l *values) Add(ref.Val) ref.Val       { return types.WrapErr(errConversion) }
func (l *values) Size() ref.Val             { return types.Int(len(l.list)) }
func (l *values) Equal(v ref.Val) ref.Val   { return types.Bool(v == ref.Val(l)) }
func (l *values) Type() ref.Type            { return types.ListType }
func (l *values) Value() any                { return l.list }

// Fold calls f for each value.
func (l *values) Fold(f traits.Folder) {
	for i, v := range l.list {
		if *l.doc.steps++; *l.doc.steps > 0 || !f.FoldEntry(types.Int(i), v) {
			return
		}
	}
}

// iterator ends early, as Fold does.
type iterator struct {
	*values
	next int
}

func (i *iterator) HasNext() ref.Val {
	*i.doc.steps++
	return types.Bool(i.next < len(i.list) && *i.doc.steps <= 0)
}

func (i *iterator) Next() ref.Val {
	i.next++
	return i.list[i.next-1]
}
