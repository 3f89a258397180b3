package main

import (
	"os"
	"path/filepath"
	"testing"

	"processor/internal/config"
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
	made := map[string]string{"docs/reference/rows.md": warehouse.Reference(tables)}
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
