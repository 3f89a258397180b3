package rollup_test

import (
	"testing"
	"time"

	"processor/internal/aggregate"
	"processor/internal/event"
	"processor/internal/money"
	"processor/internal/rollup"
)

var all = aggregate.Segment{Grouping: aggregate.SegmentAll, Name: aggregate.SegmentAll}

func at(year, month, day int) event.Time {
	return event.At(time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC))
}

func newRollup(shards int) (*rollup.Rollup, *aggregate.Calendar) {
	c := aggregate.NewCalendar(time.UTC, 1)
	return rollup.New(rollup.Options{Calendar: c, UsageGrace: 12 * time.Hour, Shards: shards}), c
}

// bought is the register of one account that became new.
func bought(units int64) *aggregate.Register {
	r := &aggregate.Register{}
	r.Sums[aggregate.SumNew], r.Sums[aggregate.SumChange] = money.Units(units), money.Units(units)
	r.Counts[aggregate.CountNew], r.Counts[aggregate.CountEntries] = 1, 1
	return r
}

// put books a register into the day, and into the longer intervals that contain it.
func put(t *testing.T, r *rollup.Rollup, c *aggregate.Calendar, shard int, day event.Time, register *aggregate.Register, version uint64) {
	t.Helper()
	for kind := aggregate.KindDay; kind <= aggregate.KindYear; kind++ {
		if err := r.Put(shard, all, kind, c.Index(kind, c.Day(day)), register, version); err != nil {
			t.Fatal(err)
		}
	}
}

func flush(t *testing.T, r *rollup.Rollup) map[string]rollup.Row {
	t.Helper()
	byName := map[string]rollup.Row{}
	for rows, err := range r.Flush() {
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range rows {
			byName[row.Interval] = row
		}
	}
	return byName
}

// A slow former owner of a shard, or a replayed record, must not take back what a newer one said.
func TestOlderVersionsAreIgnored(t *testing.T) {
	r, c := newRollup(1)
	r.SetWatermark(0, at(2026, 3, 2))
	put(t, r, c, 0, at(2026, 3, 1), bought(150), 7)
	put(t, r, c, 0, at(2026, 3, 1), bought(100), 6)
	if got := flush(t, r)["2026-03"].Closing; got != money.Units(150) {
		t.Errorf("closing %s after an older version, want 150", got)
	}
	put(t, r, c, 0, at(2026, 3, 1), bought(120), 7)
	if got := flush(t, r)["2026-03"].Closing; got != money.Units(120) {
		t.Errorf("closing %s after the same version again, want its last content 120", got)
	}
}

// A register that is taken away leaves nothing of the segment: its rows are deleted.
func TestAnEmptySegmentIsDeleted(t *testing.T) {
	r, c := newRollup(1)
	r.SetWatermark(0, at(2026, 3, 2))
	put(t, r, c, 0, at(2026, 3, 1), bought(100), 1)
	before := flush(t, r)
	put(t, r, c, 0, at(2026, 3, 1), nil, 2)
	after := flush(t, r)
	for name := range before {
		if !after[name].Deleted {
			t.Errorf("%s is still there", name)
		}
	}
	if r.Segments() != 0 {
		t.Errorf("%d segments, want none", r.Segments())
	}
}

// A correction may move the only purchase of a segment to a day that is still to come: rows that were sent of
// the weeks and months before are gone until then.
func TestASegmentThatMovesIntoTheFutureIsDeleted(t *testing.T) {
	r, c := newRollup(1)
	r.SetWatermark(0, at(2026, 3, 2))
	put(t, r, c, 0, at(2026, 3, 1), bought(100), 1)
	before := flush(t, r)
	put(t, r, c, 0, at(2026, 3, 1), nil, 2)
	put(t, r, c, 0, at(2026, 3, 5), bought(100), 2)
	after := flush(t, r)
	for name := range before {
		if !after[name].Deleted {
			t.Errorf("%s is still there", name)
		}
	}
	r.SetWatermark(0, at(2026, 3, 6))
	if got := flush(t, r)["2026-03"].Closing; got != money.Units(100) {
		t.Errorf("closing %s once the day has come, want 100", got)
	}
}

// The rollup is as far as its slowest shard; until all are known, rows say how many are.
func TestTheSlowestShardDecides(t *testing.T) {
	r, c := newRollup(2)
	put(t, r, c, 0, at(2026, 3, 1), bought(100), 1)
	r.SetWatermark(0, at(2026, 3, 5))
	if rows := flush(t, r); len(rows) != 0 {
		t.Errorf("%d rows while one shard has said nothing", len(rows))
	}
	put(t, r, c, 1, at(2026, 3, 2), bought(30), 1)
	r.SetWatermark(1, at(2026, 3, 3))
	r.SetWatermark(1, at(2026, 3, 2)) // never backwards
	rows := flush(t, r)
	if r.Watermark() != at(2026, 3, 3) {
		t.Errorf("watermark %s", r.Watermark())
	}
	day, month := rows["2026-03-02"], rows["2026-03"]
	if day.Opening != money.Units(100) || day.Closing != money.Units(130) || !day.Final || month.Final {
		t.Errorf("day %+v, month final %v", day, month.Final)
	}
	if month.Shards != 2 || month.CompleteShards != 2 || month.AccountsClosing != 2 {
		t.Errorf("shards %d of %d, %d accounts", month.CompleteShards, month.Shards, month.AccountsClosing)
	}
	if _, found := rows["2026-03-04"]; found {
		t.Error("a day beyond the watermark has a row")
	}
}

// What cannot be is refused, with its coordinates.
func TestPutRefuses(t *testing.T) {
	r, _ := newRollup(1)
	if err := r.Put(1, all, aggregate.KindDay, 0, bought(1), 1); err == nil {
		t.Error("a shard that does not exist")
	}
	if err := r.Put(0, all, aggregate.KindRolling, 0, bought(1), 1); err == nil {
		t.Error("a window that does not exist")
	}
	broken := bought(100)
	broken.Sums[aggregate.SumChange] = money.Units(99)
	r.SetWatermark(0, at(2026, 3, 2))
	c := aggregate.NewCalendar(time.UTC, 1)
	if err := r.Put(0, all, aggregate.KindDay, c.Day(at(2026, 3, 1)), broken, 1); err != nil {
		t.Fatal(err)
	}
	var reported error
	for _, err := range r.Flush() {
		reported = err
	}
	if reported == nil {
		t.Error("a row that does not close was not reported")
	}
}
