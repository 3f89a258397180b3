package pipeline

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"processor/internal/company"
	"processor/internal/kafkatest"
	"processor/internal/sink"
)

// compacting has a broker compact whatever it may.
var compacting = map[string]string{
	"cleanup.policy": "compact", "segment.ms": "100", "min.cleanable.dirty.ratio": "0.001", "min.compaction.lag.ms": "0", "segment.bytes": "1048576",
}

// A source whose keys are the ids of the events is compacted: of each event the last copy stays, and in
// front of it are holes. The service steps over them, where its position fell into one and beginning from
// nothing. (One that is keyed by account keeps one event of each, so intake is the way.)
func TestACompactedSource(t *testing.T) {
	t.Parallel() // it mostly waits
	f := newFed(t, 2, map[string]int{"in": 2}, compacting)
	w, source := f.world, ""
	for source = range f.sources {
	}
	events := companyEvents(t, 400, "light")
	w.sendTwice(source, events[:200])
	w.run()
	w.compare()
	w.sendTwice(source, events[200:])
	w.awaitCompaction(source, 2*len(events))
	w.run()
	w.compare()
	if !kafkatest.Real() { // in the in-process broker compaction moves a log's beginning, as retention does
		return
	}
	w.prefix, w.dir = w.kafka.Topic("again."), t.TempDir()
	w.kafka.Create(t, "again.events", w.partitions, kafkatest.AppendTime)
	w.run()
	w.compare()
}

// sendTwice writes events under their ids, and then the same again.
func (w *world) sendTwice(topic string, events []company.Record) {
	w.t.Helper()
	w.events = append(w.events, events...)
	for range 2 {
		var records []kafkatest.Record
		for i, e := range events {
			var envelope struct {
				ID string `json:"id"`
			}
			if json.Unmarshal(e.Value, &envelope) != nil || envelope.ID == "" {
				envelope.ID = fmt.Sprint("without an id ", i)
			}
			p := int32(sink.Partition(e.Key, w.partitions)) //nolint:gosec // a partition
			records = append(records, kafkatest.Record{Partition: p, Key: envelope.ID, Value: string(e.Value)})
		}
		w.kafka.Produce(w.t, topic, records...)
	}
}

// awaitCompaction returns when a quarter of the records that were written is gone.
func (w *world) awaitCompaction(topic string, written int) {
	w.t.Helper()
	for ctx := kafkatest.Context(w.t); ; {
		if w.kafka.Fake != nil {
			w.kafka.Fake.Compact()
		} else { // what is behind the active segment is compacted; a new record rolls it
			for p := range w.partitions {
				w.kafka.Produce(w.t, topic, kafkatest.Record{Partition: int32(p), Key: "tick", Value: "{}"}) //nolint:gosec // a partition
			}
		}
		left := len(w.kafka.Read(w.t, topic))
		if left < written*3/4 {
			return
		}
		select {
		case <-time.After(200 * time.Millisecond):
		case <-ctx.Done():
			w.t.Fatalf("the broker did not compact: %d of %d records are left", left, written)
		}
	}
}
