package consumer

import (
	"context"
	"encoding/binary"
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

// groupBytes reads what the members of a group tell each other. Its first fault makes everything after it
// empty: it was written by others.
type groupBytes struct{ left []byte }

func (b *groupBytes) take(n int) []byte {
	if n < 0 || n > len(b.left) {
		b.left = nil
		return nil
	}
	taken := b.left[:n]
	b.left = b.left[n:]
	return taken
}

func (b *groupBytes) int16() int {
	if taken := b.take(2); taken != nil {
		return int(int16(binary.BigEndian.Uint16(taken))) //nolint:gosec // as the protocol has it
	}
	return 0
}

func (b *groupBytes) int32() int32 {
	if taken := b.take(4); taken != nil {
		return int32(binary.BigEndian.Uint32(taken)) //nolint:gosec // as the protocol has it
	}
	return 0
}

// userDataOf is the UserData in a member's metadata: version, topics, bytes.
func userDataOf(metadata []byte) []byte {
	b := groupBytes{metadata}
	b.int16()
	for n := b.int32(); n > 0 && len(b.left) > 0; n-- {
		b.take(b.int16())
	}
	return b.take(int(b.int32()))
}

// numbersIn are the partition numbers of an assignment: version, then topics with their partitions.
func numbersIn(assignment []byte) (numbers []int32) {
	b := groupBytes{assignment}
	b.int16()
	for topics := b.int32(); topics > 0 && len(b.left) > 0; topics-- {
		b.take(b.int16())
		for n := b.int32(); n > 0 && len(b.left) > 0; n-- {
			numbers = append(numbers, b.int32())
		}
	}
	return numbers
}
