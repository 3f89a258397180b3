package aggregate

import (
	"testing"
	"time"

	"processor/internal/event"
)

// Every day of the range of native times, and some beyond, has the date that the standard library
// gives it.
func TestCivilAgreesWithTheCalendar(t *testing.T) {
	first := int32(time.Date(1960, 1, 1, 0, 0, 0, 0, time.UTC).Unix() / 86400)
	last := int32(time.Date(2205, 1, 1, 0, 0, 0, 0, time.UTC).Unix() / 86400)
	for day := first; day < last; day++ {
		want := time.Unix(int64(day)*86400, 0).UTC()
		year, month, date := civil(day)
		if year != want.Year() || month != int(want.Month()) || date != want.Day() {
			t.Fatalf("day %d is %04d-%02d-%02d, want %s", day, year, month, date, want.Format(time.DateOnly))
		}
		if date == 1 && firstDayOfMonth(event.MonthOf(year, month)) != day {
			t.Fatalf("the first of %04d-%02d is day %d, want %d", year, month, firstDayOfMonth(event.MonthOf(year, month)), day)
		}
	}
}
