package aggregate_test

import (
	"testing"
	"time"
	_ "time/tzdata" // the zones below, also where the machine has none

	"pgregory.net/rapid"

	"processor/internal/aggregate"
	"processor/internal/event"
)

// zones with whole and half hours, clocks that change at midnight, and days that never were.
var zones = []string{
	"UTC", "America/New_York", "Europe/Berlin", "Africa/Cairo", "Asia/Kolkata", "Asia/Kathmandu", "Australia/Lord_Howe",
	"America/St_Johns", "America/Havana", "Asia/Beirut", "Pacific/Apia", "Pacific/Kiritimati", "America/Santiago",
}

// lastSecond is the end of the instants that are drawn: that of native times.
const lastSecond = 7_258_118_399

// TestTheCalendarDividesTime holds that every instant lies in exactly one interval of each kind,
// that intervals follow each other without gaps, and that no two of a kind share a name.
func TestTheCalendarDividesTime(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		zone, err := time.LoadLocation(rapid.SampledFrom(zones).Draw(t, "zone"))
		if err != nil {
			t.Fatalf("%v", err)
		}
		c := aggregate.NewCalendar(zone, rapid.IntRange(1, 12).Draw(t, "fiscal"))
		at := event.Time(rapid.Int64Range(0, lastSecond).Draw(t, "second")) * event.Time(time.Second)
		day := c.Day(at)
		if c.DayStart(day) > at || c.DayStart(day+1) <= at {
			t.Fatalf("%s is not within its day %s to %s", at, c.DayStart(day), c.DayStart(day+1))
		}
		if settled := c.Settle(at); settled != at && (settled != c.DayStart(day+1) || settled-at > event.Time(time.Second)) {
			t.Fatalf("%s settles at %s", at, settled)
		}
		for kind := aggregate.KindDay; kind <= aggregate.KindYear; kind++ {
			index := c.Index(kind, day)
			if c.Start(kind, index) > at || c.Start(kind, index+1) <= at {
				t.Fatalf("%s is not within its %s %s to %s", at, kind, c.Start(kind, index), c.Start(kind, index+1))
			}
			if c.Index(kind, c.FirstDay(kind, index)) != index || c.Index(kind, c.FirstDay(kind, index)-1) != index-1 {
				t.Fatalf("%s %d does not begin on its first day", kind, index)
			}
			if c.Name(kind, index) == c.Name(kind, index+1) {
				t.Fatalf("two %ss are named %s", kind, c.Name(kind, index))
			}
		}
	})
}

// TestDaysOfUnusualClocks holds the days that a formula gets wrong: a day that starts at 01:00, one
// that a clock set back at 00:01 does not reopen, one that never was, of 23 and of 25 hours.
func TestDaysOfUnusualClocks(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ zone, at, day, start, end string }{
		{"Africa/Cairo", "2026-04-23T22:00:00Z", "2026-04-24", "2026-04-23T22:00:00Z", "2026-04-24T21:00:00Z"},
		{"Africa/Cairo", "2026-04-23T21:59:59Z", "2026-04-23", "2026-04-22T22:00:00Z", "2026-04-23T22:00:00Z"},
		{"America/St_Johns", "2010-11-07T02:30:30Z", "2010-11-07", "2010-11-07T02:30:00Z", "2010-11-08T03:30:00Z"},
		{"America/St_Johns", "2010-11-07T03:00:00Z", "2010-11-07", "2010-11-07T02:30:00Z", "2010-11-08T03:30:00Z"},
		{"Pacific/Apia", "2011-12-30T09:59:59Z", "2011-12-29", "2011-12-29T10:00:00Z", "2011-12-30T10:00:00Z"},
		{"Pacific/Apia", "2011-12-30T10:00:00Z", "2011-12-31", "2011-12-30T10:00:00Z", "2011-12-31T10:00:00Z"},
		{"America/New_York", "2026-03-09T03:30:00Z", "2026-03-08", "2026-03-08T05:00:00Z", "2026-03-09T04:00:00Z"},
		{"America/New_York", "2026-11-02T04:30:00Z", "2026-11-01", "2026-11-01T04:00:00Z", "2026-11-02T05:00:00Z"},
		{"Asia/Kathmandu", "2026-01-01T18:15:00Z", "2026-01-02", "2026-01-01T18:15:00Z", "2026-01-02T18:15:00Z"},
	} {
		zone, err := time.LoadLocation(c.zone)
		if err != nil {
			t.Fatal(err)
		}
		calendar := aggregate.NewCalendar(zone, 1)
		at, ok := event.ParseTime([]byte(c.at))
		if !ok {
			t.Fatalf("%s is no instant", c.at)
		}
		day := calendar.Day(at)
		if dateOf(day) != c.day || calendar.DayStart(day).String() != c.start || calendar.DayStart(day+1).String() != c.end {
			t.Errorf("%s in %s is day %s from %s to %s, want %s from %s to %s", c.at, c.zone,
				dateOf(day), calendar.DayStart(day), calendar.DayStart(day+1), c.day, c.start, c.end)
		}
	}
}

// TestMonthsBefore holds the mapping of rules 9.3 at the ends of months.
func TestMonthsBefore(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		day  string
		n    int
		want string
	}{
		{"2025-02-28", 1, "2025-01-31"},
		{"2025-02-27", 1, "2025-01-27"},
		{"2024-02-28", 1, "2024-01-28"},
		{"2024-02-29", 1, "2024-01-31"},
		{"2025-03-31", 1, "2025-02-28"},
		{"2025-03-30", 1, "2025-02-28"},
		{"2025-03-28", 1, "2025-02-28"},
		{"2025-04-30", 1, "2025-03-31"},
		{"2025-02-28", 12, "2024-02-29"},
		{"2024-02-29", 12, "2023-02-28"},
		{"2024-02-28", 12, "2023-02-28"},
		{"2026-01-01", 1, "2025-12-01"},
	} {
		if got := dateOf(aggregate.MonthsBefore(dayOf(c.day), c.n)); got != c.want {
			t.Errorf("%d months before %s is %s, want %s", c.n, c.day, got, c.want)
		}
	}
}

func dayOf(date string) int32 {
	t, err := time.Parse(time.DateOnly, date)
	if err != nil {
		panic(err)
	}
	return int32(t.Unix() / 86400)
}

func dateOf(day int32) string { return time.Unix(int64(day)*86400, 0).UTC().Format(time.DateOnly) }
