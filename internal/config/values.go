package config

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Date is a day of the calendar, without a zone. The zero Date stands for none.
type Date struct {
	Year  int
	Month time.Month
	Day   int
}

// IsZero says that no date was given.
func (d Date) IsZero() bool { return d == Date{} }

// String is 2026-03-05, or nothing for the zero Date.
func (d Date) String() string {
	if d.IsZero() {
		return ""
	}
	return fmt.Sprintf("%04d-%02d-%02d", d.Year, int(d.Month), d.Day)
}

// Compare is negative when d is before other; the zero Date is before every other.
func (d Date) Compare(other Date) int { return strings.Compare(d.String(), other.String()) }

// parseDate reads 2026-03-05 within the years that events may have (1970-2199).
func parseDate(text string) (Date, bool) {
	t, err := time.Parse(time.DateOnly, text)
	if err != nil || t.Year() < 1970 || t.Year() > 2199 {
		return Date{}, false
	}
	return Date{Year: t.Year(), Month: t.Month(), Day: t.Day()}, true
}

// RateTable says what one unit of each currency is worth in the reporting currency from a local
// date on.
type RateTable struct {
	From  Date   // zero: serves every instant before the first date
	Rates []Rate // by currency
}

// Rate is the worth of one unit of Currency. Value is the decimal text of the configuration: it
// has up to 18 fractional digits and never passes through a binary float.
type Rate struct {
	Currency string
	Value    string
}

// Grouping is a list of dimensions whose combinations of values are segments.
type Grouping []string

// String is the grouping's name in rows: plan_tier,region.
func (g Grouping) String() string { return strings.Join(g, ",") }

// Window is a rolling interval of absolute length.
type Window struct {
	Name   string
	Length time.Duration
}

// windows are all that exist, from the shortest to the longest (docs/metrics.md#windows).
var windows = []Window{
	{"1h", time.Hour},
	{"24h", 24 * time.Hour},
	{"7d", 7 * day},
	{"30d", 30 * day},
	{"90d", 90 * day},
	{"365d", 365 * day},
}

// windowNames are the names of windows, in the same order.
func windowNames() []string {
	names := make([]string, len(windows))
	for i, w := range windows {
		names[i] = w.Name
	}
	return names
}

const day = 24 * time.Hour

// parseDuration reads Go's notation and whole days, as in 60m, 1h30m, 35d, 1d12h. Never negative.
func parseDuration(text string) (time.Duration, bool) {
	days, rest, found := strings.Cut(text, "d")
	if !found {
		days, rest = "0", text
	}
	n, err := strconv.ParseUint(days, 10, 16)
	if err != nil {
		return 0, false
	}
	length := time.Duration(n) * day
	if rest != "" {
		part, err := time.ParseDuration(rest)
		if err != nil || part < 0 || length+part < length {
			return 0, false
		}
		length += part
	}
	return length, true
}

// formatDuration is the shortest text that parseDuration reads back: 12h, 1h30m, 35d.
func formatDuration(d time.Duration) string {
	if d >= 2*day && d%day == 0 {
		return strconv.Itoa(int(d/day)) + "d"
	}
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// parseBytes reads a count of bytes, also as KiB, MiB or GiB.
func parseBytes(text string) (int, bool) {
	unit := 1
	for suffix, size := range map[string]int{"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30} {
		if number, found := strings.CutSuffix(text, suffix); found {
			text, unit = strings.TrimSpace(number), size
			break
		}
	}
	n, err := strconv.ParseUint(text, 10, 32)
	if err != nil {
		return 0, false
	}
	return int(n) * unit, true
}

// parseRate says whether text is a positive decimal with at most 18 digits on either side.
func parseRate(text string) bool {
	whole, fraction, point := strings.Cut(text, ".")
	if !isDigits(whole) || point && !isDigits(fraction) {
		return false
	}
	return strings.Trim(whole+fraction, "0") != ""
}

// isDigits says whether s is 1 to 18 ASCII digits.
func isDigits(s string) bool {
	return len(s) >= 1 && len(s) <= 18 && strings.Trim(s, "0123456789") == ""
}

// formatBytes is the shortest text that parseBytes reads back.
func formatBytes(n int) string {
	switch {
	case n >= 1<<20 && n%(1<<20) == 0:
		return strconv.Itoa(n>>20) + "MiB"
	case n >= 1<<10 && n%(1<<10) == 0:
		return strconv.Itoa(n>>10) + "KiB"
	default:
		return strconv.Itoa(n)
	}
}

// ParseDuration reads a length of time as the configuration has it: 60m, 12h, 35d.
func ParseDuration(text string) (time.Duration, bool) { return parseDuration(text) }
