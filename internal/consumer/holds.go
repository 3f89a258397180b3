package consumer

import (
	"context"
	"errors"
	"fmt"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol/heartbeat"

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
		m, err := g.member.cluster.Ask(ctx, node, &heartbeat.Request{GroupID: group, GenerationID: g.ID, MemberID: g.MemberID})
		if err != nil {
			return err
		}
		if code := m.(*heartbeat.Response).ErrorCode; code != 0 {
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

// staticGeneration is the id of a generation that no group has given.
const staticGeneration = -1

func (g *Generation) static() bool { return g.ID == staticGeneration }

// NewStatic is an assignment without a group: the given numbers of every topic, for as long as the
// process lives. Its commits, for lag tools, reach the group while that has no members.
func NewStatic(m MemberOptions, c *broker.Cluster, numbers []int32) *Generation {
	g := &Generation{
		ID: staticGeneration, Partitions: map[string][]int32{}, done: make(chan struct{}),
		member: &Member{cluster: c, options: m.withDefaults()},
	}
	for _, topic := range m.Topics {
		g.Partitions[topic] = numbers
	}
	return g
}
