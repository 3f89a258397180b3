package consumer

import (
	"context"
	"fmt"

	"processor/internal/broker"
)

// Owners asks a group's coordinator which member has each partition number, and answers with the address
// that the member told of itself when it joined; empty where it told none. stable is false while the
// group shares the numbers out anew: then nobody knows. Numbers that nobody has are missing.
func Owners(ctx context.Context, c *broker.Cluster, group string) (addresses map[int32]string, stable bool, err error) {
	err = withCoordinator(ctx, c, group, func(ctx context.Context, node int32) error {
		g, err := describe(ctx, c, node, group)
		if err != nil {
			return err
		}
		stable, addresses = g.GroupState == "Stable", map[int32]string{}
		for _, member := range g.Members {
			address := decodeClaim(userDataOf(member.MemberMetadata)).Address
			for _, number := range numbersIn(member.MemberAssignment) {
				addresses[number] = address
			}
		}
		return nil
	})
	if err != nil {
		return nil, false, fmt.Errorf("consumer: who has what in group %s: %w", group, err)
	}
	return addresses, stable, nil
}

// userDataOf is the UserData in a member's metadata: version, topics, bytes. Members are written by others:
// after a first fault everything reads as empty, here and in numbersIn.
func userDataOf(metadata []byte) []byte {
	b := broker.Fields{Rest: metadata}
	b.Int16()
	for n := b.Int32(); n > 0 && len(b.Rest) > 0; n-- {
		b.Take(int(b.Int16()))
	}
	return b.Take(int(b.Int32()))
}

// numbersIn are the partition numbers of an assignment: version, then topics with their partitions.
func numbersIn(assignment []byte) (numbers []int32) {
	b := broker.Fields{Rest: assignment}
	b.Int16()
	for topics := b.Int32(); topics > 0 && len(b.Rest) > 0; topics-- {
		b.Take(int(b.Int16()))
		for n := b.Int32(); n > 0 && len(b.Rest) > 0; n-- {
			numbers = append(numbers, b.Int32())
		}
	}
	return numbers
}
