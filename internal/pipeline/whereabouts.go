package pipeline

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"processor/internal/consumer"
)

// ElsewhereError says that another instance owns the account's shard, and where that instance answers.
type ElsewhereError struct {
	Shard   int
	Of      int
	Known   bool   // whose the shard is; otherwise the group is sharing the shards out
	Address string // of the owner's HTTP server; empty where it told none
}

// Error names the shard.
func (e *ElsewhereError) Error() string {
	return fmt.Sprintf("%v: shard %d of %d", ErrElsewhere, e.Shard, e.Of)
}

// Unwrap is ErrElsewhere.
func (e *ElsewhereError) Unwrap() error { return ErrElsewhere }

// The group is asked at most so often, however many readers come for accounts of other instances, and is
// waited for no longer.
const (
	whereaboutsFor    = time.Second
	whereaboutsWithin = 5 * time.Second
)

// whereabouts knows for a moment where the shards of a group are. The group itself is asked, and no record of
// ours, since it decides whose a shard is: so an answer is never older than the last rebalance.
type whereabouts struct {
	ask func(ctx context.Context) (addresses map[int32]string, stable bool, err error)
	now func() time.Time

	turn      chan struct{} // of the one that asks; the fields below are its
	asked     time.Time
	addresses map[int32]string // nil: not known
}

func newWhereabouts(ask func(context.Context) (map[int32]string, bool, error), now func() time.Time) *whereabouts {
	return &whereabouts{ask: ask, now: now, turn: make(chan struct{}, 1)}
}

// of is where the owner of a shard answers; known is false where nobody knows who that is.
func (w *whereabouts) of(ctx context.Context, shard int) (address string, known bool) {
	select {
	case w.turn <- struct{}{}:
		defer func() { <-w.turn }()
	case <-ctx.Done():
		return "", false
	}
	if now := w.now(); w.asked.IsZero() || now.Sub(w.asked) >= whereaboutsFor {
		asking, cancel := context.WithTimeout(ctx, whereaboutsWithin)
		defer cancel()
		addresses, stable, err := w.ask(asking)
		if w.asked, w.addresses = now, addresses; err != nil || !stable {
			w.addresses = nil
		}
	}
	address, known = w.addresses[int32(shard)] //nolint:gosec // a partition
	return address, known
}

// ordinalMark stands for an instance's number in Options.Address.
const ordinalMark = "{ordinal}"

// addresses says where the instances answer that have the shards now.
func (p *pipeline) addresses(ctx context.Context) (addresses map[int32]string, stable bool, err error) {
	if p.options.Instances <= 1 {
		return consumer.Owners(ctx, p.options.Cluster, p.options.Group)
	}
	addresses = make(map[int32]string, p.partitions)
	for n := range p.partitions {
		addresses[int32(n)] = strings.ReplaceAll(p.options.Address, ordinalMark, strconv.Itoa(n%p.options.Instances)) //nolint:gosec // a partition
	}
	return addresses, true, nil
}
