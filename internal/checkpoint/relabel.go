package checkpoint

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"math"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// ErrNothing says that there is no checkpoint in the directory.
var ErrNothing = errors.New("there is no checkpoint")

// A change of meaning has three steps, so that a crash at any instant leaves the old checkpoint or
// the new one, whole:
//
//	Stage    one synced batch puts the new markers beside the old ones, and a plan that names the
//	         new meaning. Who opens the directory under the old meaning drops both.
//	Switch   FORMAT is replaced by one that says the new meaning: from here on the new one counts.
//	         One synced batch then moves the staged markers to their places, or takes the records
//	         away. Who opens the directory before that does it first.
//
// A plan for the meaning that the directory has already (records are forgotten, the configuration
// stays) counts from Stage on.

// shardStaged is the key prefix of a plan and of its markers. No shard has this number (see shardMax).
const shardStaged = math.MaxUint32 - 1

// What a plan does.
const (
	planRelabel = 1 // the records stay, the markers are replaced
	planForget  = 2 // the records and the markers go
)

// plan is what is staged: the hash of the meaning it is for, and what it does.
type plan struct {
	meaning uint64
	action  byte
}

func planKey() []byte { return binary.BigEndian.AppendUint32(nil, shardStaged) }

func stagedKey(shard int) []byte {
	return binary.BigEndian.AppendUint32(planKey(), uint32(shard)) //nolint:gosec // 0 to shardMax, checked by the callers
}

// stagedEnd is the first key after everything staged: where the markers begin.
func stagedEnd() []byte { return binary.BigEndian.AppendUint32(nil, shardMarkers) }

// markersEnd is the first key after all markers.
func markersEnd() []byte { return binary.BigEndian.AppendUint32(stagedEnd(), math.MaxUint32) }

// OpenStored opens a checkpoint under the meaning that it was written for, whatever that is, and
// returns the meaning's description. Where there is none it makes nothing and says ErrNothing.
// Options.Fingerprint is not looked at.
func OpenStored(opts Options) (d *Dir, meaning string, err error) {
	fsys, dir := opts.FS, opts.Dir
	if fsys == nil {
		fsys = vfs.Default
		if dir, err = canonical(opts.Dir); err != nil {
			return nil, "", wrapDir("open", opts.Dir, err)
		}
	}
	stored, err := readFile(fsys, fsys.PathJoin(dir, formatName), formatMax)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, "", wrapDir("open", opts.Dir, ErrNothing)
	}
	if err != nil {
		return nil, "", wrapDir("open", opts.Dir, explain(dir, err))
	}
	if meaning, err = decodeFormat(stored); err != nil {
		return nil, "", wrapDir("open", opts.Dir, err)
	}
	opts.Fingerprint = meaning // compared again behind the lock
	d, err = Open(opts)
	return d, meaning, err
}

// Stage prepares a change of meaning. remark gives the new marker of each shard; nil forgets all
// shards, records included. Nothing counts before Switch, unless the meaning is the present one.
func (d *Dir) Stage(ctx context.Context, meaning string, remark func(shard int, marker []byte) ([]byte, error)) error {
	done, err := d.use()
	if err != nil {
		return wrapDir("stage", d.dir, err)
	}
	defer done()
	if err := d.stagePlan(ctx, meaning, remark); err != nil {
		return wrapDir("stage", d.dir, err)
	}
	return nil
}

func (d *Dir) stagePlan(ctx context.Context, meaning string, remark func(shard int, marker []byte) ([]byte, error)) (err error) {
	p := plan{meaning: meaningHash(meaning), action: planForget}
	if remark != nil {
		p.action = planRelabel
	}
	if err := d.waitForRoom(ctx); err != nil {
		return err
	}
	batch := d.db.NewBatch()
	defer func() { err = errors.Join(err, batch.Close()) }()
	if err := batch.DeleteRange(planKey(), stagedEnd(), nil); err != nil {
		return err
	}
	if err := batch.Set(planKey(), seal(planKey(), p.encode()), nil); err != nil {
		return err
	}
	if remark != nil {
		if err := d.stageMarkers(batch, p.meaning, remark); err != nil {
			return err
		}
	}
	return d.commit(batch)
}

// stageMarkers adds the new marker of every shard. The records are the same, so are their totals.
func (d *Dir) stageMarkers(batch *pebble.Batch, meaning uint64, remark func(shard int, marker []byte) ([]byte, error)) error {
	shards, err := d.listShards()
	if err != nil {
		return err
	}
	for _, shard := range shards {
		last, found, err := d.readMarker(d.db, shard)
		if err != nil {
			return err
		}
		if !found {
			return damaged("shard %d has records and no marker", shard)
		}
		caller, err := remark(shard, last.caller)
		if err != nil {
			return fmt.Errorf("marker of shard %d: %w", shard, err)
		}
		next := marker{meaning: meaning, save: last.save + 1, totals: last.totals, caller: caller}
		if err := batch.Set(stagedKey(shard), seal(stagedKey(shard), next.encode()), nil); err != nil {
			return err
		}
	}
	return nil
}

// Switch makes what was staged for the meaning count. The store goes on under it.
func (d *Dir) Switch(meaning string) error {
	done, err := d.use()
	if err != nil {
		return wrapDir("switch", d.dir, err)
	}
	defer done()
	if err := d.switchTo(meaning); err != nil {
		return wrapDir("switch", d.dir, err)
	}
	return nil
}

func (d *Dir) switchTo(meaning string) error {
	p, found, err := d.readPlan()
	if err != nil {
		return err
	}
	if !found || p.meaning != meaningHash(meaning) {
		return errors.New("nothing is staged for that meaning")
	}
	if p.meaning != d.meaning {
		if err := writeFormat(d.gate, d.dir, meaning); err != nil {
			return err
		}
		if err := d.gate.err(); err != nil {
			return fmt.Errorf("%w: %w", ErrReopen, err)
		}
		d.meaning = p.meaning
	}
	d.shardsMu.Lock()
	defer d.shardsMu.Unlock()
	d.shards = map[int]*shardState{}
	return d.settlePlan()
}

// settlePlan carries out a plan for the meaning that the directory has, and drops every other one.
// It is part of every Open, and may be cut short and repeated.
func (d *Dir) settlePlan() (err error) {
	p, found, err := d.readPlan()
	if err != nil || !found {
		return err
	}
	batch := d.db.NewBatch()
	defer func() { err = errors.Join(err, batch.Close()) }()
	if p.meaning == d.meaning {
		if err := d.carryOut(batch, p); err != nil {
			return err
		}
	}
	if err := batch.DeleteRange(planKey(), stagedEnd(), nil); err != nil {
		return err
	}
	return d.commit(batch)
}

func (d *Dir) carryOut(batch *pebble.Batch, p plan) (err error) {
	switch p.action {
	case planForget:
		// First the witness: what goes away must not look like what was lost.
		if err := d.witness.forgetAll(); err != nil {
			return err
		}
		return errors.Join(
			batch.DeleteRange(recordKey(0, nil), planKey(), nil),
			batch.DeleteRange(stagedEnd(), markersEnd(), nil),
		)
	case planRelabel:
		return d.placeMarkers(batch)
	default:
		return damaged("a plan of kind %d is staged", p.action)
	}
}

// placeMarkers puts the staged markers in the place of the old ones.
func (d *Dir) placeMarkers(batch *pebble.Batch) (err error) {
	iter, err := d.db.NewIter(&pebble.IterOptions{LowerBound: stagedKey(0), UpperBound: stagedEnd()})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, iter.Close()) }()
	for valid := iter.First(); valid; valid = iter.Next() {
		if len(iter.Key()) != 2*shardSize {
			return damaged("key %x is not that of a staged marker", iter.Key())
		}
		stored, err := iter.ValueAndErr()
		if err != nil {
			return err
		}
		value, err := unseal(iter.Key(), stored)
		if err != nil {
			return err
		}
		key := markerKey(int(binary.BigEndian.Uint32(iter.Key()[shardSize:])))
		if err := batch.Set(key, seal(key, value), nil); err != nil {
			return err
		}
	}
	return iter.Error()
}

func (p plan) encode() []byte {
	return append(binary.BigEndian.AppendUint64(nil, p.meaning), p.action)
}

func (d *Dir) readPlan() (p plan, found bool, err error) {
	value, found, err := d.read(d.db, planKey())
	if err != nil || !found {
		return plan{}, false, err
	}
	if len(value) != 9 {
		return plan{}, false, damaged("the staged plan has %d bytes, needs 9", len(value))
	}
	return plan{meaning: binary.BigEndian.Uint64(value), action: value[8]}, true, nil
}
