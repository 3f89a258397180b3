package consumer

import (
	"context"
	"errors"
	"fmt"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"

	"processor/internal/broker"
)

// Holds asks the group's coordinator whether the generation still stands: whether its partitions are
// ours in the eyes of the group. One that is being rebalanced, or of which the group knows nothing any
// more, does not. The error says that the coordinator could not be asked.
func (g *Generation) Holds(ctx context.Context) (bool, error) {
	if g.static() {
		return true, nil
	}
	select {
	case <-g.done:
		return false, nil
	default:
	}
	group := g.member.options.Group
	err := withCoordinator(ctx, g.member.cluster, group, func(ctx context.Context, node int32) error {
		m, err := g.member.cluster.Ask(ctx, node, &heartbeatRequest{GroupID: group, GenerationID: g.ID, MemberID: g.MemberID})
		if err != nil {
			return err
		}
		if code := m.(*heartbeatResponse).ErrorCode; code != 0 {
			return kafka.Error(code)
		}
		return nil
	})
	switch {
	case err == nil:
		return true, nil
	case errors.Is(err, kafka.RebalanceInProgress), errors.Is(err, kafka.UnknownMemberId), errors.Is(err, kafka.IllegalGeneration):
		return false, nil
	default:
		return false, fmt.Errorf("consumer: ask group %s about generation %d: %w", group, g.ID, err)
	}
}

// The client library has the fields of the heartbeat's answer in the wrong order, so that every answer
// reads as success. This is version 3 (Kafka 2.3), the last one in the classic encoding.
func init() { protocol.Register(&heartbeatRequest{}, &heartbeatResponse{}) }

type heartbeatRequest struct {
	GroupID         string `kafka:"min=v3,max=v3"`
	GenerationID    int32  `kafka:"min=v3,max=v3"`
	MemberID        string `kafka:"min=v3,max=v3"`
	GroupInstanceID string `kafka:"min=v3,max=v3,nullable"`
}

// ApiKey satisfies protocol.Message.
func (*heartbeatRequest) ApiKey() protocol.ApiKey { return protocol.Heartbeat }

type heartbeatResponse struct {
	ThrottleTimeMs int32 `kafka:"min=v3,max=v3"`
	ErrorCode      int16 `kafka:"min=v3,max=v3"`
}

// ApiKey satisfies protocol.Message.
func (*heartbeatResponse) ApiKey() protocol.ApiKey { return protocol.Heartbeat }

// staticGeneration is the id of a generation that no group has given.
const staticGeneration = -1

func (g *Generation) static() bool { return g.ID == staticGeneration }

// NewStatic is an assignment without a group: the given numbers of every topic, for as long as the
// process lives. Its commits, for lag tools, reach the group while that has no members.
func NewStatic(c *broker.Cluster, o MemberOptions, numbers []int32) *Generation {
	g := &Generation{
		ID: staticGeneration, Partitions: map[string][]int32{}, done: make(chan struct{}),
		member: &Member{cluster: c, options: o.withDefaults()},
	}
	for _, topic := range o.Topics {
		g.Partitions[topic] = numbers
	}
	return g
}
