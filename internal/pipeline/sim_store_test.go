package pipeline

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"

	"github.com/cockroachdb/pebble/v2/vfs"

	"processor/internal/broker"
	"processor/internal/checkpoint"
	"processor/internal/row"
)

// simStore is where checkpoints are kept, seen by one process. The memory behind it outlives the
// process: either a map, or the real store on a file system that loses what was not synced.
type simStore struct{ *simProcess }

// kept is what is stored of a shard.
type kept struct {
	records map[string][]byte
	marker  []byte
}

// simDisk is what survives.
type simDisk struct {
	shards map[int]*kept

	// The real store, for some seeds.
	fs  *vfs.MemFS
	dir *checkpoint.Dir

	saved map[int][]byte // by shard: the last marker that was acknowledged
}

func newSimDisk(onDisk bool) *simDisk {
	d := &simDisk{shards: map[int]*kept{}, saved: map[int][]byte{}}
	if onDisk {
		d.fs = vfs.NewCrashableMem()
	}
	return d
}

// open opens the real store.
func (d *simDisk) open(meaning string) (*checkpoint.Dir, error) {
	if d.dir != nil {
		return d.dir, nil
	}
	var err error
	d.dir, err = checkpoint.Open(checkpoint.Options{Dir: "checkpoint", Fingerprint: meaning, FS: d.fs, CacheBytes: 1 << 20})
	return d.dir, err
}

// crash ends the process that had the store open; a part of what was not synced is gone.
func (d *simDisk) crash(p *simProcess) {
	if d.dir == nil {
		return
	}
	var left *vfs.MemFS
	if !p.ended {
		percent := []int{0, 0, 50, 100}[p.dice.IntN(4)]
		left = d.fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: percent, RNG: rand.New(rand.NewPCG(p.plan.Seed, uint64(p.number)))})
	}
	if err := d.dir.Close(); err != nil {
		panic(simFailure("close the store: " + err.Error()))
	}
	d.dir = nil
	if left != nil {
		d.fs = left
	}
}

// lose is a disk that is gone.
func (s *simulation) lose() {
	s.note("checkpoints lost", 0)
	s.store = newSimDisk(s.plan.Pebble)
}

func (s simStore) Load(ctx context.Context, shard int, fn func(key, value []byte) error) (marker []byte, found bool, err error) {
	if err := s.pause("load"); err != nil {
		return nil, false, err
	}
	disk := s.store
	s.opened[shard]++
	s.rounds = 0
	if disk.fs != nil {
		dir, err := disk.open(fmt.Sprint(s.company.generation))
		if err != nil {
			return nil, false, err
		}
		if marker, found, err = dir.Load(ctx, shard, fn); err != nil {
			return nil, false, err
		}
	} else if k := disk.shards[shard]; k != nil {
		for _, key := range slices.Sorted(maps.Keys(k.records)) {
			if err := fn([]byte(key), k.records[key]); err != nil {
				return nil, false, err
			}
		}
		marker, found = bytes.Clone(k.marker), true
	}
	s.loaded(shard, marker)
	return marker, found, nil
}

// loaded holds that what comes back is what was acknowledged last.
func (s simStore) loaded(shard int, marker []byte) {
	disk := s.store
	if !bytes.Equal(marker, disk.saved[shard]) {
		panic(simFailure(fmt.Sprintf("shard %d: acknowledged was the checkpoint %s, there is %s", shard, disk.saved[shard], marker)))
	}
	for _, topic := range s.topics {
		tp := broker.TopicPartition{Topic: topic, Partition: int32(shard)} //nolint:gosec // a partition
		s.asked[tp] = placeIn(marker, topic)
		delete(s.joined, tp)
		s.published[tp] = s.asked[tp]
	}
	if s.plan.Delivery == ExactlyOnce {
		s.committed(shard)
	}
}

// committed notes up to where the last committed progress row of a shard goes.
func (s simStore) committed(shard int) {
	log := s.broker.log(broker.TopicPartition{Topic: simPrefix + string(row.TopicProgress), Partition: int32(shard)}) //nolint:gosec // a partition
	for i := len(log.entries) - 1; i >= 0; i-- {
		if log.entries[i].kind != entryRecord {
			continue
		}
		var r progressRow
		if err := json.Unmarshal(log.entries[i].Value, &r); err != nil {
			panic(simFailure(err.Error()))
		}
		for _, topic := range s.topics {
			tp := broker.TopicPartition{Topic: topic, Partition: int32(shard)} //nolint:gosec // a partition
			if next, known := positionsIn(r.Positions)[tp.String()]; known {
				s.published[tp] = max(s.published[tp], next)
			}
		}
		return
	}
}

// placeIn is the position of a topic in a marker, 0 without one.
func placeIn(marker []byte, topic string) int64 {
	var m struct {
		Sources []struct {
			Topic string `json:"topic"`
			Next  int64  `json:"next"`
		} `json:"sources"`
	}
	if marker == nil {
		return 0
	}
	if err := json.Unmarshal(marker, &m); err != nil {
		panic(simFailure(fmt.Sprintf("marker %q: %v", marker, err)))
	}
	for _, src := range m.Sources {
		if src.Topic == topic {
			return src.Next
		}
	}
	return 0
}

func (s simStore) Save(ctx context.Context, shard int, marker []byte, puts []checkpoint.Put) error {
	if err := s.pause("save"); err != nil {
		return err
	}
	disk := s.store
	for _, topic := range s.topics {
		tp := broker.TopicPartition{Topic: topic, Partition: int32(shard)} //nolint:gosec // a partition
		next := placeIn(marker, topic)
		if next > s.published[tp] {
			panic(simFailure(fmt.Sprintf("%s: position %d is saved, rows are acknowledged up to %d", tp, next, s.published[tp])))
		}
		if before := placeIn(disk.saved[shard], topic); next < before {
			panic(simFailure(fmt.Sprintf("%s: position %d is saved after %d", tp, next, before)))
		}
	}
	s.note("save", int64(shard))
	if disk.fs != nil {
		if err := disk.dir.Save(ctx, shard, marker, puts); err != nil {
			return err
		}
	} else {
		disk.keep(shard, marker, puts)
	}
	disk.saved[shard] = bytes.Clone(marker)
	return s.pause("stored")
}

// keep stores a checkpoint in the map.
func (d *simDisk) keep(shard int, marker []byte, puts []checkpoint.Put) {
	k := d.shards[shard]
	if k == nil {
		k = &kept{records: map[string][]byte{}}
		d.shards[shard] = k
	}
	for _, put := range puts {
		if put.Delete {
			delete(k.records, string(put.Key))
		} else {
			k.records[string(put.Key)] = bytes.Clone(put.Value)
		}
	}
	k.marker = bytes.Clone(marker)
}
