package event

import (
	"runtime/metrics"
	"testing"
)

// takesAtMost fails when reading hostile bytes takes more memory than they can be worth. The counter is
// one of the whole process and moves in steps, so the limit must leave room for both.
func takesAtMost(t *testing.T, limit uint64, what string, read func()) {
	t.Helper()
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(sample)
	before := sample[0].Value.Uint64()
	read()
	metrics.Read(sample)
	if took := sample[0].Value.Uint64() - before; took > limit {
		t.Errorf("%s took %d bytes of memory, allowed are %d", what, took, limit)
	}
}

// memoryPerByte is the most that a byte of input may cost: a stored item of 20 empty bytes is 660 in memory.
const memoryPerByte = 64

// memoryBase is what small things cost beside it, the steps of the counter included.
const memoryBase = 1 << 20
