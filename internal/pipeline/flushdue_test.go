package pipeline

import (
	"testing"
	"time"

	"processor/internal/consumer"
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
		{1 << 40, 999, time.Second, false},
		{1 << 40, 1000, 0, true},
		{101, 1, behindWait, true},
	} {
		one := &shard{sources: []*source{{Position: consumer.Position{Next: 10}, end: 10 + c.lag - c.lag/2}, {end: c.lag / 2}}}
		s := &session{
			pipeline: &pipeline{options: Options{FlushRecords: 100, FlushInterval: 250 * time.Millisecond}},
			shards:   []*shard{one}, pending: c.pending, flushed: now.Add(-c.after),
		}
		if got := s.flushDue(now); got != c.due {
			t.Errorf("%d behind, %d records and %s after the last flush: due is %t", c.lag, c.pending, c.after, got)
		}
	}
}
