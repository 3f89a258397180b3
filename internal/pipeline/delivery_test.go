package pipeline

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"processor/internal/company"
	"processor/internal/row"
)

// eachOnce fails when a reader of committed records meets a version of a key twice, or not as many rows
// as the last progress rows say.
func (w *world) eachOnce() {
	w.t.Helper()
	for _, topic := range append([]row.Topic{row.TopicVintage}, rowTopics...) {
		seen := map[string]bool{}
		for _, r := range w.rows(topic) {
			if len(r.Value) == 0 {
				continue // the tombstone of a row
			}
			_, version, err := contentOf([]byte(r.Value))
			if err != nil {
				w.t.Fatal(err)
			}
			name := fmt.Sprint(r.Key, " version ", version)
			if seen[name] {
				w.t.Errorf("%s: %s stands there twice", topic, name)
			}
			seen[name] = true
		}
	}
	letters := map[string]bool{}
	for _, r := range w.kafka.Read(w.t, w.prefix+string(row.TopicDeadLetters)) {
		if letters[r.Key] {
			w.t.Errorf("the dead letter of %s stands there twice", r.Key)
		}
		letters[r.Key] = true
	}
	var said, stand int64
	for _, p := range w.progress() {
		said += p.Rows
	}
	for _, topic := range []row.Topic{row.TopicMovements, row.TopicAccounts, row.TopicAccountMonths, row.TopicSignals, row.TopicPartials, row.TopicDeadLetters} {
		stand += int64(len(w.kafka.Read(w.t, w.prefix+string(topic))))
	}
	if said != stand {
		w.t.Errorf("the progress rows say %d rows were sent, committed are %d", said, stand)
	}
}

// exactlyOnce makes the world's services deliver so.
func (w *world) exactlyOnce() *world {
	w.change = func(o *Options) { o.Delivery = ExactlyOnce }
	return w
}

// A flush that is committed and not saved is made again in silence, whether there is a checkpoint in
// front of it or the directory is lost: no row is sent a second time, nor a dead letter.
func TestWhatIsCommittedIsNotSentAgain(t *testing.T) {
	t.Parallel() // it mostly waits
	w := newWorld(t, 2).exactlyOnce()
	records := companyEvents(t, 900, "light")
	w.write(records[:300])
	w.run()
	w.write(records[300:600])
	w.neverSaved()
	before := w.counts()
	w.run()
	if after := w.counts(); fmt.Sprint(after) != fmt.Sprint(before) {
		t.Errorf("records before the restart %v, after it %v", before, after)
	}
	w.compare()
	w.dir = t.TempDir()
	w.run()
	if after := w.counts(); fmt.Sprint(after) != fmt.Sprint(before) {
		t.Errorf("records before the directory was lost %v, after it %v", before, after)
	}
	w.write(records[600:])
	w.run()
	w.compare()
	w.eachOnce()
}

// neverSaved runs the service until everything is published, metrics too, and ends it without a
// checkpoint of its own.
func (w *world) neverSaved() {
	w.t.Helper()
	o := w.options()
	o.CheckpointInterval = time.Hour
	o.step = func(point string) error {
		if point == "saving" { // the checkpoint of the graceful stop
			return errCrash
		}
		return nil
	}
	if err := w.runUntil(o, func(s Status) bool { return s.Ready() }); !errors.Is(err, errCrash) {
		w.t.Fatalf("got %v, want the crash", err)
	}
}

// What was sent and not committed was sent to nobody.
func TestWhatIsNotCommittedIsSeenByNobody(t *testing.T) {
	w := newWorld(t, 1).exactlyOnce()
	w.write([]company.Record{subscription("e1", "acme", "2025-03-01T00:00:00Z", 1)})
	w.run()
	w.write([]company.Record{subscription("e2", "acme", "2025-04-01T00:00:00Z", 5)})
	before := w.counts()
	if !w.crashAt("sent", 2) { // the first is the announcement of the epoch
		t.Fatal("no crash before the end of the transaction")
	}
	w.write([]company.Record{revocation("e3", "acme", "2025-04-02T00:00:00Z", "e2")})
	if after := w.counts(); fmt.Sprint(after) != fmt.Sprint(before) {
		t.Errorf("committed records before the crash %v, after it %v", before, after)
	}
	w.run()
	w.compare()
	w.eachOnce()
}

// The delivery may be changed at any restart, also after a crash.
func TestDeliveryChangesBetweenRuns(t *testing.T) {
	t.Parallel() // it mostly waits
	w := newWorld(t, 2)
	delivery := ExactlyOnce
	w.change = func(o *Options) {
		o.Delivery, o.FlushRecords, o.CheckpointInterval, o.fetchBytes = delivery, 50, 1, 1
	}
	records := companyEvents(t, 900, "light")
	for i, crash := range []string{"published", "saved a shard", "published", "sent again", "derived", "metrics published"} {
		w.write(records[i*150 : (i+1)*150])
		delivery = Delivery(i % 2)
		w.crashAt(crash, 2)
	}
	delivery = ExactlyOnce
	w.run()
	w.compare()
	delivery = AtLeastOnce
	w.run()
	w.compare()
}
