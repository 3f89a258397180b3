package replay

import (
	"processor/internal/aggregate"
	"processor/internal/event"
)

// asOf is the watermark of the end: the one that was asked for, else the largest time of the counted
// events.
func (r *Replay) asOf() event.Time {
	asOf := r.options.AsOf
	if asOf == event.NoTime {
		asOf = 0
		for _, s := range r.shards {
			asOf = max(asOf, s.LatestTime())
		}
	}
	return asOf
}

// Settle moves the watermark to the as-of and derives every account. It must follow the last Read.
func (r *Replay) Settle() error {
	asOf := r.asOf()
	for _, s := range r.shards {
		s.AdvanceTo(asOf)
		s.Flush()
		if err := s.Check(); err != nil {
			return err
		}
	}
	return nil
}

// Explain tells of an account, of an interval or of its whole life (nil). It must follow Settle.
func (r *Replay) Explain(account string, within *aggregate.Interval) (e *aggregate.Explanation, found bool) {
	return r.shard(account).Explain(account, within)
}

// Nearest are the accounts that were probably meant, at most n.
func (r *Replay) Nearest(account string, n int) []string {
	var ids []string
	for _, s := range r.shards {
		ids = append(ids, s.Nearest(account, n)...)
	}
	return ids
}
