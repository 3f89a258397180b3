package pipeline

import (
	"context"
	"strings"
	"time"

	"processor/internal/aggregate"
	"processor/internal/event"
)

// KeptShard is what a checkpoint holds of one shard.
type KeptShard struct {
	Shard     int
	Saved     time.Time // of the last save, by the clock of the disk or the broker; zero when it never was
	Watermark event.Time
	Epoch     uint64
	Flush     uint64
	Owes      bool // every row goes out again at the next start
	Sources   []KeptSource
	Gaps      []Gap // that operators accepted

	Accounts     int64
	Events       int64 // records of events
	Stand        int64 // records that stand for events which are gone
	Bytes        int64 // of both, with their keys, before compression
	Derived      int64 // records that can be derived from the others
	DerivedBytes int64
	Program      string // that derived them: the hash of its file; "" where they are older than the events or not there
}

// KeptSource is where a shard stands in a source.
type KeptSource struct {
	Topic string
	Next  int64 // the offset to go on at
	Seen  event.Time
}

// Inspect reads a shard of a checkpoint whole, and says what is in it.
func (k *Kept) Inspect(ctx context.Context, shard int) (KeptShard, error) {
	s := KeptShard{Shard: shard, Watermark: event.NoTime}
	account := ""
	m, err := k.load(ctx, shard, func(key, value []byte) error {
		size := int64(len(key) + len(value))
		if aggregate.IsDerived(value) {
			s.Derived++
			s.DerivedBytes += size
			if by, ok := aggregate.DerivedBy(value); ok {
				s.Program, _, _ = strings.Cut(by, " ")
			}
			return nil
		}
		s.Bytes += size
		if aggregate.StandsForEvents(value) {
			s.Stand++
		} else {
			s.Events++
		}
		if owner, ok := aggregate.AccountOf(key); ok && owner != account {
			account = owner
			s.Accounts++
		}
		return nil
	})
	if err != nil || m == nil {
		return s, operatorError(err)
	}
	s.Saved, s.Watermark, s.Epoch, s.Flush, s.Owes, s.Gaps = k.saved[shard], m.Watermark, m.Epoch, m.Flush, m.Everything, m.Gaps
	for _, at := range m.Sources {
		s.Sources = append(s.Sources, KeptSource{Topic: at.Topic, Next: at.Next, Seen: at.Seen})
	}
	return s, nil
}
