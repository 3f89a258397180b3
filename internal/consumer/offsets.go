package consumer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol/listoffsets"
	"github.com/segmentio/kafka-go/protocol/offsetfetch"

	"processor/internal/broker"
)

// The special timestamps of a list-offsets request.
const (
	latest   int64 = -1
	earliest int64 = -2
)

// border is an end of a log as a list-offsets request names it.
type border struct {
	at        int64
	isolation int8
}

// retryOffsets bounds how long a question about offsets is repeated while leaders move.
const retryOffsets = 30 * time.Second

// StartOffsets gives the first offset that each partition's log still holds.
func StartOffsets(ctx context.Context, c *broker.Cluster, partitions []TopicPartition) (map[TopicPartition]int64, error) {
	return listOffsets(ctx, c, partitions, border{earliest, readCommitted})
}

// EndOffsets gives each partition's end for a reader of committed records: the offset after the
// last record that can no longer be aborted (the last stable offset).
func EndOffsets(ctx context.Context, c *broker.Cluster, partitions []TopicPartition) (map[TopicPartition]int64, error) {
	return listOffsets(ctx, c, partitions, border{latest, readCommitted})
}

func listOffsets(ctx context.Context, c *broker.Cluster, partitions []TopicPartition, at border) (map[TopicPartition]int64, error) {
	offsets := make(map[TopicPartition]int64, len(partitions))
	ctx, cancel := context.WithTimeout(ctx, retryOffsets)
	defer cancel()
	pending := partitions
	for attempt := 0; ; attempt++ {
		var again []TopicPartition
		var problems []error
		for node, group := range leaders(ctx, c, pending, &again, &problems) {
			askOffsets(ctx, c, node, group, at, offsets, &again, &problems)
		}
		if len(again) == 0 {
			return offsets, errors.Join(append(problems, unanswered(partitions, offsets, problems))...)
		}
		for _, tp := range again {
			c.Forget(tp)
		}
		if err := broker.Backoff(ctx, attempt); err != nil {
			return nil, errors.Join(append(problems, err)...)
		}
		pending = again
	}
}

// unanswered is the error of a partition that a broker left out of its answer: without it the
// missing offset would read as 0.
func unanswered(partitions []TopicPartition, offsets map[TopicPartition]int64, problems []error) error {
	if len(problems) > 0 {
		return nil // those say why
	}
	for _, tp := range partitions {
		if _, ok := offsets[tp]; !ok {
			return fmt.Errorf("consumer: the broker said nothing about the offsets of %s", tp)
		}
	}
	return nil
}

// leaders groups partitions by leader. What may get better goes to again, with its cause in
// problems for the case that it does not.
func leaders(ctx context.Context, c *broker.Cluster, partitions []TopicPartition,
	again *[]TopicPartition, problems *[]error,
) map[int32][]TopicPartition {
	groups := map[int32][]TopicPartition{}
	for _, tp := range partitions {
		node, err := c.Leader(ctx, tp)
		if err != nil {
			note(tp, fmt.Errorf("consumer: leader of %s: %w", tp, err), again, problems)
			continue
		}
		groups[node] = append(groups[node], tp)
	}
	return groups
}

func note(tp TopicPartition, err error, again *[]TopicPartition, problems *[]error) {
	*problems = append(*problems, err)
	if broker.Transient(err) && !errors.Is(err, kafka.UnknownTopicOrPartition) {
		*again = append(*again, tp)
	}
}

// askOffsets asks one broker about its partitions.
func askOffsets(ctx context.Context, c *broker.Cluster, node int32, group []TopicPartition, at border,
	offsets map[TopicPartition]int64, again *[]TopicPartition, problems *[]error,
) {
	req := &listoffsets.Request{ReplicaID: -1, IsolationLevel: at.isolation}
	for _, tp := range group {
		req.Topics = append(req.Topics, listoffsets.RequestTopic{
			Topic:      tp.Topic,
			Partitions: []listoffsets.RequestPartition{{Partition: tp.Partition, CurrentLeaderEpoch: -1, Timestamp: at.at}},
		})
	}
	m, err := c.Ask(ctx, node, req)
	if err != nil {
		for _, tp := range group {
			note(tp, fmt.Errorf("consumer: ask broker %d for the offsets of %s: %w", node, tp, err), again, problems)
		}
		return
	}
	for _, t := range m.(*listoffsets.Response).Topics {
		for _, p := range t.Partitions {
			tp := TopicPartition{Topic: t.Topic, Partition: p.Partition}
			if code := kafka.Error(p.ErrorCode); code != 0 {
				note(tp, fmt.Errorf("consumer: offsets of %s: %w", tp, code), again, problems)
				continue
			}
			offsets[tp] = p.Offset
		}
	}
}

// listOffset asks the leader of one partition once, regardless of open transactions.
func listOffset(ctx context.Context, c *broker.Cluster, tp TopicPartition, at int64) (int64, error) {
	node, err := c.Leader(ctx, tp)
	if err != nil {
		return -1, err
	}
	m, err := c.Ask(ctx, node, &listoffsets.Request{
		ReplicaID: -1, IsolationLevel: readUncommitted,
		Topics: []listoffsets.RequestTopic{{
			Topic:      tp.Topic,
			Partitions: []listoffsets.RequestPartition{{Partition: tp.Partition, CurrentLeaderEpoch: -1, Timestamp: at}},
		}},
	})
	if err != nil {
		return -1, err
	}
	for _, t := range m.(*listoffsets.Response).Topics {
		for _, p := range t.Partitions {
			if t.Topic != tp.Topic || p.Partition != tp.Partition {
				continue // an answer about another partition is none
			}
			if p.ErrorCode != 0 {
				return -1, kafka.Error(p.ErrorCode)
			}
			return p.Offset, nil
		}
	}
	return -1, errFrame
}

// CommittedOffsets gives the offsets that a consumer group has committed, for those of the asked
// partitions that have one. They tell lag tools how far the group is; they never say where to
// start: that is the checkpoint's.
func CommittedOffsets(ctx context.Context, c *broker.Cluster, group string, partitions []TopicPartition) (map[TopicPartition]int64, error) {
	byTopic := map[string][]int32{}
	for _, tp := range partitions {
		byTopic[tp.Topic] = append(byTopic[tp.Topic], tp.Partition)
	}
	req := &offsetfetch.Request{GroupID: group}
	for topic, numbers := range byTopic {
		req.Topics = append(req.Topics, offsetfetch.RequestTopic{Name: topic, PartitionIndexes: numbers})
	}
	var offsets map[TopicPartition]int64
	err := withCoordinator(ctx, c, group, func(ctx context.Context, node int32) error {
		offsets = map[TopicPartition]int64{}
		m, err := c.Ask(ctx, node, req)
		if err != nil {
			return err
		}
		return readCommittedOffsets(m.(*offsetfetch.Response), offsets)
	})
	if err != nil {
		return nil, fmt.Errorf("consumer: committed offsets of group %s: %w", group, err)
	}
	return offsets, nil
}

func readCommittedOffsets(r *offsetfetch.Response, offsets map[TopicPartition]int64) error {
	switch code := kafka.Error(r.ErrorCode); code {
	case 0:
	case kafka.GroupIdNotFound: // some brokers say so of a group that nobody has joined yet
		return nil
	default:
		return code
	}
	for _, t := range r.Topics {
		for _, p := range t.Partitions {
			if p.ErrorCode != 0 {
				return fmt.Errorf("%s/%d: %w", t.Name, p.PartitionIndex, kafka.Error(p.ErrorCode))
			}
			if p.CommittedOffset >= 0 {
				offsets[TopicPartition{Topic: t.Name, Partition: p.PartitionIndex}] = p.CommittedOffset
			}
		}
	}
	return nil
}

// withCoordinator calls ask with the group's coordinator, again while it moves or loads.
func withCoordinator(ctx context.Context, c *broker.Cluster, group string, ask func(ctx context.Context, node int32) error) error {
	bounded, cancel := context.WithTimeout(ctx, retryOffsets)
	defer cancel()
	for attempt := 0; ; attempt++ {
		node, err := c.GroupCoordinator(bounded, group)
		if err == nil {
			err = ask(bounded, node)
		}
		if err == nil || bounded.Err() != nil || errors.Is(err, ErrGenerationEnded) || !broker.Transient(err) {
			return err
		}
		c.ForgetGroup(group)
		if broker.Backoff(bounded, attempt) != nil {
			return err
		}
	}
}
