package aggregate

import (
	"fmt"
	"time"

	"processor/internal/event"
)

// Interval is a calendar interval as people name it: 2026-03-05, 2026-W10, 2026-03, 2026-Q1, 2026
// (spec: rules 9.5). Which instants it covers is up to a calendar.
type Interval struct {
	kind    Kind
	year    int
	quarter int   // 1 to 4, of a quarter
	day     int32 // a day of it, of the kinds that no fiscal year moves
}

// IntervalNamed is the interval of a name; false when the name is none.
func IntervalNamed(name string) (Interval, bool) {
	for _, known := range []struct {
		kind   Kind
		layout string
	}{{KindDay, time.DateOnly}, {KindMonth, "2006-01"}, {KindYear, "2006"}} {
		if t, err := time.Parse(known.layout, name); err == nil && inRange(t.Year()) {
			return Interval{kind: known.kind, year: t.Year(), day: int32(floorDiv(t.Unix(), 86400))}, true
		}
	}
	i := Interval{}
	var n int
	switch {
	case len(name) == len("2026-W10") && name[5] == 'W':
		if _, err := fmt.Sscanf(name, "%04d-W%02d", &i.year, &n); err != nil {
			return i, false
		}
		i.kind = KindWeek
		fourth := time.Date(i.year, 1, 4, 0, 0, 0, 0, time.UTC) // is always in the first week
		i.day = int32(floorDiv(fourth.Unix(), 86400)) + 7*int32(n-1)
		year, week := dateOfDay(i.day).ISOWeek()
		return i, inRange(i.year) && year == i.year && week == n && name == fmt.Sprintf("%04d-W%02d", year, week)
	case len(name) == len("2026-Q1") && name[5] == 'Q':
		if _, err := fmt.Sscanf(name, "%04d-Q%d", &i.year, &i.quarter); err != nil {
			return i, false
		}
		i.kind = KindQuarter
		return i, inRange(i.year) && i.quarter >= 1 && i.quarter <= 4 && name == fmt.Sprintf("%04d-Q%d", i.year, i.quarter)
	}
	return i, false
}

// inRange says whether events of a year can exist.
func inRange(year int) bool { return year >= 1970 && year <= 2199 }

// Bounds are the first instant of an interval and the first one after it.
func (c *Calendar) Bounds(i Interval) (start, end event.Time) {
	kind, index := i.kind, int32(0)
	switch kind {
	case KindDay, KindWeek, KindMonth:
		index = c.Index(kind, i.day)
	case KindQuarter, KindYear:
		// A fiscal year is named by its first day's.
		month := event.MonthOf(i.year, c.fiscal) + event.Month(3*max(i.quarter-1, 0))
		index = c.Index(kind, firstDayOfMonth(month))
	case KindRolling:
	}
	return c.Start(kind, index), c.Start(kind, index+1)
}
