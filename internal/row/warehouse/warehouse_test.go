package warehouse_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"processor/internal/companytest"
	"processor/internal/row"
	"processor/internal/row/warehouse"
)

// Every row that is written has the fields of its table, in that order and no others, its key those that are
// marked, and is valid by its JSON Schema.
func TestRowsAreAsTheTablesSay(t *testing.T) {
	tables, rows := companytest.Rows(t)
	schemas := map[row.Topic]*jsonschema.Schema{}
	for i := range tables {
		schemas[tables[i].Topic] = compiled(t, &tables[i])
	}
	seen := map[row.Topic]map[string]bool{}
	for _, r := range rows {
		table := row.TableOf(tables, r.Topic)
		if got, want := fieldsOf(t, r.Value), names(table.Columns); !slices.Equal(got, want) {
			t.Fatalf("%s has the fields\n%q, its table has\n%q", r.Topic, got, want)
		}
		if got, want := fieldsOf(t, r.Key), names(table.Keys()); !slices.Equal(got, want) {
			t.Fatalf("the key of %s has the fields %q, its table has %q", r.Topic, got, want)
		}
		value, err := jsonschema.UnmarshalJSON(strings.NewReader(string(r.Value)))
		if err != nil {
			t.Fatal(err)
		}
		if err := schemas[r.Topic].Validate(value); err != nil {
			t.Fatalf("%s: %v\n%s", r.Topic, err, r.Value)
		}
		if seen[r.Topic] == nil {
			seen[r.Topic] = map[string]bool{}
		}
		for name, one := range value.(map[string]any) {
			if one == nil {
				seen[r.Topic][name] = true
			}
		}
	}
	for i := range tables {
		if topic := tables[i].Topic; seen[topic] == nil && topic != row.TopicProgress { // of progress the pipeline's tests have rows
			t.Errorf("no row of %s: nothing is proven", topic)
		}
	}
}

// A schema refuses what a row never says.
func TestJSONSchemaRefuses(t *testing.T) {
	tables, rows := companytest.Rows(t)
	i := slices.IndexFunc(rows, func(r companytest.Row) bool { return r.Topic == row.TopicAccountMonths })
	schema := compiled(t, row.TableOf(tables, row.TopicAccountMonths))
	for _, bad := range []struct{ was, is string }{
		{`"opening_mrr":"`, `"opening_mrr":"x`},
		{`"opening_mrr":"`, `"opening_mrr":1,"`},
		{`"deleted":false`, `"deleted":null`},
		{`"deleted":false`, `"deleted":false,"more":1`},
		{`"version":1`, `"version":"1"`},
		{`Z","restated"`, `+00:00","restated"`},
		{`,"deleted":false`, ``},
	} {
		text := strings.Replace(string(rows[i].Value), bad.was, bad.is, 1)
		value, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
		if err == nil && (text == string(rows[i].Value) || schema.Validate(value) == nil) {
			t.Errorf("%s in place of %s is valid", bad.is, bad.was)
		}
	}
}

func compiled(t *testing.T, table *row.Table) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(warehouse.JSONSchema(table)))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("row.json", doc); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile("row.json")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// fieldsOf are the names of an object's fields, in their order.
func fieldsOf(t *testing.T, object json.RawMessage) (fields []string) {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(string(object)))
	for i := 0; ; i++ {
		token, err := d.Token()
		if err != nil {
			t.Fatal(err)
		}
		switch token := token.(type) {
		case json.Delim:
			if token == '}' {
				return fields
			}
		case string:
			if i%2 == 1 { // behind the brace, name and value take turns
				fields = append(fields, token)
			}
		}
	}
}

func names(columns []row.Column) (list []string) {
	for _, c := range columns {
		list = append(list, c.Name)
	}
	return list
}

// Names that a database would read otherwise are quoted, and those that it cannot have are changed.
func TestNames(t *testing.T) {
	table := row.Table{Topic: "dead-letters", Doc: "It's.", Columns: []row.Column{
		{Name: "grouping", Key: true, Doc: "It's a key."}, {Name: "30d_net_change", Type: row.Amount, Late: true}, {Name: "dim_a-b", Null: true}, {Name: "version", Type: row.Integer},
	}}
	for name, want := range map[string][]string{
		"postgres":   {`  "30d_net_change" numeric(38, 6),`, `  "dim_a-b" text,`, `PRIMARY KEY ("grouping")`, "TRIGGER newest BEFORE UPDATE ON dead_letters"},
		"snowflake":  {`  "30D_NET_CHANGE" NUMBER(38, 6)`, `  "DIM_A-B" VARCHAR`, `"GROUPING" VARCHAR NOT NULL COMMENT 'It''s a key.'`, `ORDER BY "VERSION" DESC) = 1`},
		"bigquery":   {"  `_30d_net_change` BIGNUMERIC(38, 6)", "  `dim_a_b` STRING", "`grouping` STRING NOT NULL OPTIONS (description = \"It's a key.\")"},
		"clickhouse": {"  `30d_net_change` Nullable(Decimal(38, 6))", "  `dim_a-b` Nullable(String)", "ReplacingMergeTree(version) ORDER BY (`grouping`)", "FINAL WHERE NOT deleted"},
		"iceberg":    {"  `30d_net_change` DECIMAL(38, 6)", "USING iceberg", "WHERE place = 1 AND NOT `deleted`"},
		"duckdb":     {`  "30d_net_change" DECIMAL(38, 6),`},
	} {
		text := warehouse.Named(name).Table(&table)
		for _, part := range want {
			if !strings.Contains(text, part) {
				t.Errorf("%s has no %s:\n%s", name, part, text)
			}
		}
	}
	if warehouse.Named("oracle") != nil {
		t.Error("there is a dialect oracle")
	}
}
