package aggregate

import (
	"testing"
	"time"
)

// Intervals by name: the instants they cover in a calendar year and in a fiscal one, whose quarters and
// years are named by their first day's year (spec: rules 9.5).
func TestIntervalBounds(t *testing.T) {
	for _, c := range []struct {
		fiscal           int
		name, start, end string
	}{
		{1, "2026-03-05", "2026-03-05", "2026-03-06"},
		{1, "2024-02-29", "2024-02-29", "2024-03-01"},
		{1, "2026-W10", "2026-03-02", "2026-03-09"},
		{1, "2026-W01", "2025-12-29", "2026-01-05"},
		{1, "2026-W53", "2026-12-28", "2027-01-04"},
		{1, "2026-12", "2026-12-01", "2027-01-01"},
		{1, "2026-Q1", "2026-01-01", "2026-04-01"},
		{1, "2026-Q4", "2026-10-01", "2027-01-01"},
		{1, "2026", "2026-01-01", "2027-01-01"},
		{1, "1970", "1970-01-01", "1971-01-01"},
		{1, "2198", "2198-01-01", "2199-01-01"},
		{1, "2199-Q2", "2199-04-01", "2199-07-01"},
		{1, "2199-W10", "2199-03-04", "2199-03-11"},
		{1, "1970-Q1", "1970-01-01", "1970-04-01"},
		{1, "1970-W02", "1970-01-05", "1970-01-12"},
		{4, "2026-Q1", "2026-04-01", "2026-07-01"},
		{4, "2026-Q4", "2027-01-01", "2027-04-01"},
		{4, "2026", "2026-04-01", "2027-04-01"},
		{4, "2026-03", "2026-03-01", "2026-04-01"},
	} {
		i, ok := IntervalNamed(c.name)
		if !ok {
			t.Errorf("%s is no interval", c.name)
			continue
		}
		start, end := NewCalendar(time.UTC, c.fiscal).Bounds(i)
		if start != testTime(t, c.start+"T00:00:00Z") || end != testTime(t, c.end+"T00:00:00Z") {
			t.Errorf("fiscal %d: %s is [%s, %s), want [%s, %s)", c.fiscal, c.name, start, end, c.start, c.end)
		}
	}
	for _, name := range []string{
		"", "2026-3", "2026-13", "2026-00", "2026-02-30", "2026-W00", "2026-W54", "2027-W53", "2026-W1", "2026-Q0", "2026-Q5", "2026-q1",
		"26", "20260", "1969", "2200", "1969-Q4", "2200-Q1", "2200-W10", "1969-W10", "2026-03-05T00:00:00Z", " 2026", "30d", "-026-Q1",
		"+026-W10", "2026-Wab", "2026-W-1", "2026-Qx", "2026-0W1", "2026-W100",
	} {
		if _, ok := IntervalNamed(name); ok {
			t.Errorf("%q is taken for an interval", name)
		}
	}
}
