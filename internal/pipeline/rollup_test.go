package pipeline

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"processor/internal/aggregate"
	"processor/internal/broker"
	"processor/internal/consumer"
	"processor/internal/event"
	"processor/internal/money"
	"processor/internal/rollup"
	"processor/internal/sink"
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
		for rows, err := range m.sums.Flush() {
			if err != nil {
				t.Fatal(err)
			}
			for i := range rows {
				if rows[i].Kind == aggregate.KindDay && rows[i].Interval == "1970-01-11" {
					return rows[i].Closing.String()
				}
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

// told is an outlet that remembers the keys of each sending.
type told struct{ sendings [][]string }

func (o *told) Send(_ context.Context, messages []sink.Message) (map[broker.TopicPartition]int64, error) {
	var keys []string
	for i := range messages {
		keys = append(keys, messages[i].Topic+" "+string(messages[i].Key))
	}
	o.sendings = append(o.sendings, keys)
	return nil, nil
}

// However many rows a flush makes, no more of them are kept at once than one sending takes, none is
// forgotten, and the observer is told of the periods that it looks at.
func TestAFlushIsSentInParts(t *testing.T) {
	day := event.Time(24 * time.Hour)
	const segments, days = 30, 400
	calendar := aggregate.NewCalendar(time.UTC, 1)
	var shown []rollup.Row
	options := Options{Prefix: "out.", Metrics: new(Metrics), Clock: func() time.Time { return testClock }}
	options.Observer.Metrics = func(rows []rollup.Row, _ event.Time) { shown = append(shown, rows...) }
	options.Observer.Periods = [...]int{aggregate.KindDay: 3, aggregate.KindYear: 1, aggregate.KindRolling: 0}
	options.schedule, options.step = goroutines{}, func(string) error { return nil }
	outlet := &told{}
	part := &ownPart{sent: &sentRows{keys: map[string]*sentState{}}, vintage: vintage{}}
	m := &metrics{
		pipeline: &pipeline{partitions: 1, options: options}, calendar: calendar, producer: outlet,
		sums:  rollup.New(rollup.Options{Calendar: calendar, Shards: 1}),
		marks: [][]rollup.Partial{{{Mark: rollup.Mark{Watermark: days*day - 1, CaughtUp: true}}}}, parts: map[int]*ownPart{0: part},
	}
	m.owners.set(map[int]uint64{0: 0})
	_, m.settledChanges, _ = m.owners.now()
	r := &aggregate.Register{}
	r.Counts[aggregate.CountEntries] = 1
	for i := range segments {
		s := aggregate.Segment{Grouping: "region", Name: fmt.Sprint("r", i)}
		if err := m.sums.Put(0, s, aggregate.KindDay, 0, r, 1); err != nil {
			t.Fatal(err)
		}
	}
	m.sums.SetWatermark(0, days*day-1)
	if err := m.flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	seen := map[string]int{}
	for i, keys := range outlet.sendings {
		if len(keys) > resendRecords+days+100 {
			t.Errorf("sending %d has %d rows", i, len(keys))
		}
		for _, key := range keys {
			seen[key]++
		}
	}
	perSegment := days + 58 + 14 + 5 + 2 // days, weeks, months, quarters, years that 400 days from 1 January 1970 touch
	metrics := 0
	for key, times := range seen {
		if times != 1 {
			t.Errorf("%s was sent %d times", key, times)
		}
		if strings.HasPrefix(key, "out.metrics ") {
			metrics++
		}
	}
	if metrics != segments*perSegment || len(outlet.sendings) < 3 {
		t.Errorf("%d rows in %d sendings, want %d of each of %d segments", metrics, len(outlet.sendings), perSegment, segments)
	}
	byKind := map[aggregate.Kind]int{}
	for i := range shown {
		byKind[shown[i].Kind]++
	}
	if byKind[aggregate.KindDay] != 3*segments || byKind[aggregate.KindYear] != segments || byKind[aggregate.KindWeek] != 58*segments {
		t.Errorf("the observer was told of %v", byKind)
	}
	outlet.sendings, shown = nil, nil
	m.sums.Remake()
	if err := m.flush(t.Context()); err != nil || len(outlet.sendings) != 0 || len(shown) != 0 {
		t.Errorf("the same rows again: %d sendings, %d told, %v", len(outlet.sendings), len(shown), err)
	}
}
