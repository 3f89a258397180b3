package event

import (
	"testing"
	"time"
)

func TestParseTime(t *testing.T) {
	tests := []struct{ text, want string }{
		{"1970-01-01T00:00:00Z", "1970-01-01T00:00:00Z"},
		{"2199-12-31T23:59:59.999999999Z", "2199-12-31T23:59:59.999999999Z"},
		{"2026-03-05T10:00:00.5Z", "2026-03-05T10:00:00.5Z"},
		{"2026-03-05T10:00:00.120000000Z", "2026-03-05T10:00:00.12Z"},
		{"2026-03-05T10:00:00+05:45", "2026-03-05T04:15:00Z"},
		{"2026-03-05T10:00:00-00:00", "2026-03-05T10:00:00Z"},
		{"2026-03-05T10:00:00+23:59", "2026-03-04T10:01:00Z"},
		{"1969-12-31T23:00:00-01:00", "1970-01-01T00:00:00Z"},
		{"2200-01-01T00:59:59+01:00", "2199-12-31T23:59:59Z"},
		{"2024-02-29T00:00:00Z", "2024-02-29T00:00:00Z"},
		{"2000-02-29T00:00:00Z", "2000-02-29T00:00:00Z"},

		{"1970-01-01T00:00:00+00:01", ""},
		{"2199-12-31T23:59:59-00:01", ""},
		{"2200-01-01T00:00:00Z", ""},
		{"1969-12-31T23:59:59.999999999Z", ""},
		{"0000-01-01T00:00:00Z", ""},
		{"9999-12-31T23:59:59Z", ""},
		{"2026-02-29T00:00:00Z", ""},
		{"2100-02-29T00:00:00Z", ""},
		{"2026-04-31T00:00:00Z", ""},
		{"2026-13-01T00:00:00Z", ""},
		{"2026-00-01T00:00:00Z", ""},
		{"2026-01-00T00:00:00Z", ""},
		{"2026-01-01T24:00:00Z", ""},
		{"2026-01-01T00:60:00Z", ""},
		{"2016-12-31T23:59:60Z", ""}, // the last leap second there was
		{"2026-03-05t10:00:00Z", ""},
		{"2026-03-05T10:00:00z", ""},
		{"2026-03-05 10:00:00Z", ""},
		{"2026-03-05T10:00:00", ""},
		{"2026-03-05T10:00:00.Z", ""},
		{"2026-03-05T10:00:00,5Z", ""},
		{"2026-03-05T10:00:00.1234567890Z", ""},
		{"2026-03-05T10:00:00+0545", ""},
		{"2026-03-05T10:00:00+24:00", ""},
		{"2026-03-05T10:00:00+05:60", ""},
		{"2026-03-05T10:00:00+5:45", ""},
		{"2026-03-05T10:00:00ZZ", ""},
		{" 2026-03-05T10:00:00Z", ""},
		{"2026-3-05T10:00:00.00Z", ""},
		{"+026-03-05T10:00:00Z", ""},
		{"2026-03-05T10:00Z", ""},
		{"2026-03-05T10:00:0xZ", ""},
		{"2026/03/05T10:00:00Z", ""},
		{"2026-03-05T10-00-00Z", ""},
		{"", ""},
	}
	for _, test := range tests {
		got, ok := ParseTime([]byte(test.text))
		if ok != (test.want != "") || ok && got.String() != test.want {
			t.Errorf("%q reads as %s, %t, want %q", test.text, got, ok, test.want)
		}
	}
}

// Every day of the range agrees with the standard library, also in its text.
func TestParseTimeEveryDay(t *testing.T) {
	end := time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)
	if At(end) != timeEnd {
		t.Errorf("timeEnd is %d, want %d", timeEnd, At(end))
	}
	for day := time.Unix(0, 0).UTC().Add(12345678 * time.Microsecond); day.Before(end); day = day.AddDate(0, 0, 1) {
		text := day.Format(time.RFC3339Nano)
		got, ok := ParseTime([]byte(text))
		if !ok || got != At(day) || string(got.AppendTo(nil)) != text {
			t.Fatalf("%s reads as %s, %t", text, got, ok)
		}
	}
}

func TestMonth(t *testing.T) {
	for _, text := range []string{"1970-01", "2026-03", "2026-12", "2199-12"} {
		m, ok := ParseMonth([]byte(text))
		if !ok || m.String() != text {
			t.Errorf("%s reads as %s, %t", text, m, ok)
		}
	}
	if m := MonthOf(7, 2); m.String() != "0007-02" {
		t.Errorf("February of the year 7 is %s", m)
	}
}
