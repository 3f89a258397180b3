// Package debezium makes native events of the change events of a database (Debezium, JSON with and
// without the schema). Which table and columns mean what is said by rules of the configuration. One row
// is one event: nothing is kept from record to record, so a subscription's row must hold its items.
package debezium

import (
	"slices"
	"strings"

	"processor/internal/event"
	"processor/internal/event/mapping"
)

// Options are the tables of a source.
type Options struct {
	source string // of the events; empty: the connector's name
	tables map[string][]table
}

// table is how the rows of one table are read.
type table struct {
	rule     *mapping.Rule
	key      []string
	onDelete deletion
}

// deletion is what the end of a row means.
type deletion string

// What the end of a row may mean.
const (
	deleteCancel deletion = "cancel" // the subscription ended
	deleteRevoke deletion = "revoke" // the event of the row never was
	deleteErase  deletion = "erase"  // the account is to be forgotten
	deleteIgnore deletion = "ignore"
)

// byRow are the types of which a row is one event, which an update of the row amends. Of the others
// every change is an event of its own.
var byRow = []string{event.TypeUsageRecorded.String(), event.TypeUsageStatement.String(), event.TypeChargeRecorded.String()}

// meanings are the deletions that make sense for a type, the default first.
func meanings(kind string) []deletion {
	switch {
	case kind == event.TypeSubscriptionChanged.String():
		return []deletion{deleteCancel, deleteIgnore}
	case slices.Contains(byRow, kind):
		return []deletion{deleteRevoke, deleteIgnore}
	case kind == event.TypeAccountChanged.String():
		return []deletion{deleteIgnore, deleteErase}
	}
	return []deletion{deleteIgnore}
}

// Compile checks the mapping of a source.
func Compile(n *mapping.Node) (*Options, mapping.Problems) {
	var problems mapping.Problems
	o := &Options{tables: map[string][]table{}}
	if !problems.Only(n, "", "source", "tables") {
		return o, problems
	}
	if source := n.Get("source"); source != nil {
		if o.source = source.Text; o.source == "" {
			problems.Add(source, "source", "must be a name, the source of the events")
		}
	}
	tables := n.Get("tables")
	if tables == nil || tables.Shape != mapping.ShapeFields || len(tables.Fields) == 0 {
		problems.Add(n, "tables", "must be a mapping of table names such as public.subscriptions to rules with type, subject and data")
		return o, problems
	}
	for _, f := range tables.Fields {
		rules := []*mapping.Node{f.Value}
		if f.Value.Shape == mapping.ShapeList {
			rules = f.Value.List
		}
		for _, rule := range rules {
			o.tables[f.Name] = append(o.tables[f.Name], compileTable(rule, "tables."+f.Name, &problems))
		}
	}
	return o, problems
}

func compileTable(n *mapping.Node, at string, problems *mapping.Problems) table {
	t := table{rule: mapping.CompileRule(n, at, problems, []string{"id", "source", "time"}, "key", "on_delete"), key: []string{"id"}}
	if key := n.Get("key"); key != nil {
		t.key = []string{key.Text}
		if key.Shape == mapping.ShapeList {
			t.key = nil
			for _, column := range key.List {
				t.key = append(t.key, column.Text)
			}
		}
		if len(t.key) == 0 || slices.Contains(t.key, "") {
			problems.Add(key, at+".key", "must be a column, or a list of columns, that name the row")
		}
	}
	if t.rule.Type() == "" {
		return t
	}
	able := meanings(t.rule.Type())
	t.onDelete = able[0]
	if on := n.Get("on_delete"); on != nil {
		if t.onDelete = deletion(on.Text); !slices.Contains(able, t.onDelete) {
			names := make([]string, len(able))
			for i, one := range able {
				names[i] = string(one)
			}
			problems.Add(on, at+".on_delete", "for %s it must be %s", t.rule.Type(), strings.Join(names, " or "))
		}
	}
	return t
}
