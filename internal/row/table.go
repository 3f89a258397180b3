package row

import "processor/internal/aggregate"

// Type is what a column holds.
type Type int

// The types of columns. An amount and a ratio are both decimals with 6 fraction digits.
const (
	Text Type = iota
	Integer
	Amount
	Ratio
	Timestamp // an instant, RFC 3339 in UTC
	Date      // a local date
	Bool
)

// String is the type's name in documents.
func (t Type) String() string {
	return [...]string{"text", "integer", "amount", "ratio", "timestamp", "date", "bool"}[t]
}

// IsDecimal says whether a column holds a decimal.
func (t Type) IsDecimal() bool { return t == Amount || t == Ratio }

// Column is one field of a row.
type Column struct {
	Name string
	Type Type
	Null bool // it may be null
	Key  bool // part of the key of the topic
	Late bool // the configuration adds and removes it: a dimension or a window
	Doc  string
}

// Table is a kind of row: its topic, and its fields in the order in which they are written.
type Table struct {
	Topic   Topic
	Doc     string
	Columns []Column

	// Log is a topic of which every row counts, not only the latest of a key: its rows are told apart by
	// their versions too.
	Log bool
}

// Name is the table's name where a hyphen would need quotes.
func (t *Table) Name() string {
	name := []byte(t.Topic)
	for i, c := range name {
		if c == '-' {
			name[i] = '_'
		}
	}
	return string(name)
}

// Keys are the columns of the key, in its order.
func (t *Table) Keys() []Column {
	var keys []Column
	for _, c := range t.Columns {
		if c.Key {
			keys = append(keys, c)
		}
	}
	return keys
}

// Tables are all kinds of rows, as a configuration with these dimensions and windows makes them. JSON Schema,
// DDL, docs/reference/rows.md and the formats connect-json and avro all come from here; the encoders are held
// against it by a test.
func Tables(dimensions []string, windows []aggregate.Window) []Table {
	return []Table{
		movementsTable(dimensions),
		accountsTable(dimensions, windows),
		monthsTable(dimensions),
		metricsTable(TopicMetrics, "Sums, counts and ratios of a segment in an interval."),
		metricsTable(TopicVintage, "The row of `metrics` of a period as it was when it was first final: what was reported. It is never sent again."),
		signalsTable(dimensions),
		signalMetricsTable(),
		alertsTable(),
		deadLettersTable(),
		progressTable(),
	}
}

// TableOf finds the table of a topic.
func TableOf(tables []Table, topic Topic) *Table {
	for i := range tables {
		if tables[i].Topic == topic {
			return &tables[i]
		}
	}
	return nil
}

// columns gathers the fields of a row.
type columns []Column

func (c *columns) add(name string, t Type, doc string) {
	*c = append(*c, Column{Name: name, Type: t, Doc: doc})
}

func (c *columns) null(name string, t Type, doc string) {
	*c = append(*c, Column{Name: name, Type: t, Null: true, Doc: doc})
}

func (c *columns) key(name string, t Type, doc string) {
	*c = append(*c, Column{Name: name, Type: t, Key: true, Doc: doc})
}

// ratio is a ratio beside the reason why there is none.
func (c *columns) ratio(name, doc string) {
	c.null(name, Ratio, doc)
	c.null(name+"_reason", Text, "Why "+name+" is null: zero_base, not_defined.")
}

func (c *columns) dims(names []string, when string) {
	for _, name := range names {
		*c = append(*c, Column{Name: "dim_" + name, Type: Text, Null: true, Late: true, Doc: "The account's " + name + " " + when + "; null where it has none."})
	}
}

// stamp is what every row ends with.
func (c *columns) stamp() {
	c.add("version", Integer, "Grows with every sending; of one key the row with the largest counts.")
	c.null("known_at", Timestamp, "The watermark when the row was made.")
	c.add("restated", Bool, "True where the row had been final and was corrected.")
	c.add("final", Bool, "True when nothing that comes in time changes it any more.")
	c.add("deleted", Bool, "True where the row's reason is gone: treat it as absent.")
}

// progressTable is the row that closes each flush of a shard; the pipeline encodes it.
func progressTable() Table {
	var c columns
	c.key("shard", Integer, "The partition that it is about.")
	c.add("shards", Integer, "How many there are.")
	c.add("positions", Text, "topic/partition:next of its sources, separated by commas.")
	c.add("watermark", Timestamp, "Up to where the shard is complete.")
	c.add("epoch", Integer, "Rises at every start and change of owner.")
	c.add("flush", Integer, "The flush that this row closes, within the epoch.")
	c.add("rows", Integer, "Rows sent so far by this run.")
	c.add("state_digest", Text, "Of the identities of all kept records.")
	c.stamp()
	return Table{Topic: TopicProgress, Doc: "How far a shard is: the last row of each of its flushes.", Columns: c}
}

// deadLettersTable is a rejected record as `replay` prints it.
func deadLettersTable() Table {
	var c columns
	c.key("source_topic", Text, "Where the record stood: its topic, or the file.")
	c.key("partition", Integer, "Its partition.")
	c.key("offset", Integer, "Its offset, or the line, from 0.")
	c.add("reason", Text, "Why it was not accepted, one of a closed set.")
	c.add("detail", Text, "The field, and what is wrong with it.")
	c.null("at", Timestamp, "The watermark by which it was judged.")
	c.add("value", Text, "Its bytes, where they are text.")
	c.stamp()
	return Table{
		Topic: TopicDeadLetters, Columns: c,
		Doc: "A record that was rejected, as `replay` prints it. On Kafka the record keeps its own bytes in every format, and these fields are headers.",
	}
}
