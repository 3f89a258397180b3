package wire

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math/big"
	"strconv"
	"time"

	"github.com/twmb/avro"

	"processor/internal/event"
	"processor/internal/row"
)

// prefixBytes is what stands in front of a value in Confluent's wire format: a 0, and the schema's number.
const prefixBytes = 5

// AvroSide writes and reads the keys or the values of one kind of row in Confluent's wire format.
type AvroSide struct {
	Schema  string
	columns []row.Column
	own     *avro.Schema
}

// AvroSides are the two sides of a kind of row.
func AvroSides(t *row.Table) (key, value *AvroSide, err error) {
	k, v := sides(t)
	key, value = &AvroSide{columns: k.columns}, &AvroSide{columns: v.columns}
	key.Schema, value.Schema = AvroSchemas(t)
	for _, one := range []*AvroSide{key, value} {
		if one.own, err = avro.Parse(one.Schema); err != nil {
			return nil, nil, fmt.Errorf("the Avro schema of %s: %w", t.Topic, err)
		}
	}
	return key, value, nil
}

// Encode writes a row's JSON under the number of our schema.
func (s *AvroSide) Encode(id uint32, text []byte) ([]byte, error) {
	fields, err := scan(make([]field, 0, len(s.columns)), text)
	if err != nil {
		return nil, err
	}
	dst := make([]byte, prefixBytes, prefixBytes+len(text)/2)
	binary.BigEndian.PutUint32(dst[1:], id)
	for i, value := range arrange(make([][]byte, 0, len(s.columns)), s.columns, fields) {
		c := &s.columns[i]
		if c.Null {
			if bytes.Equal(value, null) {
				dst = append(dst, 0) // the first branch of the union
				continue
			}
			dst = append(dst, 2) // the second one, zigzag
		}
		if dst, err = appendAvro(dst, c.Type, value); err != nil {
			return nil, fmt.Errorf("%s: %w", c.Name, err)
		}
	}
	return dst, nil
}

// appendAvro appends one value that is not null.
func appendAvro(dst []byte, t row.Type, value []byte) ([]byte, error) {
	switch t {
	case row.Text:
		var text string
		if err := json.Unmarshal(value, &text); err != nil {
			return nil, fmt.Errorf("%.80q is no text", value)
		}
		dst = binary.AppendVarint(dst, int64(len(text)))
		return append(dst, text...), nil
	case row.Integer:
		n, err := strconv.ParseInt(string(value), 10, 64)
		if err != nil {
			return nil, fmt.Errorf("%.80q is no integer", value)
		}
		return binary.AppendVarint(dst, n), nil
	case row.Amount, row.Ratio:
		micros, ok := microsOf(value)
		if !ok {
			return nil, fmt.Errorf("%.80q is no decimal with 6 digits", value)
		}
		b := twosComplement(micros)
		dst = binary.AppendVarint(dst, int64(len(b)))
		return append(dst, b...), nil
	case row.Timestamp:
		at, ok := event.ParseTime(unquoted(value))
		if !ok {
			return nil, fmt.Errorf("%.80q is no instant", value)
		}
		return binary.AppendVarint(dst, at.UTC().UnixMicro()), nil
	case row.Date:
		days, err := daysOf(value)
		return binary.AppendVarint(dst, days), err
	case row.Bool:
		if value[0] == 't' {
			return append(dst, 1), nil
		}
		return append(dst, 0), nil
	}
	return nil, fmt.Errorf("no such type: %d", t)
}

// microsOf is a quoted decimal with 6 fraction digits, times 10^6.
func microsOf(value []byte) (*big.Int, bool) {
	whole, fraction, found := bytes.Cut(unquoted(value), []byte{'.'})
	if !found || len(fraction) != 6 {
		return nil, false
	}
	return new(big.Int).SetString(string(whole)+string(fraction), 10)
}

// twosComplement is the shortest big-endian form of a number, as Java's BigInteger writes it.
func twosComplement(n *big.Int) []byte {
	if n.Sign() >= 0 {
		return n.FillBytes(make([]byte, n.BitLen()/8+1))
	}
	size := new(big.Int).Not(n).BitLen()/8 + 1
	n = new(big.Int).Add(n, new(big.Int).Lsh(big.NewInt(1), uint(8*size))) //nolint:gosec // a few bytes
	return n.FillBytes(make([]byte, size))
}

// Number is the number of the schema that a record was written with.
func Number(record []byte) (uint32, error) {
	if err := expect(Avro, record); err != nil {
		return 0, err
	}
	if len(record) < prefixBytes {
		return 0, fmt.Errorf("%w: %d bytes are no record of a schema", ErrForm, len(record))
	}
	return binary.BigEndian.Uint32(record[1:]), nil
}

// AvroReader reads what was written with one schema, ours or an earlier one of ours.
type AvroReader struct{ schema *avro.Schema }

// Reader reads what was written with a schema: its own columns are dropped, and ours that it has not got are as
// in rows without them.
func (s *AvroSide) Reader(schema string) (AvroReader, error) {
	writer, err := avro.Parse(schema)
	if err != nil {
		return AvroReader{}, fmt.Errorf("%w: its schema: %w", ErrForm, err)
	}
	resolved, err := avro.Resolve(writer, s.own)
	if err != nil {
		return AvroReader{}, fmt.Errorf("%w: its schema: %w", ErrForm, err)
	}
	return AvroReader{resolved}, nil
}

// Own reads what was written with our schema.
func (s *AvroSide) Own() AvroReader { return AvroReader{s.own} }

// Decode reads a record back as the JSON that it was made of.
func (s *AvroSide) Decode(reader AvroReader, record []byte) ([]byte, error) {
	if err := expect(Avro, record); err != nil {
		return nil, err
	}
	var values map[string]any
	switch rest, err := reader.schema.Decode(record[min(prefixBytes, len(record)):], &values); {
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrForm, err)
	case len(rest) > 0:
		return nil, fmt.Errorf("%w: %d bytes are left over", ErrForm, len(rest))
	}
	dst := append(make([]byte, 0, 4*len(record)), '{')
	for i := range s.columns {
		c := &s.columns[i]
		dst = appendName(dst, c.Name)
		var err error
		if dst, err = appendValue(dst, c, values[FieldName(c.Name)]); err != nil {
			return nil, err
		}
	}
	return append(dst, '}'), nil
}

// appendValue appends what Avro decodes to as a row writes it.
func appendValue(dst []byte, c *row.Column, value any) ([]byte, error) {
	switch v := value.(type) {
	case nil:
		return append(dst, null...), nil
	case string:
		return row.AppendQuoted(dst, v), nil
	case bool:
		return strconv.AppendBool(dst, v), nil
	case int64:
		return strconv.AppendInt(dst, v, 10), nil
	case *big.Rat:
		return append(append(append(dst, '"'), v.FloatString(6)...), '"'), nil
	case time.Time:
		if c.Type == row.Date {
			return appendDate(dst, v.Unix()/86400), nil
		}
		return append(event.At(v).AppendTo(append(dst, '"')), '"'), nil
	}
	return nil, fmt.Errorf("%w: %s is a %T", ErrForm, c.Name, value)
}
