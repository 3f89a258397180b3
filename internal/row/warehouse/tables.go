package warehouse

import (
	"fmt"
	"strings"

	"processor/internal/row"
)

// upserted is the end of a table that rows are upserted into, with the trigger by which an older one never
// overwrites a newer one. In a log each version is a row of its own.
func upserted(d *Dialect, t *row.Table) string {
	end := ",\n  PRIMARY KEY (" + d.rowKeys(t) + ")\n);\n"
	if t.Log {
		return end
	}
	return end + "CREATE OR REPLACE TRIGGER newest BEFORE UPDATE ON " + t.Name() +
		"\n  FOR EACH ROW WHEN (NEW.version < OLD.version) EXECUTE FUNCTION pass_over_row();\n"
}

// notDeleted are the rows that count where a key has one.
func notDeleted(d *Dialect, t *row.Table) string {
	if t.Log {
		return "SELECT * FROM (SELECT DISTINCT ON (" + d.keys(t) + ") * FROM " + t.Name() + " ORDER BY " + d.keys(t) +
			", version DESC) AS newest\nWHERE NOT deleted"
	}
	return "SELECT * FROM " + t.Name() + " WHERE NOT deleted"
}

func closed(*Dialect, *row.Table) string { return "\n);\n" }

func clustered(d *Dialect, t *row.Table) string {
	keys := strings.Split(d.keys(t), ", ")
	return "\n)\nCLUSTER BY " + strings.Join(keys[:min(4, len(keys))], ", ") + ";\n" // BigQuery takes 4 at most
}

func replacing(d *Dialect, t *row.Table) string {
	return "\n)\nENGINE = ReplacingMergeTree(version) ORDER BY (" + d.rowKeys(t) + ");\n"
}

// final are the rows that count of a ReplacingMergeTree.
func final(d *Dialect, t *row.Table) string {
	if t.Log {
		return "SELECT * FROM (SELECT * FROM " + d.table(t) + " FINAL ORDER BY version DESC LIMIT 1 BY " + d.keys(t) + ")\nWHERE NOT deleted"
	}
	return "SELECT * FROM " + d.table(t) + " FINAL WHERE NOT deleted"
}

func inIceberg(*Dialect, *row.Table) string { return "\n) USING iceberg;\n" }

// largest takes the largest version of each key, and then leaves out what is deleted.
func largest(d *Dialect, t *row.Table) string {
	return fmt.Sprintf("SELECT * FROM (\n  SELECT * FROM %s WHERE TRUE\n  QUALIFY ROW_NUMBER() OVER (PARTITION BY %s ORDER BY %s DESC) = 1\n) AS newest\nWHERE NOT %s",
		d.table(t), d.keys(t), d.column("version"), d.column("deleted"))
}

// numbered is the same where there is no QUALIFY.
func numbered(d *Dialect, t *row.Table) string {
	var names []string
	for _, c := range t.Columns {
		names = append(names, d.column(c.Name))
	}
	return fmt.Sprintf("SELECT\n%s\nFROM (\n  SELECT *, ROW_NUMBER() OVER (PARTITION BY %s ORDER BY %s DESC) AS place FROM %s\n) AS newest\nWHERE place = 1 AND NOT %s",
		wrapped(names, "  "), d.keys(t), d.column("version"), d.table(t), d.column("deleted"))
}

// wrapped are names separated by commas, in lines that are not too long.
func wrapped(names []string, indent string) string {
	var b strings.Builder
	line := 0
	for i, name := range names {
		switch {
		case i == 0:
			b.WriteString(indent)
		case line+len(name) > 110:
			b.WriteString(",\n" + indent)
			line = 0
		default:
			b.WriteString(", ")
		}
		b.WriteString(name)
		line += len(name) + 2
	}
	return b.String()
}

// Tables are the tables of rows, each with the view of those of its rows that count.
func (d *Dialect) Tables(tables []row.Table) string {
	var b strings.Builder
	fmt.Fprintf(&b, "-- Tables of rows in %s, and of each a view of what counts: the largest version of a key, unless it is deleted.\n", d.Title)
	b.WriteString("-- Generated for the dimensions and windows of a configuration: processor schema " + d.Name + " --config FILE\n")
	b.WriteString(d.Head)
	for i := range tables {
		b.WriteString("\n" + d.Table(&tables[i]))
	}
	return b.String()
}

// Table is one table and its view.
func (d *Dialect) Table(t *row.Table) string {
	var b strings.Builder
	fmt.Fprintf(&b, "-- %s\n%s%s (\n", t.Doc, d.create, t.Name())
	for i, c := range t.Columns {
		if i > 0 {
			b.WriteString(",\n")
		}
		fmt.Fprintf(&b, "  %s %s%s", d.column(c.Name), d.typeOf(&c), d.comment(c.Doc))
	}
	b.WriteString(d.tail(d, t))
	fmt.Fprintf(&b, "%s%s_current AS\n%s;\n", d.view, t.Name(), d.current(d, t))
	return b.String()
}

// typeOf is the SQL type of a column. A column that configurations add later may be null: rows from before
// have none.
func (d *Dialect) typeOf(c *row.Column) string {
	sql := d.types[c.Type]
	if c.Null || c.Late {
		return d.nullable(sql)
	}
	return sql + d.required
}

// table is the name of a table in queries, with its schema where there is no default one.
func (d *Dialect) table(t *row.Table) string { return d.named(t.Name()) }

func (d *Dialect) named(name string) string {
	return strings.TrimPrefix(d.view, "CREATE OR REPLACE VIEW ") + name
}
