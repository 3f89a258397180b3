package debezium

import (
	"slices"
	"strconv"
	"strings"

	"processor/internal/event"
	"processor/internal/event/mapping"
)

type reader struct {
	options  *Options
	document *event.Document
	draft    *event.Draft
}

// Reader reads change events, within the bounds of the options.
func (o *Options) Reader(bounds event.Options) event.Reader {
	return &reader{o, event.NewDocument(bounds), event.NewDraft(bounds)}
}

// change is one change event.
type change struct {
	record  *event.Record
	payload event.Value
	source  event.Value
	op      string
	row     event.Value // after it, or before it where it deletes
	columns map[string]mapping.Column
	name    string // of the table
	order   order
}

// Read makes the events of a change. Tombstones, messages of the log and tables without a rule are
// ignored.
func (r *reader) Read(record *event.Record) ([]*event.Event, *event.Rejection) {
	if record.Value == nil {
		return nil, nil
	}
	root, rejection := r.document.Read(record.Value)
	if rejection != nil {
		return nil, rejection
	}
	c := change{record: record, payload: root}
	if schema := root.Get("schema"); schema.IsObject() || schema.Null() {
		c.payload = root.Get("payload")
	}
	if root.Null() || c.payload.Null() {
		return nil, nil // a tombstone of the JSON converter
	}
	if !root.IsObject() || !c.payload.IsObject() {
		return nil, root.Reject(event.ReasonNotJSON)
	}
	op := c.payload.Get("op")
	if op.Absent() {
		return nil, op.Reject(event.ReasonMissingField)
	}
	c.op, c.source = op.Text(), c.payload.Get("source")
	tables, known := r.find(&c)
	switch {
	case c.op == "m" || !known:
		return nil, nil
	case c.op == "d":
		c.row = c.payload.Get("before")
	case c.op == "c" || c.op == "u" || c.op == "r":
		c.row = c.payload.Get("after")
	default: // a truncated table does not say which rows it had
		return nil, op.Reject(event.ReasonBadField)
	}
	if !c.row.IsObject() {
		return nil, c.row.Reject(event.ReasonMissingField)
	}
	c.columns, c.order = columnsOf(root.Get("schema"), c.op), orderOf(c.source, c.payload)
	var events []*event.Event
	for i := range tables {
		e, rejection := r.event(&c, &tables[i])
		if rejection != nil {
			return nil, rejection
		}
		if e != nil {
			events = append(events, e)
		}
	}
	return events, nil
}

// find are the rules of the change's table, by its name with the schema, with the database, or alone.
func (r *reader) find(c *change) ([]table, bool) {
	name := c.source.Get("table").Text()
	for _, outer := range []string{c.source.Get("schema").Text(), c.source.Get("db").Text()} {
		if tables, found := r.options.tables[outer+"."+name]; found && outer != "" {
			c.name = outer + "." + name
			return tables, true
		}
	}
	c.name = name
	tables, found := r.options.tables[name]
	return tables, found
}

// event makes the event of one rule.
func (r *reader) event(c *change, t *table) (*event.Event, *event.Rejection) {
	key, rejection := c.key(t)
	if rejection != nil {
		return nil, rejection
	}
	rowWise := slices.Contains(byRow, t.rule.Type())
	extras := mapping.Extras{Envelope: func(f *event.Field, given func(string) bool) { r.envelope(c, f, key, rowWise, given) }}
	switch {
	case c.op == "r" && t.rule.Type() == event.TypeSubscriptionChanged.String():
		extras.Data = func(f *event.Field, given func(string) bool) {
			if !given("opening") {
				f.Literal("opening", "true", c.payload.Get("op"))
			}
		}
	case c.op != "d":
	case t.onDelete == deleteCancel:
		extras.Type, extras.Only = t.rule.Type(), []string{"subscription"}
		extras.Data = func(f *event.Field, _ func(string) bool) {
			f.Text("status", event.StatusCanceled.String(), c.payload.Get("op"))
		}
	case t.onDelete == deleteErase:
		extras.Type = event.TypeAccountErased.String()
	case t.onDelete == deleteRevoke:
		extras.Type = event.TypeEventRevoked.String()
		extras.Envelope = func(f *event.Field, given func(string) bool) {
			r.envelope(c, f, key+"@"+c.order.text, false, given)
		}
		extras.Data = func(f *event.Field, _ func(string) bool) {
			revokes := f.Object("revokes", c.row)
			revokes.Text("source", r.sourceOf(c), c.source.Get("name"))
			revokes.Text("id", key, c.row)
		}
	default:
		return nil, nil
	}
	return t.rule.Read(mapping.Row{Record: c.record, Root: c.row, Columns: c.columns}, r.draft, extras)
}

// envelope adds identity, time and order from where the change stands in the database's log.
func (r *reader) envelope(c *change, f *event.Field, key string, rowWise bool, given func(string) bool) {
	if !given("source") {
		f.Text("source", r.sourceOf(c), c.source.Get("name"))
	}
	if !given("id") {
		id := key
		if !rowWise && !strings.Contains(key, "@") {
			id += "@" + c.order.text
		}
		f.Text("id", id, c.row)
	}
	if !given("time") {
		if c.order.time == "" {
			f.Missing("time", c.source.Get("ts_ms"))
		} else {
			f.Text("time", c.order.time, c.order.from)
		}
	}
	rank := strconv.FormatInt(c.order.rank, 10)
	if !given("sequence") {
		f.Literal("sequence", rank, c.source)
	}
	if rowWise && !given("revision") {
		f.Literal("revision", rank, c.source)
	}
}

// sourceOf is the source of the events.
func (r *reader) sourceOf(c *change) string {
	if r.options.source != "" {
		return r.options.source
	}
	if name := c.source.Get("name").Text(); name != "" {
		return name
	}
	return "debezium"
}

// key names the row, by its table and the columns of its key.
func (c *change) key(t *table) (string, *event.Rejection) {
	key := c.name
	for _, column := range t.key {
		v := c.row.Get(column)
		if v.Absent() {
			return "", v.Reject(event.ReasonMissingField)
		}
		key += "/" + strings.NewReplacer("%", "%25", "/", "%2F", "@", "%40").Replace(v.Text())
	}
	return key, nil
}
