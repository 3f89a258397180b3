package event

import (
	"strconv"
	"time"
)

// The years that native times lie in (spec: events, section 1), by their instant in UTC.
const (
	yearFirst = 1970
	yearLast  = 2199
)

const (
	second  = int64(time.Second)
	daySecs = 24 * 60 * 60
	timeEnd = Time((230*365 + 56) * daySecs * second) // 2200-01-01T00:00:00Z
)

// ParseTime reads an RFC 3339 time as events carry it: upper case T and Z or a numeric offset, up
// to 9 fractional digits, a date that exists, no leap second, an instant in 1970-2199.
func ParseTime(s []byte) (Time, bool) {
	if len(s) < len("2006-01-02T15:04:05Z") || s[4] != '-' || s[7] != '-' || s[10] != 'T' || s[13] != ':' || s[16] != ':' {
		return 0, false
	}
	year, ok1 := number(s[0:4])
	month, ok2 := number(s[5:7])
	day, ok3 := number(s[8:10])
	hour, ok4 := number(s[11:13])
	minute, ok5 := number(s[14:16])
	sec, ok6 := number(s[17:19])
	if !(ok1 && ok2 && ok3 && ok4 && ok5 && ok6) || hour > 23 || minute > 59 || sec > 59 || !isDate(year, month, day) {
		return 0, false
	}
	nanos, rest, ok := fraction(s[19:])
	if !ok {
		return 0, false
	}
	offset, ok := offsetSeconds(rest)
	if !ok || year < yearFirst-1 || year > yearLast+1 {
		return 0, false
	}
	seconds := int64(daysTo(year, month, day))*daySecs + int64(hour*3600+minute*60+sec) - int64(offset)
	t := Time(seconds*second + int64(nanos))
	return t, t >= 0 && t < timeEnd
}

// ParseMonth reads a calendar month such as 2026-03.
func ParseMonth(s []byte) (Month, bool) {
	if len(s) != len("2006-01") || s[4] != '-' {
		return 0, false
	}
	year, ok1 := number(s[0:4])
	month, ok2 := number(s[5:7])
	if !ok1 || !ok2 || year < yearFirst || year > yearLast || month < 1 || month > 12 {
		return 0, false
	}
	return MonthOf(year, month), true
}

// String is the month as 2026-03.
func (m Month) String() string { return string(m.AppendTo(nil)) }

// AppendTo appends the month as 2026-03.
func (m Month) AppendTo(dst []byte) []byte {
	year := m.Year()
	if year < 1000 {
		dst = append(dst, "0000"[:4-len(strconv.Itoa(year))]...)
	}
	dst = strconv.AppendInt(dst, int64(year), 10)
	return append(dst, '-', byte('0'+m.Number()/10), byte('0'+m.Number()%10))
}

// AppendTo appends the time as String does.
func (t Time) AppendTo(dst []byte) []byte { return t.UTC().AppendFormat(dst, time.RFC3339Nano) }

// number reads nothing but digits.
func number(s []byte) (n int, ok bool) {
	for _, c := range s {
		if !isDigit(c) {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	return n, true
}

// fraction reads the nanoseconds where s begins with a point, and returns what follows.
func fraction(s []byte) (nanos int, rest []byte, ok bool) {
	if len(s) == 0 || s[0] != '.' {
		return 0, s, true
	}
	digits := 1
	for digits < len(s) && isDigit(s[digits]) {
		digits++
	}
	if digits == 1 || digits > 10 {
		return 0, nil, false
	}
	nanos, _ = number(s[1:digits])
	for range 10 - digits {
		nanos *= 10
	}
	return nanos, s[digits:], true
}

// offsetSeconds reads Z or ±hh:mm, east of UTC positive.
func offsetSeconds(s []byte) (seconds int, ok bool) {
	if len(s) == 1 {
		return 0, s[0] == 'Z'
	}
	if len(s) != len("+00:00") || s[3] != ':' || s[0] != '+' && s[0] != '-' {
		return 0, false
	}
	hours, ok1 := number(s[1:3])
	minutes, ok2 := number(s[4:6])
	if !ok1 || !ok2 || hours > 23 || minutes > 59 {
		return 0, false
	}
	seconds = hours*3600 + minutes*60
	if s[0] == '-' {
		seconds = -seconds
	}
	return seconds, true
}

func isDate(year, month, day int) bool {
	if month < 1 || month > 12 || day < 1 {
		return false
	}
	days := [...]int{31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31}[month-1]
	if month == 2 && year%4 == 0 && (year%100 != 0 || year%400 == 0) {
		days = 29
	}
	return day <= days
}

// daysTo is the number of days from 1970-01-01 to the date. Years are counted from March, so that
// the leap day is a year's last.
func daysTo(year, month, day int) int {
	if month <= 2 {
		year--
		month += 12
	}
	return year*365 + year/4 - year/100 + year/400 + (month*153-457)/5 + day - 719469
}
