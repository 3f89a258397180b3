package aggregate

import (
	"fmt"
	"time"

	"processor/internal/event"
)

// Kind is the closed set of interval kinds.
type Kind int32 // so that a RegisterKey is hashed in one piece

// The interval kinds. For KindRolling an interval's index is the window's place in the options.
const (
	KindDay Kind = iota
	KindWeek
	KindMonth
	KindQuarter
	KindYear
	KindRolling
)

const calendarKinds = 5

// String is the kind's name in output rows.
func (k Kind) String() string {
	return [...]string{"day", "week", "month", "quarter", "year", "rolling"}[k]
}

// Calendar divides time into local days and what is made of them. A day starts at its first
// instant and ends where the next one starts, so days of 23 and 25 hours and days without a
// midnight are whole (spec: rules 9.5).
type Calendar struct {
	zone   *time.Location
	fiscal int // month number in which the fiscal year starts
	starts map[int32]event.Time
	today  horizonsOfDay // asked last
}

// NewCalendar is the calendar of a zone with a fiscal year that starts in the given month.
func NewCalendar(zone *time.Location, fiscalYearStart int) *Calendar {
	return &Calendar{zone: zone, fiscal: fiscalYearStart, starts: map[int32]event.Time{}}
}

const nanosPerDay = event.Time(24 * time.Hour)

// Day is the local date of an instant, as days since 1970-01-01.
func (c *Calendar) Day(t event.Time) int32 {
	if c.zone == time.UTC {
		return int32(floorDiv(int64(t), int64(nanosPerDay)))
	}
	local := time.Unix(0, int64(t)).In(c.zone)
	_, offset := local.Zone()
	day := int32(floorDiv(int64(t)+int64(offset)*int64(time.Second), int64(nanosPerDay)))
	for c.DayStart(day+1) <= t { // a clock set back over midnight does not reopen a day
		day++
	}
	return day
}

// DayStart is the first instant of a local date.
func (c *Calendar) DayStart(day int32) event.Time {
	midnight := event.Time(day) * nanosPerDay
	if c.zone == time.UTC {
		return midnight
	}
	if t, ok := c.starts[day]; ok {
		return t
	}
	t := c.findDayStart(midnight)
	c.starts[day] = t
	return t
}

// findDayStart looks at every offset in force around the date and takes the earliest instant at
// which a local clock shows the date (or, where the date was skipped, a later one).
func (c *Calendar) findDayStart(midnight event.Time) event.Time {
	const reach = 26 * time.Hour // more than any offset from UTC
	best := event.Time(1<<63 - 1)
	for probe := midnight.Add(-reach); probe <= midnight.Add(reach); {
		local := time.Unix(0, int64(probe)).In(c.zone)
		_, offset := local.Zone()
		from, to := local.ZoneBounds()
		at := midnight - event.Time(offset)*event.Time(time.Second)
		if !from.IsZero() {
			at = max(at, event.At(from))
		}
		end := never
		if !to.IsZero() {
			end = event.At(to)
		}
		if end <= probe { // the standard library's answer on 31 December of some years after 2037
			end = probe.Add(time.Hour)
		}
		if at < end && at < best {
			best = at
		}
		probe = end
	}
	return best
}

// Settle moves an instant within the last second of a local day to the next midnight, so that
// ends at 23:59:59 meet starts at 00:00:00 (spec: rules 3.1). NoTime stays.
func (c *Calendar) Settle(t event.Time) event.Time {
	if t == event.NoTime {
		return t
	}
	if next := c.DayStart(c.Day(t) + 1); next-t <= event.Time(time.Second) {
		return next
	}
	return t
}

// Index is the number of the interval of a kind that contains a local day.
func (c *Calendar) Index(k Kind, day int32) int32 {
	switch k {
	case KindDay:
		return day
	case KindWeek:
		return int32(floorDiv(int64(day)+3, 7)) // 1970-01-01 was a Thursday
	case KindMonth:
		return int32(monthOfDay(day))
	case KindQuarter:
		return int32(floorDiv(int64(monthOfDay(day))-int64(c.fiscal-1), 3))
	case KindYear:
		return int32(floorDiv(int64(monthOfDay(day))-int64(c.fiscal-1), 12))
	case KindRolling:
	}
	panic("aggregate: a rolling interval has no index on the calendar")
}

// FirstDay is the first local day of an interval.
func (c *Calendar) FirstDay(k Kind, index int32) int32 {
	switch k {
	case KindDay:
		return index
	case KindWeek:
		return index*7 - 3
	case KindMonth:
		return firstDayOfMonth(event.Month(index))
	case KindQuarter:
		return firstDayOfMonth(event.Month(int(index)*3 + c.fiscal - 1))
	case KindYear:
		return firstDayOfMonth(event.Month(int(index)*12 + c.fiscal - 1))
	case KindRolling:
	}
	panic("aggregate: a rolling interval has no first day")
}

// Start is the first instant of an interval; its end is the Start of the next index.
func (c *Calendar) Start(k Kind, index int32) event.Time {
	return c.DayStart(c.FirstDay(k, index))
}

// Name is the interval's name in output rows: 2026-03-05, 2026-W10, 2026-03, 2026-Q1, 2026.
func (c *Calendar) Name(k Kind, index int32) string {
	first := dateOfDay(c.FirstDay(k, index))
	switch k {
	case KindDay:
		return first.Format(time.DateOnly)
	case KindWeek:
		year, week := first.ISOWeek()
		return fmt.Sprintf("%04d-W%02d", year, week)
	case KindMonth:
		return first.Format("2006-01")
	case KindQuarter:
		return fmt.Sprintf("%04d-Q%d", c.fiscalYear(index), index%4+1)
	case KindYear:
		return fmt.Sprintf("%04d", first.Year())
	case KindRolling:
	}
	panic("aggregate: a rolling interval is named by its window")
}

// fiscalYear is the year by which a fiscal quarter is named: that of its year's first day.
func (c *Calendar) fiscalYear(quarter int32) int {
	return dateOfDay(c.FirstDay(KindYear, quarter/4)).Year()
}

// MonthsBefore is the local date n months before: a month's last day maps to a month's last day,
// other days are clamped (spec: rules 9.3).
func MonthsBefore(day int32, n int) int32 {
	year, number, date := civil(day)
	of := event.MonthOf(year, number)
	month := of - event.Month(n)
	last := firstDayOfMonth(month+1) - 1
	if day+1 == firstDayOfMonth(of+1) {
		return last
	}
	return min(firstDayOfMonth(month)+int32(date)-1, last)
}

func dateOfDay(day int32) time.Time { return time.Unix(int64(day)*86400, 0).UTC() }

// monthOfDay is the month of a local day.
func monthOfDay(day int32) event.Month {
	year, month, _ := civil(day)
	return event.MonthOf(year, month)
}

// civil is the date of a day in the Gregorian calendar. It counts in eras of 400 years from 1 March
// of year 0, so that the leap day is the last of its year.
func civil(day int32) (year, month, date int) {
	n := int(day) + 719468
	era := int(floorDiv(int64(n), daysPerEra))
	dayOfEra := n - era*daysPerEra
	yearOfEra := (dayOfEra - dayOfEra/1460 + dayOfEra/36524 - dayOfEra/146096) / 365
	dayOfYear := dayOfEra - (365*yearOfEra + yearOfEra/4 - yearOfEra/100)
	shifted := (5*dayOfYear + 2) / 153 // months from March
	date = dayOfYear - (153*shifted+2)/5 + 1
	month, year = shifted+3, era*400+yearOfEra
	if month > 12 {
		month, year = month-12, year+1
	}
	return year, month, date
}

const daysPerEra = 146097

// firstDayOfMonth is the inverse of civil for the first of a month.
func firstDayOfMonth(m event.Month) int32 {
	year, shifted := m.Year(), m.Number()-3
	if shifted < 0 {
		year, shifted = year-1, shifted+12
	}
	era := int(floorDiv(int64(year), 400))
	yearOfEra := year - era*400
	dayOfYear := (153*shifted + 2) / 5
	dayOfEra := yearOfEra*365 + yearOfEra/4 - yearOfEra/100 + dayOfYear
	return int32(era*daysPerEra + dayOfEra - 719468)
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}
