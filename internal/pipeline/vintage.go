package pipeline

import (
	"context"
	"crypto/sha256"
	"fmt"

	"processor/internal/aggregate"
	"processor/internal/broker"
	"processor/internal/consumer"
	"processor/internal/rollup"
	"processor/internal/row"
)

// vintage knows which keys have a row in a partition of the vintage topic: each period's metrics as
// they were first final, never restated (spec: rules 9.7). The topic is its memory, so that neither a
// restart nor a lost checkpoint reports a period twice; here a key is 16 bytes of its SHA-256, about 25
// bytes in the map. A segment has up to 434 keys a year (days, weeks, months, quarters, the year), so a
// thousand segments take 11 MB for each year.
type vintage map[keyHash]struct{}

// keyHash stands for a key.
type keyHash [16]byte

func hashKey(key []byte) keyHash {
	sum := sha256.Sum256(key)
	return keyHash(sum[:16])
}

// readVintage reads the keys of a partition of the vintage topic from its beginning.
func readVintage(ctx context.Context, o *Options, partition int) (vintage, error) {
	v := vintage{}
	tp := broker.TopicPartition{Topic: o.topic(row.TopicVintage), Partition: int32(partition)} //nolint:gosec // a partition
	_, err := o.logs.Read(ctx, tp, consumer.FromStart, func(r *consumer.Record) error {
		if r.Value == nil { // by an operator's hand: compaction will forget the key, too
			delete(v, hashKey(r.Key))
		} else {
			v[hashKey(r.Key)] = struct{}{}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read what was reported in %s: %w", tp, operatorError(err))
	}
	return v, nil
}

// freshRow is a row that is final for the first time.
type freshRow struct {
	part *ownPart
	row  *rollup.Row
	hash keyHash
}

// firstFinal picks the calendar rows of our partitions that are final for the first time, which are to
// be reported, and marks the others whose interval was final as restated.
func (m *metrics) firstFinal(rows []rollup.Row) (fresh []freshRow) {
	settled := m.settled()
	var key []byte
	for i := range rows {
		r := &rows[i]
		part := m.partOf(r)
		if part == nil || r.Kind == aggregate.KindRolling || r.Signal != "" {
			continue
		}
		key = m.encoder.MetricKey(key[:0], r)
		hash := hashKey(key)
		_, known := part.vintage[hash]
		switch {
		case known:
			r.Restated = true
		case r.Deleted || !r.Final:
		case !settled:
			m.withheld = true
		default:
			fresh = append(fresh, freshRow{part, r, hash})
		}
	}
	return fresh
}

// settled says whether the registers are those of the rollup's watermark. They are not while a shard
// reads again what an earlier run had read, after a crash or a lost checkpoint: its registers hold
// less than before, and the watermark, which never goes back, says that they are complete.
func (m *metrics) settled() bool {
	for shard := range m.partitions {
		if m.watermarkOf(shard) < m.sums.Watermark() {
			return false
		}
	}
	return true
}

// bringBackWithheld has rows that were final while the registers were not settled made once more
// when they are.
func (m *metrics) bringBackWithheld() {
	if m.withheld && m.settled() {
		m.withheld = false
		m.sums.Remake()
	}
}
