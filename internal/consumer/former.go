package consumer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/segmentio/kafka-go"

	"processor/internal/broker"
)

// formerWithin bounds how long a join is held up by the question who was here before. It is half of the
// default session, which is what the answer saves.
const formerWithin = 5 * time.Second

// clientIDOf is the client id of the connections of a member with a name.
func clientIDOf(program, name string) string { return program + "-" + name }

// keepOutEvery is how often former members are taken out again while a join waits.
const keepOutEvery = 2 * time.Second

// formerMembersLeave takes every member with the client id out of the group: the caller knows that the
// processes which they were are dead. Without it the group waits for them as for a process that may
// come back, for the session timeout, or, where they died between a join and its answer, for the
// rebalance timeout.
func formerMembersLeave(ctx context.Context, c *broker.Cluster, group, clientID string) (left []string, err error) {
	ctx, cancel := context.WithTimeout(ctx, formerWithin)
	defer cancel()
	err = withCoordinator(ctx, c, group, func(ctx context.Context, node int32) error {
		ids, err := membersOf(ctx, c, node, group, clientID)
		if err != nil {
			return err
		}
		for _, id := range ids {
			if err := leave(ctx, c, node, group, id); err != nil {
				return err
			}
			left = append(left, id)
		}
		return nil
	})
	if err != nil {
		return left, fmt.Errorf("consumer: former members of group %s with the client id %s: %w", group, clientID, err)
	}
	return left, nil
}

// keepOut takes former members out once more, over and over until ctx ends. A coordinator that fails over
// in the middle of a rebalance has the members of the generation before, those that left since included,
// and would wait for their sessions again.
func keepOut(ctx context.Context, c *broker.Cluster, group string, former []string) {
	for broker.Sleep(ctx, keepOutEvery) == nil {
		_ = withCoordinator(ctx, c, group, func(ctx context.Context, node int32) error { // it is asked again anyway
			for _, id := range former {
				if err := leave(ctx, c, node, group, id); err != nil {
					return err
				}
			}
			return nil
		})
	}
}

// membersOf are the ids of a group's members that have a client id, whatever the group is doing.
func membersOf(ctx context.Context, c *broker.Cluster, node int32, group, clientID string) (ids []string, err error) {
	described, err := describe(ctx, c, node, group)
	if err != nil {
		return nil, err
	}
	for _, member := range described.Members {
		if member.ClientID == clientID {
			ids = append(ids, member.MemberID)
		}
	}
	return ids, nil
}

// leave takes one member out of a group. One that is out already has left.
func leave(ctx context.Context, c *broker.Cluster, node int32, group, member string) error {
	m, err := c.Ask(ctx, node, &leaveRequest{GroupID: group, MemberID: member})
	if err != nil {
		return err
	}
	if code := kafka.Error(m.(*leaveResponse).ErrorCode); code != 0 && !errors.Is(code, kafka.UnknownMemberId) {
		return code
	}
	return nil
}
