package column

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"github.com/okchat/okchat-go/internal/fastjson"
)

// RawSQL returns an SQL expression that writes the JSON of an item from its columns, in the form of the recorded samples: members
// in the order of their names, null included, times in +00:00 without zeros at the end of a fraction. A member that has no place of its own in [Conversations] or
// [Messages] came with a later contract and is left out where it is null, and so is one whose column is not among names.
func (t *Table) RawSQL(names []string) string {
	there := map[string]bool{}
	for _, name := range names {
		there[name] = true
	}
	var b strings.Builder
	b.WriteString("'{")
	comma := ""
	for _, parts := range t.parts {
		c := &t.Columns[parts[0]]
		if !there[c.Name] {
			continue
		}
		value := c.valueSQL()
		if len(parts) > 1 {
			var object strings.Builder
			before := "'{"
			for _, at := range parts {
				part := &t.Columns[at]
				fmt.Fprintf(&object, "%s\"%s\":' || %s || ", before, part.partName(), part.valueSQL())
				before = "',"
			}
			value = fmt.Sprintf("CASE WHEN %s IS NULL THEN %s ELSE %s'}' END", quote(t.Columns[parts[1]].Name), value, object.String())
		}
		if c.later {
			fmt.Fprintf(&b, "' || CASE WHEN %s IS NULL THEN '' ELSE '%s\"%s\":' || %s END || '", quote(c.Name), comma, c.Name, value)
			continue
		}
		fmt.Fprintf(&b, "%s\"%s\":' || %s || '", comma, c.Name, value)
		comma = ","
	}
	b.WriteString("}'")
	return b.String()
}

func quote(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// partName returns the name of the member of an object that the column holds.
func (c *Column) partName() string { return c.part[strings.IndexByte(c.part, '/')+1:] }

// valueSQL returns the SQL expression for the JSON of the column's value. It does what appendValue does.
func (c *Column) valueSQL() string {
	name := quote(c.Name)
	switch {
	case c.Truth:
		return fmt.Sprintf("CASE %s WHEN 1 THEN 'true' WHEN 0 THEN 'false' ELSE 'null' END", name)
	case c.Time:
		return fmt.Sprintf(`coalesce('"' || rtrim(rtrim(%s, '0Z'), '.') || '+00:00"', 'null')`, name)
	case c.UUID:
		return fmt.Sprintf(`coalesce('"' || %s || '"', 'null')`, name)
	case c.JSON, c.Type != "TEXT":
		return fmt.Sprintf("coalesce(%s, 'null')", name)
	}
	return fmt.Sprintf("json_quote(%s)", name)
}

// Rebuilds reports whether the expression of [Table.RawSQL] would write these very bytes from the row.
func (r *Row) Rebuilds(raw []byte) bool {
	t, ok := r.table, true
	r.buffer = append(r.buffer[:0], '{')
	name := func(name string) {
		if r.buffer[len(r.buffer)-1] != '{' {
			r.buffer = append(r.buffer, ',')
		}
		r.buffer = append(append(append(r.buffer, '"'), name...), `":`...)
	}
	for _, parts := range t.parts {
		at := parts[0]
		c := &t.Columns[at]
		if c.later && r.Values[at].Null {
			continue
		}
		name(c.Name)
		if len(parts) == 1 || r.Values[parts[1]].Null {
			ok = r.appendValue(at) && ok
			continue
		}
		r.buffer = append(r.buffer, '{')
		for _, at := range parts {
			name(t.Columns[at].partName())
			ok = r.appendValue(at) && ok
		}
		r.buffer = append(r.buffer, '}')
	}
	r.buffer = append(r.buffer, '}')
	return ok && bytes.Equal(r.buffer, raw)
}

// appendValue appends the JSON of the value of a column, and reports whether SQL would write the same.
func (r *Row) appendValue(at int) bool {
	c, v := &r.table.Columns[at], &r.Values[at]
	switch {
	case v.Null:
		r.buffer = append(r.buffer, "null"...)
	case c.Truth, c.JSON:
		r.buffer = append(r.buffer, v.Text...)
	case c.Time:
		local := strings.TrimRight(strings.TrimRight(v.Text, "0Z"), ".")
		r.buffer = append(append(append(r.buffer, '"'), local...), `+00:00"`...)
	case c.UUID:
		r.buffer = append(append(append(r.buffer, '"'), v.Text...), '"')
	case c.Type == "INTEGER": // which SQL writes in one form
		n, err := strconv.ParseInt(v.Text, 10, 64)
		r.buffer = strconv.AppendInt(r.buffer, n, 10)
		return err == nil
	case c.Type != "TEXT": // each version of SQLite writes other digits
		return false
	default:
		r.buffer = fastjson.AppendString(r.buffer, v.Text)
		return strings.IndexByte(v.Text, 0) < 0 // where some functions of SQLite end
	}
	return true
}
