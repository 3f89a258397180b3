package config

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"processor/internal/event/mapping"
)

// object is one JSON object of the schema; encoding/json writes its names in order.
type object = map[string]any

// Schema is the JSON Schema (2020-12) of the file, for editors and for checks before a
// deployment. It describes what this version accepts for `run`; what keys mean together is
// checked by Load alone.
func Schema() ([]byte, error) {
	schema := sectionSchema("")
	schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	schema["title"] = "Configuration of processor"
	schema["$defs"] = object{"reference": object{
		"type":        "string",
		"pattern":     `\$\{[^}]+\}`,
		"description": "${VAR} or ${file:/path}: read at start, never printed.",
	}}
	text, err := json.MarshalIndent(schema, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encode the schema of the configuration: %w", err)
	}
	return append(text, '\n'), nil
}

// sectionSchema is the schema of the mapping at section.
func sectionSchema(section string) object {
	properties := object{}
	for _, name := range children(section) {
		path := join(section, name)
		if !isKey(path) {
			properties[name] = sectionSchema(path)
			continue
		}
		if k := keyOf(path); isAvailable(k) {
			properties[name] = keySchema(k)
		}
	}
	schema := object{"type": []string{"object", "null"}, "additionalProperties": false, "properties": properties}
	if strings.HasSuffix(section, "[]") {
		schema["type"], schema["required"] = "object", []string{"topic"}
	}
	return schema
}

// keySchema is the schema of one key with its documentation.
func keySchema(k key) object {
	schema := valueSchema(k)
	schema["description"] = k.doc
	if k.initial != "" {
		schema["default"] = plain(fieldOf(k, Default(), &Source{Format: k.initial}))
	}
	return schema
}

// fieldOf is the field of k, in the configuration or in a source.
func fieldOf(k key, c *Config, s *Source) any {
	if k.ofSource != nil {
		return k.ofSource(s)
	}
	return k.field(c)
}

// valueSchema is what the type behind k allows.
func valueSchema(k key) object {
	target := fieldOf(k, Default(), &Source{})
	if schema := signalSchema(k, target); schema != nil {
		return schema
	}
	switch target.(type) {
	case *bool:
		return orReference(object{"type": "boolean"})
	case *int:
		return orReference(object{"type": "integer", "minimum": k.least, "maximum": k.most})
	case bytesField:
		return orReference(
			object{"type": "integer", "minimum": k.least, "maximum": k.most},
			object{"type": "string", "pattern": `^[0-9]+ *(KiB|MiB|GiB)?$`})
	case *time.Duration:
		return orReference(
			object{"type": "string", "pattern": `^([0-9]+d)?([0-9.]+(ns|us|µs|ms|s|m|h))*$`, "minLength": 1},
			object{"const": 0})
	case *Date:
		return orReference(object{"type": "string", "pattern": `^[0-9]{4}-[0-9]{2}-[0-9]{2}$`})
	case *[]string:
		return object{"type": "array", "minItems": 1, "uniqueItems": true, "items": object{"type": "string", "minLength": 1}}
	case *[]Window:
		return object{"type": "array", "minItems": 1, "uniqueItems": true, "items": orReference(object{"enum": k.words})}
	case *[]Grouping:
		dimensions := object{
			"type": "array", "minItems": 1, "maxItems": dimensionsMax, "uniqueItems": true,
			"items": object{"type": []string{"string", "number", "boolean"}, "not": object{"const": "all"}},
		}
		return object{"type": "array", "uniqueItems": true, "items": dimensions}
	case *[]DimensionValues:
		values := object{
			"type": "array", "minItems": 1, "maxItems": valuesMax, "uniqueItems": true,
			"items": object{"type": []string{"string", "number", "boolean"}},
		}
		return object{"type": "object", "additionalProperties": values}
	case *[]Target:
		target := object{
			"type": "object", "additionalProperties": false, "required": []string{"month", "expansion_mrr"},
			"properties": object{
				"grouping": object{"type": "string", "minLength": 1}, "segment": object{"type": []string{"string", "number", "boolean"}},
				"month": orReference(object{"type": "string", "pattern": `^[0-9]{4}-[0-9]{2}$`}),
				"expansion_mrr": orReference(
					object{"type": "string", "pattern": `^[0-9]{1,18}(\.[0-9]{1,18})?$`},
					object{"type": "number", "minimum": 0}),
			},
		}
		return object{"type": "array", "maxItems": targetsMax, "items": target}
	case **mapping.Node:
		return object{"type": []string{"object", "array"}}
	case *[]Alert:
		return alertSchema()
	case *[]Source:
		return object{"type": "array", "minItems": 1, "items": sectionSchema(k.path + "[]")}
	case *[]RateTable:
		rate := orReference(
			object{"type": "string", "pattern": `^[0-9]{1,18}(\.[0-9]{1,18})?$`},
			object{"type": "number", "exclusiveMinimum": 0})
		date := orReference(object{"type": "string", "pattern": `^[0-9]{4}-[0-9]{2}-[0-9]{2}$`})
		table := object{
			"type": "object", "minProperties": 1, "additionalProperties": false,
			"properties": object{"from": date}, "patternProperties": object{"^[A-Z]{3}$": rate},
		}
		return object{"type": "array", "items": table}
	default:
		return textSchema(k)
	}
}

// textSchema is a text, or one of the words that this version computes. A word such as 30 may
// stand without quotes, where YAML makes a number of it.
func textSchema(k key) object {
	if k.words == nil {
		return object{"type": "string", "minLength": 1}
	}
	var words []any
	for _, word := range availableWords(k) {
		words = append(words, word)
		if isDigits(word) {
			words = append(words, json.Number(word))
		}
	}
	return orReference(object{"enum": words})
}

// orReference allows what the schemas allow, or a text with a reference in it.
func orReference(schemas ...object) object {
	var either []object
	either = append(either, schemas...)
	return object{"anyOf": append(either, object{"$ref": "#/$defs/reference"})}
}
