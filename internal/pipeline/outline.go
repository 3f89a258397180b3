package pipeline

import (
	"context"
	"fmt"

	"processor/internal/broker"
	"processor/internal/consumer"
	"processor/internal/row"
	"processor/internal/sink"
)

// Outputs are the topics that a service with these options writes to, for so many partitions of its sources.
func Outputs(options Options, partitions int) ([]sink.TopicSpec, error) {
	o, err := options.withDefaults()
	if err != nil {
		return nil, err
	}
	return outputs(&o, partitions), nil
}

// SampleKeys looks at the first records of the sources that say that they are keyed by account, as a start does: the
// problems are records that are not where they should be, one of each source.
func SampleKeys(ctx context.Context, options Options, found map[string]consumer.TopicInfo) (problems []error, err error) {
	o, err := options.withDefaults()
	if err != nil {
		return nil, err
	}
	return checkKeys(ctx, &o, found)
}

// MeaningDifferences says in which settings the meaning of a checkpoint differs from that of the options.
func (k *Kept) MeaningDifferences(partitions int) []Difference {
	if k.Meaning == "" {
		return nil
	}
	return differences(k.Meaning, meaning(&k.options.Core, partitions))
}

// LastProgress calls fn with the last rows of the progress topic, at most so many of each shard: positions,
// watermarks, epochs. They name no account.
func LastProgress(ctx context.Context, options Options, rows int64, fn func(row []byte) error) error {
	o, err := options.withDefaults()
	if err != nil {
		return err
	}
	topic := o.topic(row.TopicProgress)
	found, err := consumer.Topics(ctx, o.Cluster, topic)
	if err != nil {
		return fmt.Errorf("look up %s: %w", topic, err)
	}
	var all []broker.TopicPartition
	for p := range found[topic].Partitions {
		all = append(all, broker.TopicPartition{Topic: topic, Partition: int32(p)}) //nolint:gosec // a partition
	}
	starts, err := o.logs.Starts(ctx, all)
	if err != nil {
		return fmt.Errorf("where %s begins: %w", topic, err)
	}
	ends, err := o.logs.Ends(ctx, all)
	if err != nil {
		return fmt.Errorf("where %s ends: %w", topic, err)
	}
	for _, tp := range all {
		if _, err := o.logs.Read(ctx, tp, max(starts[tp], ends[tp]-rows), func(r *consumer.Record) error { return fn(r.Value) }); err != nil {
			return fmt.Errorf("read %s: %w", tp, err)
		}
	}
	return nil
}
