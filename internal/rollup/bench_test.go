package rollup_test

import (
	"slices"
	"testing"
	"time"

	"processor/internal/aggregate"
	"processor/internal/companytest"
	"processor/internal/rollup"
)

// benchRegisters are the registers of a made-up company of 100 accounts at the end of its year, and the state that
// has them.
func benchRegisters(b *testing.B) (*aggregate.State, []aggregate.RegisterRow) {
	b.Helper()
	s := companytest.State(b, 100, 1000)
	return s, slices.Clone(s.Flush().Registers)
}

// BenchmarkRollup is the registers of one of four shards anew, and the rows that they change, the shard's last
// twenty registers at a time. One operation is one register.
func BenchmarkRollup(b *testing.B) {
	const shards, perFlush = 4, 20
	s, registers := benchRegisters(b)
	r := rollup.New(rollup.Options{Calendar: s.Calendar(), Windows: aggregate.Windows, UsageGrace: 12 * time.Hour, Shards: shards})
	put := func(shard int, row *aggregate.RegisterRow, version uint64) {
		if err := r.Put(shard, s.Segment(row.Key.Segment), row.Key.Kind, row.Key.Index, row.Register, version); err != nil {
			b.Fatal(err)
		}
	}
	flush := func() {
		for _, err := range r.Flush() {
			if err != nil {
				b.Fatal(err)
			}
		}
	}
	for shard := range shards {
		for i := range registers {
			put(shard, &registers[i], 1)
		}
		r.SetWatermark(shard, s.Watermark())
	}
	flush()
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		row := &registers[len(registers)-1-i%perFlush]
		put(i/perFlush%shards, row, uint64(2+i)) //nolint:gosec // not negative
		if (i+1)%perFlush == 0 {
			flush()
		}
	}
}

// BenchmarkPartial is a register as it is sent to the rollup. One operation is one register.
func BenchmarkPartial(b *testing.B) {
	s, registers := benchRegisters(b)
	var buffer []byte
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		r := &registers[i%len(registers)]
		p := rollup.Partial{Shard: 3, Version: 7, Generation: 9, Segment: s.Segment(r.Key.Segment), Kind: r.Key.Kind, Index: r.Key.Index, Register: r.Register}
		buffer = p.AppendValue(p.AppendKey(buffer[:0]))
	}
}
