package pipeline

import (
	"testing"
	"time"

	"processor/internal/aggregate"
	"processor/internal/consumer"
	"processor/internal/event"
	"processor/internal/money"
	"processor/internal/rollup"
)

// Registers count from the mark on that closes their flush, in the generation that is summed.
func TestHalfAFlushIsNotSummed(t *testing.T) {
	m := &metrics{
		pipeline: &pipeline{partitions: 2, generation: 7},
		sums:     rollup.New(rollup.Options{Calendar: aggregate.NewCalendar(time.UTC, 1), Shards: 2}),
		waiting:  map[lane][]rollup.Partial{}, marks: [][]rollup.Partial{make([]rollup.Partial, 2), make([]rollup.Partial, 2)},
	}
	take := func(partition int, p rollup.Partial) {
		t.Helper()
		if err := m.take(partition, &consumer.Record{Key: p.AppendKey(nil), Value: p.AppendValue(nil)}); err != nil {
			t.Fatal(err)
		}
	}
	day := event.Time(30 * 24 * time.Hour)
	register := func(shard int, version, generation uint64) rollup.Partial {
		r := &aggregate.Register{}
		r.Sums[aggregate.SumNew], r.Sums[aggregate.SumChange] = money.Units(10), money.Units(10)
		r.Counts[aggregate.CountNew], r.Counts[aggregate.CountEntries] = 1, 1
		return rollup.Partial{
			Shard: shard, Version: version, Generation: generation, Segment: aggregate.Segment{Grouping: "all", Name: "all"},
			Kind: aggregate.KindDay, Index: 10, Register: r,
		}
	}
	mark := func(shard int, version, generation uint64) rollup.Partial {
		return rollup.Partial{
			Shard: shard, Version: version, Generation: generation, IsMark: true, Mark: rollup.Mark{Shards: 2, Watermark: day, CaughtUp: true},
		}
	}
	closing := func() string {
		t.Helper()
		rows, err := m.sums.Flush()
		if err != nil {
			t.Fatal(err)
		}
		for i := range rows {
			if rows[i].Kind == aggregate.KindDay && rows[i].Interval == "1970-01-11" {
				return rows[i].Closing.String()
			}
		}
		return "no row"
	}
	for shard := range 2 { // both shards are known in both partitions
		for partition := range 2 {
			if complete, _ := m.complete(); complete {
				t.Fatalf("complete before shard %d spoke in partition %d", shard, partition)
			}
			take(partition, mark(shard, 1, 7))
		}
	}
	if complete, caughtUp := m.complete(); !complete || !caughtUp {
		t.Errorf("complete %v, caught up %v after every mark", complete, caughtUp)
	}
	take(0, register(0, 2, 7))
	if got := closing(); got != "no row" {
		t.Errorf("%s before the mark", got)
	}
	take(0, mark(0, 2, 8))
	take(0, mark(1, 2, 7))
	take(1, mark(0, 2, 7))
	if got := closing(); got != "no row" {
		t.Errorf("%s after marks of another generation, shard and partition", got)
	}
	take(0, mark(0, 2, 7))
	if got := closing(); got != "10.000000" {
		t.Errorf("%s after the mark, want 10", got)
	}
	take(0, register(1, 3, 8))
	take(0, mark(1, 3, 7))
	if got := closing(); got != "no row" {
		t.Errorf("a register of another generation was summed: %s", got)
	}
}
