package consumer

import (
	"context"
	"errors"
	"fmt"

	"github.com/segmentio/kafka-go"

	"processor/internal/broker"
)

// Mark tells one batch of a log from every other that may ever stand in its place: a checkpoint
// keeps the mark of the last batch in front of its position, and VerifyPosition compares. The zero
// value marks nothing.
type Mark struct {
	Offset      int64  // the batch's first offset
	LeaderEpoch int32  // of the leader that stored it
	CRC         uint32 // CRC-32C of its content
}

// String is the mark in an error.
func (m Mark) String() string {
	return fmt.Sprintf("offset %d, leader epoch %d, CRC %08x", m.Offset, m.LeaderEpoch, m.CRC)
}

// ErrDiverged means that the log in front of our position is not the one that was read: it was cut
// and written anew (an unclean leader election), or the topic was recreated. What was applied from
// it may exist nowhere any more; only a person may decide to go on.
type ErrDiverged struct {
	Topic     string
	Partition int32
	Next      int64 // our position
	Applied   Mark  // the last batch that was applied
	Found     Mark  // what stands in its place; zero when there is nothing
	AgreesTo  int64 // the log agrees with what was read up to here at most; -1: unknown
}

func (e *ErrDiverged) Error() string {
	found := "nothing"
	if e.Found != (Mark{}) {
		found = e.Found.String()
	}
	agrees := ""
	if e.AgreesTo >= 0 {
		agrees = fmt.Sprintf(", the log agrees up to offset %d at most", e.AgreesTo)
	}
	return fmt.Sprintf("consumer: %s/%d in front of our position %d is not what was read: applied was the batch at %s, "+
		"there is %s%s: the log was truncated or the topic recreated", e.Topic, e.Partition, e.Next, e.Applied, found, agrees)
}

// VerifyPosition checks, before reading goes on at a stored position, that the log in front of it is
// still the one that was read up to there: its borders, what the leader knows of the epoch, and the
// last applied batch itself. The mark is Batch.Last of the fetch that gave the position. In a topic
// that is compacted the batch may be rewritten or gone, so only borders and epoch count there; the
// same where retention has taken the batch but not passed the position. The error is *ErrGap,
// *ErrDiverged, *ErrCorrupt, *ErrUnavailable, the context's, or a refusal by the broker.
func VerifyPosition(ctx context.Context, c *broker.Cluster, p Position, applied Mark, compacted bool) error {
	start, end, err := borders(ctx, c, p.TopicPartition)
	if err != nil {
		return err
	}
	if p.Next < start || p.Next > end {
		return &ErrGap{Topic: p.Topic, Partition: p.Partition, Asked: p.Next, LogStart: start, End: end}
	}
	if applied == (Mark{}) {
		return nil
	}
	diverged := &ErrDiverged{Topic: p.Topic, Partition: p.Partition, Next: p.Next, Applied: applied, AgreesTo: -1}
	agrees, err := endOfEpoch(ctx, c, p.TopicPartition, applied.LeaderEpoch)
	if err != nil {
		return fmt.Errorf("consumer: end of leader epoch %d of %s: %w", applied.LeaderEpoch, p.TopicPartition, err)
	}
	truncated := agrees < p.Next
	if truncated {
		diverged.AgreesTo = agrees
	}
	if start < p.Next {
		found, err := markInFront(ctx, c, p)
		if err != nil {
			return err
		}
		if found == applied && agrees < 0 {
			// A leader under whose epoch nobody has written yet may not know the epochs before it. The
			// batch speaks for itself: with its offset, epoch and checksum it stands on what it stood on.
			return nil
		}
		same := found == applied || compacted && (found.Offset != applied.Offset || found.LeaderEpoch == applied.LeaderEpoch)
		if !same {
			diverged.Found = found
			return diverged
		}
	}
	if truncated {
		return diverged
	}
	return nil
}

// borders gives a log's first offset and the one after its last replicated record.
func borders(ctx context.Context, c *broker.Cluster, tp TopicPartition) (start, end int64, err error) {
	err = untilAnswered(ctx, c, tp, func(ctx context.Context) error {
		if start, err = listOffset(ctx, c, tp, earliest); err != nil {
			return err
		}
		end, err = listOffset(ctx, c, tp, latest)
		return err
	})
	if err != nil {
		return 0, 0, fmt.Errorf("consumer: borders of %s: %w", tp, err)
	}
	return start, end, nil
}

// untilAnswered repeats a question to the leader of a partition while leaders move.
func untilAnswered(ctx context.Context, c *broker.Cluster, tp TopicPartition, ask func(ctx context.Context) error) error {
	bounded, cancel := context.WithTimeout(ctx, retryOffsets)
	defer cancel()
	for attempt := 0; ; attempt++ {
		err := ask(bounded)
		if err == nil || bounded.Err() != nil || !broker.Transient(err) || errors.Is(err, kafka.UnknownTopicOrPartition) {
			return err
		}
		c.Forget(tp)
		if broker.Backoff(bounded, attempt) != nil {
			return err
		}
	}
}

// markInFront gives the mark of the batch that holds the offset in front of a position, or of the
// first one behind it where compaction has removed that; zero when there is none.
func markInFront(ctx context.Context, c *broker.Cluster, p Position) (Mark, error) {
	f := NewFetcher(c, FetcherOptions{PartitionMaxBytes: 1}) // a broker sends the first batch whole
	at := Position{TopicPartition: p.TopicPartition, Next: p.Next - 1}
	for empty := 0; empty < emptyAnswers; {
		batches, err := f.Fetch(ctx, []Position{at})
		if err != nil {
			return Mark{}, err
		}
		for i := range batches {
			b := &batches[i]
			if b.first != (Mark{}) {
				return b.first, nil
			}
			if b.Err != nil {
				return Mark{}, fmt.Errorf("consumer: read the last applied batch of %s: %w", p.TopicPartition, b.Err)
			}
			empty++
		}
	}
	return Mark{}, nil
}
