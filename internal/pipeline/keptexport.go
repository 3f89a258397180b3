package pipeline

import (
	"context"
	"fmt"
	"io"

	"processor/internal/aggregate"
	"processor/internal/event"
)

// Exported is what an export wrote.
type Exported struct {
	Events    int64
	Stand     int64      // records that stand for events which are gone, and were left out
	Watermark event.Time // the least of the shards: the as-of under which a replay gives the figures that the service had
}

// ErrGoneEvents means that a checkpoint holds history whose events are gone: below the floor of 400 days, and
// months of usage that were settled. An export cannot give it back.
var ErrGoneEvents = fmt.Errorf("%w: the checkpoint keeps older history as sums, whose events are gone", ErrOperator)

// Export writes every kept event in the native form, one to a line, an account after the other. Unless partial is
// set, nothing is written where events are gone.
func (k *Kept) Export(ctx context.Context, out io.Writer, partial bool) (done Exported, err error) {
	done.Watermark = event.NoTime
	for _, shard := range k.numbers {
		m, err := k.load(ctx, shard, func(_, value []byte) error {
			if aggregate.StandsForEvents(value) {
				done.Stand++
			}
			return nil
		})
		if err != nil {
			return done, operatorError(err)
		}
		if m != nil && (done.Watermark == event.NoTime || m.Watermark < done.Watermark) {
			done.Watermark = m.Watermark
		}
	}
	if done.Stand > 0 && !partial {
		return done, fmt.Errorf("%w: %d such records; rows from the rest would begin without their opening balances", ErrGoneEvents, done.Stand)
	}
	var line []byte
	for _, shard := range k.numbers {
		_, err := k.load(ctx, shard, func(_, value []byte) error {
			if aggregate.IsDerived(value) || aggregate.StandsForEvents(value) {
				return nil
			}
			e, err := event.DecodeStored(value)
			if err != nil {
				return err
			}
			done.Events++
			line = append(e.AppendNative(line[:0]), '\n')
			_, err = out.Write(line)
			return err
		})
		if err != nil {
			return done, operatorError(err)
		}
	}
	return done, nil
}
