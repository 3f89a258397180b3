package main

import (
	"math"
	"os"
	"runtime/debug"
	"testing"

	"processor/internal/config"
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

// Open accounts get a quarter of the memory limit, what the configuration says instead, and 512 MiB without either.
func TestOpenAccountsGetAShareOfTheMemoryLimit(t *testing.T) {
	limit := debug.SetMemoryLimit(-1)
	t.Cleanup(func() { debug.SetMemoryLimit(limit) })
	for _, c := range []struct {
		limit      int64
		configured int
		want       int64
	}{
		{math.MaxInt64, 0, 512 << 20},
		{8 << 30, 0, 2 << 30},
		{8 << 30, 3 << 20, 3 << 20},
	} {
		debug.SetMemoryLimit(c.limit)
		var loaded config.Config
		loaded.Limits.OpenAccountBytes = c.configured
		if got := openAccountBytes(&loaded); got != c.want {
			t.Errorf("limit %d, configured %d: %d, want %d", c.limit, c.configured, got, c.want)
		}
	}
}
