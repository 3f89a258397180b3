package rollup_test

import (
	"testing"
	"time"

	"processor/internal/aggregate"
	"processor/internal/event"
	"processor/internal/money"
	"processor/internal/rollup"
)

// TestPlanStandsBesideActual is a year in which two months expand: a month has its own plan, a
// quarter the sum where every month of it has one, and days, windows and other segments none.
func TestPlanStandsBesideActual(t *testing.T) {
	t.Parallel()
	c := aggregate.NewCalendar(time.UTC, 1)
	all := aggregate.Segment{Grouping: "all", Name: "all"}
	month := func(year, n int) rollup.TargetKey {
		return rollup.TargetKey{Segment: all, Month: int32(event.MonthOf(year, n))}
	}
	plan := rollup.Targets{
		month(2026, 1): money.Units(100), month(2026, 2): money.Units(200), month(2026, 3): money.Units(50),
		month(2026, 4): {}, month(2026, 5): money.Units(10),
	}
	r := rollup.New(rollup.Options{Calendar: c, Windows: aggregate.Windows, Shards: 1, Targets: plan})
	expand := func(kind aggregate.Kind, index int32, amount int64) {
		var register aggregate.Register
		register.Sums[aggregate.SumExpansion], register.Sums[aggregate.SumChange] = money.Units(amount), money.Units(amount)
		register.Counts[aggregate.CountEntries] = 1
		if err := r.Put(0, all, kind, index, &register, 1); err != nil {
			t.Fatal(err)
		}
	}
	january := event.At(time.Date(2026, 1, 10, 0, 0, 0, 0, time.UTC))
	for kind := aggregate.KindDay; kind < aggregate.KindRolling; kind++ {
		expand(kind, c.Index(kind, c.Day(january)), 120)
	}
	r.SetWatermark(0, event.At(time.Date(2026, 7, 1, 0, 0, 0, 0, time.UTC)))
	got := map[string]string{}
	for _, row := range flush(t, r) {
		switch {
		case row.HasTarget && row.TargetRatio.Reason == rollup.Defined:
			got[row.Interval] = row.Target.String() + " " + row.TargetRatio.Value.String()
		case row.HasTarget:
			got[row.Interval] = row.Target.String() + " " + row.TargetRatio.Reason.String()
		case row.TargetRatio.Reason != rollup.NotDefined:
			t.Errorf("%s has no plan and a ratio: %+v", row.Interval, row.TargetRatio)
		}
	}
	want := map[string]string{
		"2026-01": "100.000000 1.200000", "2026-02": "200.000000 0.000000", "2026-03": "50.000000 0.000000",
		"2026-04": "0.000000 zero_base", "2026-05": "10.000000 0.000000", "2026-Q1": "350.000000 0.342857",
	}
	for interval, figures := range want {
		if got[interval] != figures {
			t.Errorf("%s: %q, want %q", interval, got[interval], figures)
		}
	}
	if len(got) != len(want) {
		t.Errorf("plans stand beside %v", got)
	}
}
