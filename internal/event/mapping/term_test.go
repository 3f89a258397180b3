package mapping

import "testing"

func TestUnscaledIsTwosComplement(t *testing.T) {
	for text, want := range map[string]string{"AA==": "0", "A+g=": "10", "/Bg=": "-10", "/w==": "-0.01", "AP8=": "2.55", "": "", "!": "", "/////////////////////////////////////////////w==": ""} {
		if got, ok := unscaled(text, 2); got != want || ok != (want != "") {
			t.Errorf("unscaled(%q, 2) = %q, %v; want %q", text, got, ok, want)
		}
	}
}

func TestInstantsOfEveryUnit(t *testing.T) {
	for _, c := range []struct{ unit, text, want string }{
		{"unix", "1767225600", "2026-01-01T00:00:00Z"},
		{"unix", "1767225600.25", "2026-01-01T00:00:00.25Z"},
		{"unix_ms", "1767225600001", "2026-01-01T00:00:00.001Z"},
		{"unix_us", "1767225600000001", "2026-01-01T00:00:00.000001Z"},
		{"unix_ns", "1767225600000000001", "2026-01-01T00:00:00.000000001Z"},
		{"days", "20454", "2026-01-01T00:00:00Z"},
		{"datetime", "2026-01-01 10:00:00.5", "2026-01-01T10:00:00.5Z"},
		{"datetime", "2026-01-01", "2026-01-01T00:00:00Z"},
		{"unix", "soon", ""},
		{"unix_ns", "0.5", ""},
		{"unix", "1e60", ""},
		{"datetime", "01.02.2026", ""},
	} {
		if got, ok := instantText(c.unit, c.text); ok != (c.want != "") || ok && got != c.want {
			t.Errorf("%s %s = %q, %v; want %q", c.unit, c.text, got, ok, c.want)
		}
	}
}

// A decimal of 15 digits comes through a double unharmed; one of 16 may have been another.
func TestDoublesAreExactOrRefused(t *testing.T) {
	for text, want := range map[string]bool{"19.99": true, "1e3": true, "123456789012345": true, "0.000123456789012345": true, "1234567890123456": false, "0.1234567890123456": false, "120000000000000000": true, "x": false} {
		if _, ok := exactDouble(text); ok != want {
			t.Errorf("%s is taken: %v", text, ok)
		}
	}
}
