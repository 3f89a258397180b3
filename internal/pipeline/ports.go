package pipeline

import (
	"context"

	"processor/internal/broker"
	"processor/internal/consumer"
	"processor/internal/sink"
)

// logs is everything that the shards and the rollup read: committed records of the brokers' logs, and
// where the logs begin and end. Deciding what to do with them is the pipeline's; how to ask is not.
type logs interface {
	// Starts and Ends are the first offsets that are there, and those behind the last that may be read.
	Starts(ctx context.Context, of []broker.TopicPartition) (map[broker.TopicPartition]int64, error)
	Ends(ctx context.Context, of []broker.TopicPartition) (map[broker.TopicPartition]int64, error)
	// Read calls fn for the records from an offset, or consumer.FromStart, to the end as of now.
	Read(ctx context.Context, tp broker.TopicPartition, from int64, fn func(*consumer.Record) error) (next int64, err error)
	// Verify compares the batch in front of a position with the one that was applied.
	Verify(ctx context.Context, p consumer.Position, applied consumer.Mark, compacted bool) error
	// Compacted says which of the topics a cleaner rewrites.
	Compacted(ctx context.Context, topics []string) (map[string]bool, error)
	Fetcher(o consumer.FetcherOptions) fetcher
}

// fetcher reads on from positions; its records are valid until the next call.
type fetcher interface {
	Fetch(ctx context.Context, positions []consumer.Position) ([]consumer.Batch, error)
}

// outlet sends rows. It returns when all replicas have all of them, with the next offsets of the
// partitions that they went to. After an error it is the restart that finds out what arrived.
type outlet interface {
	Send(ctx context.Context, messages []sink.Message) (next map[broker.TopicPartition]int64, err error)
}

// membership is one generation of the group: what it assigned is ours until Done is closed.
type membership interface {
	// Assignment is its number, and the partitions by topic.
	Assignment() (id int32, partitions map[string][]int32)
	// Holds asks the group whether it still stands.
	Holds(ctx context.Context) (bool, error)
	Done() <-chan struct{}
	// Commit tells the group's coordinator how far we are, for lag tools.
	Commit(ctx context.Context, positions map[broker.TopicPartition]int64) error
}

// clusterLogs are the logs of a Kafka cluster.
type clusterLogs struct{ cluster *broker.Cluster }

func (l clusterLogs) Starts(ctx context.Context, of []broker.TopicPartition) (map[broker.TopicPartition]int64, error) {
	return consumer.StartOffsets(ctx, l.cluster, of)
}

func (l clusterLogs) Ends(ctx context.Context, of []broker.TopicPartition) (map[broker.TopicPartition]int64, error) {
	return consumer.EndOffsets(ctx, l.cluster, of)
}

func (l clusterLogs) Read(ctx context.Context, tp broker.TopicPartition, from int64, fn func(*consumer.Record) error) (int64, error) {
	return consumer.ReadRange(ctx, l.cluster, tp.Topic, tp.Partition, from, fn)
}

func (l clusterLogs) Verify(ctx context.Context, p consumer.Position, applied consumer.Mark, compacted bool) error {
	return consumer.VerifyPosition(ctx, l.cluster, p, applied, compacted)
}

func (l clusterLogs) Compacted(ctx context.Context, topics []string) (map[string]bool, error) {
	found, err := consumer.Topics(ctx, l.cluster, topics...)
	if err != nil {
		return nil, err
	}
	compacted := make(map[string]bool, len(found))
	for name := range found {
		compacted[name] = found[name].Compacted
	}
	return compacted, nil
}

func (l clusterLogs) Fetcher(o consumer.FetcherOptions) fetcher {
	return consumer.NewFetcher(l.cluster, o)
}
