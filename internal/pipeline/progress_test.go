package pipeline

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"strings"

	"processor/internal/broker"
	"processor/internal/consumer"
	"processor/internal/row"
)

// progress is the last progress row of every shard. It reads the ends of the partitions only, so
// that it can be asked often.
func (w *world) progress() map[int]progressRow {
	w.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	rows := map[int]progressRow{}
	topics, err := w.kafka.Cluster.Topics(ctx, w.prefix+string(row.TopicProgress))
	if err != nil {
		w.t.Fatal(err)
	}
	for _, partition := range topics[w.prefix+string(row.TopicProgress)].Partitions {
		tp := broker.TopicPartition{Topic: w.prefix + string(row.TopicProgress), Partition: partition.ID}
		ends, err := consumer.EndOffsets(ctx, w.kafka.Cluster, []broker.TopicPartition{tp})
		if err != nil {
			w.t.Fatal(err)
		}
		_, err = consumer.ReadRange(ctx, w.kafka.Cluster, tp.Topic, tp.Partition, max(ends[tp]-10, 0), func(r *consumer.Record) error {
			_, value := w.decoded(row.TopicProgress, r.Key, r.Value)
			var one progressRow
			if err := json.Unmarshal(value, &one); err != nil {
				return err
			}
			rows[one.Shard] = one
			return nil
		})
		var gap *consumer.ErrGap
		if err != nil && !errors.As(err, &gap) {
			w.t.Fatal(err)
		}
	}
	return rows
}

// positionsIn takes apart the positions of a progress row.
func positionsIn(text string) map[string]int64 {
	positions := map[string]int64{}
	for one := range strings.SplitSeq(text, ",") {
		at := strings.LastIndexByte(one, ':')
		n, err := strconv.ParseInt(one[at+1:], 10, 64)
		if err != nil {
			panic(err) // the test's own program wrote it
		}
		positions[one[:at]] = n
	}
	return positions
}
