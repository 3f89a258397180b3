// Package warehouse says what a database must know of rows: JSON Schema, tables and views in the SQL of several
// databases, and the reference for people. All of it is generated from the tables of package row, and it is pure.
//
// Read in this order: dialect, tables, views, jsonschema, reference.
package warehouse

import (
	"slices"
	"strings"

	"processor/internal/row"
	"processor/internal/row/wire"
)

// Dialect is the SQL of one database.
type Dialect struct {
	Name  string
	Title string
	// Head stands in front of the tables, and says how rows come there.
	Head string

	types    [7]string                  // by row.Type
	nullable func(sql string) string    // what a column that may be null says
	required string                     // what one that may not says
	name     func(column string) string // as the sink of this database writes it
	quote    func(name string) string
	create   string                                // of a table
	view     string                                // of a view
	tail     func(d *Dialect, t *row.Table) string // the end of a table, from its closing parenthesis on
	current  func(d *Dialect, t *row.Table) string // the query of the rows that count
	comment  func(doc string) string               // behind a column
}

// Dialects are all of them.
var Dialects = []*Dialect{postgres, snowflake, bigquery, clickhouse, iceberg, duckdb}

// Named finds a dialect.
func Named(name string) *Dialect {
	i := slices.IndexFunc(Dialects, func(d *Dialect) bool { return d.Name == name })
	if i < 0 {
		return nil
	}
	return Dialects[i]
}

// column is a quoted column.
func (d *Dialect) column(name string) string { return d.quote(d.name(name)) }

// keys are the quoted columns of a table's key.
func (d *Dialect) keys(t *row.Table) string {
	var names []string
	for _, c := range t.Keys() {
		names = append(names, d.column(c.Name))
	}
	return strings.Join(names, ", ")
}

// rowKeys tell the rows of a table apart: in a log each version is a row of its own.
func (d *Dialect) rowKeys(t *row.Table) string {
	if t.Log {
		return d.keys(t) + ", " + d.column("version")
	}
	return d.keys(t)
}

func doubleQuoted(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }
func backQuoted(name string) string   { return "`" + strings.ReplaceAll(name, "`", "``") + "`" }
func same(text string) string         { return text }
func noComment(string) string         { return "" }

// commented writes a text behind COMMENT.
func commented(doc string) string { return " COMMENT '" + strings.ReplaceAll(doc, "'", "''") + "'" }

// upper is a name as Snowflake has it that was written without quotes.
func upper(column string) string { return strings.ToUpper(column) }

var postgres = &Dialect{
	Name: "postgres", Title: "PostgreSQL",
	Head: `-- Rows come by upsert (deploy/connect/postgres-rows.json). A trigger passes over a row that is older than the one
-- that is there, so that what arrives twice or late overwrites nothing; deleted rows stay, and the views leave them out.
CREATE SCHEMA IF NOT EXISTS expansion;
SET search_path TO expansion;

CREATE OR REPLACE FUNCTION pass_over_row() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
`,
	types:    [...]string{"text", "bigint", "numeric(38, 6)", "numeric(38, 6)", "timestamptz", "date", "boolean"},
	nullable: same, required: " NOT NULL", name: same, quote: doubleQuoted, create: "CREATE TABLE IF NOT EXISTS ", view: "CREATE OR REPLACE VIEW ",
	comment: noComment,
	tail:    upserted, current: notDeleted,
}

var snowflake = &Dialect{
	Name: "snowflake", Title: "Snowflake",
	Head: `-- Rows are appended (deploy/connect/snowflake.json), every version of a key; the views take the largest.
CREATE SCHEMA IF NOT EXISTS EXPANSION;
USE SCHEMA EXPANSION;
`,
	types:    [...]string{"VARCHAR", "NUMBER(38, 0)", "NUMBER(38, 6)", "NUMBER(38, 6)", "TIMESTAMP_TZ", "DATE", "BOOLEAN"},
	nullable: same, required: " NOT NULL", name: upper, quote: doubleQuoted,
	create: "CREATE TABLE IF NOT EXISTS ", view: "CREATE OR REPLACE VIEW ", comment: commented,
	tail: closed, current: largest,
}

var bigquery = &Dialect{
	Name: "bigquery", Title: "BigQuery",
	Head: `-- Rows are appended (deploy/connect/bigquery.json), every version of a key; the views take the largest.
CREATE SCHEMA IF NOT EXISTS expansion;
`,
	types:    [...]string{"STRING", "INT64", "BIGNUMERIC(38, 6)", "BIGNUMERIC(38, 6)", "TIMESTAMP", "DATE", "BOOL"},
	nullable: same, required: " NOT NULL", name: wire.FieldName, quote: backQuoted,
	create: "CREATE TABLE IF NOT EXISTS expansion.", view: "CREATE OR REPLACE VIEW expansion.",
	comment: func(doc string) string {
		return ` OPTIONS (description = "` + strings.ReplaceAll(doc, `"`, `\"`) + `")`
	},
	tail: clustered, current: largest,
}

var clickhouse = &Dialect{
	Name: "clickhouse", Title: "ClickHouse",
	Head: `-- Rows are inserted (deploy/connect/clickhouse.json), every version of a key; ReplacingMergeTree keeps the largest, and
-- FINAL in the views does not wait for it.
CREATE DATABASE IF NOT EXISTS expansion;
`,
	types:    [...]string{"String", "Int64", "Decimal(38, 6)", "Decimal(38, 6)", "DateTime64(9, 'UTC')", "Date32", "Bool"},
	nullable: func(sql string) string { return "Nullable(" + sql + ")" }, name: same, quote: backQuoted,
	create: "CREATE TABLE IF NOT EXISTS expansion.", view: "CREATE OR REPLACE VIEW expansion.",
	comment: func(doc string) string { return " COMMENT '" + strings.ReplaceAll(doc, "'", `\'`) + "'" },
	tail:    replacing, current: final,
}

var iceberg = &Dialect{
	Name: "iceberg", Title: "Apache Iceberg (Spark SQL)",
	Head: `-- Rows are appended (deploy/connect/iceberg.json), every version of a key; the views take the largest.
CREATE NAMESPACE IF NOT EXISTS expansion;
`,
	types:    [...]string{"STRING", "BIGINT", "DECIMAL(38, 6)", "DECIMAL(38, 6)", "TIMESTAMP", "DATE", "BOOLEAN"},
	nullable: same, required: " NOT NULL", name: same, quote: backQuoted,
	create: "CREATE TABLE IF NOT EXISTS expansion.", view: "CREATE OR REPLACE VIEW expansion.",
	comment: func(doc string) string { return " COMMENT '" + strings.ReplaceAll(doc, "'", `\'`) + "'" },
	tail:    inIceberg, current: numbered,
}

var duckdb = &Dialect{
	Name: "duckdb", Title: "DuckDB",
	Head: `-- For the rows that replay prints (docs/how-to/warehouse.md), and files of rows.
CREATE SCHEMA IF NOT EXISTS expansion;
USE expansion;
`,
	types:    [...]string{"VARCHAR", "BIGINT", "DECIMAL(38, 6)", "DECIMAL(38, 6)", "TIMESTAMPTZ", "DATE", "BOOLEAN"},
	nullable: same, required: " NOT NULL", name: same, quote: doubleQuoted,
	create: "CREATE TABLE IF NOT EXISTS ", view: "CREATE OR REPLACE VIEW ", comment: noComment,
	tail: closed, current: largest,
}
