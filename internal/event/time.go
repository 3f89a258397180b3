package event

import "time"

// Time is an instant in nanoseconds since 1970-01-01T00:00:00Z. Native times lie in 1970-2199,
// so the range never overflows and NoTime is never a real one.
type Time int64

// NoTime stands for an optional instant that was not sent.
const NoTime Time = -1

// At is the Time of t.
func At(t time.Time) Time { return Time(t.UnixNano()) }

// UTC is the instant as a time.Time in UTC.
func (t Time) UTC() time.Time { return time.Unix(0, int64(t)).UTC() }

// String is RFC 3339 in UTC with Z and no trailing fraction zeros.
func (t Time) String() string { return t.UTC().Format(time.RFC3339Nano) }

// Add is t moved by d.
func (t Time) Add(d time.Duration) Time { return t + Time(d) }

// Month counts calendar months from year 0: year*12 + (month-1).
type Month int32

// MonthOf is the month of a year and a month number (1-12).
func MonthOf(year, month int) Month { return Month(year*12 + month - 1) }

// Year is the calendar year.
func (m Month) Year() int { return int(m) / 12 }

// Number is the month number, 1-12.
func (m Month) Number() int { return int(m)%12 + 1 }
