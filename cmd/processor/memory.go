package main

import (
	"math"
	"os"
	"runtime/debug"

	"processor/internal/config"
)

// withinLimitPercent is how far the heap may grow between two collections where a memory limit bounds it:
// what the limit grants is there to be used, and near it the collector works harder by itself.
const withinLimitPercent = 400

// tuneCollector lets the garbage collector use the memory that GOMEMLIMIT grants. Without a limit, or where
// GOGC says how often it is to collect, everything stays as it is.
func tuneCollector() {
	if _, given := os.LookupEnv("GOGC"); !given && debug.SetMemoryLimit(-1) < math.MaxInt64 {
		debug.SetGCPercent(withinLimitPercent)
	}
}

// What open accounts take by default: a share of what GOMEMLIMIT grants, because the collector, the rows on their way and the
// accounts that are parked want the rest; without a limit something that fits small machines.
const (
	openShare   = 4
	openWithout = 512 << 20
)

// openAccountBytes is how much memory accounts may take that are not parked.
func openAccountBytes(c *config.Config) int64 {
	if c.Limits.OpenAccountBytes > 0 {
		return int64(c.Limits.OpenAccountBytes)
	}
	if limit := debug.SetMemoryLimit(-1); limit < math.MaxInt64 {
		return max(limit/openShare, 1)
	}
	return openWithout
}
