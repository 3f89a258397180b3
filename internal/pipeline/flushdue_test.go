package pipeline

import (
	"testing"
	"time"

	"processor/internal/aggregate"
	"processor/internal/consumer"
	"processor/internal/event"
)

// Near the ends of the logs a flush is due after its interval or its records; far behind them it waits for
// more of both, and no longer than that.
func TestWhenAFlushIsDue(t *testing.T) {
	now := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		lag     int64
		pending int
		after   time.Duration
		due     bool
	}{
		{0, 1, 249 * time.Millisecond, false},
		{0, 1, 250 * time.Millisecond, true},
		{0, 99, 0, false},
		{0, 100, 0, true},
		{100, 100, 0, true},
		{101, 100, time.Second, false},
		{101, 101, 0, true},
		{700, 699, time.Second, false},
		{700, 700, 0, true},
		{1 << 40, 1499, time.Second, false},
		{1 << 40, 1500, 0, true},
		{101, 1, 9 * time.Second, false},
		{101, 1, 10 * time.Second, true},
	} {
		one := &shard{sources: []*source{{Position: consumer.Position{Next: 10}, end: 10 + c.lag - c.lag/2}, {end: c.lag / 2}}}
		s := &session{
			pipeline: &pipeline{options: Options{FlushRecords: 100, FlushInterval: 250 * time.Millisecond, CheckpointInterval: 10 * time.Second}},
			shards:   []*shard{one}, pending: c.pending, flushed: now.Add(-c.after),
		}
		var err error
		if one.state, err = aggregate.New(aggregate.Options{Currency: "USD"}); err != nil {
			t.Fatal(err)
		}
		if got := s.flushDue(now); got != c.due {
			t.Errorf("%d behind, %d records and %s after the last flush: due is %t", c.lag, c.pending, c.after, got)
		}
	}
}

// However far behind, a flush does not wait once the open accounts take more than they may.
func TestAFlushDoesNotWaitForRoom(t *testing.T) {
	state, err := aggregate.New(aggregate.Options{Currency: "USD", ReportingStart: event.NoTime})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	s := &session{
		pipeline: &pipeline{options: Options{FlushRecords: 100, FlushInterval: time.Second, OpenAccountBytes: 1 << 10}},
		shards:   []*shard{{state: state, sources: []*source{{end: 1 << 40}}}}, pending: 100, flushed: now,
	}
	if s.flushDue(now) {
		t.Error("a flush is due although no account is open")
	}
	record := subscription("e1", "acme", "2025-03-01T00:00:00Z", 1)
	e, rejection := event.NewDecoder(event.Options{}).Decode(record.Value, nil)
	if rejection != nil {
		t.Fatal(rejection)
	}
	if _, rejection := state.Apply(e); rejection != nil {
		t.Fatal(rejection)
	}
	if !s.flushDue(now) {
		t.Error("no flush is due although there is no room")
	}
}
