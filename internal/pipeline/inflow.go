package pipeline

import (
	"context"
	"sync"
	"time"

	"processor/internal/broker"
	"processor/internal/consumer"
	"processor/internal/event"
	"processor/internal/intake"
	"processor/internal/row"
)

// inflow knows how far the sources are copied, whichever instance copies them: the positions of
// intake's group say it.
type inflow struct {
	mu     sync.Mutex
	latest *standing
}

// standing is how far the sources were copied at one moment.
type standing struct {
	clock event.Time      // of that moment, as watermarks follow it
	idle  []Partition     // source partitions without anything left to copy
	ends  map[int32]int64 // of the copies: what was copied by then lies in front of them
	whole bool            // all that the sources held at the start was copied
}

// newer is the latest standing, nil when it is the one that is known already.
func (i *inflow) newer(known *standing) *standing {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.latest == known {
		return nil
	}
	return i.latest
}

// How often the positions are looked at: before all of the start is copied, and afterwards.
const (
	inflowCatchingUp = 100 * time.Millisecond
	inflowEvery      = time.Second
)

// follow looks at the positions until ctx ends. Trouble only delays what it says; why nothing is
// copied or read is for those to say who do it.
func (i *inflow) follow(ctx context.Context, o *Options) {
	var wanted map[broker.TopicPartition]int64 // ends of the sources at the first look
	for {
		every := inflowCatchingUp
		held, s, err := i.look(ctx, o, wanted)
		switch {
		case err != nil:
			o.Logger.DebugContext(ctx, "how far the sources are copied is not known", "error", err)
			every = inflowEvery
		case s.whole:
			every, wanted = inflowEvery, map[broker.TopicPartition]int64{} // copied once, copied for good
		case wanted == nil:
			wanted = held
		}
		if broker.Sleep(ctx, every) != nil {
			return
		}
	}
}

// look asks once. The order of the questions makes the answer safe: what was in the sources by the clock's
// reading is in front of their ends, what is in front of the positions is copied, and what is copied is in
// front of the ends of the copies.
func (i *inflow) look(ctx context.Context, o *Options, wanted map[broker.TopicPartition]int64) (held map[broker.TopicPartition]int64, s *standing, err error) {
	s = &standing{clock: wholeMinute(o.Clock(), o.Lateness), ends: map[int32]int64{}, whole: true}
	sources, err := o.feed.partitionsNow(ctx, o)
	if err != nil {
		return nil, nil, err
	}
	if held, err = consumer.EndOffsets(ctx, o.Cluster, sources); err != nil {
		return nil, nil, err
	}
	positions, err := consumer.CommittedOffsets(ctx, o.Cluster, intake.GroupOf(o.Group), sources)
	if err != nil {
		return nil, nil, err
	}
	var copies []broker.TopicPartition
	for p := range o.feed.partitions {
		copies = append(copies, broker.TopicPartition{Topic: o.topic(row.TopicEvents), Partition: int32(p)}) //nolint:gosec // a partition
	}
	ends, err := consumer.LogEnds(ctx, o.Cluster, copies)
	if err != nil {
		return nil, nil, err
	}
	for tp, end := range ends {
		s.ends[tp.Partition] = end
	}
	if wanted == nil {
		wanted = held
	}
	for tp, end := range held {
		if positions[tp] >= end {
			s.idle = append(s.idle, Partition{Topic: tp.Topic, Partition: tp.Partition})
		}
	}
	for tp, end := range wanted {
		s.whole = s.whole && positions[tp] >= end
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.latest = s
	return held, s, nil
}
