package checkpoint

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

// Load calls fn with every record of the shard in key order, as of the last Save, and returns that
// save's marker. The slices belong to the store and are valid during the call only.
//
// Whether a record is missing is known only at the end: when Load returns an error, what fn was given
// must be thrown away. found is false, without an error, when the shard was never saved or dropped.
func (d *Dir) Load(
	ctx context.Context, shard int, fn func(key, value []byte) error,
) (callerMarker []byte, found bool, err error) {
	done, err := d.use()
	if err != nil {
		return nil, false, d.wrapShard("load", shard, err)
	}
	defer done()
	start := time.Now()
	last, found, read, err := d.load(ctx, shard, fn)
	if err != nil {
		return nil, false, d.wrapShard("load", shard, err)
	}
	d.metrics.loaded(read, time.Since(start))
	return last.caller, found, nil
}

// Marker returns what Load returns, without reading the records.
func (d *Dir) Marker(shard int) (callerMarker []byte, found bool, err error) {
	done, err := d.use()
	if err != nil {
		return nil, false, d.wrapShard("look at", shard, err)
	}
	defer done()
	last, found, err := d.readMarker(d.db, shard)
	if err != nil {
		return nil, false, d.wrapShard("look at", shard, err)
	}
	return last.caller, found, nil
}

func (d *Dir) load(
	ctx context.Context, shard int, fn func(key, value []byte) error,
) (last marker, found bool, read int, err error) {
	if shard < 0 || shard > shardMax {
		return marker{}, false, 0, fmt.Errorf("shard %d is not between 0 and %d", shard, shardMax)
	}
	// Marker and records of one moment, whatever is saved meanwhile.
	snapshot := d.db.NewSnapshot()
	defer func() { err = errors.Join(err, snapshot.Close()) }()
	last, found, err = d.readMarker(snapshot, shard)
	if err != nil {
		return marker{}, false, 0, err
	}
	have, read, err := d.each(ctx, snapshot, shard, fn)
	if err != nil {
		return marker{}, false, 0, err
	}
	switch {
	case !found && have.count > 0:
		return marker{}, false, 0, damaged("%d records and no marker", have.count)
	case have.count != last.totals.count:
		return marker{}, false, 0, damaged("%d records, the marker says %d", have.count, last.totals.count)
	case have.digest != last.totals.digest:
		return marker{}, false, 0, damaged("digest of the records is %016x, the marker says %016x",
			have.digest, last.totals.digest)
	}
	return last, found, read, nil
}

// each checks and passes on the records of a shard.
func (d *Dir) each(
	ctx context.Context, snapshot *pebble.Snapshot, shard int, fn func(key, value []byte) error,
) (have totals, read int, err error) {
	iter, err := snapshot.NewIterWithContext(ctx, &pebble.IterOptions{
		LowerBound: recordKey(shard, nil), UpperBound: shardEnd(shard),
	})
	if err != nil {
		return totals{}, 0, err
	}
	defer func() { err = errors.Join(err, iter.Close()) }()
	for iter.First(); iter.Valid(); iter.Next() {
		if have.count%1024 == 0 && ctx.Err() != nil {
			return totals{}, 0, ctx.Err()
		}
		stored, err := iter.ValueAndErr()
		if err != nil {
			return totals{}, 0, err
		}
		value, err := unseal(iter.Key(), stored)
		if err != nil {
			return totals{}, 0, err
		}
		have.add(iter.Key(), value)
		read += len(iter.Key()) + len(stored)
		if err := fn(iter.Key()[shardSize:], value); err != nil {
			return totals{}, 0, fmt.Errorf("record %x: %w", iter.Key()[shardSize:], err)
		}
	}
	return have, read, iter.Error()
}

// Shards lists, in order, every shard that has a marker or a record. One that has records and no
// marker is listed too, so that Load can refuse it.
func (d *Dir) Shards() ([]int, error) {
	done, err := d.use()
	if err != nil {
		return nil, wrapDir("list", d.dir, err)
	}
	defer done()
	shards, err := d.listShards()
	if err != nil {
		return nil, wrapDir("list", d.dir, err)
	}
	return shards, nil
}

func (d *Dir) listShards() (shards []int, err error) {
	iter, err := d.db.NewIter(nil)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, iter.Close()) }()
	for valid := iter.First(); valid; {
		key := iter.Key()
		if len(key) < shardSize {
			return nil, damaged("key %x is shorter than a shard number", key)
		}
		prefix := binary.BigEndian.Uint32(key)
		if prefix == shardMarkers {
			if len(key) != 2*shardSize {
				return nil, damaged("key %x is not that of a marker", key)
			}
			prefix = binary.BigEndian.Uint32(key[shardSize:])
			valid = iter.Next()
		} else {
			valid = iter.SeekGE(shardEnd(int(prefix)))
		}
		if prefix > shardMax {
			return nil, damaged("shard %d is over %d", prefix, shardMax)
		}
		shards = append(shards, int(prefix))
	}
	slices.Sort(shards)
	return slices.Compact(shards), iter.Error()
}
