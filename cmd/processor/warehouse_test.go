package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"processor/internal/config"
	"processor/internal/row"
	"processor/internal/row/warehouse"
)

// What is generated from the table of rows is what the table says, for the dimensions and windows of the compose
// file. To write it: go test ./cmd/processor -run Warehouse -update.
func TestWarehouseIsTheTable(t *testing.T) {
	loaded, err := config.Load("../../deploy/compose/processor.yaml", nil, config.ForReplay)
	if err != nil {
		t.Fatal(err)
	}
	core, err := coreOptions(loaded)
	if err != nil {
		t.Fatal(err)
	}
	tables, err := rowTables(core)
	if err != nil {
		t.Fatal(err)
	}
	made := map[string]string{"docs/reference/rows.md": warehouse.Reference(tables), "deploy/warehouse/duckdb/load.sql": warehouse.Load(tables)}
	for _, d := range warehouse.Dialects {
		made["deploy/warehouse/"+d.Name+"/tables.sql"] = d.Tables(tables)
		made["deploy/warehouse/"+d.Name+"/views.sql"] = d.Views()
	}
	for i := range tables {
		made["deploy/warehouse/schema/"+tables[i].Name()+".json"] = warehouse.JSONSchema(&tables[i])
	}
	for name, want := range made {
		path := filepath.Join("..", "..", filepath.FromSlash(name))
		if *update {
			if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(want), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != want {
			t.Errorf("%s is not what the table of rows says (%v); run: go test ./cmd/processor -run Warehouse -update", name, err)
		}
	}
	files, err := filepath.Glob("../../deploy/warehouse/*/*")
	if err != nil || len(files) != len(made)-1 {
		t.Errorf("deploy/warehouse has %d files, %d are made (%v)", len(files), len(made)-1, err)
	}
}

// Every recipe for a sink feeds every table, once, from where it is, and holds no secret.
func TestConnectRecipesFeedEveryTable(t *testing.T) {
	var want []string
	for _, table := range row.Tables(nil, nil) {
		if table.Topic.IsOfRows() {
			want = append(want, "expansion."+table.Name())
		}
	}
	slices.Sort(want)
	files, err := filepath.Glob("../../deploy/connect/*.json")
	if err != nil || len(files) < 5 {
		t.Fatalf("%d recipes, %v", len(files), err)
	}
	fed := map[string][]string{} // by database
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var recipe struct {
			Name   string
			Config map[string]string
		}
		if err := json.Unmarshal(text, &recipe); err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		c := recipe.Config
		database, _, _ := strings.Cut(strings.TrimSuffix(filepath.Base(file), ".json"), "-")
		fed[database] = append(fed[database], strings.Split(c["topics"], ",")...)
		for key, value := range map[string]string{
			"value.converter": "org.apache.kafka.connect.json.JsonConverter", "value.converter.schemas.enable": "true", "key.converter.schemas.enable": "true",
			// A progress row has its cut in a header, as JSON, which the default converter takes for a map without schema.
			"header.converter":                  "org.apache.kafka.connect.storage.StringConverter",
			"consumer.override.isolation.level": "read_committed", "consumer.override.auto.offset.reset": "earliest", "errors.tolerance": "none",
		} {
			if c[key] != value {
				t.Errorf("%s: %s is %q, want %q", file, key, c[key], value)
			}
		}
		for key, value := range c {
			if secret := strings.Contains(key, "password") || strings.Contains(key, "key") && strings.Contains(key, "private") || strings.Contains(key, "credential"); secret && !strings.HasPrefix(value, "${env:") {
				t.Errorf("%s: %s is written out", file, key)
			}
		}
	}
	for database, topics := range fed {
		slices.Sort(topics)
		if !slices.Equal(topics, want) {
			t.Errorf("%s is fed from\n%v, the tables are\n%v", database, topics, want)
		}
		if warehouse.Named(database) == nil {
			t.Errorf("there is a recipe for %s and no table", database)
		}
	}
}
