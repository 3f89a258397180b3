package consumer

import (
	"context"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"

	"processor/internal/broker"
)

// The client library has no offset-for-leader-epoch message. This is version 3 (Kafka 2.3), the last
// one in the classic encoding.
func init() { protocol.Register(&epochRequest{}, &epochResponse{}) }

type epochRequest struct {
	ReplicaID int32               `kafka:"min=v3,max=v3"`
	Topics    []epochRequestTopic `kafka:"min=v3,max=v3"`
}

type epochRequestTopic struct {
	Topic      string                  `kafka:"min=v3,max=v3"`
	Partitions []epochRequestPartition `kafka:"min=v3,max=v3"`
}

type epochRequestPartition struct {
	Partition          int32 `kafka:"min=v3,max=v3"`
	CurrentLeaderEpoch int32 `kafka:"min=v3,max=v3"`
	LeaderEpoch        int32 `kafka:"min=v3,max=v3"`
}

// ApiKey satisfies protocol.Message.
func (*epochRequest) ApiKey() protocol.ApiKey { return protocol.OffsetForLeaderEpoch }

type epochResponse struct {
	ThrottleTimeMs int32                `kafka:"min=v3,max=v3"`
	Topics         []epochResponseTopic `kafka:"min=v3,max=v3"`
}

type epochResponseTopic struct {
	Topic      string                   `kafka:"min=v3,max=v3"`
	Partitions []epochResponsePartition `kafka:"min=v3,max=v3"`
}

type epochResponsePartition struct {
	ErrorCode   int16 `kafka:"min=v3,max=v3"`
	Partition   int32 `kafka:"min=v3,max=v3"`
	LeaderEpoch int32 `kafka:"min=v3,max=v3"`
	EndOffset   int64 `kafka:"min=v3,max=v3"`
}

// ApiKey satisfies protocol.Message.
func (*epochResponse) ApiKey() protocol.ApiKey { return protocol.OffsetForLeaderEpoch }

// endOfEpoch asks the leader where the log ends that leaders up to an epoch have written: a position
// beyond it was cut off. A leader that does not know the epoch at all gives -1.
func endOfEpoch(ctx context.Context, c *broker.Cluster, tp TopicPartition, epoch int32) (end int64, err error) {
	err = untilAnswered(ctx, c, tp, func(ctx context.Context) error {
		node, err := c.Leader(ctx, tp)
		if err != nil {
			return err
		}
		m, err := c.Ask(ctx, node, &epochRequest{ReplicaID: -1, Topics: []epochRequestTopic{{
			Topic: tp.Topic, Partitions: []epochRequestPartition{{Partition: tp.Partition, CurrentLeaderEpoch: -1, LeaderEpoch: epoch}},
		}}})
		if err != nil {
			return err
		}
		for _, t := range m.(*epochResponse).Topics {
			for _, p := range t.Partitions {
				if t.Topic != tp.Topic || p.Partition != tp.Partition {
					continue
				}
				if p.ErrorCode != 0 {
					return kafka.Error(p.ErrorCode)
				}
				end = p.EndOffset
				return nil
			}
		}
		return errFrame
	})
	return end, err
}
