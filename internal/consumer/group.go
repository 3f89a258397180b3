package consumer

import (
	"context"
	"fmt"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol/describegroups"

	"processor/internal/broker"
)

// GroupUse is what the brokers know of a consumer group.
type GroupUse struct {
	State   string   // as Kafka names it, such as Stable or Empty; Dead of a group that does not exist
	Members []string // client id and host of each
}

// Unknown says that the group has neither members nor positions.
func (u *GroupUse) Unknown() bool { return u.State == "Dead" && len(u.Members) == 0 }

// DescribeGroup asks the group's coordinator who is in it.
func DescribeGroup(ctx context.Context, c *broker.Cluster, group string) (use GroupUse, err error) {
	err = withCoordinator(ctx, c, group, func(ctx context.Context, node int32) error {
		m, err := c.Ask(ctx, node, &describegroups.Request{Groups: []string{group}})
		if err != nil {
			return err
		}
		use = GroupUse{}
		for _, g := range m.(*describegroups.Response).Groups {
			switch code := kafka.Error(g.ErrorCode); {
			case g.GroupID != group:
				continue
			case code == kafka.GroupIdNotFound:
				use.State = "Dead"
			case code != 0:
				return code
			default:
				use.State = g.GroupState
			}
			for _, member := range g.Members {
				use.Members = append(use.Members, member.ClientID+" at "+member.ClientHost)
			}
		}
		if use.State == "" {
			return errFrame // an answer about another group is none
		}
		return nil
	})
	if err != nil {
		return GroupUse{}, fmt.Errorf("consumer: describe group %s: %w", group, err)
	}
	return use, nil
}
