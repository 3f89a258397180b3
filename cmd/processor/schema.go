package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"processor/internal/config"
	"processor/internal/row"
	"processor/internal/row/warehouse"
	"processor/internal/row/wire"
)

// schemaCommand prints what others must know of rows.
func schemaCommand() *cobra.Command {
	var path string
	cmd := &cobra.Command{
		Use:   "schema FORM [ROW]",
		Short: "Print the schema of rows: JSON Schema, Avro, tables and views in SQL",
		Long: `Print what others must know of rows, for the dimensions and windows of a configuration.

FORM is json (JSON Schema), avro (the schemas that a registry gets), text (the reference), or a database: ` + strings.Join(databases(), ", ") + `.
ROW is one kind of row, such as movements; without it all of them. "views" in its place prints the reports of a database, and "load", of duckdb, fills the tables with what replay prints.`,
		Example: `  processor schema postgres --config processor.yaml | psql warehouse
  processor schema postgres views | psql warehouse
  processor schema json movements`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) < 1 || len(args) > 2 {
				return usagef("schema needs a FORM: %s", strings.Join(schemaForms(), ", "))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			loaded, err := loadConfig(path, config.ForReplay)
			if err != nil {
				return err
			}
			core, err := coreOptions(loaded)
			if err != nil {
				return err
			}
			tables, err := rowTables(core)
			if err != nil {
				return withCode(exitUsage, err)
			}
			text, err := schemaText(args[0], append(args, "")[1], tables)
			if err != nil {
				return err
			}
			_, err = fmt.Fprint(cmd.OutOrStdout(), text)
			return err
		},
	}
	addConfigFlag(cmd, &path)
	return cmd
}

func databases() []string {
	var names []string
	for _, d := range warehouse.Dialects {
		names = append(names, d.Name)
	}
	return names
}

func schemaForms() []string { return append([]string{"json", "avro", "text"}, databases()...) }

// schemaText is the schema of a kind of row, or of all of them, in a form.
func schemaText(form, name string, tables []row.Table) (string, error) {
	if !slices.Contains(schemaForms(), form) {
		return "", unknownForm(form)
	}
	d := warehouse.Named(form)
	if d != nil && name == "views" {
		return d.Views(), nil
	}
	if form == "duckdb" && name == "load" {
		return warehouse.Load(tables), nil
	}
	if name != "" {
		i := slices.IndexFunc(tables, func(t row.Table) bool { return t.Name() == name || string(t.Topic) == name })
		if i < 0 {
			return "", unknownRow(name, tables)
		}
		tables = tables[i : i+1]
	}
	switch {
	case d != nil && name == "":
		return d.Tables(tables), nil
	case d != nil:
		return d.Table(&tables[0]), nil
	case form == "json" && name != "":
		return warehouse.JSONSchema(&tables[0]), nil
	case form == "json":
		return schemasByName(tables, func(t *row.Table) any { return json.RawMessage(warehouse.JSONSchema(t)) })
	case form == "avro":
		return schemasByName(tables, func(t *row.Table) any {
			key, value := wire.AvroSchemas(t)
			return map[string]json.RawMessage{"key": json.RawMessage(key), "value": json.RawMessage(value)}
		})
	default:
		return warehouse.Reference(tables), nil
	}
}

// unknownForm is the error about a word that is no form.
func unknownForm(form string) error {
	if near := config.Nearest(form, schemaForms()); near != "" {
		return usagef("there is no schema in %q; did you mean %s?", form, near)
	}
	return usagef("there is no schema in %q; there are %s", form, strings.Join(schemaForms(), ", "))
}

// schemasByName is one document with the schemas of several kinds of rows.
func schemasByName(tables []row.Table, of func(*row.Table) any) (string, error) {
	all := map[string]any{}
	for i := range tables {
		all[string(tables[i].Topic)] = of(&tables[i])
	}
	text, err := json.MarshalIndent(all, "", "  ")
	return string(text) + "\n", err
}

func unknownRow(name string, tables []row.Table) error {
	names := []string{"views"}
	for i := range tables {
		names = append(names, string(tables[i].Topic))
	}
	if near := config.Nearest(name, names); near != "" {
		return usagef("there is no row %q; did you mean %s?", name, near)
	}
	return usagef("there is no row %q; there are %s", name, strings.Join(names[1:], ", "))
}
