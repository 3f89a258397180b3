// Package wire writes rows in the forms that sinks read, and reads them back as the very JSON that they were
// made of: Connect's JSON, where every record says its schema, and Avro, where it names one of a registry. It
// is pure, and knows of rows only what their tables say; it must never change what a row says.
//
// Read in this order: wire, fields, connect, schema, avro.
package wire

import (
	"bytes"
	"errors"
	"fmt"

	"processor/internal/row"
)

// ErrForm means that a record is not in the form that it is read as.
var ErrForm = errors.New("it is in another format")

// The names of the forms in the configuration.
const (
	JSON        = "json"
	ConnectJSON = "connect-json"
	Avro        = "avro"
)

// FormOf names the form of a record by its first bytes: rows in JSON begin with a column, and none is called
// schema.
func FormOf(record []byte) string {
	switch {
	case len(record) > 0 && record[0] == 0:
		return Avro
	case bytes.HasPrefix(record, []byte(connectStart)):
		return ConnectJSON
	default:
		return JSON
	}
}

// expect is an error where a record is in another form.
func expect(form string, record []byte) error {
	if found := FormOf(record); found != form {
		return fmt.Errorf("%w: %s and not %s", ErrForm, found, form)
	}
	return nil
}

// Plain is the form of rows as they are made. It refuses to take another one for it.
type Plain struct{}

// Check says whether a record of the topic is a row in JSON.
func (Plain) Check(key, value []byte) error {
	if err := expect(JSON, key); err != nil || value == nil {
		return err
	}
	return expect(JSON, value)
}

// side is the key or the value of a kind of row.
type side struct {
	columns []row.Column
	name    string // of its schema
}

// sides are the key and the value of a kind of row.
func sides(t *row.Table) (key, value side) {
	return side{t.Keys(), t.Name() + "_key"}, side{t.Columns, t.Name()}
}
