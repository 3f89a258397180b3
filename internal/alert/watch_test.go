package alert_test

import (
	"testing"
	"time"

	"processor/internal/aggregate"
	"processor/internal/alert"
	"processor/internal/event"
	"processor/internal/money"
)

const minute = event.Time(time.Minute)

// noon is a minute from which the tests count.
var noon = event.At(time.Date(2026, 3, 5, 12, 0, 0, 0, time.UTC))

// newWatch looks at the expansion of 30 days with shards that each say what it is.
func newWatch(shards, waiting int) *alert.Watch {
	rule := alert.Rule{
		Name: "slow", Metric: alert.MetricExpansion, Grouping: "all", Interval: "30d", Comparison: alert.Previous,
		Threshold: share(20), Clear: share(10), Severity: "warning",
	}
	window, _ := aggregate.WindowNamed("30d")
	return alert.New(alert.Options{
		Rules: []alert.Rule{rule}, Windows: []aggregate.Window{window}, Calendar: aggregate.NewCalendar(time.UTC, 1), Shards: shards, Waiting: waiting,
	})
}

// says is a shard's entry at a minute after noon: what it expanded by in the window, and before it.
func says(after, now, before int64, version uint64) alert.Entry {
	all := aggregate.Segment{Grouping: "all", Name: "all"}
	rolling, day := &aggregate.Register{}, &aggregate.Register{}
	rolling.Sums[aggregate.SumExpansion], rolling.Sums[aggregate.SumBefore] = money.Units(now), money.Units(before)
	rolling.Sums[aggregate.SumChange] = money.Units(now)
	day.Sums[aggregate.SumNew], day.Sums[aggregate.SumChange] = money.Units(1000), money.Units(1000)
	day.Counts[aggregate.CountEntries], day.Counts[aggregate.CountNew] = 1, 1
	today := int32(noon / event.Time(24*time.Hour))
	return alert.Entry{
		Watermark: noon + event.Time(after)*minute,
		Registers: []alert.Register{
			{Segment: all, Kind: aggregate.KindDay, Index: today, Register: day, Version: version},
			{Segment: all, Kind: aggregate.KindRolling, Register: rolling, Version: version},
		},
	}
}

func take(t *testing.T, w *alert.Watch, shard int, e alert.Entry) {
	t.Helper()
	if err := w.Take(shard, 0, e); err != nil {
		t.Fatal(err)
	}
}

func advance(t *testing.T, w *alert.Watch) []alert.Alert {
	t.Helper()
	changes, err := w.Advance()
	if err != nil {
		t.Fatal(err)
	}
	return changes
}

// A shard that is ahead is looked at as it was at each minute, and not as it is: what it lost meanwhile
// counts when the others have come as far.
func TestAMinuteWaitsForEveryShard(t *testing.T) {
	w := newWatch(2, 0)
	take(t, w, 0, says(0, 100, 100, 1))
	take(t, w, 0, says(5, 0, 100, 2))
	if got := advance(t, w); got != nil {
		t.Fatalf("one shard alone is looked at: %v", got)
	}
	take(t, w, 1, says(3, 100, 100, 1))
	if got := advance(t, w); got != nil {
		t.Fatalf("the fall of minute 5 is seen at minute 3: %v", got)
	}
	take(t, w, 1, says(6, 100, 100, 2))
	got := advance(t, w)
	if len(got) != 1 || got[0].State != alert.Firing || got[0].Since != noon+5*minute || got[0].Fall != share(50) {
		t.Errorf("%+v", got)
	}
}

// Where a fast shard runs too far ahead, its oldest minutes count early, and are counted; what waits stays
// bounded.
func TestWhatWaitsForAShardIsBounded(t *testing.T) {
	w := newWatch(2, 30)
	for i := range int64(100) {
		take(t, w, 0, says(i, 100, 100, uint64(i+1))) //nolint:gosec // a few
	}
	waiting, merged := w.Waiting()
	if waiting > 30 || merged != 90 {
		t.Errorf("%d wait, %d were merged", waiting, merged)
	}
	take(t, w, 1, says(100, 100, 100, 1))
	if got := advance(t, w); got != nil {
		t.Errorf("%v", got)
	}
}

// Minutes that a shard says are history are not looked at; those after them are.
func TestHistoryIsNotLookedAt(t *testing.T) {
	w := newWatch(1, 0)
	old := says(0, 0, 100, 1)
	old.History = true
	take(t, w, 0, old)
	take(t, w, 0, says(1, 100, 100, 2))
	take(t, w, 0, says(2, 50, 100, 3))
	if got := advance(t, w); len(got) != 1 || got[0].Since != noon+2*minute {
		t.Errorf("%+v", got)
	}
}

// A start goes on with what was said: nothing is said twice, nothing up to the last word is looked at again,
// and of a rule that is gone it is known.
func TestAStartGoesOn(t *testing.T) {
	w := newWatch(1, 0)
	said := alert.Alert{
		Key: alert.Key{Rule: "slow", Grouping: "all", Segment: "all"}, State: alert.Firing, Since: noon + 3*minute,
		PendingSince: noon, FiredAt: noon + 3*minute, ResolvedAt: event.NoTime,
	}
	if w.Restore(said) {
		t.Error("the rule is there")
	}
	other := said
	other.Key.Rule = "other"
	if !w.Restore(other) {
		t.Error("the rule is not there")
	}
	first := says(3, 100, 100, 1)
	for i := range first.Registers {
		if err := w.Prime(0, &first.Registers[i]); err != nil {
			t.Fatal(err)
		}
	}
	w.Primed(0, 0, first.Watermark, nil)
	if got := advance(t, w); got != nil {
		t.Errorf("minute 3 was said: %+v", got)
	}
	take(t, w, 0, says(4, 100, 100, 2))
	if got := advance(t, w); len(got) != 1 || got[0].State != alert.Resolved || got[0].FiredAt != noon+3*minute || got[0].By == nil {
		t.Errorf("%+v", got)
	}
}

// While the watermark lags behind the clock, what stands is suspect to whoever looks, and nobody is told
// that it fires.
func TestALaggingWatermarkIsSuspect(t *testing.T) {
	w := newWatch(1, 0)
	take(t, w, 0, says(0, 0, 100, 1))
	advance(t, w)
	b := w.Board(func(alert.Key) bool { return true })
	for after, want := range map[time.Duration]alert.State{time.Minute: alert.Firing, time.Hour + time.Minute: alert.Suspect} {
		now := noon.Add(after)
		if got := b.At(now); len(got) != 1 || got[0].State != want || (len(b.Firing(now)) == 1) != (want == alert.Firing) {
			t.Errorf("%s after: %v", after, got)
		}
	}
}
