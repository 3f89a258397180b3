package aggregate_test

import (
	"maps"
	"slices"
	"testing"

	"processor/internal/aggregate"
)

// BenchmarkRestore reads a checkpoint of accounts with ten events of a year back and derives them. One
// operation is one account.
func BenchmarkRestore(b *testing.B) {
	const accounts = 5000
	events := benchEvents(b, accounts, 10*accounts)
	held := map[string][]byte{}
	s := newBenchState(b)
	for _, e := range events {
		if _, rejection := s.Apply(e); rejection != nil {
			b.Fatal(rejection)
		}
	}
	for _, k := range s.TakeKept() {
		held[string(k.Key)] = k.Value
	}
	keys := slices.Sorted(maps.Keys(held))
	watermark := events[len(events)-1].Time
	b.ReportAllocs()
	b.ResetTimer()
	for left := b.N; left > 0; left -= accounts {
		s := newBenchState(b)
		for _, key := range keys {
			if err := s.Restore(slices.Clone(held[key])); err != nil {
				b.Fatal(err)
			}
		}
		s.AdvanceTo(watermark)
		s.FlushEach(func(*aggregate.Updates) {})
	}
}
