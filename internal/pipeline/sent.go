package pipeline

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/cespare/xxhash/v2"

	"processor/internal/aggregate"
	"processor/internal/broker"
	"processor/internal/consumer"
	"processor/internal/rollup"
	"processor/internal/row"
)

// sentRows knows what a partition of the topics of metrics says last of every key, by a hash of everything but version,
// known_at and restated. So a restart sends nothing that readers have already, and takes back what
// is no more.
type sentRows struct {
	keys   map[string]*sentState
	buffer []byte // of the row that is compared
	epoch  uint64 // the highest in the partition
	swept  bool
}

type sentState struct {
	content uint64
	deleted bool
	made    bool // this run made the row
}

// sentRow is a row that is about to be sent.
type sentRow struct {
	key string
	sentState
}

// readSent reads a partition of the topics metrics and signal_metrics from their beginning. Their keys
// differ: those of signal_metrics name a signal.
func readSent(ctx context.Context, o *Options, partition int) (*sentRows, error) {
	s := &sentRows{keys: map[string]*sentState{}}
	for _, topic := range []row.Topic{row.TopicMetrics, row.TopicSignalMetrics} {
		if err := s.read(ctx, o, broker.TopicPartition{Topic: o.topic(topic), Partition: int32(partition)}); err != nil { //nolint:gosec // a partition
			return nil, err
		}
	}
	return s, nil
}

func (s *sentRows) read(ctx context.Context, o *Options, tp broker.TopicPartition) error {
	_, err := o.logs.Read(ctx, tp, consumer.FromStart, func(r *consumer.Record) error {
		if r.Value == nil {
			s.keys[string(r.Key)] = &sentState{deleted: true}
			return nil
		}
		one, version, err := contentOf(r.Value)
		if err != nil {
			return fmt.Errorf("row at offset %d: %w", r.Offset, err)
		}
		s.keys[string(r.Key)] = &one
		s.epoch = max(s.epoch, version>>40)
		return nil
	})
	if err != nil {
		return fmt.Errorf("read what was sent to %s: %w", tp, operatorError(err))
	}
	return nil
}

// contentOf is what a row says, without what every sending changes.
func contentOf(value []byte) (s sentState, version uint64, err error) {
	at := bytes.LastIndex(value, []byte(stampStart))
	if at < 0 {
		return s, 0, fmt.Errorf("it does not end as a row of this program does")
	}
	tail := append([]byte{'{'}, value[at+1:]...)
	var end struct {
		Version uint64 `json:"version"`
		Final   bool   `json:"final"`
		Deleted bool   `json:"deleted"`
	}
	if err := json.Unmarshal(tail, &end); err != nil {
		return s, 0, fmt.Errorf("its end: %w", err)
	}
	content := xxhash.Sum64(value[:at])
	if end.Final {
		content++
	}
	return sentState{content: content, deleted: end.Deleted}, end.Version, nil
}

// rowChange is what a row that was made is to those who are told of it.
type rowChange int

const (
	rowUnknown rowChange = iota // another instance publishes it
	rowSame                     // made before with the same content
	rowSent                     // its readers have it from an earlier run, and this one makes it for the first time
	rowNews
)

// compare says whether a row is news, and what to note once it is sent.
func (s *sentRows) compare(encoder *row.Encoder, r *rollup.Row) (one sentRow, change rowChange) {
	one.key = string(encoder.MetricKey(nil, r))
	s.buffer = encoder.Metric(s.buffer[:0], r, row.Stamp{})
	value := s.buffer
	content := xxhash.Sum64(value[:bytes.LastIndex(value, []byte(stampStart))])
	if r.Final {
		content++
	}
	one.sentState = sentState{content: content, deleted: r.Deleted, made: !r.Deleted}
	before := s.keys[one.key]
	switch {
	case before == nil && !r.Deleted:
		return one, rowNews
	case before == nil || before.deleted && r.Deleted:
		return one, rowSent
	case before.made && one.made && before.content == content:
		return one, rowSame
	case before.deleted == r.Deleted && before.content == content:
		before.made = one.made
		return one, rowSent
	default:
		return one, rowNews
	}
}

// note remembers rows that are acknowledged.
func (s *sentRows) note(rows []sentRow) {
	for i := range rows {
		state := rows[i].sentState
		s.keys[rows[i].key] = &state
	}
}

// vanished are, once, the rows of earlier runs that this one does not make any more.
func (s *sentRows) vanished() []rollup.Row {
	if s.swept {
		return nil
	}
	s.swept = true
	var gone []rollup.Row
	for _, key := range slices.Sorted(maps.Keys(s.keys)) {
		if state := s.keys[key]; state.made || state.deleted {
			continue
		}
		if r, ok := rowOfKey(key); ok {
			gone = append(gone, r)
		}
	}
	return gone
}

// rowOfKey is the deleted row of a key.
func rowOfKey(key string) (rollup.Row, bool) {
	var k struct {
		Grouping string `json:"grouping"`
		Segment  string `json:"segment"`
		Kind     string `json:"interval_kind"`
		Interval string `json:"interval"`
		Signal   string `json:"signal"`
	}
	if json.Unmarshal([]byte(key), &k) != nil {
		return rollup.Row{}, false
	}
	for kind := aggregate.KindDay; kind <= aggregate.KindRolling; kind++ {
		if kind.String() == k.Kind {
			return rollup.Row{
				Segment: aggregate.Segment{Grouping: k.Grouping, Name: k.Segment}, Kind: kind, Interval: k.Interval, Deleted: true,
				Signal: k.Signal, Answers: &rollup.SignalAnswers{},
			}, true
		}
	}
	return rollup.Row{}, false
}
