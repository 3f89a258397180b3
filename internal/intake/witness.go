package intake

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"time"

	"processor/internal/broker"
	"processor/internal/consumer"
	"processor/internal/sink"
)

// A witness is a position once more, as the latest row of a compacted topic, written in the transaction
// that moves it. Kafka forgets the positions of a group that rests for long and of a topic that is
// deleted; the witness does not, so that an expired position copies nothing twice, and a topic that was
// created again is known not to be the one that was read.
type witness struct {
	witnessKey
	Next int64 `json:"next"`
	place
}

type witnessKey struct {
	Topic     string `json:"source_topic"`
	Partition int32  `json:"partition"`
}

// WitnessPartitions is the number of partitions of Options.Positions: its rows are few.
const WitnessPartitions = 1

// witness is the row of a position.
func (l *lane) witness(next int64, p *place) (sink.Message, error) {
	w := witness{witnessKey: witnessKey{l.Topic, l.Partition}, Next: next, place: *p}
	key, err := json.Marshal(w.witnessKey)
	if err != nil {
		return sink.Message{}, fmt.Errorf("encode the witness of a position: %w", err)
	}
	value, err := json.Marshal(w)
	if err != nil {
		return sink.Message{}, fmt.Errorf("encode the witness of a position: %w", err)
	}
	return sink.Message{Topic: l.options.Positions, Key: key, Value: value, Time: l.options.Clock().UnixNano()}, nil
}

// witnessEvery is how often the rows behind somebody else's open transaction are asked for.
const witnessEvery = 20 * time.Millisecond

// lastWitness is the latest witness of the lane's position; found is false without one. What was written
// before the call is waited for, should a transaction of another lane lie open in front of it.
func (l *lane) lastWitness(ctx context.Context) (last witness, found bool, err error) {
	tp := broker.TopicPartition{Topic: l.options.Positions}
	ends, err := consumer.LogEnds(ctx, l.options.Cluster, []broker.TopicPartition{tp})
	if err != nil {
		return last, false, err
	}
	key, err := json.Marshal(witnessKey{l.Topic, l.Partition})
	if err != nil {
		return last, false, err
	}
	for from := consumer.FromStart; from < ends[tp]; {
		next, err := consumer.ReadRange(ctx, l.options.Cluster, tp.Topic, tp.Partition, from, func(r *consumer.Record) error {
			if !bytes.Equal(r.Key, key) {
				return nil
			}
			found = true
			if err := json.Unmarshal(r.Value, &last); err != nil {
				return fmt.Errorf("the witness of a position at %s offset %d: %w", tp, r.Offset, err)
			}
			return nil
		})
		if err != nil {
			return last, false, err
		}
		if from = next; from < ends[tp] {
			if err := broker.Sleep(ctx, witnessEvery); err != nil {
				return last, false, err
			}
		}
	}
	return last, found, nil
}
