package pipeline

import (
	"bytes"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"processor/internal/aggregate"
	"processor/internal/company"
	"processor/internal/consumer"
	"processor/internal/event"
	"processor/internal/row"
)

// amended is the next revision of an event.
func amended(r company.Record) company.Record {
	r.Value = bytes.Replace(r.Value, []byte(`"type":`), []byte(`"revision":1,"type":`), 1)
	return r
}

// A minute that alerts look at sends registers between two slow flushes. What the next record takes back has not
// changed at all for the run after a crash, which follows the cut and derives once: it must be sent all the
// same, or the sums keep what was said in the middle.
func TestWhatATickSaidIsTakenBackAfterACrash(t *testing.T) {
	w := newWorld(t, 1)
	w.change = func(o *Options) { looks(testRules())(o); o.Delivery = ExactlyOnce }
	w.write([]company.Record{
		subscription("e1", "acme", "2025-02-01T00:00:00Z", 10), subscription("e2", "acme", "2025-03-01T00:00:00Z", 10),
	})
	w.run()

	o := w.options()
	var seconds, step atomic.Int64 // the clock passes, so that every flush is the first of a minute, and then stands
	step.Store(20)
	o.Clock = func() time.Time { return testClock.Add(time.Duration(seconds.Add(step.Load())) * time.Second) }
	o.MetricsInterval = time.Hour // the first flush of the run is the only slow one
	flushes := 0
	o.step = func(point string) error {
		if point != "published" {
			return nil
		}
		switch flushes++; flushes {
		case 5:
			w.write([]company.Record{amended(subscription("e1", "acme", "2025-02-01T00:00:00Z", 12))}) // so e2 is a contraction
		case 30:
			step.Store(0)
		case 35:
			w.write([]company.Record{amended(subscription("e2", "acme", "2025-03-01T00:00:00Z", 12))}) // and is none
		case 55:
			return errCrash
		}
		return nil
	}
	if err := w.runUntil(o, func(Status) bool { return false }); !errors.Is(err, errCrash) {
		t.Fatalf("no crash: %v", err)
	}
	w.clock = testClock.Add(48 * time.Hour)
	w.runToClock()
	w.compare()
}

// What ticks sent is listed in the header of a progress row. Where that would be too much for a record, the registers go
// out once more instead, and the list is empty.
func TestACutListsNoMoreThanFitsARecord(t *testing.T) {
	for count, listed := range map[int]int{tickedMost: tickedMost, tickedMost + 1: 0} {
		o := &Options{Core: testCore(), Delivery: ExactlyOnce, Prefix: "out."}
		s, err := newShard(0, 1, o, 1)
		if err != nil {
			t.Fatal(err)
		}
		s.sources = []*source{{Position: consumer.Position{Next: 1}, endAtStart: 1}}
		for i := range count {
			s.ticked[ticked{"region", "eu", aggregate.KindDay, int32(i)}] = struct{}{} //nolint:gosec // a day
		}
		s.flush(event.At(testClock), 0, false)
		sent := 0
		for _, m := range s.outbox.messages {
			if m.Topic == o.topic(row.TopicPartials) {
				sent++
			}
		}
		if got := len(s.cut().Ticked); got != listed || sent != count-listed {
			t.Errorf("of %d registers %d are listed and %d were sent, want %d and %d", count, got, sent, listed, count-listed)
		}
	}
}
