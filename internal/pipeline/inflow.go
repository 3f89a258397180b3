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
	start  map[int32]int64 // ends of the copies once all was copied that the sources held at the start
	latest *standing
}

// standing is how far the sources were copied at one moment.
type standing struct {
	clock event.Time      // of that moment, as watermarks follow it
	idle  []Partition     // source partitions without anything left to copy
	ends  map[int32]int64 // of the copies: what was copied by then lies in front of them
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

// endAtStart is up to where a partition of the copies must be read to have all that the sources held at
// the start; it is not known before that is copied.
func (i *inflow) endAtStart(partition int32) (end int64, known bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	end, known = i.start[partition]
	return end, known
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
		every := inflowEvery
		held, done, err := i.look(ctx, o, wanted)
		if err != nil {
			o.Logger.DebugContext(ctx, "how far the sources are copied is not known", "error", err)
		} else if wanted == nil {
			wanted = held
		}
		if !done {
			every = inflowCatchingUp
		}
		if broker.Sleep(ctx, every) != nil {
			return
		}
	}
}

// look asks once. The order of the questions makes the answer safe: what was in the sources by the clock's
// reading is in front of their ends, what is in front of the positions is copied, and what is copied is in
// front of the ends of the copies.
func (i *inflow) look(ctx context.Context, o *Options, wanted map[broker.TopicPartition]int64) (held map[broker.TopicPartition]int64, done bool, err error) {
	s := &standing{clock: wholeMinute(o.Clock(), o.Lateness), ends: map[int32]int64{}}
	sources, err := o.feed.partitionsNow(ctx, o)
	if err != nil {
		return nil, false, err
	}
	if held, err = consumer.EndOffsets(ctx, o.Cluster, sources); err != nil {
		return nil, false, err
	}
	positions, err := consumer.CommittedOffsets(ctx, o.Cluster, intake.GroupOf(o.Group), sources)
	if err != nil {
		return nil, false, err
	}
	var copies []broker.TopicPartition
	for p := range o.feed.partitions {
		copies = append(copies, broker.TopicPartition{Topic: o.topic(row.TopicEvents), Partition: int32(p)}) //nolint:gosec // a partition
	}
	ends, err := consumer.LogEnds(ctx, o.Cluster, copies)
	if err != nil {
		return nil, false, err
	}
	for tp, end := range ends {
		s.ends[tp.Partition] = end
	}
	if wanted == nil {
		wanted = held
	}
	done = true
	for tp, end := range held {
		if positions[tp] >= end {
			s.idle = append(s.idle, Partition{Topic: tp.Topic, Partition: tp.Partition})
		}
		done = done && positions[tp] >= wanted[tp]
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.latest = s
	if done && i.start == nil {
		i.start = s.ends
	}
	return held, done, nil
}
