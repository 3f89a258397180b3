package pipeline

import (
	"context"
	"errors"

	"processor/internal/aggregate"
	"processor/internal/broker"
	"processor/internal/checkpoint"
)

// checkpoint saves all shards beside the loop, one checkpoint at a time, and commits the group's
// offsets after it. It follows a slow flush, so that every row of what it holds is acknowledged.
func (s *session) checkpoint(ctx context.Context, wait bool) error {
	if !wait && len(s.saving) == 0 {
		return nil // the last one is not through: the next round looks again
	}
	if err := s.settleSaving(); err != nil {
		return err
	}
	if s.isOver() {
		return nil // the shards may be somebody else's by now
	}
	s.saved = s.options.schedule.Now()
	saves, err := s.snapshot()
	if err != nil {
		return err
	}
	if err := <-s.saving; err != nil { // it was settled above, and saves begin here only
		s.saving <- nil
		return err
	}
	keep, generation := context.WithoutCancel(ctx), s.generation
	s.options.schedule.Beside(besideSave, func() { s.saving <- s.save(keep, generation, saves) })
	return nil
}

// awaitSave waits for the checkpoint that is being saved, if there is one. Who calls it puts
// something back into s.saving.
func (s *session) awaitSave() error {
	s.options.schedule.Await(besideSave)
	return <-s.saving
}

// shardSave is what one shard hands to the store. Nothing in it belongs to the state any more.
type shardSave struct {
	shard  *shard
	marker []byte
	kept   []aggregate.Kept // what the puts are made of, beside the loop
	puts   []checkpoint.Put
	places map[broker.TopicPartition]int64
}

func (s *session) snapshot() ([]shardSave, error) {
	saves := make([]shardSave, len(s.shards))
	err := s.parallel(len(s.shards), func(i int) (err error) {
		saves[i], err = s.shards[i].snapshot()
		if errors.Is(err, ErrIdentity) {
			s.options.Metrics.update(func(r *Reading) { r.IdentityBreaks++ })
		}
		return err
	})
	return saves, err
}

// snapshot takes from a shard what its checkpoint needs. The shard waits for it: BenchmarkSnapshot says how long.
func (s *shard) snapshot() (shardSave, error) {
	if err := s.check(); err != nil {
		return shardSave{}, err
	}
	one := shardSave{shard: s, places: map[broker.TopicPartition]int64{}}
	one.kept = s.takeKept()
	for _, src := range s.sources {
		one.places[src.TopicPartition] = src.Next
	}
	var err error
	one.marker, err = s.marker().encode()
	return one, err
}

// save writes the checkpoints, then commits the positions for lag tools. A shard that has a newer owner
// is in the *lostError at the end; the others are saved all the same.
func (s *session) save(ctx context.Context, generation membership, saves []shardSave) error {
	if err := s.step("saving"); err != nil {
		return err
	}
	var lost lostError
	positions := map[broker.TopicPartition]int64{}
	for _, one := range saves {
		begun := s.options.schedule.Now()
		one.puts = putsOf(one.kept)
		err := s.saveShard(ctx, &one)
		if isFenced(err) {
			lost.shards, lost.cause = append(lost.shards, one.shard), errors.Join(lost.cause, err)
			continue
		}
		if err != nil {
			return err
		}
		size := int64(len(one.marker))
		for _, put := range one.puts {
			size += int64(len(put.Key) + len(put.Value))
		}
		s.countSave(one.shard.number, size, s.options.schedule.Now().Sub(begun))
		for tp, next := range one.places {
			positions[tp] = next
		}
		if err := s.step("saved a shard"); err != nil {
			return err
		}
	}
	if err := generation.Commit(ctx, positions); err != nil {
		s.options.Logger.WarnContext(ctx, "the group's offsets, which lag tools read, are behind the checkpoint", "error", err)
	}
	if len(lost.shards) > 0 {
		return &lost
	}
	return s.step("saved")
}
