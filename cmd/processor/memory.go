package main

import (
	"math"
	"os"
	"runtime/debug"
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
