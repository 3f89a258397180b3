package consumer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"processor/internal/broker"
)

// FromStart as the from of ReadRange begins at the first offset that the log holds.
const FromStart int64 = -1

// emptyAnswers is how many empty answers in a row, each from a leader that knows offsets beyond
// the position, prove that compaction left nothing up to the end.
const emptyAnswers = 3

// ReadRange calls fn for every committed record of a partition from offset from (or FromStart) up
// to its end as of the start of the call, and returns the offset to go on at. It is for restoring
// compacted topics: holes and emptied batches are stepped over. The record and its bytes are valid
// only during fn; an error of fn ends the reading and is returned as it is. A position before the
// log's start is an *ErrGap.
func ReadRange(ctx context.Context, c *broker.Cluster, topic string, partition int32, from int64, fn func(*Record) error) (int64, error) {
	tp := TopicPartition{Topic: topic, Partition: partition}
	ends, err := EndOffsets(ctx, c, []TopicPartition{tp})
	if err != nil {
		return from, err
	}
	end := ends[tp]
	if from < 0 {
		starts, err := StartOffsets(ctx, c, []TopicPartition{tp})
		if err != nil {
			return from, err
		}
		from = starts[tp]
	}
	if from > end {
		return from, &ErrGap{Topic: topic, Partition: partition, Asked: from, LogStart: -1, End: end}
	}
	r := rangeReader{
		fetcher:  NewFetcher(c, FetcherOptions{MaxWait: 50 * time.Millisecond}),
		position: Position{TopicPartition: tp, Next: from},
		end:      end,
		fn:       fn,
	}
	err = r.run(ctx)
	return r.position.Next, err
}

// rangeReader is one ReadRange on its way.
type rangeReader struct {
	fetcher  *Fetcher
	position Position
	end      int64
	fn       func(*Record) error
	empty    int
}

func (r *rangeReader) run(ctx context.Context) error {
	for r.position.Next < r.end {
		batches, err := r.fetcher.Fetch(ctx, []Position{r.position})
		if err != nil {
			return err
		}
		for i := range batches {
			if err := r.take(&batches[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *rangeReader) take(b *Batch) error {
	if b.Err != nil {
		return fmt.Errorf("consumer: read %s up to offset %d: %w", b.TopicPartition, r.end, b.Err)
	}
	for i := range b.Records {
		if b.Records[i].Offset >= r.end {
			break
		}
		if err := r.fn(&b.Records[i]); err != nil {
			return err
		}
		r.position.Next = b.Records[i].Offset + 1
	}
	switch {
	case b.Next > r.position.Next:
		r.position.Next, r.empty = min(b.Next, r.end), 0
	case b.Next == r.position.Next && b.LastStable >= r.end && len(b.Records) == 0:
		if r.empty++; r.empty >= emptyAnswers {
			r.position.Next = r.end
		}
	}
	return nil
}

// errEnough ends a reading that has what it wants.
var errEnough = errors.New("enough")

// SampleKeys gives copies of the keys of the first n records that a partition holds (fewer when it
// holds fewer), for checking how a topic is keyed. A record without a key gives nil.
func SampleKeys(ctx context.Context, c *broker.Cluster, topic string, partition int32, n int) ([][]byte, error) {
	keys := make([][]byte, 0, n)
	_, err := ReadRange(ctx, c, topic, partition, FromStart, func(r *Record) error {
		if len(keys) == n {
			return errEnough
		}
		keys = append(keys, bytes.Clone(r.Key))
		return nil
	})
	if err != nil && !errors.Is(err, errEnough) {
		return nil, fmt.Errorf("consumer: sample the keys of %s/%d: %w", topic, partition, err)
	}
	return keys, nil
}
