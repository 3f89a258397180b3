package rollup

import (
	"testing"

	"processor/internal/aggregate"
	"processor/internal/money"
)

// The middle of the days in which signals converted, over all shards: of an even number the mean of
// the two in the middle.
func TestMedianDays(t *testing.T) {
	for _, c := range []struct {
		name string
		days []aggregate.DayCount
		want Ratio
	}{
		{"none converted", nil, Ratio{Reason: ZeroBase}},
		{"one", []aggregate.DayCount{{Days: 7, Count: 1}}, Ratio{Value: money.Units(7)}},
		{"three", []aggregate.DayCount{{Days: 0, Count: 1}, {Days: 3, Count: 1}, {Days: 80, Count: 1}}, Ratio{Value: money.Units(3)}},
		{"four", []aggregate.DayCount{{Days: 2, Count: 2}, {Days: 5, Count: 2}}, Ratio{Value: money.Micros(3_500_000)}},
		{"many on one day", []aggregate.DayCount{{Days: 2, Count: 1}, {Days: 9, Count: 6}}, Ratio{Value: money.Units(9)}},
	} {
		if got := median(c.days); got != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
}

// Lift is rounded once: a third against a half are two thirds. Nobody with, or nobody who expands
// without, is no base.
func TestLift(t *testing.T) {
	for _, c := range []struct {
		expanding, with, others, without int64
		want                             Ratio
	}{
		{1, 3, 1, 2, Ratio{Value: money.Micros(666_667)}},
		{4, 5, 1, 10, Ratio{Value: money.Units(8)}},
		{0, 5, 1, 10, Ratio{}},
		{1, 1, 0, 10, Ratio{Reason: ZeroBase}},
		{0, 0, 3, 10, Ratio{Reason: ZeroBase}},
	} {
		if got := lift(c.expanding, c.with, c.others, c.without); got != c.want {
			t.Errorf("%d of %d against %d of %d: %+v, want %+v", c.expanding, c.with, c.others, c.without, got, c.want)
		}
	}
}

// What two shards say of a signal adds up, under names that only one of them has too.
func TestSignalsOfShardsAddUp(t *testing.T) {
	sum := func(opened int64, days int32) aggregate.SignalSum {
		return aggregate.SignalSum{Opened: opened, Converted: 1, Expansion: money.Units(opened), Days: []aggregate.DayCount{{Days: days, Count: 1}}}
	}
	var v interval
	v.put(0, &aggregate.Register{Signals: &aggregate.SignalSums{Named: []aggregate.NamedSignalSum{{Name: "nps", SignalSum: sum(1, 4)}, {Name: "seats_80", SignalSum: sum(2, 9)}}}}, 1)
	v.put(1, &aggregate.Register{Signals: &aggregate.SignalSums{Named: []aggregate.NamedSignalSum{{Name: "health", SignalSum: sum(5, 1)}, {Name: "seats_80", SignalSum: sum(3, 2)}}}}, 1)
	v.put(1, &aggregate.Register{Signals: &aggregate.SignalSums{Named: []aggregate.NamedSignalSum{{Name: "health", SignalSum: sum(5, 1)}, {Name: "seats_80", SignalSum: sum(4, 2)}}}}, 2)
	named := v.total().Signals.Named
	if len(named) != 3 || named[0].Name != "health" || named[2].Opened != 6 || named[2].Expansion != money.Units(6) || len(named[2].Days) != 2 {
		t.Errorf("the sum is %+v", named)
	}
	if first := v.shards[0].register.Signals.Named[1]; first.Opened != 2 || len(first.Days) != 1 {
		t.Errorf("summing changed what a shard said: %+v", first)
	}
}
