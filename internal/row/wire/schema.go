package wire

import (
	"encoding/json"
	"strings"

	"processor/internal/row"
)

// FieldName is a column's name where only letters, digits and underscores may stand, and no digit first.
func FieldName(column string) string {
	var b strings.Builder
	for i, r := range column {
		switch {
		case r >= '0' && r <= '9':
			if i == 0 {
				b.WriteByte('_')
			}
			b.WriteRune(r)
		case r == '_' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z':
			b.WriteRune(r)
		default:
			b.WriteByte('_')
		}
	}
	return b.String()
}

// avroField is a field of a record's schema.
type avroField struct {
	Name    string           `json:"name"`
	Type    any              `json:"type"`
	Doc     string           `json:"doc"`
	Default *json.RawMessage `json:"default,omitempty"`
}

// avroType is a type with a logical type. connect.name is what Confluent's converter hands to a sink as the
// name of the Connect schema.
type avroType struct {
	Type        string `json:"type"`
	LogicalType string `json:"logicalType,omitempty"`
	Precision   int    `json:"precision,omitempty"`
	Scale       int    `json:"scale,omitempty"`
	ConnectName string `json:"connect.name,omitempty"`
}

// AvroSchemas are the schemas of the key and the value of a kind of row.
func AvroSchemas(t *row.Table) (key, value string) {
	k, v := sides(t)
	return avroSchema(k, "The key of "+t.Name()+"."), avroSchema(v, t.Doc)
}

func avroSchema(s side, doc string) string {
	schema := struct {
		Type      string      `json:"type"`
		Name      string      `json:"name"`
		Namespace string      `json:"namespace"`
		Doc       string      `json:"doc"`
		Fields    []avroField `json:"fields"`
	}{Type: "record", Name: s.name, Namespace: "expansion", Doc: doc}
	for _, c := range s.columns {
		f := avroField{Name: FieldName(c.Name), Type: avroTypeOf(c.Type), Doc: c.Doc}
		switch {
		case c.Null:
			f.Type = []any{"null", f.Type}
			f.Default = rawJSON("null")
		case c.Late: // a schema with one more is still read by those who know the one before, and the other way round
			f.Default = rawJSON(`"\u0000"`)
		}
		schema.Fields = append(schema.Fields, f)
	}
	text, err := json.Marshal(schema)
	if err != nil {
		panic("wire: " + err.Error()) // plain structs of texts have no error
	}
	return string(text)
}

func rawJSON(text string) *json.RawMessage {
	raw := json.RawMessage(text)
	return &raw
}

// avroTypeOf is a column's type. Microseconds are what every reader of Avro knows; a finer instant loses
// its nanoseconds in this form.
func avroTypeOf(t row.Type) any {
	switch t {
	case row.Text:
		return "string"
	case row.Integer:
		return "long"
	case row.Amount, row.Ratio:
		return avroType{Type: "bytes", LogicalType: "decimal", Precision: 38, Scale: 6}
	case row.Timestamp:
		return avroType{Type: "long", LogicalType: "timestamp-micros", ConnectName: "io.debezium.time.MicroTimestamp"}
	case row.Date:
		return avroType{Type: "int", LogicalType: "date"}
	case row.Bool:
		return "boolean"
	}
	panic("wire: no such type")
}
