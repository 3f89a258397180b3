package pipeline

import (
	"context"

	"processor/internal/consumer"
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
