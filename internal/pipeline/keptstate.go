package pipeline

import (
	"context"
	"fmt"
	"time"

	"processor/internal/aggregate"
	"processor/internal/broker"
	"processor/internal/checkpoint"
	"processor/internal/consumer"
	"processor/internal/row"
)

// ExplainKeptInTopic is ExplainKept of the store kafka. It takes no shard, so the service may run: the
// answer is then as of the last checkpoint.
func ExplainKeptInTopic(ctx context.Context, options Options, account string, within *aggregate.Interval) (*aggregate.Explanation, error) {
	o, err := options.withDefaults()
	if err != nil {
		return nil, err
	}
	topic := o.topic(row.TopicState)
	found, err := consumer.Topics(ctx, o.Cluster, topic)
	if err != nil {
		return nil, fmt.Errorf("look up %s: %w", topic, err)
	}
	if !found[topic].Exists {
		return nil, fmt.Errorf("topic %s: %w", topic, checkpoint.ErrNothing)
	}
	shards := found[topic].Partitions
	store := keptState{newStateTopic(&o, meaning(&o.Core, shards))}
	return explainFrom(ctx, store, o.Core, shards, account, within)
}

// readDecided is readState of a shard that somebody may own, after the save that is being committed.
func readDecided(ctx context.Context, o *Options, shard int) (*stateFold, error) {
	tp := broker.TopicPartition{Topic: o.topic(row.TopicState), Partition: int32(shard)} //nolint:gosec // a partition
	if _, err := consumer.Decided(ctx, o.Cluster, tp, saveEnds); err != nil {
		return nil, fmt.Errorf("read the checkpoint of shard %d from %s: %w", shard, tp, err)
	}
	return readState(ctx, o, tp.Topic, shard)
}

// keptState reads the state topic without taking anything.
type keptState struct{ *stateTopic }

// saveEnds is how long a save that is being committed is waited for. Longer lasts only one that was
// killed, and then the save before it is the last.
const saveEnds = 2 * time.Second

// Load reads a shard; its meaning must be that of the options.
func (k keptState) Load(ctx context.Context, shard int, fn func(key, value []byte) error) (marker []byte, found bool, err error) {
	fold, err := readDecided(ctx, k.options, shard)
	if err != nil {
		return nil, false, k.remedied(err)
	}
	if fold.mark == nil {
		return nil, false, nil
	}
	if _, err := shardsOf(fold.mark.meaning, &k.options.Core); err != nil {
		return nil, false, fmt.Errorf("checkpoint of shard %d in %s: %w", shard, k.topic, err)
	}
	return fold.mark.caller, true, fold.each(fn)
}
