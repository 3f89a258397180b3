package aggregate_test

import (
	"flag"
	"runtime"
	"testing"

	"processor/internal/aggregate"
)

var benchAccounts = flag.Int("accounts", 20_000, "how many accounts BenchmarkMemory makes")

// BenchmarkMemory is what an account takes, a year of a company with ten events an account: open, and
// parked. Registers and whatever else does not grow with the accounts are counted too.
func BenchmarkMemory(b *testing.B) {
	for _, c := range []struct {
		name string
		room int64
	}{{"open", 0}, {"parked", 1}} {
		b.Run(c.name, func(b *testing.B) {
			accounts := *benchAccounts
			var s *aggregate.State
			var before, after runtime.MemStats
			for range b.N {
				runtime.GC()
				runtime.ReadMemStats(&before)
				s = stateOf(b, benchEvents(b, accounts, 10*accounts), 25_000, c.room)
				runtime.GC()
				runtime.ReadMemStats(&after)
			}
			bytes, open := s.Room()
			b.ReportMetric(float64(int64(after.HeapAlloc)-int64(before.HeapAlloc))/float64(accounts), "B/account") //nolint:gosec // sizes
			b.ReportMetric(float64(s.Bytes())/float64(accounts), "stored-B/account")
			b.ReportMetric(float64(bytes)/float64(accounts), "estimated-B/account")
			b.ReportMetric(float64(open), "open")
			b.ReportMetric(0, "ns/op")
			runtime.KeepAlive(s)
		})
	}
}
