package pipeline

import (
	"time"

	"processor/internal/aggregate"
	"processor/internal/consumer"
	"processor/internal/event"
)

// source is one source partition of a shard: where it is read, and how far it is complete.
type source struct {
	consumer.Position

	id         string        // of the topic; empty where the brokers have none
	last       consumer.Mark // of the last batch in front of Next; zero before the first
	seen       event.Time    // the largest min(time, append time) so far; NoTime before the first
	heard      event.Time    // seen, as of the last record that was applied
	atEnd      bool          // the last fetch found nothing behind Next
	endAtStart int64         // where the log ended when the shard was opened
	end        int64         // where it ended at the last fetch
	appended   event.Time    // when the last record was appended

	arrival
	origins *origins // of the topic of the copies; nil of any other
}

// caughtUp says whether everything that was there at the start has been read.
func (s *source) caughtUp() bool {
	if s.origins != nil {
		return s.origins.whole
	}
	return s.Next >= s.endAtStart
}

// lag is how many records lie ahead, as of the last fetch.
func (s *source) lag() int64 { return max(s.end-s.Next, 0) }

// watermark is up to where the partition is complete. One that has nothing more to read follows the
// clock: nobody else would ever tell that time goes on.
func (s *source) watermark(lateness time.Duration, clock event.Time) event.Time {
	if s.origins != nil {
		return s.origins.watermark(s.Partition, s.Next, lateness)
	}
	watermark := s.complete(lateness)
	if s.atEnd {
		watermark = max(watermark, clock)
	}
	return watermark
}

// complete is the watermark by the records alone, 0 before the first. What is accepted depends on it
// and never on the clock (spec: rules 10.1).
func (s *source) complete(lateness time.Duration) event.Time {
	if s.seen == event.NoTime {
		return 0
	}
	return max(s.seen-event.Time(lateness), 0)
}

// futureMax is how far an event may be ahead of its append time (spec: rules 10.2).
const futureMax = event.Time(24 * time.Hour)

// judge holds an event against its append time and the partition's watermark; what it accepts may
// move the watermark.
func (s *source) judge(e *event.Event, appended event.Time, lateness time.Duration, c *aggregate.Calendar) *event.Rejection {
	if e.Time > appended+futureMax {
		return &event.Rejection{Reason: event.ReasonFutureTime, Detail: "time", Time: e.Time, HasTime: true}
	}
	horizons := c.Horizons(s.complete(lateness))
	s.move(min(e.Time, appended))
	return horizons.Judge(e, c)
}

// wholeMinute is the clock's contribution to watermarks. It moves once a minute, so that rolling
// rows do not change with every flush of an idle topic.
func wholeMinute(now time.Time, lateness time.Duration) event.Time {
	return event.At(now.Add(-lateness).Truncate(time.Minute))
}
