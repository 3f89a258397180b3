package web

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode"
)

// writeCSV writes flat JSON objects, which all have the same fields in the same order, as a table. columns
// are the names where there are no rows.
func writeCSV(out *bytes.Buffer, columns []string, rows [][]byte) error {
	w := csv.NewWriter(out)
	w.UseCRLF = true // RFC 4180
	if err := w.Write(columns); err != nil {
		return fmt.Errorf("write the header: %w", err)
	}
	for _, row := range rows {
		fields, err := fieldsOf(row)
		if err != nil {
			return err
		}
		values := make([]string, len(fields))
		for i, f := range fields {
			values[i] = cell(f.value)
		}
		if err := w.Write(values); err != nil {
			return fmt.Errorf("write a row: %w", err)
		}
	}
	w.Flush()
	return w.Error()
}

// field is one field of a flat object: a string, json.Number, bool or nil.
type field struct {
	name  string
	value any
}

// fieldsOf reads a flat object in the order of its fields.
func fieldsOf(object []byte) (fields []field, err error) {
	d := json.NewDecoder(bytes.NewReader(object))
	d.UseNumber()
	if opening, err := d.Token(); err != nil || opening != json.Delim('{') {
		return nil, errors.New("a row is not an object")
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, fmt.Errorf("read a row: %w", err)
		}
		value, err := d.Token()
		if err != nil {
			return nil, fmt.Errorf("read a row: %w", err)
		}
		if _, nested := value.(json.Delim); nested {
			return nil, errors.New("a row is not flat")
		}
		text, _ := name.(string)
		fields = append(fields, field{text, value})
	}
	return fields, nil
}

// columnsOf are the names of a row's fields.
func columnsOf(example []byte) (names []string) {
	fields, err := fieldsOf(example)
	if err != nil {
		panic("web: " + err.Error()) // an encoder of ours made it
	}
	for _, f := range fields {
		names = append(names, f.name)
	}
	return names
}

var decimal = regexp.MustCompile(`^-?[0-9]+(\.[0-9]+)?$`)

// cell is a value as a spreadsheet may read it. A text that one would take for a formula gets an
// apostrophe in front; characters that no table can hold or that change how others look become U+FFFD.
func cell(value any) string {
	var text string
	switch v := value.(type) {
	case nil:
		return ""
	case string:
		text = v
	case json.Number:
		return v.String()
	case bool:
		return fmt.Sprint(v)
	}
	text = strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' || !unicode.IsControl(r) && !isTricky(r) {
			return r
		}
		return unicode.ReplacementChar
	}, text)
	if text != "" && strings.ContainsRune("=+-@\t\n\uff1d\uff0b\uff0d\uff20", []rune(text)[0]) && !decimal.MatchString(text) {
		return "'" + text
	}
	return text
}
