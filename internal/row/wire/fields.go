package wire

import (
	"bytes"
	"fmt"
	"strconv"
	"time"

	"processor/internal/row"
)

// field is one field of a flat JSON object: its name, and its value as it is written.
type field struct{ name, value []byte }

// scan splits a flat object without space, as this program writes it, into its fields.
func scan(fields []field, text []byte) ([]field, error) {
	rest, ok := bytes.CutPrefix(text, []byte{'{'})
	for ok && len(rest) > 0 && rest[0] == '"' {
		end := quotedEnd(rest)
		if end < 0 || end >= len(rest) || rest[end] != ':' {
			break
		}
		f := field{name: rest[1 : end-1]}
		rest = rest[end+1:]
		if end = valueEnd(rest); end <= 0 {
			break
		}
		f.value, rest = rest[:end], rest[end:]
		fields = append(fields, f)
		if len(rest) == 1 && rest[0] == '}' {
			return fields, nil
		}
		rest, ok = bytes.CutPrefix(rest, []byte{','})
	}
	return nil, fmt.Errorf("it is no row of this program: %q", text[:min(len(text), 80)])
}

// quotedEnd is behind a JSON string that begins a text, -1 where it has no end.
func quotedEnd(text []byte) int {
	for i := 1; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return -1
}

// valueEnd is behind a JSON value that is no array or object.
func valueEnd(text []byte) int {
	if len(text) > 0 && text[0] == '"' {
		return quotedEnd(text)
	}
	return bytes.IndexAny(text, ",}")
}

// null is a value that is not there.
var null = []byte("null")

// missing is the value of a column that a row has not got: it was made under another configuration.
func missing(c *row.Column) []byte {
	switch {
	case c.Null:
		return null
	case c.Type.IsDecimal():
		return []byte(`"0.000000"`)
	case c.Type == row.Integer:
		return []byte("0")
	case c.Type == row.Bool:
		return []byte("false")
	default:
		return []byte(`""`)
	}
}

// arrange gives each column its value. Rows have their fields in the columns' order; only rows that were made
// under other dimensions or windows, and are taken back, have not.
func arrange(values [][]byte, columns []row.Column, fields []field) [][]byte {
	next := 0
	for i := range columns {
		c := &columns[i]
		if next < len(fields) && string(fields[next].name) == c.Name {
			values = append(values, fields[next].value)
			next++
			continue
		}
		value := missing(c)
		for j := range fields {
			if string(fields[j].name) == c.Name {
				value, next = fields[j].value, j+1
				break
			}
		}
		values = append(values, value)
	}
	return values
}

// appendName appends the name of a field.
func appendName(dst []byte, name string) []byte {
	if dst[len(dst)-1] != '{' {
		dst = append(dst, ',')
	}
	dst = append(dst, '"')
	dst = append(dst, name...)
	return append(dst, '"', ':')
}

// unquoted is the inside of a JSON string that has no escapes: a decimal, a time, a date.
func unquoted(value []byte) []byte {
	if len(value) < 2 || value[0] != '"' {
		return value
	}
	return value[1 : len(value)-1]
}

// daysOf are the days from 1970 to a quoted date.
func daysOf(value []byte) (int64, error) {
	day, err := time.Parse(time.DateOnly, string(unquoted(value)))
	if err != nil {
		return 0, fmt.Errorf("%s is no date", value)
	}
	return day.Unix() / 86400, nil
}

// appendDate is the inverse of daysOf.
func appendDate(dst []byte, days int64) []byte {
	return time.Unix(days*86400, 0).UTC().AppendFormat(dst, `"`+time.DateOnly+`"`)
}

// appendDateOf appends the date of days that are written as a number.
func appendDateOf(dst, value []byte) ([]byte, error) {
	days, err := strconv.ParseInt(string(value), 10, 32)
	if err != nil {
		return dst, fmt.Errorf("%q are no days of a date", value)
	}
	return appendDate(dst, days), nil
}
