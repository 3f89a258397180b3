package checkpoint

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

const (
	keyMax = 64 << 10
	// saveMax bounds one batch. Pebble panics at 4 GiB.
	saveMax = 1 << 30
)

// Put is one changed record: the new value, or that the key is gone.
type Put struct {
	Key    []byte
	Value  []byte
	Delete bool
}

// Save makes the records and the marker durable, together or not at all. It is given only what
// changed since the last Save of the shard; a key must not come twice.
//
// Before it writes, it reads the records that it replaces, because their hashes leave the digest.
// That costs a few microseconds each and asks nothing of the caller: after a save whose outcome is
// unknown, a caller could not say which value it replaces.
//
// On an error the last good checkpoint is still there. When the error is ErrReopen the store takes no
// more calls but Close; the records of this save may or may not be stored, as a whole.
func (d *Dir) Save(ctx context.Context, shard int, callerMarker []byte, puts []Put) error {
	done, err := d.use()
	if err != nil {
		return d.wrapShard("save", shard, err)
	}
	defer done()
	start := time.Now()
	size, err := d.save(ctx, shard, callerMarker, puts)
	if err != nil {
		d.metrics.saveFailures.Add(1)
		return d.wrapShard("save", shard, err)
	}
	d.metrics.saved(size, len(puts), time.Since(start))
	return nil
}

func (d *Dir) save(ctx context.Context, shard int, callerMarker []byte, puts []Put) (size int, err error) {
	ordered, err := orderPuts(callerMarker, puts)
	if err != nil {
		return 0, err
	}
	s, err := d.state(shard)
	if err != nil {
		return 0, err
	}
	defer s.mu.Unlock()
	if err := d.waitForRoom(ctx); err != nil {
		return 0, err
	}
	next := marker{meaning: d.meaning, save: s.last.save + 1, totals: s.last.totals, caller: callerMarker}
	batch := d.db.NewBatch()
	defer func() { err = errors.Join(err, batch.Close()) }()
	for i, at := range ordered {
		if i%1024 == 0 && ctx.Err() != nil {
			return 0, ctx.Err()
		}
		if err := d.stage(batch, &next.totals, recordKey(shard, puts[at].Key), puts[at]); err != nil {
			return 0, err
		}
	}
	if err := batch.Set(markerKey(shard), seal(markerKey(shard), next.encode()), nil); err != nil {
		return 0, err
	}
	size = batch.Len()
	if err := d.commit(batch); err != nil {
		return 0, err
	}
	next.caller = bytes.Clone(callerMarker)
	s.last = next
	if err := d.witness.saw(shard, next.save); err != nil {
		return 0, err
	}
	return size, nil
}

// stage adds one change to the batch and to the totals.
func (d *Dir) stage(batch *pebble.Batch, t *totals, fullKey []byte, p Put) error {
	old, existed, err := d.read(d.db, fullKey)
	if err != nil {
		return err
	}
	if existed {
		t.remove(fullKey, old)
	}
	if p.Delete {
		if !existed {
			return nil
		}
		return batch.Delete(fullKey, nil)
	}
	t.add(fullKey, p.Value)
	return batch.Set(fullKey, seal(fullKey, p.Value), nil)
}

// commit makes the batch durable. Pebble reports a failed write through the gate only.
func (d *Dir) commit(batch *pebble.Batch) error {
	if err := batch.Commit(pebble.Sync); err != nil {
		d.gate.shut(err)
	}
	if err := d.gate.err(); err != nil {
		return fmt.Errorf("%w: %w", ErrReopen, err)
	}
	return nil
}

// orderPuts returns the indexes of the puts in key order, in which reading what they replace touches
// each block once, and refuses what cannot be stored.
func orderPuts(callerMarker []byte, puts []Put) ([]int, error) {
	size := len(callerMarker)
	ordered := make([]int, len(puts))
	for i, p := range puts {
		if len(p.Key) == 0 || len(p.Key) > keyMax {
			return nil, fmt.Errorf("record %d has a key of %d bytes, allowed are 1 to %d", i, len(p.Key), keyMax)
		}
		// A sum that has passed the limit cannot wrap, because each part is checked before the next.
		if size += len(p.Key) + len(p.Value); size > saveMax {
			return nil, fmt.Errorf("more than %d bytes in one save: save more often", saveMax)
		}
		ordered[i] = i
	}
	slices.SortFunc(ordered, func(a, b int) int { return bytes.Compare(puts[a].Key, puts[b].Key) })
	for i := 1; i < len(ordered); i++ {
		if key := puts[ordered[i]].Key; bytes.Equal(puts[ordered[i-1]].Key, key) {
			return nil, fmt.Errorf("record %x comes twice in one save", key)
		}
	}
	return ordered, nil
}

// Drop removes the marker and all records of a shard, durably. A shard that is not there is no error.
func (d *Dir) Drop(ctx context.Context, shard int) error {
	done, err := d.use()
	if err != nil {
		return d.wrapShard("drop", shard, err)
	}
	defer done()
	if err := d.drop(ctx, shard); err != nil {
		return d.wrapShard("drop", shard, err)
	}
	return nil
}

func (d *Dir) drop(ctx context.Context, shard int) (err error) {
	if err := d.waitForRoom(ctx); err != nil {
		return err
	}
	s, err := d.state(shard)
	// A shard whose marker cannot be read must still be possible to drop: it is the remedy.
	if err != nil && !errors.Is(err, ErrCorrupt) {
		return err
	}
	if err == nil {
		defer s.mu.Unlock()
	}
	if err := d.witness.forget(shard); err != nil {
		return err
	}
	batch := d.db.NewBatch()
	defer func() { err = errors.Join(err, batch.Close()) }()
	if err := errors.Join(
		batch.DeleteRange(recordKey(shard, nil), shardEnd(shard), nil),
		batch.Delete(markerKey(shard), nil),
	); err != nil {
		return err
	}
	if err := d.commit(batch); err != nil {
		return err
	}
	if s != nil {
		s.last = marker{}
	}
	return nil
}
