package debezium

import (
	"processor/internal/event"
	"processor/internal/event/mapping"
)

// timeUnits are the semantic types of times, and what one unit of them is.
var timeUnits = map[string]string{
	"io.debezium.time.Timestamp":              "unix_ms",
	"io.debezium.time.MicroTimestamp":         "unix_us",
	"io.debezium.time.NanoTimestamp":          "unix_ns",
	"io.debezium.time.Date":                   "days",
	"org.apache.kafka.connect.data.Timestamp": "unix_ms",
	"org.apache.kafka.connect.data.Date":      "days",
}

const (
	semanticDecimal  = "org.apache.kafka.connect.data.Decimal"
	semanticVariable = "io.debezium.data.VariableScaleDecimal"
)

// columnsOf reads, from the schema beside the payload, how each column is written. Without a schema there
// are none: the rules say it then.
func columnsOf(schema event.Value, op string) map[string]mapping.Column {
	side := "after"
	if op == "d" {
		side = "before"
	}
	columns := map[string]mapping.Column{}
	for _, part := range schema.Get("fields").Elements() {
		if part.Get("field").Text() != side {
			continue
		}
		for _, f := range part.Get("fields").Elements() {
			name := f.Get("name").Text()
			c := mapping.Column{Time: timeUnits[name], Variable: name == semanticVariable}
			if name == semanticDecimal {
				scale, ok := f.Find("parameters.scale").Int()
				c.Scale, c.HasScale = int(scale), ok && scale >= -64 && scale <= 64
			}
			kind := f.Get("type").Text()
			c.Double = kind == "double" || kind == "float" || kind == "float64" || kind == "float32"
			columns[f.Get("field").Text()] = c
		}
	}
	return columns
}
