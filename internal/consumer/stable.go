package consumer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"processor/internal/broker"
)

// unstableEvery is how often a position is asked for while a transaction over it ends, which takes a
// broker some milliseconds.
const unstableEvery = 10 * time.Millisecond

// StableOffset gives the position that a consumer group has in a partition and the text that was
// committed beside it, once no open transaction can move it any more; -1 without one. It is for
// positions that are committed within transactions: behind the opening of the transactional id, which
// ends what a former owner left open, the answer is final.
func StableOffset(ctx context.Context, c *broker.Cluster, group string, tp TopicPartition) (next int64, text string, err error) {
	var never error // that will not get better by asking again
	err = withCoordinator(ctx, c, group, func(ctx context.Context, node int32) error {
		for {
			var err error
			next, text, err = c.StableOffset(ctx, node, group, tp)
			switch {
			case errors.Is(err, broker.ErrNoStableOffsets):
				never = err
				return nil
			case !errors.Is(err, broker.ErrUnstable), broker.Sleep(ctx, unstableEvery) != nil:
				return err
			}
		}
	})
	if err = errors.Join(err, never); err != nil {
		return -1, "", fmt.Errorf("consumer: position of group %s in %s: %w", group, tp, err)
	}
	return next, text, nil
}

// LogEnds gives the offset behind each partition's last replicated record, be it one that may still be
// aborted: what was acknowledged before the call lies in front of it.
func LogEnds(ctx context.Context, c *broker.Cluster, partitions []TopicPartition) (map[TopicPartition]int64, error) {
	return listOffsets(ctx, c, partitions, border{at: latest, isolation: readUncommitted})
}

// Decided waits until no transaction that is open as of now hides what was written before the call from
// a reader of committed records, and says whether that came within the patience. A broker acknowledges
// a commit before its markers are in the partitions: who reads right after it would miss what it wrote.
// Only a transaction that a killed producer has left stays open, until the brokers abort it.
func Decided(ctx context.Context, c *broker.Cluster, tp TopicPartition, patience time.Duration) (bool, error) {
	written, err := LogEnds(ctx, c, []TopicPartition{tp})
	if err != nil {
		return false, err
	}
	for until := time.Now().Add(patience); ; {
		decided, err := EndOffsets(ctx, c, []TopicPartition{tp})
		switch {
		case err != nil:
			return false, err
		case decided[tp] >= written[tp]:
			return true, nil
		case time.Now().After(until):
			return false, nil
		}
		if err := broker.Sleep(ctx, unstableEvery); err != nil {
			return false, err
		}
	}
}
