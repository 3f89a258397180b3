package aggregate_test

import (
	"fmt"
	"runtime"
	"testing"

	"processor/internal/aggregate"
	"processor/internal/event"
)

// What an event may leave to the garbage collector, at most, its share of a flush at the end included: a guard
// against a change that costs without anybody noticing. The bounds are what was measured, and a tenth more.
func TestAllocationsOfTheCore(t *testing.T) {
	usage := func(account string, n int) string {
		return fmt.Sprintf(`{"specversion":"1.0","id":"u%d","source":"test","type":"usage.recorded","subject":%q,"time":"2026-02-%02dT%02d:%02d:00Z",`+
			`"data":{"subscription":"s1","item":"calls","quantity":"3"}}`, n, account, 2+n%3, n/60%24, n%60)
	}
	for _, c := range []struct {
		name   string
		record func(account string, n int) string
		events int
		most   float64
	}{
		{"usage of an open month", usage, 2000, 0.2},
		{"seats", func(account string, n int) string { return seats(account, 1+n%12, 1+n%9) }, 12, 42},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newState(t)
			apply(t, s, seats("acme", 1, 1))
			s.AdvanceTo(at(2))
			s.Flush()
			events := make([]*event.Event, c.events)
			for i := range events {
				var rejection *event.Rejection
				if events[i], rejection = event.NewDecoder(event.Options{}).Decode([]byte(c.record("acme", i)), nil); rejection != nil {
					t.Fatal(rejection)
				}
			}
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			for _, e := range events {
				if _, rejection := s.Apply(e); rejection != nil {
					t.Fatal(rejection)
				}
			}
			s.AdvanceTo(at(12))
			s.FlushEach(func(*aggregate.Updates) {})
			runtime.ReadMemStats(&after)
			got := float64(after.Mallocs-before.Mallocs) / float64(c.events)
			t.Logf("%.2f allocations, %.0f bytes an event", got, float64(after.TotalAlloc-before.TotalAlloc)/float64(c.events))
			if got > c.most {
				t.Errorf("%.2f allocations an event, at most %.2f", got, c.most)
			}
		})
	}
}
