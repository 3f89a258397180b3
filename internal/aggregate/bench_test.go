package aggregate_test

import (
	"testing"
	"time"

	"processor/internal/aggregate"
	"processor/internal/company"
	"processor/internal/event"
)

// benchEvents are decoded events of a synthetic company, in order of time.
func benchEvents(b *testing.B, accounts, events int) []*event.Event {
	b.Helper()
	o := company.Defaults()
	o.Accounts, o.Events = accounts, events
	c, err := company.New(o)
	if err != nil {
		b.Fatal(err)
	}
	d := event.NewDecoder(event.Options{})
	var list []*event.Event
	for r, ok := c.Next(); ok; r, ok = c.Next() {
		e, rejection := d.Decode(r.Value, nil)
		if rejection != nil {
			b.Fatal(rejection)
		}
		list = append(list, e)
	}
	return list
}

// BenchmarkStream is the core alone as the service drives it: batches of events, the watermark
// behind them, every batch flushed. One operation is one event.
func BenchmarkStream(b *testing.B) {
	stream(b, 1000)
}

// BenchmarkCatchUp is the same far behind the head of the log: larger batches, fewer watermarks.
func BenchmarkCatchUp(b *testing.B) { stream(b, 25_000) }

func stream(b *testing.B, batch int) {
	b.Helper()
	events := benchEvents(b, 10_000, 100_000)
	b.ReportAllocs()
	b.ResetTimer()
	for left := b.N; left > 0; left -= len(events) {
		stateOf(b, events[:min(left, len(events))], batch, 0)
	}
}

// stateOf has a state derive events in batches, the watermark behind them.
func stateOf(b *testing.B, events []*event.Event, batch int, room int64) *aggregate.State {
	b.Helper()
	s := newBenchState(b)
	s.LimitRoom(room)
	for i, e := range events {
		if _, rejection := s.Apply(e); rejection != nil {
			b.Fatal(rejection)
		}
		if (i+1)%batch == 0 {
			s.AdvanceTo(e.Time.Add(-10 * time.Minute))
			s.FlushEach(func(*aggregate.Updates) {})
			s.TakeKept()
		}
	}
	return s
}

func newBenchState(b *testing.B) *aggregate.State {
	b.Helper()
	s, err := aggregate.New(aggregate.Options{
		Currency: "USD", Zone: time.UTC, Coalesce: time.Hour, UsageGrace: 12 * time.Hour, ReportingStart: event.NoTime,
		Groupings: [][]string{{"region"}, {"plan_tier"}, {"plan_tier", "region"}}, Windows: aggregate.Windows,
	})
	if err != nil {
		b.Fatal(err)
	}
	return s
}
