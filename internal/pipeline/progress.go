package pipeline

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"processor/internal/broker"
	"processor/internal/consumer"
	"processor/internal/row"
	"processor/internal/sink"
)

// progressRow is a shard's row in the progress topic: what its rows contain (spec: outputs). It is
// also the witness of the epoch, should the checkpoint be lost.
type progressRow struct {
	Shard     int    `json:"shard"`
	Shards    int    `json:"shards"`
	Positions string `json:"positions"` // topic/partition:next, separated by commas
	Watermark string `json:"watermark"`
	Epoch     uint64 `json:"epoch"`
	Flush     uint64 `json:"flush"`
	Rows      int64  `json:"rows"`
	Digest    string `json:"state_digest"` // over the identities of all kept records
	Version   uint64 `json:"version"`
	KnownAt   string `json:"known_at"`
	Restated  bool   `json:"restated"`
	Final     bool   `json:"final"`
	Deleted   bool   `json:"deleted"`
}

type progressKey struct {
	Shard int `json:"shard"`
}

// addProgress says up to where the rows of this flush go.
func (s *shard) addProgress() {
	positions := make([]string, 0, len(s.sources))
	for _, src := range s.sources {
		positions = append(positions, src.TopicPartition.String()+":"+strconv.FormatInt(src.Next, 10))
	}
	watermark := s.state.Watermark().String()
	r := progressRow{
		Shard: s.number, Shards: s.of, Positions: strings.Join(positions, ","), Watermark: watermark,
		Epoch: s.epoch, Flush: s.flushes, Rows: s.rows, Digest: fmt.Sprintf("%016x", s.digest),
		Version: s.version(), KnownAt: watermark,
	}
	s.outbox.add(s.options.topic(row.TopicProgress), s.number,
		func(dst []byte) []byte { return appendJSON(dst, progressKey{s.number}) },
		func(dst []byte) []byte { return appendJSON(dst, r) })
	if c := s.cut(); c != nil {
		last := &s.outbox.messages[len(s.outbox.messages)-1]
		last.Headers = append(last.Headers, sink.Header{Key: cutHeader, Value: appendJSON(nil, c)})
	}
}

// appendJSON appends a value that can always be encoded.
func appendJSON(dst []byte, v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic("pipeline: " + err.Error()) // plain structs of texts and numbers have no error
	}
	return append(dst, b...)
}

// lastProgress is what the progress rows of a shard say: the highest epoch, 0 without a row, and the newest
// row with its cut, if it has one. The last records of the shard's partition are enough: compaction
// keeps the newest of a key, and there is one key.
func lastProgress(ctx context.Context, o *Options, shard int) (epoch uint64, newest progressRow, last *cut, err error) {
	const few = 200
	tp := broker.TopicPartition{Topic: o.topic(row.TopicProgress), Partition: int32(shard)} //nolint:gosec // a partition
	starts, err := o.logs.Starts(ctx, []broker.TopicPartition{tp})
	if err != nil {
		return 0, newest, nil, fmt.Errorf("last progress of shard %d: %w", shard, err)
	}
	ends, err := o.logs.Ends(ctx, []broker.TopicPartition{tp})
	if err != nil {
		return 0, newest, nil, fmt.Errorf("last progress of shard %d: %w", shard, err)
	}
	take := func(r *consumer.Record) error {
		var one progressRow
		if err := json.Unmarshal(r.Value, &one); err != nil {
			return fmt.Errorf("progress row at %s offset %d: %w", tp, r.Offset, err)
		}
		epoch = max(epoch, one.Epoch)
		if one.Version >= newest.Version {
			newest = one
			last, err = cutIn(r.Headers)
		}
		return err
	}
	tail := max(starts[tp], ends[tp]-few)
	_, err = o.logs.Read(ctx, tp, tail, take)
	if err == nil && newest.Version == 0 && tail > starts[tp] { // markers and aborted records only
		_, err = o.logs.Read(ctx, tp, consumer.FromStart, take)
	}
	var gap *consumer.ErrGap
	if err != nil && !errors.As(err, &gap) {
		return 0, newest, nil, fmt.Errorf("last progress of shard %d: %w", shard, err)
	}
	return epoch, newest, last, nil
}
