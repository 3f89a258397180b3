package pipeline

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"processor/internal/aggregate"
	"processor/internal/checkpoint"
	"processor/internal/company"
	"processor/internal/event"
	"processor/internal/row"
)

// Years of history, read at once and with restarts on the way: accounts collapse below the floor, and
// what readers hold of all the years is what replay gives for them, which keeps everything.
func TestYearsOfHistoryGiveTheRowsOfReplay(t *testing.T) {
	t.Parallel() // it mostly waits
	events := longHistory(t)
	for _, runs := range []int{1, 3} {
		w := newWorld(t, 2)
		for slice := range slices.Chunk(events, (len(events)+runs-1)/runs) {
			w.write(slice)
			w.run()
		}
		w.compare()
		if n := w.collapsed(); n == 0 {
			t.Errorf("in %d runs no account has collapsed: this proves nothing", runs)
		}
	}
}

// A run that crashed behind its last checkpoint is caught up with, and nothing of what lies below the
// floor is taken back.
func TestFrozenRowsAreNotTakenBack(t *testing.T) {
	t.Parallel() // it mostly waits
	events := longHistory(t)
	w := newWorld(t, 1)
	w.write(events[:len(events)/3])
	w.run()
	middle := events[len(events)/3 : len(events)*2/3]
	w.write(middle)
	w.crashAfterRow(`event/` + lastSnapshot(t, middle))
	w.write(events[len(events)*2/3:])
	w.run()
	w.compare()
	w.run()
	w.compare()
}

// A rebuild counts anew what is kept. The movements and months below the floor, which nothing can make again,
// stay with their readers.
func TestARebuildLeavesWhatIsFrozen(t *testing.T) {
	t.Parallel() // it mostly waits
	if testing.Short() {
		t.Skip("years of history, ten times slower under the race detector, and no goroutine that others do not have")
	}
	w := newWorld(t, 1)
	w.write(longHistory(t))
	w.run()
	if w.collapsed() == 0 {
		t.Fatal("nothing is below the floor: this proves nothing")
	}
	before := w.got()
	w.core.Windows = aggregate.Windows[:2]
	w.rebuild(FromCheckpoint)
	w.run()
	after, compared := w.got(), 0
	for _, key := range slices.Sorted(maps.Keys(before)) {
		if topic, _, _ := strings.Cut(key, " "); topic != string(row.TopicMovements) && topic != string(row.TopicAccountMonths) {
			continue
		}
		if compared++; after[key] != before[key] {
			t.Errorf("%s\n got %s\nwant %s", key, after[key], before[key])
		}
	}
	if compared == 0 {
		t.Error("there are no rows of accounts")
	}
}

// longHistory is a company of three years and a half, with usage, in order of time.
func longHistory(t *testing.T) []company.Record {
	t.Helper()
	o := company.Defaults()
	o.Events, o.Accounts = 800, 10
	o.Start = event.At(time.Date(2022, 3, 1, 0, 0, 0, 0, time.UTC))
	o.End = event.At(time.Date(2025, 10, 1, 0, 0, 0, 0, time.UTC))
	records, err := company.Collect(o)
	if err != nil {
		t.Fatal(err)
	}
	decoder := event.NewDecoder(event.Options{})
	return slices.DeleteFunc(records, func(r company.Record) bool {
		e, rejection := decoder.Decode(r.Value, nil)
		return rejection != nil || e.Time > o.End
	})
}

// lastSnapshot is source and id of the last subscription event, as in the key of its row.
func lastSnapshot(t *testing.T, records []company.Record) string {
	t.Helper()
	decoder := event.NewDecoder(event.Options{})
	for _, r := range slices.Backward(records) {
		if e, _ := decoder.Decode(r.Value, nil); e != nil && e.Subscription != nil {
			return e.Source + "/" + e.ID
		}
	}
	t.Fatal("there is no subscription event")
	return ""
}

// collapsed is how many accounts of the checkpoint have a base.
func (w *world) collapsed() int {
	w.t.Helper()
	dir, err := checkpoint.Open(checkpoint.Options{Dir: w.dir, Fingerprint: meaning(&w.core, w.partitions)})
	if err != nil {
		w.t.Fatal(err)
	}
	n := 0
	for shard := range w.partitions {
		_, _, err := dir.Load(w.t.Context(), shard, func(_, value []byte) error {
			if value[0] == 0x82 { // aggregate.storedBase
				n++
			}
			return nil
		})
		if err != nil {
			w.t.Error(err)
		}
	}
	if err := dir.Close(); err != nil {
		w.t.Error(err)
	}
	return n
}
