package config

import (
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// compiled is the schema, checked against its own draft.
func compiled(t *testing.T) *jsonschema.Schema {
	t.Helper()
	text, err := Schema()
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("config.json", doc); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile("config.json")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// check is the schema's opinion of a file, as an editor would form it.
func checkSchema(t *testing.T, schema *jsonschema.Schema, text string) error {
	t.Helper()
	asJSON, err := yaml.YAMLToJSON([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(string(asJSON)))
	if err != nil {
		t.Fatal(err)
	}
	return schema.Validate(doc)
}

func TestSchemaAcceptsWhatLoadAccepts(t *testing.T) {
	schema := compiled(t)
	for _, text := range []string{
		"{}", everything, documented,
		"rules:\nlog: {level: \"${LEVEL}\"}\nhttp: {insecure: \"${OPEN}\"}\n",
		"rules: {day_factor: \"30\", coalesce: 0}\n",
	} {
		env := []string{"LEVEL=info", "OPEN=true"}
		if _, err := Load(written(t, text), env, ForShow); err != nil {
			t.Errorf("Load refuses\n%s\n%v", text, err)
		}
		if err := checkSchema(t, schema, text); err != nil {
			t.Errorf("the schema refuses\n%s\n%v", text, err)
		}
	}
}

func TestSchemaRefusesWhatLoadRefuses(t *testing.T) {
	schema := compiled(t)
	for _, text := range []string{
		"brokers: [a]", "log: {level: wran}", "log: info", "output: {delivery: exactly-once}", "alerts: [{name: a}]", "alerts: [defalt]", "alerts: [{name: a, threshold: 20}]", "alerts: [{name: a, threshold: 20%, metric: mrr}]",
		"groupings: [[]]", "groupings: [[a, a]]", "groupings: [[all]]", "groupings: [region]",
		"groupings: [[a, b, c, d, e]]", "windows: [60d]", "windows: [30d, 30d]", "windows: []",
		"sources: [{format: native}]", "sources: [{topic: a, format: strip}]", "sources: [{topic: a, fromat: native}]",
		"reporting: {rates: [{eur: \"1\"}]}", "reporting: {rates: [{EUR: \"1e3\"}]}", "reporting: {rates: [{}]}",
		"reporting: {fiscal_year_start: 13}", "reporting: {start: 2025-2-1}", "rules: {coalesce: 60}",
		"rules: {day_factor: 31}", "targets: [{month: 2026-03}]", "limits: {max_depth: 1}", "http: {tls: {}}",
	} {
		if _, err := Load(written(t, text), nil, ForShow); err == nil {
			t.Errorf("Load accepts %s", text)
		}
		if err := checkSchema(t, schema, text); err == nil {
			t.Errorf("the schema accepts %s", text)
		}
	}
}
