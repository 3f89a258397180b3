package main

import (
	"math"
	"os"
	"runtime/debug"
	"testing"
)

// A memory limit is used; without one, and where somebody has decided, the collector is left alone.
func TestCollectorUsesTheMemoryLimit(t *testing.T) {
	before := debug.SetGCPercent(100)
	limit := debug.SetMemoryLimit(-1)
	t.Cleanup(func() {
		debug.SetGCPercent(before)
		debug.SetMemoryLimit(limit)
	})
	t.Setenv("GOGC", "") // restores it afterwards
	for _, c := range []struct {
		name  string
		limit int64
		given bool
		want  int
	}{
		{"no limit", math.MaxInt64, false, 100},
		{"a limit", 1 << 40, false, withinLimitPercent},
		{"a limit, and GOGC", 1 << 40, true, 100},
	} {
		debug.SetGCPercent(100)
		debug.SetMemoryLimit(c.limit)
		if !c.given {
			_ = os.Unsetenv("GOGC")
		} else if err := os.Setenv("GOGC", "100"); err != nil { //nolint:usetesting // it must be unset again within the test
			t.Fatal(err)
		}
		tuneCollector()
		if got := debug.SetGCPercent(100); got != c.want {
			t.Errorf("%s: GOGC is %d, want %d", c.name, got, c.want)
		}
	}
}
