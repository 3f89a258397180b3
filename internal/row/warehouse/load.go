package warehouse

import (
	"fmt"
	"strings"

	"processor/internal/row"
)

// Load fills the tables of DuckDB from a file of rows as `processor replay` prints them.
func Load(tables []row.Table) string {
	var b strings.Builder
	b.WriteString("-- Fills the tables of tables.sql from rows.ndjson, which is what `processor replay` prints.\nUSE expansion;\n" +
		"CREATE OR REPLACE TEMPORARY TABLE printed AS SELECT * FROM\n" +
		"  read_json('rows.ndjson', format = 'newline_delimited', columns = {topic: 'VARCHAR', value: 'JSON'});\n")
	for i := range tables {
		t := &tables[i]
		fmt.Fprintf(&b, "\nSET VARIABLE form = (SELECT json_group_object(column_name, data_type) FROM information_schema.columns\n"+
			"  WHERE table_schema = 'expansion' AND table_name = '%s');\n"+
			"INSERT INTO %s BY NAME SELECT unnest(from_json(value, getvariable('form'))) FROM printed WHERE topic = '%s';\n", t.Name(), t.Name(), t.Topic)
	}
	return b.String()
}
