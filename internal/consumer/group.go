package consumer

import (
	"context"
	"fmt"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"

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
		g, err := describe(ctx, c, node, group)
		if err != nil {
			return err
		}
		use = GroupUse{State: g.GroupState}
		for _, member := range g.Members {
			use.Members = append(use.Members, member.ClientID+" at "+member.ClientHost)
		}
		return nil
	})
	if err != nil {
		return GroupUse{}, fmt.Errorf("consumer: describe group %s: %w", group, err)
	}
	return use, nil
}

// describe asks a group's coordinator about it. A group that does not exist is Dead.
func describe(ctx context.Context, c *broker.Cluster, node int32, group string) (*describedGroup, error) {
	m, err := c.Ask(ctx, node, &describeRequest{Groups: []string{group}})
	if err != nil {
		return nil, err
	}
	groups := m.(*describeResponse).Groups
	if len(groups) != 1 || groups[0].GroupID != group {
		return nil, errFrame // an answer about another group is none
	}
	switch code := kafka.Error(groups[0].ErrorCode); {
	case code == kafka.GroupIdNotFound:
		groups[0].GroupState = "Dead"
	case code != 0:
		return nil, code
	}
	return &groups[0], nil
}

// The client library has the fields of the answer to a leave in the wrong order, so that a refusal reads
// as success, and its later versions of both requests do not follow the protocol. These are version 2
// (Kafka 2.0) of both.
func init() {
	protocol.Register(&describeRequest{}, &describeResponse{})
	protocol.Register(&leaveRequest{}, &leaveResponse{})
}

type describeRequest struct {
	Groups []string `kafka:"min=v2,max=v2"`
}

// ApiKey satisfies protocol.Message.
func (*describeRequest) ApiKey() protocol.ApiKey { return protocol.DescribeGroups }

type describeResponse struct {
	ThrottleTimeMs int32            `kafka:"min=v2,max=v2"`
	Groups         []describedGroup `kafka:"min=v2,max=v2"`
}

// ApiKey satisfies protocol.Message.
func (*describeResponse) ApiKey() protocol.ApiKey { return protocol.DescribeGroups }

type describedGroup struct {
	ErrorCode    int16             `kafka:"min=v2,max=v2"`
	GroupID      string            `kafka:"min=v2,max=v2"`
	GroupState   string            `kafka:"min=v2,max=v2"`
	ProtocolType string            `kafka:"min=v2,max=v2"`
	ProtocolData string            `kafka:"min=v2,max=v2"`
	Members      []describedMember `kafka:"min=v2,max=v2"`
}

type describedMember struct {
	MemberID         string `kafka:"min=v2,max=v2"`
	ClientID         string `kafka:"min=v2,max=v2"`
	ClientHost       string `kafka:"min=v2,max=v2"`
	MemberMetadata   []byte `kafka:"min=v2,max=v2"`
	MemberAssignment []byte `kafka:"min=v2,max=v2"`
}

type leaveRequest struct {
	GroupID  string `kafka:"min=v2,max=v2"`
	MemberID string `kafka:"min=v2,max=v2"`
}

// ApiKey satisfies protocol.Message.
func (*leaveRequest) ApiKey() protocol.ApiKey { return protocol.LeaveGroup }

type leaveResponse struct {
	ThrottleTimeMs int32 `kafka:"min=v2,max=v2"`
	ErrorCode      int16 `kafka:"min=v2,max=v2"`
}

// ApiKey satisfies protocol.Message.
func (*leaveResponse) ApiKey() protocol.ApiKey { return protocol.LeaveGroup }
