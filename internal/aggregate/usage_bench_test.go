package aggregate_test

import (
	"fmt"
	"testing"
	"time"

	"processor/internal/aggregate"
	"processor/internal/event"
)

// BenchmarkUsage is the core alone on usage events that come in order, of 100,000 accounts in turn, with six
// windows; every account is derived after ten of its events. One operation is one event.
func BenchmarkUsage(b *testing.B) {
	const accounts, perFlush = 100_000, 1_000_000
	s := newBenchState(b)
	start := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	decoder := event.NewDecoder(event.Options{})
	decode := func(line string) *event.Event {
		e, rejection := decoder.Decode([]byte(line), nil)
		if rejection != nil {
			b.Fatal(rejection)
		}
		return e
	}
	for i := range accounts {
		s.Apply(decode(fmt.Sprintf(`{"specversion":"1.0","id":"s","source":"test","type":"subscription.changed","subject":"account-%d","time":"2026-02-01T00:00:00Z",`+
			`"data":{"subscription":"s1","status":"active","items":[{"item":"calls","product":"core","kind":"metered","unit_price":"0.01","currency":"USD"}]}}`, i)))
	}
	s.AdvanceTo(event.At(start))
	s.FlushEach(func(*aggregate.Updates) {})
	s.TakeKept()
	events := make([]*event.Event, 0, b.N)
	for i := range b.N {
		at := start.Add(time.Duration(i) * 100 * time.Microsecond)
		events = append(events, decode(fmt.Sprintf(`{"specversion":"1.0","id":"u%d","source":"test","type":"usage.recorded","subject":"account-%d","time":%q,`+
			`"data":{"subscription":"s1","item":"calls","quantity":"7"}}`, i, i%accounts, at.Format(time.RFC3339Nano))))
	}
	b.ReportAllocs()
	b.ResetTimer()
	for i, e := range events {
		if _, rejection := s.Apply(e); rejection != nil {
			b.Fatal(rejection)
		}
		if (i+1)%perFlush == 0 {
			s.AdvanceTo(e.Time)
			s.FlushEach(func(*aggregate.Updates) {})
			s.TakeKept()
		}
	}
}
