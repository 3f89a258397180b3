package pipeline

import (
	"context"
	"errors"
	"fmt"

	"processor/internal/broker"
	"processor/internal/checkpoint"
	"processor/internal/consumer"
	"processor/internal/sink"
)

// stateRebuild is the checkpoint in the state topic of a service that is stopped, while its meaning is
// changed. It takes all shards first, so that an instance that still runs is refused at its next save
// and ends. The change is one transaction over all partitions, under an id of its own which every
// start of the service takes: whenever it is cut short, all shards have the old meaning or all the new
// one.
type stateRebuild struct {
	*stateTopic

	rebuilder *sink.Transactor
	numbers   []int              // shards that have records
	marks     map[int]*stateMark // of those that could be read
	messages  []sink.Message     // that are staged
}

// openStoredState opens what the state topic holds, under the meaning that it was written for. A dry
// run takes nothing.
func openStoredState(ctx context.Context, o *Options, partitions int, wanted Rebuilt) (*stateRebuild, string, error) {
	r := &stateRebuild{stateTopic: newStateTopic(o, meaning(&o.Core, partitions)), marks: map[int]*stateMark{}}
	found, err := consumer.Topics(ctx, o.Cluster, r.topic)
	if err != nil {
		return nil, "", fmt.Errorf("look up %s: %w", r.topic, err)
	}
	if !found[r.topic].Exists {
		return nil, "", fmt.Errorf("topic %s: %w", r.topic, checkpoint.ErrNothing)
	}
	if has := found[r.topic].Partitions; has != partitions {
		return nil, "", fmt.Errorf("%w: topic %s was made for %d partitions, the sources have %d, %s", ErrRefused, r.topic, has, partitions, o.grownRemedy())
	}
	if !wanted.DryRun {
		if err := r.takeAll(ctx, partitions); err != nil {
			return nil, "", err
		}
	}
	if r.numbers, err = r.written(ctx, partitions); err != nil {
		return nil, "", err
	}
	stored, err := r.storedMeaning(ctx, wanted.From)
	if err == nil && len(r.numbers) == 0 {
		err = fmt.Errorf("topic %s: %w", r.topic, checkpoint.ErrNothing)
	}
	return r, stored, err
}

// takeAll fences every instance that has a shard.
func (r *stateRebuild) takeAll(ctx context.Context, partitions int) (err error) {
	if r.rebuilder, err = r.newWriter(r.rebuildID()); err != nil {
		return err
	}
	if err := r.rebuilder.Open(ctx); err != nil {
		return err
	}
	for shard := range partitions {
		writer, err := r.newWriter(r.shardID(shard))
		if err != nil {
			return err
		}
		if err := writer.Open(ctx); err != nil {
			return fmt.Errorf("take over shard %d: %w", shard, err)
		}
	}
	return nil
}

// written are the shards whose partitions are not empty.
func (r *stateRebuild) written(ctx context.Context, partitions int) (numbers []int, err error) {
	all := make([]broker.TopicPartition, partitions)
	for shard := range all {
		all[shard] = broker.TopicPartition{Topic: r.topic, Partition: int32(shard)} //nolint:gosec // a partition
	}
	starts, err := r.options.logs.Starts(ctx, all)
	if err != nil {
		return nil, fmt.Errorf("where %s begins: %w", r.topic, err)
	}
	ends, err := r.options.logs.Ends(ctx, all)
	if err != nil {
		return nil, fmt.Errorf("where %s ends: %w", r.topic, err)
	}
	for shard, tp := range all {
		if ends[tp] > starts[tp] {
			numbers = append(numbers, shard)
		}
	}
	return numbers, nil
}

// storedMeaning is the meaning that the markers name; one that is not the wanted one, if they differ.
// Shards of which everything was forgotten are none.
func (r *stateRebuild) storedMeaning(ctx context.Context, from RebuildFrom) (stored string, err error) {
	stored = r.meaning
	var kept []int
	for _, shard := range r.numbers {
		mark, forgotten, err := r.lastMark(ctx, shard)
		switch {
		case err != nil && !(errors.Is(err, checkpoint.ErrCorrupt) && from == FromLog): // Load says it again
			return "", err
		case mark != nil && mark.group != r.options.Group:
			return "", r.fits(mark)
		case mark != nil && mark.meaning != r.meaning:
			stored = mark.meaning
		}
		if !forgotten {
			kept = append(kept, shard)
		}
	}
	r.numbers = kept
	return stored, nil
}

// Shards are those that have records.
func (r *stateRebuild) Shards() ([]int, error) { return r.numbers, nil }

// Load reads a shard without taking it, its records in the order of their keys.
func (r *stateRebuild) Load(ctx context.Context, shard int, fn func(key, value []byte) error) (marker []byte, found bool, err error) {
	fold, err := readState(ctx, r.options, r.topic, shard)
	if err != nil {
		return nil, false, r.remedied(err)
	}
	fold.sort()
	if err := fold.each(fn); err != nil {
		return nil, false, err
	}
	if fold.mark == nil {
		return nil, false, nil
	}
	r.marks[shard] = fold.mark
	return fold.mark.caller, true, nil
}

// Stage prepares the records of the change: new markers, or that everything is forgotten.
func (r *stateRebuild) Stage(_ context.Context, meaning string, remark func(shard int, marker []byte) ([]byte, error)) error {
	r.messages = nil
	add := func(shard int, key, value []byte) {
		r.messages = append(r.messages, sink.Message{Topic: r.topic, Partition: int32(shard), Key: key, Value: value}) //nolint:gosec // a partition
	}
	for _, shard := range r.numbers {
		mark := r.marks[shard]
		switch {
		case remark == nil:
			key := []byte{kindForget}
			add(shard, key, sealState(shard, key, 0))
		case mark != nil:
			caller, err := remark(shard, mark.caller)
			if err != nil {
				return fmt.Errorf("marker of shard %d: %w", shard, err)
			}
			next := stateMark{save: mark.save + 1, group: mark.group, meaning: meaning, caller: caller}
			key, value := next.message(shard)
			add(shard, key, value)
		}
	}
	return nil
}

// Switch makes what is staged count, and waits until every reader sees it.
func (r *stateRebuild) Switch(ctx context.Context, _ string) error {
	err := r.rebuilder.Begin(ctx)
	if err == nil && len(r.messages) > 0 {
		_, err = r.rebuilder.Send(ctx, r.messages)
	}
	if err == nil {
		err = r.rebuilder.Commit(ctx)
	}
	var failed *sink.ErrTransaction
	if errors.As(err, &failed) && failed.Outcome == sink.Unknown {
		var outcome sink.Outcome
		if outcome, err = r.rebuilder.Recover(ctx); err == nil && outcome != sink.Committed {
			err = failed
		}
	}
	switch {
	case errors.Is(err, sink.ErrFenced):
		return fmt.Errorf("%w: an instance of the service was started meanwhile: stop all of them; nothing was changed: %w", ErrFenced, err)
	case err != nil:
		return fmt.Errorf("change the meaning of %s: %w", r.topic, err)
	}
	return r.rebuilder.Open(ctx)
}
