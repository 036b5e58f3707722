package contract

import (
	"errors"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
)

// Rules see the values of a document as they stand in its tree, without a copy: an object is a map, an array a list. A
// date-time is a timestamp, and a UUID is in lower case, so that both compare as what they mean.

// celValue returns a value as a rule sees it.
func (n *node) celValue() ref.Val {
	if n.value == nil {
		n.value = n.convert()
	}
	return n.value
}

func (n *node) convert() ref.Val {
	switch n.kind {
	case null:
		return types.NullValue
	case boolean:
		return types.Bool(n.literal() == "true")
	case object:
		return (*objectValue)(n)
	case array:
		return (*arrayValue)(n)
	case text:
		return n.convertText()
	}
	if i, err := strconv.ParseInt(n.text, 10, 64); err == nil {
		return types.Int(i)
	}
	f, _ := strconv.ParseFloat(n.text, 64)
	if n.kind&integer != 0 && math.Abs(f) < 1<<53 { // 20.0 and 2e1 are whole, too
		return types.Int(f)
	}
	return types.Double(f)
}

func (n *node) convertText() ref.Val {
	switch n.form() {
	case "uuid":
		return types.String(strings.ToLower(n.text))
	case "date-time":
		s, leap := strings.ToUpper(n.text), time.Duration(0)
		if len(s) > 18 && s[17:19] == "60" { // package time knows no leap seconds
			s, leap = s[:17]+"59"+s[19:], time.Second
		}
		if t, err := time.Parse(time.RFC3339Nano, s); err == nil {
			return types.Timestamp{Time: t.Add(leap)}
		}
	}
	return types.String(n.text)
}

var errConversion = errors.New("no conversion")

// objectValue is an object as a rule sees it.
type objectValue node

var _ traits.Mapper = (*objectValue)(nil)

func (o *objectValue) Find(key ref.Val) (ref.Val, bool) {
	name, ok := key.(types.String)
	if !ok {
		return nil, false
	}
	m := (*node)(o).member(string(name))
	if m == nil {
		return nil, false
	}
	return m.celValue(), true
}

func (o *objectValue) Get(key ref.Val) ref.Val {
	v, ok := o.Find(key)
	if !ok {
		return types.NewErr("no such member")
	}
	return v
}

func (o *objectValue) Contains(key ref.Val) ref.Val {
	_, ok := o.Find(key)
	return types.Bool(ok)
}

func (o *objectValue) Iterator() traits.Iterator {
	var names []ref.Val
	(*node)(o).kids(func(_ int, kid *node) bool {
		names = append(names, types.String(kid.name))
		return true
	})
	return types.NewRefValList(types.DefaultTypeAdapter, names).Iterator()
}

func (o *objectValue) Size() ref.Val           { return types.Int(o.size) }
func (o *objectValue) Equal(v ref.Val) ref.Val { return types.Bool(v == ref.Val(o)) }
func (o *objectValue) Type() ref.Type          { return types.MapType }
func (o *objectValue) Value() any              { return (*node)(o) }

func (o *objectValue) ConvertToNative(reflect.Type) (any, error) { return nil, errConversion }
func (o *objectValue) ConvertToType(ref.Type) ref.Val            { return types.WrapErr(errConversion) }

// arrayValue is an array as a rule sees it.
type arrayValue node

var _ traits.Lister = (*arrayValue)(nil)

func (a *arrayValue) Get(index ref.Val) ref.Val {
	found := types.NewErr("no such item")
	if at, ok := index.(types.Int); ok {
		(*node)(a).kids(func(i int, kid *node) bool {
			if types.Int(i) == at {
				found = kid.celValue()
			}
			return types.Int(i) < at
		})
	}
	return found
}

func (a *arrayValue) Contains(v ref.Val) ref.Val {
	found := types.False
	(*node)(a).kids(func(_ int, kid *node) bool {
		found = types.Equal(kid.celValue(), v).(types.Bool)
		return found == types.False
	})
	return found
}

func (a *arrayValue) Iterator() traits.Iterator {
	list := make([]ref.Val, 0, a.size)
	(*node)(a).kids(func(_ int, kid *node) bool {
		list = append(list, kid.celValue())
		return true
	})
	return types.NewRefValList(types.DefaultTypeAdapter, list).Iterator()
}

func (a *arrayValue) Add(ref.Val) ref.Val     { return types.WrapErr(errConversion) }
func (a *arrayValue) Size() ref.Val           { return types.Int(a.size) }
func (a *arrayValue) Equal(v ref.Val) ref.Val { return types.Bool(v == ref.Val(a)) }
func (a *arrayValue) Type() ref.Type          { return types.ListType }
func (a *arrayValue) Value() any              { return (*node)(a) }

func (a *arrayValue) ConvertToNative(reflect.Type) (any, error) { return nil, errConversion }
func (a *arrayValue) ConvertToType(ref.Type) ref.Val            { return types.WrapErr(errConversion) }

// values is a growing list that a rule sees, quick to tell whether it holds a string.
type values struct {
	list []ref.Val
	set  map[types.String]struct{} // of the strings in list, once they are many
}

var _ traits.Lister = (*values)(nil)

// few is how many values are looked through one by one.
const few = 32

func (l *values) add(v ref.Val) {
	l.list = append(l.list, v)
	if s, ok := v.(types.String); ok && l.set != nil {
		l.set[s] = struct{}{}
	}
}

// keep forgets all but the last n values.
func (l *values) keep(n int) {
	if len(l.list) > n {
		l.list = append([]ref.Val(nil), l.list[len(l.list)-n:]...)
		l.set = nil
	}
}

func (l *values) Contains(v ref.Val) ref.Val {
	s, ok := v.(types.String)
	if !ok || len(l.list) <= few {
		for _, have := range l.list {
			if types.Equal(have, v) == types.True {
				return types.True
			}
		}
		return types.False
	}
	if l.set == nil {
		l.set = make(map[types.String]struct{}, 2*len(l.list))
		for _, have := range l.list {
			if have, ok := have.(types.String); ok {
				l.set[have] = struct{}{}
			}
		}
	}
	_, ok = l.set[s]
	return types.Bool(ok)
}

func (l *values) Get(index ref.Val) ref.Val {
	if i, ok := index.(types.Int); ok && i >= 0 && int(i) < len(l.list) {
		return l.list[i]
	}
	return types.NewErr("no such item")
}

func (l *values) Iterator() traits.Iterator {
	return types.NewRefValList(types.DefaultTypeAdapter, l.list).Iterator()
}

func (l *values) Add(ref.Val) ref.Val     { return types.WrapErr(errConversion) }
func (l *values) Size() ref.Val           { return types.Int(len(l.list)) }
func (l *values) Equal(v ref.Val) ref.Val { return types.Bool(v == ref.Val(l)) }
func (l *values) Type() ref.Type          { return types.ListType }
func (l *values) Value() any              { return l.list }

func (l *values) ConvertToNative(reflect.Type) (any, error) { return nil, errConversion }
func (l *values) ConvertToType(ref.Type) ref.Val            { return types.WrapErr(errConversion) }
