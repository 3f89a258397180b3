package wire

import (
	"bytes"
	"encoding/json"
	"fmt"

	"processor/internal/row"
)

// connectStart and connectMiddle are what stands in front of the schema and of the payload. The schema is
// written without documentation, and within JSON strings a quote has a backslash, so the first middle is it.
const (
	connectStart  = `{"schema":`
	connectMiddle = `,"payload":`
)

// Names of Connect's logical types, and of Debezium's for an instant as text: its JDBC sink makes a timestamp
// with time zone of it, every other sink a text of RFC 3339, and it keeps nanoseconds, which Connect's own has not.
const (
	connectDecimal = "org.apache.kafka.connect.data.Decimal"
	connectDate    = "org.apache.kafka.connect.data.Date"
	connectTime    = "io.debezium.time.ZonedTimestamp"
)

// Connect writes rows for org.apache.kafka.connect.json.JsonConverter with schemas.enable. It belongs to one
// configuration and is safe for use by several goroutines.
type Connect struct {
	kinds map[row.Topic]*connectKind
}

// connectKind are the two sides of a kind of row, each with all that stands in front of its payload.
type connectKind struct {
	key, value           side
	keyStart, valueStart []byte
}

// NewConnect writes rows of these tables.
func NewConnect(tables []row.Table) *Connect {
	c := &Connect{kinds: map[row.Topic]*connectKind{}}
	for i := range tables {
		t := &tables[i]
		if !t.Topic.IsOfRows() {
			continue
		}
		k := new(connectKind)
		k.key, k.value = sides(t)
		k.keyStart, k.valueStart = connectSchema(k.key), connectSchema(k.value)
		c.kinds[t.Topic] = k
	}
	return c
}

// connectField is a field of a schema.
type connectField struct {
	Type       string            `json:"type"`
	Optional   bool              `json:"optional"`
	Name       string            `json:"name,omitempty"`
	Version    int               `json:"version,omitempty"`
	Parameters map[string]string `json:"parameters,omitempty"`
	Field      string            `json:"field"`
}

// connectSchema is everything in front of a payload.
func connectSchema(s side) []byte {
	schema := struct {
		Type     string         `json:"type"`
		Optional bool           `json:"optional"`
		Name     string         `json:"name"`
		Fields   []connectField `json:"fields"`
	}{Type: "struct", Name: "expansion." + s.name}
	for _, c := range s.columns {
		f := connectField{Field: c.Name, Optional: c.Null}
		switch c.Type {
		case row.Text:
			f.Type = "string"
		case row.Integer:
			f.Type = "int64"
		case row.Amount, row.Ratio:
			f.Type, f.Name, f.Version = "bytes", connectDecimal, 1
			f.Parameters = map[string]string{"scale": "6", "connect.decimal.precision": "38"}
		case row.Timestamp:
			f.Type, f.Name, f.Version = "string", connectTime, 1
		case row.Date:
			f.Type, f.Name, f.Version = "int32", connectDate, 1
		case row.Bool:
			f.Type = "boolean"
		}
		schema.Fields = append(schema.Fields, f)
	}
	text, err := json.Marshal(schema)
	if err != nil {
		panic("wire: " + err.Error()) // plain structs of texts have no error
	}
	return append(append([]byte(connectStart), text...), connectMiddle...)
}

// Encode writes a key and a row; what is no row of a table stays as it is.
func (c *Connect) Encode(topic row.Topic, key, value []byte) (k, v []byte, err error) {
	kind := c.kinds[topic]
	if kind == nil {
		return key, value, nil
	}
	if k, err = encodeConnect(kind.keyStart, kind.key.columns, key); err != nil || value == nil {
		return k, nil, err
	}
	v, err = encodeConnect(kind.valueStart, kind.value.columns, value)
	return k, v, err
}

// encodeConnect writes decimals as numbers, which JsonConverter takes exactly, and dates as days. Everything
// else of a row is in Connect's JSON as it is in ours.
func encodeConnect(start []byte, columns []row.Column, text []byte) ([]byte, error) {
	fields, err := scan(make([]field, 0, len(columns)), text)
	if err != nil {
		return nil, err
	}
	dst := make([]byte, 0, len(start)+len(text)+2)
	dst = append(append(dst, start...), '{')
	for i, value := range arrange(make([][]byte, 0, len(columns)), columns, fields) {
		c := &columns[i]
		dst = appendName(dst, c.Name)
		switch {
		case bytes.Equal(value, null) || !c.Type.IsDecimal() && c.Type != row.Date:
			dst = append(dst, value...)
		case c.Type == row.Date:
			days, err := daysOf(value)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", c.Name, err)
			}
			dst = fmt.Append(dst, days)
		default:
			dst = append(dst, unquoted(value)...)
		}
	}
	return append(dst, '}', '}'), nil
}

// Decode is the inverse of Encode.
func (c *Connect) Decode(topic row.Topic, key, value []byte) (k, v []byte, err error) {
	kind := c.kinds[topic]
	if kind == nil {
		return key, value, nil
	}
	if k, err = decodeConnect(kind.key.columns, key); err != nil || value == nil {
		return k, nil, err
	}
	v, err = decodeConnect(kind.value.columns, value)
	return k, v, err
}

// decodeConnect reads a payload by what is written and not by its schema: of the numbers only decimals have
// a point, so that rows of other dimensions and windows are read as well.
func decodeConnect(columns []row.Column, record []byte) ([]byte, error) {
	if err := expect(ConnectJSON, record); err != nil {
		return nil, err
	}
	at := bytes.Index(record, []byte(connectMiddle))
	if at < 0 {
		return nil, fmt.Errorf("%w: there is a schema and no payload", ErrForm)
	}
	fields, err := scan(make([]field, 0, len(columns)), bytes.TrimSuffix(record[at+len(connectMiddle):], []byte{'}'}))
	if err != nil {
		return nil, err
	}
	dst := make([]byte, 0, len(record)-at+64)
	dst = append(dst, '{')
	for _, f := range fields {
		dst = appendName(dst, string(f.name))
		switch {
		case isDate(columns, f.name) && !bytes.Equal(f.value, null):
			if dst, err = appendDateOf(dst, f.value); err != nil {
				return nil, fmt.Errorf("%s: %w", f.name, err)
			}
		case f.value[0] != '"' && bytes.IndexByte(f.value, '.') >= 0:
			dst = append(dst, '"')
			dst = append(dst, f.value...)
			dst = append(dst, '"')
		default:
			dst = append(dst, f.value...)
		}
	}
	return append(dst, '}'), nil
}

func isDate(columns []row.Column, name []byte) bool {
	for i := range columns {
		if columns[i].Type == row.Date && columns[i].Name == string(name) {
			return true
		}
	}
	return false
}
