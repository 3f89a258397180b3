package pipeline

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"processor/internal/aggregate"
	"processor/internal/kafkatest"
	"processor/internal/row"
	"processor/internal/row/wire"
)

// rows are the rows of a topic, as JSON whatever their form is. A tombstone has no value.
func (w *world) rows(topic row.Topic) []kafkatest.Record {
	w.t.Helper()
	records := w.kafka.Read(w.t, w.prefix+string(topic))
	for i := range records {
		var value []byte
		if records[i].Value != "" {
			value = []byte(records[i].Value)
		}
		k, v := w.decoded(topic, []byte(records[i].Key), value)
		records[i].Key, records[i].Value = string(k), string(v)
	}
	return records
}

// decoded is a record of the world's format as JSON.
func (w *world) decoded(topic row.Topic, key, value []byte) (k, v []byte) {
	w.t.Helper()
	format := w.options().Format
	if format == nil {
		format = FormatJSON{}
	}
	k, v, err := format.Decode(context.Background(), topic, key, value)
	if err != nil {
		w.t.Fatalf("%s: %q: %v", topic, value, err)
	}
	return k, v
}

// formatAvro are rows as Avro under numbers of its own, as a registry would give them.
type formatAvro struct {
	opened *int
	sides  map[row.Topic][2]*wire.AvroSide
}

func newFormatAvro(t testing.TB, tables []row.Table) formatAvro {
	t.Helper()
	f := formatAvro{new(int), map[row.Topic][2]*wire.AvroSide{}}
	for i := range tables {
		key, value, err := wire.AvroSides(&tables[i])
		if err != nil {
			t.Fatal(err)
		}
		f.sides[tables[i].Topic] = [2]*wire.AvroSide{key, value}
	}
	return f
}

func (f formatAvro) Open(context.Context) error {
	*f.opened++
	return nil
}

func (f formatAvro) Encode(topic row.Topic, key, value []byte) (k, v []byte, err error) {
	if *f.opened == 0 {
		return nil, nil, errors.New("it was not opened")
	}
	if k, err = f.sides[topic][0].Encode(7, key); err != nil || value == nil {
		return k, nil, err
	}
	v, err = f.sides[topic][1].Encode(8, value)
	return k, v, err
}

func (f formatAvro) Decode(_ context.Context, topic row.Topic, key, value []byte) (k, v []byte, err error) {
	if k, err = f.sides[topic][0].Decode(f.sides[topic][0].Own(), key); err != nil || value == nil {
		return k, nil, err
	}
	v, err = f.sides[topic][1].Decode(f.sides[topic][1].Own(), value)
	return k, v, err
}

// formats are the forms that are not the rows as they are made.
func formats(t testing.TB) map[string]Format {
	t.Helper()
	state, err := aggregate.New(testCore())
	if err != nil {
		t.Fatal(err)
	}
	tables := row.Tables(state.Dimensions(), testCore().Windows)
	return map[string]Format{wire.ConnectJSON: FormatConnect{wire.NewConnect(tables)}, wire.Avro: newFormatAvro(t, tables)}
}

// In each format, crashes at every point leave the rows of a replay, under either delivery, with tombstones,
// alerts and what was reported; and a start that has nothing new sends nothing.
func TestRestartsInEveryFormat(t *testing.T) {
	for name, format := range formats(t) {
		for _, delivery := range []Delivery{AtLeastOnce, ExactlyOnce} {
			if testing.Short() && (delivery == AtLeastOnce || name != "avro") {
				continue // the race detector makes it ten times slower
			}
			t.Run(name+"/"+delivery.String(), func(t *testing.T) { restartsIn(t, name, format, delivery) })
		}
	}
}

func restartsIn(t *testing.T, name string, format Format, delivery Delivery) {
	w := newWorld(t, 2)
	w.change = func(o *Options) {
		looks(testRules())(o)
		o.Format, o.Delivery, o.Tombstones, o.FlushRecords, o.CheckpointInterval = format, delivery, true, 50, 1
	}
	places := points[delivery]
	events := companyEvents(t, 400, "light")
	for i, slice := range slices.Collect(slices.Chunk(events, len(events)/len(places)+1)) {
		w.write(slice)
		w.crashAt(places[i%len(places)], 1)
	}
	w.run()
	w.compare()
	if delivery == ExactlyOnce {
		w.eachOnce()
	}
	everything := append([]row.Topic{row.TopicVintage, row.TopicAlerts, row.TopicDeadLetters}, rowTopics...)
	before := w.counted(everything)
	w.run()
	w.run()
	if after := w.counted(everything); fmt.Sprint(after) != fmt.Sprint(before) {
		t.Errorf("two starts with nothing new sent rows: %v, before %v", after, before)
	}
	if before[row.TopicAlerts] == 0 || before[row.TopicVintage] == 0 {
		t.Errorf("no alert or nothing reported: nothing is proven: %v", before)
	}
	for _, topic := range append(everything, row.TopicProgress) {
		for _, r := range w.kafka.Read(t, w.prefix+string(topic)) {
			if form := wire.FormOf([]byte(r.Key)); (form == name) != topic.IsOfRows() || topic.IsOfRows() && r.Value != "" && wire.FormOf([]byte(r.Value)) != name {
				t.Fatalf("%s has a record in %s: %q", topic, form, r.Value)
			}
		}
	}
}

// counted are the records of topics.
func (w *world) counted(topics []row.Topic) map[row.Topic]int {
	counts := map[row.Topic]int{}
	for _, topic := range topics {
		counts[topic] = len(w.kafka.Read(w.t, w.prefix+string(topic)))
	}
	return counts
}

// Rows of another format are not taken for rows that say nothing: the start is refused, with the way out, and
// under the former format everything goes on.
func TestAnotherFormatIsRefused(t *testing.T) {
	connect := formats(t)[wire.ConnectJSON]
	for name, was := range map[string]Format{"from json": nil, "from connect-json": connect} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, 1)
			w.change = func(o *Options) { o.Format = was }
			w.write(firstEvents)
			w.run()
			is := connect
			if was != nil {
				is = nil
			}
			w.change = func(o *Options) { o.Format = is }
			err := w.runUntil(w.options(), func(Status) bool { return false })
			if !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), "is not in output.format") || !strings.Contains(err.Error(), "output.prefix") {
				t.Fatalf("got %v", err)
			}
			w.change = func(o *Options) { o.Format = was }
			w.run()
			w.compare()
		})
	}
}

// The progress row is a row of its table too: it is the one that the pipeline encodes itself.
func TestProgressRowIsAsItsTable(t *testing.T) {
	w := newWorld(t, 1)
	w.write(firstEvents)
	w.run()
	table := row.TableOf(row.Tables(nil, nil), row.TopicProgress)
	records := w.kafka.Read(t, w.prefix+string(row.TopicProgress))
	if len(records) == 0 {
		t.Fatal("there is no progress row")
	}
	for _, r := range records {
		text := r.Value
		for _, c := range table.Columns {
			at := strings.Index(text, `"`+c.Name+`":`)
			if at != 1 {
				t.Fatalf("%s is not the next field of %s", c.Name, text)
			}
			text = text[1:]
			if next := strings.Index(text, `,"`); next >= 0 {
				text = text[next:]
			}
		}
		var key map[string]int
		if err := json.Unmarshal([]byte(r.Key), &key); err != nil || len(key) != 1 || len(table.Keys()) != 1 {
			t.Errorf("key %s: %v", r.Key, err)
		}
	}
}
