package pipeline

import (
	"time"

	"processor/internal/consumer"
	"processor/internal/event"
	"processor/internal/intake"
)

// arrival is how the record at hand came in: a copy by intake is told from what the log says of it.
type arrival struct {
	at       event.Position // where it was written first
	received event.Time     // the broker's append time there (spec: rules 10.1)
	key      []byte
	headers  []consumer.Header
	from     *origin // of a copy
}

// arrive looks where a record comes from. A mark is none to apply: it moves what is known of its source
// partition.
func (s *source) arrive(r *consumer.Record) (mark bool) {
	s.appended = event.Time(r.Time)
	s.arrival = arrival{
		at:       event.Position{Topic: s.Topic, Partition: s.Partition, Offset: r.Offset},
		received: s.appended, key: r.Key, headers: r.Headers,
	}
	if s.origins == nil {
		return false
	}
	o, headers, ok := intake.OriginOf(r)
	if !ok {
		return false // written by somebody else: its place is here, and it says nothing about a source
	}
	s.from = s.origins.of(o.Topic, o.Partition)
	if o.IsMark {
		s.move(min(o.Seen, s.appended))
		return true
	}
	s.at = event.Position{Topic: s.from.Topic, Partition: s.from.Partition.Partition, Offset: o.Offset}
	s.key, s.headers = o.Key, headers
	if o.Received != event.NoTime {
		s.received = o.Received
	}
	return false
}

// move takes note that the partition is complete up to an instant. Behind intake it is the source
// partition that is; the slowest of them decides.
func (s *source) move(seen event.Time) {
	if s.origins == nil {
		s.seen = max(s.seen, seen)
		return
	}
	if s.from != nil {
		s.seen = max(s.seen, s.origins.move(s.from, seen))
	}
}

// follow makes the source of the copies follow what is copied. at is where it stood.
func (s *source) follow(f *feed, copies bool, at *place) {
	if f == nil || !copies {
		return
	}
	s.origins = &origins{inflow: f.inflow, byName: map[Partition]*origin{}}
	for _, t := range f.taken {
		for p := range t.partitions {
			s.origins.add(Partition{Topic: t.topic, Partition: int32(p)}) //nolint:gosec // a partition
		}
	}
	if at != nil {
		for _, o := range at.Origins {
			if known := s.origins.byName[Partition{Topic: o.Topic, Partition: o.Partition}]; known != nil {
				known.seen = o.Seen
			}
		}
	}
	s.origins.settleLeast()
}

// origins are the source partitions behind the topic of the copies, as one shard knows them.
type origins struct {
	inflow *inflow
	list   []*origin
	byName map[Partition]*origin
	least  event.Time // the smallest of what was seen
	judged *standing  // waits until everything that was copied by then has been read
	whole  bool       // all that the sources held at the start was copied, and read
}

// origin is one of them.
type origin struct {
	Partition
	seen event.Time // the largest min(time, append time) so far; NoTime before the first
	idle event.Time // up to where it is complete by the clock, as it had no more to copy
}

func (o *origins) add(at Partition) *origin {
	one := &origin{Partition: at, seen: event.NoTime}
	o.list = append(o.list, one)
	o.byName[at] = one
	return one
}

// of is the origin of a name; one that was added since the start is new.
func (o *origins) of(topic []byte, partition int32) *origin {
	if one := o.byName[Partition{Topic: string(topic), Partition: partition}]; one != nil {
		return one
	}
	return o.add(Partition{Topic: string(topic), Partition: partition})
}

func (o *origins) settleLeast() {
	for i, one := range o.list {
		if i == 0 || one.seen < o.least {
			o.least = one.seen
		}
	}
}

// move notes how far an origin is and returns the least of all.
func (o *origins) move(one *origin, seen event.Time) event.Time {
	if seen > one.seen {
		slowest := one.seen <= o.least
		one.seen = seen
		if slowest {
			o.settleLeast()
		}
	}
	return o.least
}

// watermark is up to where everything behind the copies is complete, given the position in them: an
// origin that has nothing more follows the clock, once what was copied of it has been read.
func (o *origins) watermark(partition int32, next int64, lateness time.Duration) event.Time {
	o.judge(partition, next)
	watermark := event.NoTime
	for i, one := range o.list {
		up := max(one.idle, max(one.seen-event.Time(lateness), 0))
		if i == 0 || up < watermark {
			watermark = up
		}
	}
	return watermark
}

// judge takes over which origins are idle as soon as the copies that there were then have been read.
func (o *origins) judge(partition int32, next int64) {
	for {
		if o.judged == nil {
			o.judged = o.inflow.newer(nil)
		}
		if o.judged == nil || next < o.judged.ends[partition] {
			return
		}
		for _, at := range o.judged.idle {
			if one := o.byName[at]; one != nil {
				one.idle = max(one.idle, o.judged.clock)
			}
		}
		o.whole = o.whole || o.judged.whole
		newer := o.inflow.newer(o.judged)
		if newer == nil {
			return
		}
		o.judged = newer
	}
}

// stored is what a marker keeps.
func (o *origins) stored() []seenOrigin {
	if o == nil {
		return nil
	}
	var list []seenOrigin
	for _, one := range o.list {
		if one.seen != event.NoTime {
			list = append(list, seenOrigin{Topic: one.Topic, Partition: one.Partition.Partition, Seen: one.seen})
		}
	}
	return list
}
