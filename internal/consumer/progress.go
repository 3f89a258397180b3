package consumer

import (
	"cmp"
	"slices"
	"sync"
	"time"
)

// Progress notices that reading stands still. A group's coordinator does not: heartbeats go on by
// themselves while the program hangs, so a member that does nothing keeps its partitions for ever.
// The loop that reads calls Note in each of its rounds, also when there was nothing new; a probe
// calls Stuck. It is told the time, and safe for concurrent use.
type Progress struct {
	limit time.Duration

	mu    sync.Mutex
	lanes map[TopicPartition]progressLane
}

type progressLane struct {
	next, end int64
	moved     time.Time // when next changed, or there was nothing to read
	noted     time.Time
}

// Stuck is one partition that stands still.
type Stuck struct {
	TopicPartition
	Next    int64         // the position
	End     int64         // of the log, when last heard of
	For     time.Duration // since the position moved, or since the loop last came by
	Stopped bool          // the loop does not come by any more
}

// NewProgress notices a standstill of limit (default 60 s).
func NewProgress(limit time.Duration) *Progress {
	if limit <= 0 {
		limit = time.Minute
	}
	return &Progress{limit: limit, lanes: map[TopicPartition]progressLane{}}
}

// Note says where a partition is: next is the offset that is not applied yet, end the one that can be
// read up to.
func (p *Progress) Note(tp TopicPartition, next, end int64, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	lane, known := p.lanes[tp]
	if !known || lane.next != next || next >= end {
		lane.moved = now
	}
	lane.next, lane.end, lane.noted = next, end, now
	p.lanes[tp] = lane
}

// Forget drops a partition that is somebody else's now, or halted on purpose.
func (p *Progress) Forget(tp TopicPartition) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.lanes, tp)
}

// Stuck gives the partitions that did not move for the limit although there was something to read,
// and those that were not noted for so long, in order of topic and partition.
func (p *Progress) Stuck(now time.Time) []Stuck {
	p.mu.Lock()
	defer p.mu.Unlock()
	var stuck []Stuck
	for tp, lane := range p.lanes {
		s := Stuck{TopicPartition: tp, Next: lane.next, End: lane.end, For: now.Sub(lane.moved)}
		if quiet := now.Sub(lane.noted); quiet >= p.limit {
			s.For, s.Stopped = quiet, true
		}
		if s.For >= p.limit {
			stuck = append(stuck, s)
		}
	}
	slices.SortFunc(stuck, func(a, b Stuck) int {
		return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Partition, b.Partition))
	})
	return stuck
}
