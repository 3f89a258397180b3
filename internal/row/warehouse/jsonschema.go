package warehouse

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"processor/internal/row"
)

// The forms of texts in rows.
const (
	decimalPattern = `^-?[0-9]+\.[0-9]{6}$`
	instantPattern = `^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]*[1-9])?Z$`
	datePattern    = `^[0-9]{4}-[0-9]{2}-[0-9]{2}$`
)

// property is what JSON Schema says of a field.
type property struct {
	Type        any    `json:"type"`
	Pattern     string `json:"pattern,omitempty"`
	Format      string `json:"format,omitempty"`
	Description string `json:"description"`
}

// JSONSchema is the schema of a kind of row in the format json.
func JSONSchema(t *row.Table) string {
	var b bytes.Buffer
	fmt.Fprintf(&b, "{\n  \"$schema\": \"https://json-schema.org/draft/2020-12/schema\",\n  \"title\": %s,\n  \"description\": %s,\n", quoted(t.Topic), quoted(t.Doc))
	b.WriteString("  \"type\": \"object\",\n  \"additionalProperties\": false,\n  \"properties\": {\n")
	var names, keys []string
	for i := range t.Columns {
		c := &t.Columns[i]
		if i > 0 {
			b.WriteString(",\n")
		}
		fmt.Fprintf(&b, "    %s: %s", quoted(c.Name), quoted(propertyOf(c)))
		names = append(names, quoted(c.Name))
		if c.Key {
			keys = append(keys, quoted(c.Name))
		}
	}
	fmt.Fprintf(&b, "\n  },\n  \"required\": [\n%s\n  ],\n", wrapped(names, "    "))
	fmt.Fprintf(&b, "  \"$comment\": %s\n}\n", quoted("The key is "+strings.ReplaceAll(strings.Join(keys, ", "), `"`, "")+"."))
	return b.String()
}

func propertyOf(c *row.Column) property {
	p := property{Description: c.Doc}
	kind := "string"
	switch c.Type {
	case row.Text:
	case row.Integer:
		kind = "integer"
	case row.Amount, row.Ratio:
		p.Pattern = decimalPattern
	case row.Timestamp:
		p.Pattern, p.Format = instantPattern, "date-time"
	case row.Date:
		p.Pattern, p.Format = datePattern, "date"
	case row.Bool:
		kind = "boolean"
	}
	p.Type = kind
	if c.Null {
		p.Type = []string{kind, "null"}
	}
	return p
}

// quoted is a value as JSON, with <, > and & as they are.
func quoted(v any) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic("warehouse: " + err.Error()) // plain structs of texts have no error
	}
	return strings.TrimSuffix(b.String(), "\n")
}
