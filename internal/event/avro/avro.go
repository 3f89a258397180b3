// Package avro makes native events of Avro records whose schema has the fields of the native format. The
// schema that a record was written with comes from outside. What an Avro value cannot say exactly is
// rejected by its field: a float as amount is taken only where no other decimal could have been meant.
package avro

import (
	"encoding/base64"
	"encoding/json"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/twmb/avro"

	"processor/internal/event"
	"processor/internal/money"
)

// Schema is the schema that records were written with.
type Schema struct{ schema *avro.Schema }

// Parse reads a schema and those that it refers to, which come first.
func Parse(text string, references ...string) (*Schema, error) {
	cache := new(avro.SchemaCache)
	for _, reference := range references {
		if _, err := cache.Parse(reference); err != nil {
			return nil, err
		}
	}
	s, err := cache.Parse(text)
	if err != nil {
		return nil, err
	}
	return &Schema{s}, nil
}

// Decoder makes events of bytes, within the bounds of its options. It belongs to one goroutine.
type Decoder struct {
	options event.Options
	decoder *event.Decoder
}

// NewDecoder is a decoder within the bounds of the options.
func NewDecoder(options event.Options) *Decoder {
	return &Decoder{options, event.NewDecoder(options)}
}

// Decode reads a value that was written with the schema: the whole envelope, or the data of an event whose
// envelope is in the headers.
func (d *Decoder) Decode(s *Schema, value []byte, headers []event.Header) (*event.Event, *event.Rejection) {
	limit := d.options.MaxBytes
	if limit <= 0 {
		limit = 1 << 20
	}
	if len(value) > limit {
		return nil, &event.Rejection{Reason: event.ReasonTooLarge}
	}
	var decoded any
	rest, err := s.schema.Decode(value, &decoded)
	if err != nil || len(rest) > 0 {
		return nil, &event.Rejection{Reason: event.ReasonUndecodableSchema, Detail: "value"}
	}
	w := writer{limit: 8 * limit}
	if !w.value(decoded, "") {
		return nil, &event.Rejection{Reason: w.reason, Detail: w.path}
	}
	kept := slices.DeleteFunc(slices.Clone(headers), func(h event.Header) bool { return strings.EqualFold(h.Key, "content-type") })
	return d.decoder.Decode(w.text, kept)
}

// writer writes what Avro decodes to as native JSON.
type writer struct {
	text   []byte
	limit  int
	depth  int
	reason event.Reason
	path   string
}

func (w *writer) fail(reason event.Reason, path string) bool {
	w.reason, w.path = reason, path
	return false
}

// depthMax bounds recursive schemas; what is deeper no native event is.
const depthMax = 64

func (w *writer) value(v any, path string) bool {
	if w.depth++; w.depth > depthMax {
		return w.fail(event.ReasonTooDeep, path)
	}
	defer func() { w.depth-- }()
	if len(w.text) > w.limit {
		return w.fail(event.ReasonTooLarge, "")
	}
	switch v := v.(type) {
	case nil:
		w.text = append(w.text, "null"...)
	case bool:
		w.text = strconv.AppendBool(w.text, v)
	case int32:
		w.text = strconv.AppendInt(w.text, int64(v), 10)
	case int64:
		w.text = strconv.AppendInt(w.text, v, 10)
	case float32:
		return w.float(strconv.FormatFloat(float64(v), 'f', -1, 32), floatDigits, path)
	case float64:
		return w.float(strconv.FormatFloat(v, 'f', -1, 64), doubleDigits, path)
	case string:
		return w.string(v, path)
	case []byte:
		return w.string(base64.StdEncoding.EncodeToString(v), path)
	case time.Time:
		return w.string(v.UTC().Format(time.RFC3339Nano), path)
	case *big.Rat:
		text, ok := money.Exact(v)
		if !ok {
			return w.fail(event.ReasonBadAmount, path)
		}
		return w.string(text, path)
	case []any:
		return w.array(v, path)
	case map[string]any:
		return w.object(v, path)
	default: // a time of day, a duration, a fixed value: nothing in the native format is one
		return w.fail(event.ReasonBadField, path)
	}
	return true
}

// A decimal of so many digits is the same after it was a binary float; one with more may have been another.
const (
	floatDigits  = 6
	doubleDigits = 15
)

func (w *writer) float(text string, digits int, path string) bool {
	plain, ok := money.Shift(text, 0)
	significant := strings.TrimLeft(strings.Replace(strings.TrimPrefix(plain, "-"), ".", "", 1), "0")
	if !strings.Contains(plain, ".") {
		significant = strings.TrimRight(significant, "0")
	}
	if !ok || len(significant) > digits {
		return w.fail(event.ReasonBadAmount, path)
	}
	w.text = append(w.text, plain...)
	return true
}

func (w *writer) string(text, path string) bool {
	if !utf8.ValidString(text) {
		return w.fail(event.ReasonNotJSON, path)
	}
	quoted, err := json.Marshal(text)
	if err != nil {
		return w.fail(event.ReasonNotJSON, path)
	}
	w.text = append(w.text, quoted...)
	return true
}

func (w *writer) array(list []any, path string) bool {
	w.text = append(w.text, '[')
	for i, one := range list {
		if i > 0 {
			w.text = append(w.text, ',')
		}
		if !w.value(one, path+"["+strconv.Itoa(i)+"]") {
			return false
		}
	}
	w.text = append(w.text, ']')
	return true
}

// object writes the fields in a fixed order, so that the same record is the same event.
func (w *writer) object(fields map[string]any, path string) bool {
	w.text = append(w.text, '{')
	names := make([]string, 0, len(fields))
	for name := range fields {
		names = append(names, name)
	}
	slices.Sort(names)
	for i, name := range names {
		if i > 0 {
			w.text = append(w.text, ',')
		}
		inner := name
		if path != "" {
			inner = path + "." + name
		}
		if !w.string(name, inner) {
			return false
		}
		w.text = append(w.text, ':')
		if !w.value(fields[name], inner) {
			return false
		}
	}
	w.text = append(w.text, '}')
	return true
}
