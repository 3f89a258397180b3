package pipeline

import (
	"bytes"
	"context"
	"fmt"

	"github.com/cespare/xxhash/v2"

	"processor/internal/aggregate"
	"processor/internal/checkpoint"
	"processor/internal/event"
)

// VerifiedShard is what came out of checking a shard of a checkpoint. Whatever is damaged is an error instead.
type VerifiedShard struct {
	Shard     int
	Records   int64 // whose checksums were compared
	Accounts  int
	Registers int
	Watermark event.Time

	Compared    bool                           // there are derived records as of the same save
	Differing   int64                          // figures that are not what the events give
	Differences []aggregate.RegisterDifference // A from the events, B as stored; the first of them
}

// differencesShown bounds those that are listed.
const differencesShown = 100

// Verify checks a shard of a checkpoint: every checksum, that no record is missing, that what the events give
// reconciles, and that the registers which are kept for the next start are those that the events give. It takes as
// much memory as the shard does in the service, up to twice.
func (k *Kept) Verify(ctx context.Context, shard int) (v VerifiedShard, err error) {
	v = VerifiedShard{Shard: shard, Watermark: event.NoTime}
	if err := k.fits(); err != nil {
		return v, fmt.Errorf("%w: %w", ErrRefused, err)
	}
	fromEvents, err := aggregate.New(k.options.Core)
	if err != nil {
		return v, fmt.Errorf("%w: %w", ErrRefused, err)
	}
	asStored, err := aggregate.New(k.options.Core)
	if err != nil {
		return v, fmt.Errorf("%w: %w", ErrRefused, err)
	}
	var digest uint64
	m, err := k.load(ctx, shard, func(key, value []byte) error {
		v.Records++
		digest += xxhash.Sum64(key)
		value = bytes.Clone(value)
		if by, ok := aggregate.DerivedBy(value); ok && by != "" {
			v.Compared = true
			asStored.Trust(by) // it comes first, and is taken at its word: that is what is checked
		}
		if v.Compared {
			if err := asStored.RestoreKept(key, value); err != nil {
				return err
			}
		}
		if aggregate.IsDerived(value) {
			return nil
		}
		return fromEvents.Restore(value)
	})
	if err != nil || m == nil {
		return v, operatorError(err)
	}
	if err := k.fits(); err != nil { // of a topic the meaning is known only now
		return v, fmt.Errorf("%w: %w", ErrRefused, err)
	}
	if digest != m.Digest {
		return v, operatorError(fmt.Errorf("%w: shard %d: its records are not those that its marker counted", checkpoint.ErrCorrupt, shard))
	}
	m.settle(fromEvents, func(*aggregate.Updates) {})
	v.Accounts, v.Registers, v.Watermark = fromEvents.Accounts(), len(fromEvents.RegisterKeys()), m.Watermark
	if err := fromEvents.Check(); err != nil {
		return v, fmt.Errorf("%w: shard %d: %w", ErrIdentity, shard, err)
	}
	if v.Compared {
		err = v.compare(fromEvents, asStored)
	}
	return v, err
}

// compare holds the stored registers against those that the events give.
func (v *VerifiedShard) compare(fromEvents, asStored *aggregate.State) error {
	resumed, err := asStored.EndRestore()
	if err != nil {
		return fmt.Errorf("%w: %w: shard %d: %w", ErrOperator, checkpoint.ErrCorrupt, v.Shard, err)
	}
	if v.Compared = resumed; !resumed {
		return nil
	}
	aggregate.CompareRegisters(fromEvents, asStored, func(d aggregate.RegisterDifference) {
		if v.Differing++; v.Differing <= differencesShown {
			v.Differences = append(v.Differences, d)
		}
	})
	return nil
}
